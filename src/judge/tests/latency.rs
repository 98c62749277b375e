//! Latency of a seeded service: lognormal, median 50 ms, sigma 0.6, in the buckets that Prometheus clients have.

use std::time::Duration;

use statrs::distribution::{ContinuousCDF, LogNormal};

use super::world::Chance;
use super::{criterion, ratio, weight};
use crate::judge::{
    Criterion, Evidence, Histogram, LookInput, Numbers, Rules, Slower, VerdictKind, look,
};

const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const LADDER: [f64; 4] = [0.01, 0.05, 0.25, 0.5];
const REQUESTS: f64 = 100.0 * 10.0;

/// How the canary differs, and both arms from the usual.
#[derive(Clone, Copy)]
struct Service {
    canary_slower: f64,
    /// This share of the canary's requests takes half a second longer.
    stuck: f64,
    both_slower: fn(u64) -> f64,
}

const GOOD: Service = Service { canary_slower: 1.0, stuck: 0.0, both_slower: |_| 1.0 };

fn share_slower(than: f64, factor: f64, stuck: f64) -> f64 {
    let law = LogNormal::new(libm::log(0.05 * factor), 0.6).expect("a law");
    let slow = |than: f64| if than <= 0.0 { 1.0 } else { law.sf(than) };
    (1.0 - stuck) * slow(than) + stuck * slow(than - 0.5)
}

/// Requests of one arm in a look, and how many were slower than each bound.
fn arm(mean: f64, factor: f64, stuck: f64, chance: &mut Chance) -> (u64, [u64; 11]) {
    let shares = BOUNDS.map(|bound| share_slower(bound, factor, stuck));
    let mut slower = [0; 11];
    let mut above = 0.0;
    let mut count = 0;
    for i in (0..BOUNDS.len()).rev() {
        count += chance.poisson(mean * (shares[i] - above));
        above = shares[i];
        slower[i] = count;
    }
    (count + chance.poisson(mean * (1.0 - above)), slower)
}

impl Service {
    fn look(&self, at: u64, share: f64, chance: &mut Chance) -> Histogram {
        let both = (self.both_slower)(at);
        let (canary_requests, canary) =
            arm(REQUESTS * share, both * self.canary_slower, self.stuck, chance);
        let (baseline_requests, baseline) = arm(REQUESTS * (1.0 - share), both, 0.0, chance);
        let slower =
            |i: usize| Slower { than: BOUNDS[i], canary: canary[i], baseline: baseline[i] };
        let slower = (0..BOUNDS.len()).map(slower).collect();
        Histogram { canary_requests, baseline_requests, slower }
    }

    /// Canary requests until the revert; `None` when there was none.
    fn play(&self, criteria: &[Criterion], seed: u64) -> Option<u64> {
        let mut chance = Chance::new(seed);
        let mut evidence = Evidence::new(criteria);
        for _ in 0..360 {
            evidence.learn(0, &Numbers::Histogram(GOOD.look(0, 0.0, &mut chance)));
        }
        let mut served = 0;
        for at in 0..240 {
            let share = LADDER[(at / 60) as usize];
            let numbers = self.look(at, share, &mut chance);
            served += numbers.canary_requests;
            let input = LookInput {
                weight: weight(share),
                control: true,
                history: false,
                harm: 0.0,
                ahead: Vec::new(),
                lasting: Duration::from_secs(10),
                checks: vec![Some(Numbers::Histogram(numbers))],
                split: None,
                sticky: false,
            };
            let (next, judgement) = look(&Rules::new(300.0), criteria, &evidence, &input);
            evidence = next;
            if judgement.verdict.kind() == VerdictKind::Regression {
                return Some(served);
            }
        }
        None
    }
}

/// How many of `rollouts` are reverted, and the mean of canary requests until then.
fn measured(service: Service, tolerance: f64, rollouts: u64) -> (usize, f64) {
    let criteria = [criterion("latency", Some(ratio(tolerance)))];
    let ends: Vec<u64> =
        (0..rollouts).filter_map(|seed| service.play(&criteria, 9_000 + seed)).collect();
    (ends.len(), ends.iter().sum::<u64>() as f64 / ends.len().max(1) as f64)
}

/// All reverted, after no more requests than a quarter above the mean of many rollouts.
#[track_caller]
fn check_found(service: Service, mean: f64) {
    let (found, requests) = measured(service, 1.0, 30);
    assert_eq!(found, 30);
    assert!(requests < 1.25 * mean, "{requests} canary requests instead of {mean}");
}

#[test]
fn as_fast_as_the_baseline_is_left_alone() {
    assert_eq!(measured(GOOD, 1.0, 20).0, 0);
}

#[test]
fn a_slow_spell_of_both_arms_is_nobodys_fault() {
    let spell = |at| if (72..102).contains(&at) { 3.0 } else { 1.0 };
    assert_eq!(measured(Service { both_slower: spell, ..GOOD }, 1.0, 20).0, 0);
}

#[test]
fn everything_a_third_slower_is_found_soon() {
    check_found(Service { canary_slower: 1.3, ..GOOD }, 225.0);
}

#[test]
fn a_few_stuck_requests_are_found() {
    check_found(Service { stuck: 0.02, ..GOOD }, 210.0);
    check_found(Service { stuck: 0.005, ..GOOD }, 940.0);
}

#[test]
fn what_is_tolerated_is_not_reverted() {
    assert_eq!(measured(Service { canary_slower: 1.05, ..GOOD }, 1.5, 20).0, 0);
}
