//! The course of a rollout's evidence, sparse: the same few points for terminal, page and report.
//!
//! However long a rollout runs, there are at most [`MOST`] points: when they are full every second one goes, and twice
//! as many looks are passed over from then on. The newest look is no part of it: who draws has it at hand.

use serde::{Deserialize, Serialize};

use super::band::band;
use super::{Judgement, Reading};
use crate::domain::Timestamp;

/// Points kept of one rollout: a check with its picture stays below 2 KiB.
const MOST: usize = 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// From one point to the next are 2 to the power of this many looks.
    doubled: u32,
    looks: u64,
    at: Vec<Timestamp>,
    /// By check, as many as `at`.
    checks: Vec<Vec<Kept>>,
}

/// One check at one time: evidence, ratio, low, high; what is open or unknown is 0.
type Kept = [f32; 4];

/// One check at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    pub at: Timestamp,
    /// Evidence of harm, natural logarithm.
    pub log_evidence: f32,
    /// How many times as often the canary failed in this step; `None` where it cannot be said.
    pub ratio: Option<f32>,
    /// Its 99 % range; an end that is open is `None`.
    pub low: Option<f32>,
    pub high: Option<f32>,
}

impl Picture {
    /// Takes a judged look in; `at` is its end.
    pub fn add(&mut self, at: Timestamp, judgement: &Judgement) {
        self.looks += 1;
        let every = 1 << self.doubled.min(63);
        if !(self.looks - 1).is_multiple_of(every) {
            return;
        }
        self.at.push(at);
        self.checks.resize_with(judgement.readings.len(), Vec::new);
        for (points, reading) in self.checks.iter_mut().zip(&judgement.readings) {
            // A check that was not there before has no past.
            points.resize(self.at.len() - 1, Kept::default());
            points.push(kept(reading));
        }
        if self.at.len() > MOST {
            self.doubled += 1;
            thin(&mut self.at);
            self.checks.iter_mut().for_each(thin);
        }
    }

    /// Of one check, oldest first.
    pub fn points(&self, check: usize) -> impl Iterator<Item = Drawn> {
        let kept = self.checks.get(check).into_iter().flatten();
        self.at.iter().zip(kept).map(|(at, kept)| drawn(*at, *kept))
    }

    /// A look of one check as a point.
    pub fn point(at: Timestamp, reading: &Reading) -> Drawn {
        drawn(at, kept(reading))
    }
}

/// The first stays, and every second one from there.
fn thin<T>(points: &mut Vec<T>) {
    let mut stays = false;
    points.retain(|_| {
        stays = !stays;
        stays
    });
}

fn kept(reading: &Reading) -> Kept {
    let band = band(&reading.step, reading.dispersion);
    let end = |end: Option<f64>| end.map_or(0.0, short);
    [
        short(reading.log_evidence.unwrap_or_default()),
        end(reading.step.ratio()),
        end(band.and_then(|band| band.low)),
        end(band.and_then(|band| band.high)),
    ]
}

fn drawn(at: Timestamp, [log_evidence, ratio, low, high]: Kept) -> Drawn {
    let known = |value: f32| (value > 0.0).then_some(value);
    Drawn { at, log_evidence, ratio: known(ratio), low: known(low), high: known(high) }
}

/// To three digits that count: nobody sees more of them, and what is stored is a third as long.
fn short(value: f64) -> f32 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let unit = libm::pow(10.0, libm::floor(libm::log10(value.abs())) - 2.0);
    (libm::round(value / unit) * unit) as f32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::judge::{Thin, Verdict};

    fn judged() -> Judgement {
        let log_evidence = Some(0.0);
        let reading = Reading { log_evidence, ..Reading::default() };
        let verdict = Verdict::Inconclusive { why: Thin::NoTraffic };
        let (readings, blamed) = (vec![reading], Vec::new());
        Judgement { verdict, readings, log_evidence, log_limit: 1.0, blamed }
    }

    /// The numbers of the looks that are points.
    fn after(looks: u64) -> Vec<u64> {
        let mut picture = Picture::default();
        for look in 0..looks {
            picture.add(Timestamp::default().plus(Duration::from_secs(look)), &judged());
        }
        picture.points(0).map(|drawn| drawn.at.since(Timestamp::default()).as_secs()).collect()
    }

    #[test]
    fn the_first_look_is_always_there_and_one_of_the_last() {
        for looks in 1..2_000 {
            let points = after(looks);
            assert!(points.len() <= MOST, "{} points", points.len());
            let newest = points[points.len() - 1];
            assert_eq!(points[0], 0);
            assert!(looks - newest <= looks.div_ceil(MOST as u64 / 2), "{newest} of {looks}");
        }
    }

    #[test]
    fn points_lie_even() {
        let points = after(1_000);
        let gaps: Vec<u64> = points.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]), "{gaps:?}");
        assert!(points.len() >= MOST / 2, "{} points", points.len());
    }

    #[test]
    fn a_point_has_three_digits() {
        let rows = [(0.0, 0.0), (1.2345, 1.23), (-2_345.0, -2_350.0), (f64::INFINITY, 0.0)];
        for (value, expect) in rows {
            assert_eq!(short(value), expect, "{value}");
        }
    }
}
