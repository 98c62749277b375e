//! Load at a steady rate, whatever the answers' delay, counted by arm and status.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// Requests under way at once; more are not sent but counted as skipped, so that a hanging service is no memory leak.
const AT_ONCE: usize = 256;
/// So many users come round, each with a cookie `session` of its own.
const USERS: u64 = 10_000;
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By the body (the arm's label; empty for a proxy's own error page) and the status.
    pub answers: BTreeMap<(String, u16), u64>,
    /// Connections refused, cut, or too slow.
    pub broken: u64,
    pub skipped: u64,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.answers.values().sum::<u64>() + self.broken
    }

    /// Answers of one arm.
    pub fn of(&self, arm: &str) -> u64 {
        self.answers.iter().filter(|((a, _), _)| a == arm).map(|(_, n)| n).sum()
    }

    /// Everything but a 2xx.
    pub fn failed(&self) -> u64 {
        let bad = self.answers.iter().filter(|((_, status), _)| !(200..300).contains(status));
        bad.map(|(_, n)| n).sum::<u64>() + self.broken
    }
}

#[derive(Debug)]
pub struct Load {
    counts: Arc<Mutex<Counts>>,
    sending: JoinHandle<()>,
    stop: Arc<tokio::sync::Notify>,
}

impl Load {
    /// Sends `per_second` requests a second until [`Load::stop`].
    pub fn start(url: &str, per_second: u32) -> Self {
        let counts = Arc::<Mutex<Counts>>::default();
        let stop = Arc::<tokio::sync::Notify>::default();
        let sender = Sender {
            client: super::http(),
            url: url.to_owned(),
            counts: Arc::clone(&counts),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        };
        let stopped = Arc::clone(&stop);
        let sending = tokio::spawn(async move { sender.run(per_second, &stopped).await });
        Self { counts, sending, stop }
    }

    pub fn counts(&self) -> Counts {
        self.counts.lock().expect("no panic holds it").clone()
    }

    /// Sends no more, waits for the answers under way, and counts.
    pub async fn stop(mut self) -> Counts {
        self.stop.notify_one();
        let _ = (&mut self.sending).await;
        self.counts()
    }
}

struct Sender {
    client: reqwest::Client,
    url: String,
    counts: Arc<Mutex<Counts>>,
    room: Arc<Semaphore>,
}

impl Sender {
    async fn run(&self, per_second: u32, stopped: &tokio::sync::Notify) {
        let mut tick = tokio::time::interval(TICK);
        let mut under_way = JoinSet::new();
        let (mut user, mut owed) = (0, 0.0);
        loop {
            tokio::select! {
                _ = tick.tick() => owed += f64::from(per_second) * TICK.as_secs_f64(),
                () = stopped.notified() => break,
            }
            while owed >= 1.0 {
                owed -= 1.0;
                user = (user + 1) % USERS;
                self.send(user, &mut under_way);
            }
            while under_way.try_join_next().is_some() {}
        }
        under_way.join_all().await;
    }

    fn send(&self, user: u64, under_way: &mut JoinSet<()>) {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            self.counts.lock().expect("no panic holds it").skipped += 1;
            return;
        };
        let request = self.client.get(&self.url).header("cookie", format!("session=user-{user}"));
        let counts = Arc::clone(&self.counts);
        under_way.spawn(async move {
            let answer = read(request).await;
            drop(room);
            let mut counts = counts.lock().expect("no panic holds it");
            match answer {
                Ok(arm_and_status) => *counts.answers.entry(arm_and_status).or_default() += 1,
                Err(_) => counts.broken += 1,
            }
        });
    }
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<(String, u16)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let body = answer.text().await?;
    Ok((if body.starts_with('<') { String::new() } else { body }, status))
}

impl Drop for Load {
    fn drop(&mut self) {
        self.sending.abort();
    }
}
