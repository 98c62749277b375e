//! Who starts, pauses, resumes, reverts and takes back, right around kills, and which releases are sick.
//!
//! Owns: that each answer a person got is kept by the lives that follow.

use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tidegate::domain::Timestamp;
use tokio::sync::watch;

use crate::journal::{self, Line};
use crate::server::{Life, Said, now};
use crate::support::upstream::Upstream;

pub const ROUTE: &str = "shop";
/// As the plan below has them, with the hold-back: parts per million.
pub const LADDER: [u32; 4] = [100_000, 500_000, 900_000, 1_000_000];
pub const BAKE: std::time::Duration = std::time::Duration::from_millis(900);
pub const PLAN: &str = "\
route: shop
split: { haproxy: { instances: 1, sides: [be_a, be_b] } }
arm: { label: version }
count: haproxy
serves: v0
---
plan: shop
route: shop
owner: team-shop
inputs: [version]
canary: $version
look: 1s
bake: 900ms
harm: 20pp
hold_back: 10%
steps: [{ shift: 10% }, { shift: 50% }, { shift: 100% }]
";

const USUAL_FAILURES: f64 = 0.025;
const SICK_FAILURES: f64 = 0.3;

/// What makes a release ill, and when it did.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Of HAProxy's sides.
    side: usize,
    /// Side B's, at which it falls ill.
    share: u32,
}

#[derive(Debug, Default)]
pub struct Cases {
    next: Option<Case>,
    fell_ill: Vec<Timestamp>,
}

/// Two versions of the shop, one of which falls ill when HAProxy reaches a certain share.
#[derive(Debug)]
pub struct Sickness {
    cases: Arc<Mutex<Cases>>,
    watching: tokio::task::JoinHandle<()>,
}

impl Sickness {
    pub fn start(upstreams: [Upstream; 2], mut shares: watch::Receiver<u32>) -> Self {
        upstreams.iter().for_each(|upstream| upstream.fail_share(USUAL_FAILURES));
        let cases = Arc::<Mutex<Cases>>::default();
        let known = Arc::clone(&cases);
        let watching = tokio::spawn(async move {
            while shares.changed().await.is_ok() {
                let share = *shares.borrow_and_update();
                let mut cases = known.lock().expect("no panic holds it");
                if matches!(share, 0 | 1_000_000) {
                    upstreams.iter().for_each(|upstream| upstream.fail_share(USUAL_FAILURES));
                } else if let Some(case) = cases.next.take_if(|case| case.share == share) {
                    upstreams[case.side].fail_share(SICK_FAILURES);
                    cases.fell_ill.push(now());
                }
            }
        });
        Self { cases, watching }
    }

    pub fn cases(&self) -> Arc<Mutex<Cases>> {
        Arc::clone(&self.cases)
    }
}

impl Drop for Sickness {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// What an answer was about; what it must have left in the journal.
#[derive(Clone, Debug)]
struct Asked {
    /// `None`: the answer names it.
    rollout: Option<String>,
    kinds: &'static [&'static str],
    /// Stands in the text of the line.
    mark: String,
}

#[derive(Debug)]
pub struct People {
    dice: StdRng,
    cases: Arc<Mutex<Cases>>,
    marks: u32,
    /// Asked in the life before; its answer may have been lost with it.
    under_way: Vec<(Asked, tokio::task::JoinHandle<Said>)>,
    /// Answered, not yet seen by a later life.
    promised: Vec<(String, Asked)>,
    pub promises_held: u32,
    pub refused: u32,
}

impl People {
    pub fn new(cases: Arc<Mutex<Cases>>, seed: u64) -> Self {
        Self {
            dice: StdRng::seed_from_u64(seed),
            cases,
            marks: 0,
            under_way: Vec::new(),
            promised: Vec::new(),
            promises_held: 0,
            refused: 0,
        }
    }

    /// Whatever was answered before the kill is there after it.
    pub async fn hold_promises(&mut self, life: &Life) {
        for (asked, answer) in std::mem::take(&mut self.under_way) {
            match answer.await.expect("no panic") {
                Said::Nobody => {}
                said => self.answered(&asked, said),
            }
        }
        for (name, asked) in std::mem::take(&mut self.promised) {
            let journal = life.get(&format!("rollouts/{name}/journal?limit=500")).await;
            let lines = journal["lines"].as_array().expect("lines").iter().map(journal::line);
            let kept = |l: &Line| asked.kinds.contains(&&*l.kind) && l.text.contains(&asked.mark);
            assert_eq!(lines.filter(kept).count(), 1, "{name} lost {asked:?}:\n{journal:#}");
            self.promises_held += 1;
        }
    }

