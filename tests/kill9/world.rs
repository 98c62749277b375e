//! One route behind a real HAProxy, under load, and a server that dies again and again.
//!
//! Owns: the lives of the server and the moments of their ends.
//! Does not: decide what is right (`check`) or what people do (`people`).

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tidegate::domain::Timestamp;

use crate::check::{self, Facts};
use crate::journal::{self, Line};
use crate::people::{PLAN, People, ROUTE, Sickness};
use crate::server::{Life, Place, now};
use crate::support::haproxy::{Haproxy, HaproxyConfig};
use crate::support::load::Load;
use crate::support::until;
use crate::support::upstream::Upstream;
use crate::watch::Watch;

const REQUESTS_PER_SECOND: u32 = 300;
/// After the last kill everything must come to its end within this.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

pub struct World {
    place: Place,
    watch: Watch,
    people: People,
    dice: StdRng,
    /// From birth to death.
    lives: Vec<(Timestamp, Timestamp)>,
    slowest: Duration,
    _sickness: Sickness,
    _load: Load,
}

impl World {
    pub async fn start(mut dice: StdRng) -> Self {
        let place = Place::new();
        let upstreams = [Upstream::start("a"), Upstream::start("b")];
        let haproxy = Haproxy::start(HaproxyConfig {
            pull_url: place.providers_url(),
            token: "none".to_owned(),
            route: ROUTE.to_owned(),
            sides: ["be_a".to_owned(), "be_b".to_owned()],
            upstreams: [upstreams[0].address, upstreams[1].address],
            node: "lb-1".to_owned(),
        })
        .await;
        let load = Load::start(&haproxy.url(), REQUESTS_PER_SECOND);
        let watch = Watch::start(Arc::new(haproxy)).await;
        let sickness = Sickness::start(upstreams, watch.shares());
        let people = People::new(sickness.cases(), dice.random());
        let mut first = place.begin();
        first.ready(&place).await;
        first.apply(PLAN).await;
        let lives = vec![(first.born, now())];
        first.kill();
        let slowest = Duration::ZERO;
        Self { place, watch, people, dice, lives, slowest, _sickness: sickness, _load: load }
    }

    /// One life of the server, with its end.
    pub async fn live_and_die(&mut self) {
        let mut life = self.place.begin();
        if self.dice.random_bool(0.12) {
            // Before it has come up.
            self.wait(1..150).await;
        } else {
            life.ready(&self.place).await;
            self.live(&mut life).await;
        }
        self.lives.push((life.born, now()));
        life.kill();
    }

    async fn live(&mut self, life: &mut Life) {
        self.people.hold_promises(life).await;
        if self.dice.random_bool(0.5) {
            self.right_weight(life).await;
            self.slowest = self.slowest.max(now().since(life.born));
        }
        let hurry = self.people.act(life, self.watch.share()).await;
        match self.dice.random_range(0..100) {
            _ if hurry => self.wait(0..15).await,
            0..40 => self.wait(5..500).await,
            // Right after a weight has changed: it may not be confirmed, or not stored as such.
            40..75 => {
                self.watch.changes(Duration::from_secs(4)).await;
                self.wait(0..40).await;
            }
            // Around a commit.
            75..90 => self.next_commit(life).await,
            _ => self.wait(500..1500).await,
        }
    }

    async fn wait(&mut self, milliseconds: std::ops::Range<u64>) {
        let moment = Duration::from_millis(self.dice.random_range(milliseconds));
        tokio::time::sleep(moment).await;
    }

    async fn next_commit(&mut self, life: &Life) {
        let end = now().plus(Duration::from_secs(3));
        let versions = async || life.get("rollouts?limit=2").await["rollouts"].clone();
        let before = versions().await;
        while now() < end && versions().await == before {
            self.wait(1..8).await;
        }
        self.wait(0..8).await;
    }

