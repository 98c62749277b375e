//! Our judge as a contender. The only file that knows its types.

use std::time::Duration;

use tidegate::domain::Weight;
use tidegate::judge::{
    Counts, Criterion, Evidence, LookInput, Requests, Rules, Tolerance, VerdictKind, look, planning,
};

use crate::rule::{Arm, Contender, Past, Rule, Seen};

/// A canary must be no worse than the baseline.
pub const STRICT: f64 = 1.0;
/// What a plan tolerates when it says nothing: 10 % more failures.
pub const SHIPPED: f64 = 1.1;

/// The columns of ours.
pub fn all() -> Vec<Contender> {
    vec![
        Contender {
            name: "ours 1.0",
            source: "this crate: alpha 1 %, nothing worse than the baseline tolerated, 120 looks of history",
            start: |past| Box::new(Ours::new(past, STRICT)),
        },
        Contender {
            name: "ours 1.1",
            source: "the same as shipped: 10 % more failures than the baseline's tolerated",
            start: |past| Box::new(Ours::new(past, SHIPPED)),
        },
    ]
}

/// What a look says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Revert,
    /// The next step's harm is excluded.
    Open,
    Wait,
}

/// One rollout judged by us, by as many checks as the looks bring: their evidence is averaged.
#[derive(Clone)]
pub struct Ours {
    criteria: Vec<Criterion>,
    rules: Rules,
    evidence: Evidence,
    look_seconds: u64,
}

impl Ours {
    pub fn new(past: &Past<'_>, tolerated: f64) -> Self {
        let mut ours = Self::knowing_nothing(1, past.planned_looks, past.look_seconds, tolerated);
        past.looks.iter().for_each(|arm| ours.learn(0, arm));
        ours
    }

    pub fn knowing_nothing(
        checks: usize,
        planned_looks: f64,
        look_seconds: u64,
        tolerated: f64,
    ) -> Self {
        let tolerate = Some(Tolerance { ratio: tolerated, delta: 0.0 });
        let criterion = |index| Criterion { name: format!("{index}"), tolerate, limits: vec![] };
        let criteria: Vec<Criterion> = (0..checks).map(criterion).collect();
        let evidence = Evidence::new(&criteria);
        Self { criteria, rules: Rules::new(planned_looks), evidence, look_seconds }
    }

    pub fn learn(&mut self, check: usize, arm: &Arm) {
        self.evidence.learn(check, arm.requests, arm.failures);
    }

    /// The excess failure rates that the steps after the first must exclude.
    pub fn margins(base_rate: f64, ladder: &[f64]) -> Vec<f64> {
        let harm = planning::harm_budget(base_rate, None);
        ladder.iter().skip(1).map(|&next| planning::margin(harm, weight(next))).collect()
    }

    /// `arms`: canary and baseline of each check.
    pub fn judge(&mut self, share: f64, arms: &[(Arm, Arm)], margins: &[f64]) -> Answer {
        let split = arms.first().map(|(canary, baseline)| Requests {
            canary: canary.requests,
            baseline: baseline.requests,
        });
        let input = LookInput {
            weight: weight(share),
            control: share < 1.0,
            margins: margins.to_vec(),
            lasting: Duration::from_secs(self.look_seconds),
            checks: arms.iter().map(|(canary, baseline)| Some(counts(canary, baseline))).collect(),
            split,
            sticky: false,
        };
        let (next, judgement) = look(&self.rules, &self.criteria, &self.evidence, &input);
        self.evidence = next;
        match judgement.verdict.kind() {
            VerdictKind::Regression => Answer::Revert,
            VerdictKind::Pass => Answer::Open,
            _ => Answer::Wait,
        }
    }
}

impl Rule for Ours {
    fn reverts(&mut self, seen: &Seen) -> bool {
        self.judge(seen.share, &[(seen.canary, seen.baseline)], &[]) == Answer::Revert
    }
}

fn weight(share: f64) -> Weight {
    Weight::from_ppm((share * 1e6).round() as u32).expect("a share")
}

fn counts(canary: &Arm, baseline: &Arm) -> Counts {
    Counts {
        canary_requests: canary.requests,
        canary_failures: canary.failures,
        baseline_requests: baseline.requests,
        baseline_failures: baseline.failures,
    }
}