    /// Perhaps does something; whether the kill is to follow at once.
    pub async fn act(&mut self, life: &Life, share: u32) -> bool {
        let live = life.get("rollouts?live=true&limit=9").await["rollouts"].clone();
        let live = live.as_array().expect("rollouts").clone();
        let Some(holder) = live.last() else { return self.begin(life, share).await };
        let name = holder["name"].as_str().expect("a name");
        match (self.dice.random_range(0..100), holder["phase"].as_str()) {
            (0..60, Some("paused")) => self.ask(life, Some(name), "resume", &["resumed"]).await,
            (60..68, Some("paused")) => self.revert(life, name).await,
            (0..9, _) => self.revert(life, name).await,
            (9..18, _) => self.ask(life, Some(name), "pause", &["paused"]).await,
            _ => false,
        }
    }

    /// The route is free, everybody is on one side: the next release, or the last one is taken back.
    async fn begin(&mut self, life: &Life, share: u32) -> bool {
        let last = life.get("rollouts?limit=1").await["rollouts"][0].clone();
        if last["phase"] == "completed" && self.dice.random_bool(0.25) {
            return self.revert(life, last["name"].as_str().expect("a name")).await;
        }
        let at = LADDER[self.dice.random_range(0..3)];
        let case = match share {
            0 => Case { side: 1, share: at },
            _ => Case { side: 0, share: 1_000_000 - at },
        };
        let sick = self.dice.random_bool(0.45) && matches!(share, 0 | 1_000_000);
        self.cases.lock().expect("no panic holds it").next = sick.then_some(case);
        self.ask(life, None, "", &["started"]).await
    }

    async fn revert(&mut self, life: &Life, name: &str) -> bool {
        self.ask(life, Some(name), "revert", &["reverting", "reverted"]).await
    }

    /// Asks, and either waits for the answer or leaves it to the kill.
    async fn ask(
        &mut self,
        life: &Life,
        rollout: Option<&str>,
        verb: &str,
        kinds: &'static [&'static str],
    ) -> bool {
        self.marks += 1;
        let mark = format!("ask-{}-", self.marks);
        let version = format!("v{}", self.marks);
        let (path, body) = match rollout {
            Some(name) => (format!("rollouts/{name}/{verb}"), json!({ "because": mark })),
            None => {
                let inputs = json!({ "version": version });
                let body = json!({ "plan": "shop", "inputs": inputs, "because": mark });
                ("rollouts".to_owned(), body)
            }
        };
        let asked = Asked { rollout: rollout.map(str::to_owned), kinds, mark };
        let answer = life.post(&path, &body);
        let hurry = self.dice.random_bool(0.6);
        if !(hurry && self.dice.random_bool(0.4)) {
            let said = answer.await.expect("no panic");
            self.answered(&asked, said);
            return hurry;
        }
        self.under_way.push((asked, answer));
        hurry
    }

    fn answered(&mut self, asked: &Asked, said: Said) {
        match said {
            Said::Yes(answer) => {
                let of = if asked.rollout.is_none() { &answer["rollout"] } else { &answer };
                let name = of["name"].as_str().expect("a name").to_owned();
                self.promised.push((name, asked.clone()));
            }
            // It moved on before the person was heard.
            Said::No(409, _) => self.refused += 1,
            Said::No(status, why) => panic!("{asked:?}: {status} {why:#}"),
            Said::Nobody => panic!("{asked:?}: no answer"),
        }
    }

    /// Who fell ill went back.
    pub fn check_sick(&self, rollouts: &[(String, Vec<Line>)]) {
        for at in &self.cases.lock().expect("no panic holds it").fell_ill {
            let begun = |lines: &[Line]| lines.iter().any(|l| l.kind == "began" && l.at <= *at);
            let (name, lines) =
                rollouts.iter().rev().find(|(_, lines)| begun(lines)).expect("a rollout");
            assert!(lines.iter().any(|l| l.kind == "reverted"), "{name} was sick: {lines:#?}");
        }
    }
}
