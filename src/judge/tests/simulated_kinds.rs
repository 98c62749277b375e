//! Seeded rollouts of values per event and of gauges: how often a healthy canary is reverted, how soon a bad one.

use std::time::Duration;

use super::ratio;
use super::world::Chance;
use crate::judge::gauge::GaugeEvidence;
use crate::judge::values::ValuesEvidence;
use crate::judge::{Moments, Pair, Rules, Tolerance, Values, Worse};

const ALPHA: f64 = 0.01;
const LADDER: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

/// Values with a heavy right tail: lognormal, as far off as their mean.
const SIGMA: f64 = 0.83;

/// A rollout up the ladder, ten looks a step.
#[derive(Clone, Copy)]
struct Orders {
    /// In both arms together, per look.
    events: f64,
    /// How far the mean of both arms rises during the rollout, as a multiple.
    rises: f64,
    /// The canary's mean as a multiple of the baseline's, by the look.
    harm: fn(u32) -> f64,
    tolerate: Tolerance,
}

impl Orders {
    fn healthy(events: f64) -> Self {
        Self { events, rises: 1.0, harm: |_| 1.0, tolerate: ratio(1.0) }
    }

    /// Values are cut where the evidence says, as a sender does.
    fn draw(chance: &mut Chance, events: f64, mean: f64, cap: Option<f64>) -> Moments {
        let mut seen = Moments::default();
        for _ in 0..chance.poisson(events) {
            let value = mean * libm::exp(SIGMA * chance.normal() - SIGMA * SIGMA / 2.0);
            let value = value.min(cap.unwrap_or(f64::MAX));
            seen.events += 1;
            seen.sum += value;
            seen.squares += value * value;
        }
        seen
    }

    /// The look in which harm was called, of `looks`.
    fn play(&self, seed: u64, looks: u32) -> Option<u32> {
        let (mut chance, mut evidence) = (Chance::new(seed), ValuesEvidence::default());
        for _ in 0..5 {
            let cap = evidence.cap();
            evidence.learn(&Self::draw(&mut chance, self.events, 40.0, cap));
        }
        (0..looks).find(|&at| {
            let share = LADDER[(at / 10).min(3) as usize];
            let mean = 40.0 * (1.0 + (self.rises - 1.0) * f64::from(at) / 40.0);
            let cap = evidence.cap();
            let look = Values {
                canary: Self::draw(&mut chance, self.events * share, mean * (self.harm)(at), cap),
                baseline: Self::draw(&mut chance, self.events * (1.0 - share), mean, cap),
            };
            let rules = Rules::new(40.0);
            evidence.update(&look, &self.tolerate, Worse::Higher, &rules, std::iter::empty());
            evidence.log_evidence() >= libm::log(1.0 / ALPHA)
        })
    }

    fn reverted(&self, rollouts: u64) -> Vec<u32> {
        (0..rollouts).filter_map(|seed| self.play(seed, 40)).collect()
    }
}

/// Two series whose noise lasts from one scrape to the next.
#[derive(Clone, Copy)]
struct Scraped {
    correlation: f64,
    /// Scrapes of two halves of the baseline before the start.
    history: u32,
    /// The canary's value as a multiple of the baseline's.
    harm: f64,
}

const SCRAPE: Duration = Duration::from_secs(30);
/// Of either arm: a rise of 20 % is two deviations of the arms' log ratio.
const DEVIATION: f64 = 0.064;

impl Scraped {
    /// The scrape in which harm was called, of `scrapes`.
    fn play(&self, seed: u64, scrapes: u32) -> Option<u32> {
        let (mut chance, mut evidence) = (Chance::new(seed), GaugeEvidence::default());
        let mut noise = [0.0, 0.0].map(|_: f64| chance.normal());
        let mut pair = |harm: f64| {
            let fresh = (1.0 - self.correlation * self.correlation).sqrt();
            noise = noise.map(|last| self.correlation * last + fresh * chance.normal());
            let [canary, baseline] = noise.map(|noise| 500.0 * libm::exp(DEVIATION * noise));
            Pair { canary: canary * harm, baseline }
        };
        for _ in 0..self.history {
            evidence.learn(Some(&pair(1.0)), SCRAPE, &ratio(1.0));
        }
        (0..scrapes).find(|_| {
            let scrape = pair(self.harm);
            evidence.update(Some(&scrape), SCRAPE, &ratio(1.0), Worse::Higher, ALPHA);
            evidence.log_evidence() >= libm::log(1.0 / ALPHA)
        })
    }

    /// Of rollouts of 40 minutes.
    fn reverted(&self, rollouts: u64) -> Vec<u32> {
        (0..rollouts).filter_map(|seed| self.play(seed, 80)).collect()
    }
}

/// One canary beside many replicas, its history one of them beside the others, 30 s apart.
struct Fleet {
    replicas: usize,
    /// Of what is 30 s apart.
    correlation: f64,
    look: Duration,
}

