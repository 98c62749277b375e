//! What HAProxy does, by its own word: side B's share over time, and nothing that Tidegate says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::domain::Timestamp;
use tokio::sync::watch;

use crate::server::now;
use crate::support::haproxy::Haproxy;

const ASK_EVERY: Duration = Duration::from_millis(15);

/// The share changed to this at some time in between.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub share: u32,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Asks for as long as it lives.
#[derive(Debug)]
pub struct Watch {
    trace: Arc<Mutex<Vec<Seen>>>,
    share: watch::Receiver<u32>,
    asking: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub async fn start(haproxy: Arc<Haproxy>) -> Self {
        let asked = now();
        let share = haproxy.share().await;
        let first = Seen { share, not_before: asked, not_after: now() };
        let trace = Arc::new(Mutex::new(vec![first]));
        let (told, share) = watch::channel(share);
        let asking = tokio::spawn(ask(haproxy, Arc::clone(&trace), told));
        Self { trace, share, asking }
    }

    /// The share now, and a way to hear of the next.
    pub fn shares(&self) -> watch::Receiver<u32> {
        self.share.clone()
    }

    pub fn share(&self) -> u32 {
        *self.share.borrow()
    }

    /// Until it changes, or the time is up.
    pub async fn changes(&self, within: Duration) {
        let mut share = self.share.clone();
        share.mark_unchanged();
        let _ = tokio::time::timeout(within, share.changed()).await;
    }

    pub fn trace(&self) -> Vec<Seen> {
        self.trace.lock().expect("no panic holds it").clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

async fn ask(haproxy: Arc<Haproxy>, trace: Arc<Mutex<Vec<Seen>>>, told: watch::Sender<u32>) {
    let mut not_before = now();
    loop {
        let asked = now();
        let share = haproxy.share().await;
        if share != *told.borrow() {
            let seen = Seen { share, not_before, not_after: now() };
            trace.lock().expect("no panic holds it").push(seen);
            told.send_replace(share);
        }
        not_before = asked;
        tokio::time::sleep(ASK_EVERY).await;
    }
}
