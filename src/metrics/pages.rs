//! One reader at a time for each address, however many looks want it.
//!
//! Owns: turns, and sharing a page among those who wait for it.
//! Does not: keep a page once it is handed out, or know what is on it.
//! Invariant: who gets a page asked for it before it was read: it shows all that happened before the asking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::http::{get, refused, shown, slow};
use super::reading::Failure;

/// A page's text, or why there is none.
pub(super) type Page = Result<Arc<str>, Failure>;

#[derive(Debug, Default)]
pub(super) struct Pages {
    desks: Mutex<HashMap<String, Arc<Desk>>>,
}

/// Of one address.
#[derive(Debug, Default)]
struct Desk {
    /// Held while the page is being read.
    turn: tokio::sync::Mutex<()>,
    /// The reading after that, which whoever comes now may share.
    next: Mutex<Option<Arc<OnceCell<Page>>>>,
}

impl Pages {
    /// Reads a page, within `timeout` for its turn and as long again for the reading.
    pub(super) async fn read(
        &self,
        client: &reqwest::Client,
        url: &str,
        timeout: Duration,
    ) -> Page {
        let desk = self.desk(url);
        let reading = lock(&desk.next).get_or_insert_default().clone();
        let read = async {
            let waiting = tokio::time::timeout(timeout, desk.turn.lock()).await;
            // From here on it is too late to join: what happens now may no longer be on the page.
            lock(&desk.next).take_if(|next| Arc::ptr_eq(next, &reading));
            let _turn = waiting.map_err(|_| slow(&shown(url), timeout))?;
            fetch(client, url, timeout).await
        };
        reading.get_or_init(|| read).await.clone()
    }

    fn desk(&self, url: &str) -> Arc<Desk> {
        let mut desks = lock(&self.desks);
        if !desks.contains_key(url) {
            // Addresses come and go with their instances; those nobody waits at are cleared away.
            desks.retain(|_, desk| Arc::strong_count(desk) > 1);
        }
        desks.entry(url.to_owned()).or_default().clone()
    }
}

async fn fetch(client: &reqwest::Client, url: &str, timeout: Duration) -> Page {
    let source = shown(url);
    let request = client.get(url).header("accept", "text/plain;version=0.0.4");
    let page = get(request, &source, timeout).await?;
    let fine = page.status.is_success();
    if fine { Ok(page.text.into()) } else { Err(refused(&source, page.status, "")) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
