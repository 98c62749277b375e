//! Our judge as a contender. The only file that knows its types.

use std::time::Duration;

use tidegate::domain::Weight;
use tidegate::judge::{
    Counts, Criterion, Evidence, Histogram, LookInput, Numbers, Rules, Slower, Tolerance,
    VerdictKind, look, planning,
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

/// One rollout judged by us, by one check.
#[derive(Clone)]
pub struct Ours {
    criteria: Vec<Criterion>,
    rules: Rules,
    evidence: Evidence,
    look_seconds: u64,
}

impl Ours {
    pub fn new(past: &Past<'_>, tolerated: f64) -> Self {
        let mut ours = Self::knowing_nothing(past.planned_looks, past.look_seconds, tolerated);
        past.looks.iter().for_each(|arm| ours.learn(arm));
        ours
    }

    pub fn knowing_nothing(planned_looks: f64, look_seconds: u64, tolerated: f64) -> Self {
        let tolerate = Some(Tolerance { ratio: tolerated, delta: 0.0 });
        let criteria = vec![Criterion::of_counts("errors", tolerate)];
        let evidence = Evidence::new(&criteria);
        Self { criteria, rules: Rules::new(planned_looks), evidence, look_seconds }
    }

    pub fn learn(&mut self, arm: &Arm) {
        let none = Arm { requests: 0, failures: 0 };
        self.evidence.learn(0, &counts(&none, arm).into());
    }

    pub fn learn_times(&mut self, baseline: &[(f64, Arm)]) {
        let pairs =
            baseline.iter().map(|(than, arm)| (*than, Arm { requests: 0, failures: 0 }, *arm));
        self.evidence.learn(0, &histogram(pairs));
    }

    /// `ahead`: the shares of the steps after this one.
    pub fn judge(&mut self, seen: &Seen, base_rate: f64, ahead: &[f64]) -> Answer {
        let numbers = counts(&seen.canary, &seen.baseline).into();
        let harm = planning::harm_budget(base_rate, None);
        self.take(seen.share, numbers, harm, ahead)
    }

    /// `times`: by rising bound in seconds, what of canary and baseline took longer.
    pub fn judge_times(
        &mut self,
        share: f64,
        times: impl Iterator<Item = (f64, Arm, Arm)>,
    ) -> Answer {
        self.take(share, histogram(times), 0.0, &[])
    }

    fn take(&mut self, share: f64, numbers: Numbers, harm: f64, ahead: &[f64]) -> Answer {
        let split = numbers.requests();
        let input = LookInput {
            weight: weight(share),
            control: share < 1.0,
            history: false,
            harm,
            ahead: ahead.iter().map(|&next| weight(next)).collect(),
            lasting: Duration::from_secs(self.look_seconds),
            checks: vec![Some(numbers)],
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
        self.judge(seen, 0.0, &[]) == Answer::Revert
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

fn histogram(times: impl Iterator<Item = (f64, Arm, Arm)>) -> Numbers {
    let mut all = Histogram::default();
    for (than, canary, baseline) in times {
        all.canary_requests = canary.requests;
        all.baseline_requests = baseline.requests;
        let (canary, baseline) = (canary.failures, baseline.failures);
        all.slower.push(Slower { than, canary, baseline });
    }
    Numbers::Histogram(all)
}
