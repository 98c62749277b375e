//! A small shop with an old and a new version, and its users: the one thing of the demo that is not real.
//!
//! It is an ordinary client: it asks the flag service over HTTP which version serves each user, and pushes outcomes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Users come in handfuls, this often.
const BEAT: Duration = Duration::from_millis(20);
/// Outcomes are pushed this often.
const PUSH_EVERY: Duration = Duration::from_millis(250);
const USERS: u64 = 50_000;
/// What the shop always fails: full carts, lost cards.
const USUAL_FAILURES: f64 = 0.03;
/// What the new version fails besides, once it is broken.
const FAULT: f64 = 0.06;

/// One of the shop's services, under load until it is dropped.
#[derive(Debug)]
pub struct Shop {
    pub route: &'static str,
    state: Arc<State>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    broken: AtomicBool,
    /// Requests the fault failed: what nobody but the shop can know for sure.
    hurt: AtomicU64,
    served: AtomicU64,
    outcomes: Mutex<BTreeMap<String, (u64, u64)>>,
}

#[derive(Clone)]
struct Door {
    http: reqwest::Client,
    evaluate: String,
    observe: String,
    route: &'static str,
    new_version: &'static str,
    seed: u64,
    state: Arc<State>,
}

impl Shop {
    /// Opens with `rps` requests per second; `providers` is where flags are asked and outcomes pushed.
    pub fn open(
        http: &reqwest::Client,
        providers: &str,
        [route, flag, new_version]: [&'static str; 3],
        rps: u32,
    ) -> Self {
        let state = Arc::new(State::default());
        let door = Door {
            http: http.clone(),
            evaluate: format!("{providers}/ofrep/v1/evaluate/flags/{flag}"),
            observe: format!("{providers}/api/v1/observations"),
            route,
            new_version,
            seed: xxh3_64_with_seed(route.as_bytes(), 7),
            state: Arc::clone(&state),
        };
        let tasks = vec![tokio::spawn(door.clone().serve(rps)), tokio::spawn(door.push())];
        Self { route, state, tasks }
    }

    /// From now on the new version fails more than it should.
    pub fn break_down(&self) {
        self.state.broken.store(true, Ordering::Relaxed);
    }

    pub fn is_broken(&self) -> bool {
        self.state.broken.load(Ordering::Relaxed)
    }

    /// Requests the fault failed.
    pub fn hurt(&self) -> u64 {
        self.state.hurt.load(Ordering::Relaxed)
    }

    pub fn served(&self) -> u64 {
        self.state.served.load(Ordering::Relaxed)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Door {
    async fn serve(self, rps: u32) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let each = f64::from(rps) * BEAT.as_secs_f64();
        let (mut owed, mut number) = (0.0, 0u64);
        loop {
            beat.tick().await;
            owed += each;
            let users = (0..owed as u64).map(|i| self.user(number + i));
            join_all(users).await;
            number += owed as u64;
            owed = owed.fract();
        }
    }

    /// One user: which version, and how did it go?
    async fn user(&self, number: u64) {
        let chance = |seed: u64| {
            let hash = xxh3_64_with_seed(&number.to_le_bytes(), self.seed ^ seed);
            hash as f64 / u64::MAX as f64
        };
        let user = format!("user-{}", (chance(1) * USERS as f64) as u64);
        // An unreachable flag service sends nobody anywhere new.
        let Some(version) = self.version(&user).await else { return };
        let faulty = version == self.new_version && self.state.broken.load(Ordering::Relaxed);
        let hurt = faulty && chance(2) < FAULT;
        let failed = hurt || chance(3) < USUAL_FAILURES;
        self.state.hurt.fetch_add(u64::from(hurt), Ordering::Relaxed);
        self.state.served.fetch_add(1, Ordering::Relaxed);
        let mut outcomes = self.state.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let (ok, failures) = outcomes.entry(version).or_default();
        *(if failed { failures } else { ok }) += 1;
    }

    async fn version(&self, user: &str) -> Option<String> {
        let context = json!({ "context": { "targetingKey": user, "user_id": user } });
        let answer = self.http.post(&self.evaluate).json(&context).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        Some(answer.get("value")?.as_str()?.to_owned())
    }

    /// A batch that did not arrive is sent again under the same id: it counts once.
    async fn push(self) {
        let mut beat = tokio::time::interval(PUSH_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for number in 0u64.. {
            beat.tick().await;
            let outcomes = std::mem::take(
                &mut *self.state.outcomes.lock().unwrap_or_else(PoisonError::into_inner),
            );
            if outcomes.is_empty() {
                continue;
            }
            let batch = json!({
                "batch": format!("{}-{number}", self.route),
                "route": self.route,
                "observations": observations(&outcomes),
            });
            while !self.sent(&batch).await {
                tokio::time::sleep(PUSH_EVERY).await;
            }
        }
    }

    async fn sent(&self, batch: &Value) -> bool {
        let answer = self.http.post(&self.observe).json(batch).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

fn observations(outcomes: &BTreeMap<String, (u64, u64)>) -> Vec<Value> {
    let arm = |(arm, (ok, failed)): (&String, &(u64, u64))| {
        let told = [("ok", *ok), ("failed", *failed)];
        let some = told.into_iter().filter(|(_, count)| *count > 0);
        some.map(|(outcome, count)| json!({ "arm": arm, "outcome": outcome, "count": count }))
            .collect::<Vec<_>>()
    };
    outcomes.iter().flat_map(arm).collect()
}