impl Fleet {
    fn is_reverted(&self, seed: u64) -> bool {
        let (mut chance, mut evidence) = (Chance::new(seed), GaugeEvidence::default());
        let mut noise: Vec<f64> = (0..=self.replicas).map(|_| chance.normal()).collect();
        let mut pair = |lasting: Duration, others: usize| {
            let stays = libm::pow(self.correlation, lasting.as_secs_f64() / SCRAPE.as_secs_f64());
            let fresh = (1.0 - stays * stays).sqrt();
            noise.iter_mut().for_each(|n| *n = stays * *n + fresh * chance.normal());
            let level = |noise: &f64| 500.0 * libm::exp(0.1 * noise);
            let baseline = noise[1..=others].iter().map(level).sum::<f64>() / others as f64;
            Pair { canary: level(&noise[0]), baseline }
        };
        for _ in 0..260 {
            evidence.learn(Some(&pair(SCRAPE, self.replicas - 1)), SCRAPE, &ratio(1.0));
        }
        (0..40 * 60 / self.look.as_secs()).any(|_| {
            let scrape = pair(self.look, self.replicas);
            evidence.update(Some(&scrape), self.look, &ratio(1.0), Worse::Higher, ALPHA);
            evidence.log_evidence() >= libm::log(1.0 / ALPHA)
        })
    }
}

/// At most alpha, with two standard errors of the count for chance.
#[track_caller]
fn check_false_alarms(reverted: usize, rollouts: u64, allowed: f64) {
    let expected = rollouts as f64 * allowed;
    let most = expected + 2.0 * (expected * (1.0 - allowed)).sqrt();
    assert!(reverted as f64 <= most, "{reverted} of {rollouts} reverted, at most {most:.0}");
}

#[track_caller]
fn check_detection(found: &[u32], rollouts: u64, share: f64, mean: f64) {
    let got = found.len() as f64 / rollouts as f64;
    assert!(got >= share, "{got} found, expected {share}");
    let at = found.iter().map(|&at| f64::from(at + 1)).sum::<f64>() / found.len() as f64;
    assert!((at / mean - 1.0).abs() <= 0.15, "after {at:.1} looks, expected {mean}");
}

#[test]
fn values_that_rise_threefold_in_both_arms_are_no_harm() {
    let rising = Orders { rises: 3.0, ..Orders::healthy(200.0) };
    check_false_alarms(rising.reverted(80).len(), 80, 0.02);
    // At the edge of the tolerance, which moves with the baseline.
    let at_tolerance = Orders { tolerate: ratio(1.1), harm: |_| 1.1, ..rising };
    check_false_alarms(at_tolerance.reverted(80).len(), 80, 0.02);
}

#[test]
fn values_a_fifth_higher_are_found_whether_or_not_both_arms_rise() {
    let worse = Orders { harm: |_| 1.2, ..Orders::healthy(200.0) };
    check_detection(&worse.reverted(25), 25, 0.95, 27.0);
    check_detection(&Orders { rises: 3.0, ..worse }.reverted(25), 25, 0.95, 26.0);
}

#[test]
fn harm_to_values_that_starts_late_need_not_win_the_good_time_back() {
    let late = Orders {
        harm: |at| if at < 200 { 1.0 } else { 1.5 },
        tolerate: ratio(1.1),
        ..Orders::healthy(200.0)
    };
    let found: Vec<u32> = (0..4).filter_map(|seed| late.play(seed, 260)).collect();
    assert!(found.len() == 4 && found.iter().all(|&at| at >= 200), "{found:?}");
}

#[test]
fn noise_that_lasts_is_no_harm_to_a_gauge() {
    for correlation in [0.0, 0.5, 0.9, 0.97] {
        let taught = Scraped { correlation, history: 240, harm: 1.0 };
        check_false_alarms(taught.reverted(60).len(), 60, ALPHA);
    }
    for correlation in [0.0, 0.5, 0.9, 0.97] {
        let untaught = Scraped { correlation, history: 0, harm: 1.0 };
        check_false_alarms(untaught.reverted(150).len(), 150, ALPHA);
    }
}

#[test]
fn a_gauge_a_fifth_higher_is_found_at_once_with_a_history_and_slowly_without() {
    let worse = Scraped { correlation: 0.0, history: 240, harm: 1.2 };
    check_detection(&worse.reverted(60), 60, 0.99, 4.8);
    check_detection(&Scraped { correlation: 0.5, ..worse }.reverted(60), 60, 0.97, 13.0);
    check_detection(&Scraped { history: 0, ..worse }.reverted(60), 60, 0.97, 66.0);
}

#[test]
fn one_canary_beside_many_replicas_is_no_harm_however_long_the_looks() {
    for (correlation, look) in [(0.0, 30), (0.5, 10), (0.9, 10), (0.9, 60)] {
        let fleet = Fleet { replicas: 16, correlation, look: Duration::from_secs(look) };
        let reverted = (0..100).filter(|seed| fleet.is_reverted(*seed)).count();
        check_false_alarms(reverted, 100, ALPHA);
    }
}
