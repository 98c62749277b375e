//! Users of an app: each asks the flag service what they get, uses it, and the app reports how it went.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

const TICK: Duration = Duration::from_millis(20);
/// Who comes in one tick; no user comes twice.
const USERS: [&str; 6] = ["web", "ios", "web", "android", "web", "web"];
/// Ticks from one report to the next.
const REPORTS_EVERY: u64 = 5;
/// What a user buys for, give or take a half.
const BASKET: f64 = 40.0;

/// How versions fare: by version and platform, or by version.
#[derive(Debug, Default)]
struct Faults {
    usual: f64,
    fails: BTreeMap<(String, String), f64>,
    baskets: BTreeMap<String, f64>,
    /// Failures due, by version and platform: a part of all requests, spread evenly.
    owed: BTreeMap<(String, String), f64>,
}

#[derive(Debug)]
pub struct Apps {
    faults: Arc<Mutex<Faults>>,
    client: Client,
    running: JoinHandle<()>,
}

/// One flag, asked and reported of with a token of the role `provider`.
#[derive(Clone, Debug)]
pub struct Client {
    pub providers: String,
    pub token: String,
    pub route: String,
    pub http: reqwest::Client,
}

/// What the flag service answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Got {
    pub version: String,
    pub reason: String,
}

impl Apps {
    /// They come until this is dropped; either version fails `usual` of all requests.
    pub fn start(client: Client, usual: f64) -> Self {
        let faults = Arc::new(Mutex::new(Faults { usual, ..Faults::default() }));
        let running = tokio::spawn(run(client.clone(), Arc::clone(&faults)));
        Self { faults, client, running }
    }

    /// From now on `version` fails this share of what it does on `platform`.
    pub fn fails(&self, version: &str, platform: &str, share: f64) {
        let mut faults = self.faults.lock().expect("no panic holds it");
        faults.fails.insert((version.to_owned(), platform.to_owned()), share);
    }

    /// From now on users of `version` buy for so many times the usual.
    pub fn baskets(&self, version: &str, times: f64) {
        let mut faults = self.faults.lock().expect("no panic holds it");
        faults.baskets.insert(version.to_owned(), times);
    }

    /// What so many users of a platform get now, each different answer with how many got it.
    pub async fn ask(&self, platform: &str, users: u64) -> BTreeMap<Got, u64> {
        let mut answers = BTreeMap::new();
        for user in 0..users {
            let got = self.client.evaluate(user, platform).await.expect("an answer");
            *answers.entry(got).or_default() += 1;
        }
        answers
    }
}

impl Drop for Apps {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn run(client: Client, faults: Arc<Mutex<Faults>>) {
    let mut tick = tokio::time::interval(TICK);
    let mut reports = Vec::new();
    for ticks in 0_u64.. {
        tick.tick().await;
        for (user, platform) in (ticks * USERS.len() as u64..).zip(USERS) {
            // Whoever hears nothing is not there: an app would show what it showed before.
            if let Ok(got) = client.evaluate(user, platform).await {
                let mut faults = faults.lock().expect("no panic holds it");
                reports.push(faults.report(&got.version, user, platform));
            }
        }
        if ticks % REPORTS_EVERY == 0 {
            client.report(ticks, std::mem::take(&mut reports)).await;
        }
    }
}

impl Faults {
    fn report(&mut self, version: &str, user: u64, platform: &str) -> Value {
        let place = (version.to_owned(), platform.to_owned());
        let owed = self.owed.entry(place.clone()).or_default();
        *owed += self.fails.get(&place).copied().unwrap_or(self.usual);
        let failed = *owed >= 1.0;
        if failed {
            *owed -= 1.0;
        }
        let spread = 0.5 + (user % 11) as f64 / 10.0;
        let basket = BASKET * spread * self.baskets.get(version).copied().unwrap_or(1.0);
        json!({
            "arm": version, "outcome": if failed { "failed" } else { "ok" },
            "user": format!("{platform}-{user}"), "values": { "basket": basket },
            "segment": { "platform": platform },
        })
    }
}

impl Client {
    async fn evaluate(&self, user: u64, platform: &str) -> reqwest::Result<Got> {
        let url = format!("{}/ofrep/v1/evaluate/flags/{}", self.providers, self.route);
        let key = format!("{platform}-{user}");
        let context = json!({ "context": { "targetingKey": key, "platform": platform } });
        let request = self.http.post(url).bearer_auth(&self.token).json(&context);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        let word = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Ok(Got { version: word("variant"), reason: word("reason") })
    }

    async fn report(&self, batch: u64, observations: Vec<Value>) {
        let url = format!("{}/api/v1/observations", self.providers);
        let batch = format!("apps/{batch}");
        let body = json!({ "batch": batch, "route": self.route, "observations": observations });
        let sent = self.http.post(url).bearer_auth(&self.token).json(&body).send().await;
        // Nobody answers once the test is over; a refusal is a fault of what is sent.
        if let Ok(answer) = sent {
            assert!(answer.status().is_success(), "{answer:?}");
        }
    }
}
