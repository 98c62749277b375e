//! Canary requests until the revert, against the least that any test of this error rate needs on average.

use crate::chance::Chance;
use crate::many::{Mean, each};
use crate::ours::{Ours, STRICT};
use crate::rule::{Arm, Past, Rule, Seen};
use crate::table;
use crate::targets::Targets;

const ALPHA: f64 = 0.01;
const HARMS: [f64; 6] = [1.1, 1.2, 1.5, 2.0, 5.0, 20.0];
/// Looks in the bound.
const LOOKS: f64 = 50.0;
/// A rollout that takes this many times the bound is cut off.
const MOST: u64 = 12;
/// Smaller bounds than this, in canary requests, are dominated by single requests.
const LEAST_BOUND: f64 = 50.0;

/// One constant world: a split, a base rate, a harm.
#[derive(Clone, Copy)]
struct Setting {
    base_rate: f64,
    share: f64,
    harm: f64,
}

pub fn print(rollouts: u64, targets: &mut Targets) {
    table::title("Canary requests until the revert / Wald's bound ln(1/alpha) / I (alpha 1 %)");
    table::row("base rate, share, judge", HARMS.iter().map(|harm| format!("x{harm}")));
    for (base_rate, share) in [(0.001, 0.01), (0.001, 0.5), (0.01, 0.05), (0.01, 0.5)] {
        let settings = HARMS.map(|harm| Setting { base_rate, share, harm });
        let label = |who: &str| format!("{} %, {} %: {who}", base_rate * 100.0, share * 100.0);
        let print = |who: &str, means: &[Mean]| {
            table::row(&label(who), means.iter().map(|m| format!("{:.2}±{:.2}", m.value, m.error)));
        };
        let bounds = settings.iter().map(|s| format!("{:.0}", s.bound()));
        table::row(&label("bound, requests"), bounds);
        print("oracle SPRT", &settings.map(|s| s.ratio(rollouts, |_| Box::new(Oracle::new(s)))));
        let known = settings.map(Setting::known);
        let of_known: Vec<Mean> = (settings.iter().zip(&known))
            .map(|(s, known)| s.ratio(rollouts, |_| Box::new(known.clone())))
            .collect();
        print("ours", &of_known);
        print(
            "ours, 120 looks",
            &settings.map(|s| s.ratio(rollouts, |past| Box::new(Ours::new(past, STRICT)))),
        );
        for (setting, mean) in settings.iter().zip(of_known).filter(|(s, _)| s.is_a_target()) {
            targets.at_most(
                format!("of Wald's bound, {}x{}", label(""), setting.harm),
                mean.value,
                1.62,
            );
        }
    }
}

impl Setting {
    /// Canary requests.
    fn bound(&self) -> f64 {
        let (harmed, share) = (self.base_rate * self.harm, self.share);
        // The point of the null nearest to the truth: one rate for both arms.
        let null = share * harmed + (1.0 - share) * self.base_rate;
        let divergence = |a: f64, b: f64| a * libm::log(a / b) - (a - b);
        let information =
            share * divergence(harmed, null) + (1.0 - share) * divergence(self.base_rate, null);
        libm::log(1.0 / ALPHA) * share / information
    }

    fn is_a_target(&self) -> bool {
        self.bound() >= LEAST_BOUND && self.harm >= 1.2
    }

    /// Ours after so long a history that the dispersion is known: the cost of the mixture alone.
    fn known(self) -> Ours {
        let mut ours = Ours::knowing_nothing(2.0 * LOOKS, 60, STRICT);
        let mut chance = Chance::new(0);
        (0..200_000).for_each(|_| ours.learn(&self.history(&mut chance)));
        ours
    }

    fn ratio(&self, rollouts: u64, start: impl Fn(&Past<'_>) -> Box<dyn Rule> + Sync) -> Mean {
        let requests = each(rollouts, |seed| {
            let mut chance = Chance::new(seed);
            let looks: Vec<Arm> = (0..120).map(|_| self.history(&mut chance)).collect();
            let past = Past { looks: &looks, planned_looks: 2.0 * LOOKS, look_seconds: 60 };
            self.requests(start(&past).as_mut(), &mut chance)
        });
        let Mean { value, error } = Mean::of(requests.into_iter());
        Mean { value: value / self.bound(), error: error / self.bound() }
    }

    /// Canary requests until the revert.
    fn requests(&self, rule: &mut dyn Rule, chance: &mut Chance) -> f64 {
        let mut requests = 0;
        for _ in 0..MOST * LOOKS as u64 {
            let canary = arm(self.canary_a_look(), self.base_rate * self.harm, chance);
            let baseline = self.baseline(1.0 - self.share, chance);
            requests += canary.requests;
            if rule.reverts(&Seen { share: self.share, ends_step: false, canary, baseline }) {
                break;
            }
        }
        requests as f64
    }

    fn canary_a_look(&self) -> f64 {
        self.bound() / LOOKS
    }

    fn history(&self, chance: &mut Chance) -> Arm {
        self.baseline(1.0, chance)
    }

    fn baseline(&self, part: f64, chance: &mut Chance) -> Arm {
        arm(self.canary_a_look() / self.share * part, self.base_rate, chance)
    }
}

fn arm(requests: f64, rate: f64, chance: &mut Chance) -> Arm {
    let requests = chance.poisson(requests);
    Arm { requests, failures: chance.poisson(requests as f64 * rate).min(requests) }
}

/// Knows the harm beforehand, and bets on nothing else.
struct Oracle {
    harm: f64,
    log_evidence: f64,
}

impl Oracle {
    fn new(setting: Setting) -> Self {
        Self { harm: setting.harm, log_evidence: 0.0 }
    }
}

impl Rule for Oracle {
    fn reverts(&mut self, seen: &Seen) -> bool {
        let canary = seen.canary.requests as f64;
        let all = canary + seen.baseline.requests as f64;
        let failures = seen.canary.failures as f64;
        let of_all = failures + seen.baseline.failures as f64;
        if canary > 0.0 && canary < all {
            self.log_evidence += failures * libm::log(self.harm)
                - of_all * libm::log1p(canary * (self.harm - 1.0) / all);
        }
        self.log_evidence >= libm::log(1.0 / ALPHA)
    }
}