    /// Waits until HAProxy has what the store wishes.
    async fn right_weight(&self, life: &Life) {
        until("HAProxy has the right weight", async || {
            let route = life.get(&format!("routes/{ROUTE}")).await;
            (self.watch.share() == wished(&route)).then_some(())
        })
        .await;
    }

    /// The last life is not killed: everything comes to its end, and is judged.
    pub async fn settle_and_check(mut self) -> String {
        let mut life = self.place.begin();
        life.ready(&self.place).await;
        self.people.hold_promises(&life).await;
        self.settle(&life).await;
        self.right_weight(&life).await;
        let rollouts = self.journals(&life).await;
        let looks: u64 = rollouts.iter().map(|(name, _)| self.looks_judged_again(name)).sum();
        let audit = self.place.cli(&["audit", "verify"]);
        let told = String::from_utf8_lossy(&audit.stdout).into_owned();
        assert_eq!(audit.status.code(), Some(0), "{told}");
        let kills = self.lives.len() - 1;
        self.lives.push((life.born, now()));
        life.end();
        let lives = std::mem::take(&mut self.lives);
        let facts = Facts { rollouts, trace: self.watch.trace(), lives };
        let ends = check::check(&facts);
        self.people.check_sick(&facts.rollouts);
        let (moves, slowest) = (facts.trace.len() - 1, self.slowest.as_millis());
        let People { promises_held: promises, refused, .. } = self.people;
        format!(
            "{kills} kills, {ends}, {moves} changes of weight at HAProxy, {promises} answers kept, {refused} refused, \
             {looks} looks judged again to the same bits, right weight at most {slowest} ms after a start, audit {}",
            told.trim()
        )
    }

    /// However often it died between two writes: the looks kept are those that the evidence was made of.
    fn looks_judged_again(&self, name: &str) -> u64 {
        let output = self.place.cli(&["explain", name, "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let (outcome, last) = (&told["recomputed"]["outcome"], told["looks"].as_array());
        let last = last.and_then(|looks| looks.last()?["number"].as_u64()).unwrap_or(0);
        let expect = if last == 0 { "none" } else { "same" };
        assert_eq!(outcome, expect, "{name}: {told:#}\n{}", self.place.log());
        last
    }

    async fn settle(&self, life: &Life) {
        let end = now().plus(SETTLED_WITHIN);
        loop {
            let live = life.get("rollouts?live=true&limit=500").await["rollouts"].clone();
            let live = live.as_array().expect("rollouts").clone();
            if live.is_empty() {
                return;
            }
            assert!(now() < end, "not settled: {live:#?}\n{}", self.place.log());
            for rollout in live.iter().filter(|r| r["phase"] == "paused") {
                let name = rollout["name"].as_str().expect("a name");
                let because = json!({ "because": "the end is near" });
                let _ = life.post(&format!("rollouts/{name}/resume"), &because).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// As a person reads them: by the command line. Oldest rollout first.
    async fn journals(&self, life: &Life) -> Vec<(String, Vec<Line>)> {
        let list = life.get("rollouts?limit=500").await;
        let rollouts = list["rollouts"].as_array().expect("rollouts").iter().rev();
        rollouts
            .map(|r| r["name"].as_str().expect("a name").to_owned())
            .map(|name| {
                let output = self.place.cli(&["journal", &name, "--json"]);
                assert_eq!(output.status.code(), Some(0), "{output:?}");
                let text = String::from_utf8(output.stdout).expect("text");
                let lines = text.lines().map(|l| serde_json::from_str(l).expect("JSON"));
                (name, lines.map(|line: Value| journal::line(&line)).collect())
            })
            .collect()
    }
}

/// Side B's share as stored.
fn wished(route: &Value) -> u32 {
    let idle = u32::try_from(route["idle_weight_ppm"].as_u64().expect("a weight")).expect("ppm");
    if route["serving_side"] == "a" { idle } else { 1_000_000 - idle }
}
