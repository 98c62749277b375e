//! What was asked for one check -> the judge's numbers.
//!
//! Owns: which sums make which kind of numbers, and that a part that is missing makes none.
//! Does not: take differences (`increments`, `buckets`).

use super::buckets::{Rises, histogram, whole};
use crate::judge::{Counts, Histogram, Moments, Numbers, Pair, Values};

/// What was asked for a check, by arm; `None` where it was not.
#[derive(Default)]
pub(super) struct Sums<'a> {
    pub(super) canary: ArmSums<'a>,
    pub(super) baseline: ArmSums<'a>,
}

#[derive(Default)]
pub(super) struct ArmSums<'a> {
    pub(super) requests: Option<f64>,
    pub(super) failures: Option<f64>,
    pub(super) events: Option<f64>,
    pub(super) sum: Option<f64>,
    pub(super) squares: Option<f64>,
    pub(super) rises: Option<&'a Rises>,
    /// `Some(None)`: asked for, and not told.
    pub(super) level: Option<Option<f64>>,
}

impl Sums<'_> {
    /// `None`: nothing was asked, or the answers make no numbers.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        let (canary, baseline) = (&self.canary, &self.baseline);
        if let Some(theirs) = baseline.rises {
            return Some(Numbers::Histogram(histogram(canary.rises?, theirs)?));
        }
        if let Some(theirs) = baseline.level {
            return match canary.level {
                None => theirs.map(Numbers::Level),
                Some(ours) => Some(Numbers::Gauge(Pair { canary: ours?, baseline: theirs? })),
            };
        }
        if baseline.events.is_some() {
            let values = Values { canary: canary.moments(), baseline: baseline.moments() };
            return Some(Numbers::Values(values));
        }
        let asked = [canary.requests, canary.failures, baseline.requests, baseline.failures];
        let [ours, our_failures, theirs, their_failures] =
            asked.map(|sum| whole(sum.unwrap_or(0.0)));
        asked.iter().any(Option::is_some).then_some(Numbers::Counts(Counts {
            canary_requests: ours,
            canary_failures: our_failures,
            baseline_requests: theirs,
            baseline_failures: their_failures,
        }))
    }
}

impl ArmSums<'_> {
    fn moments(&self) -> Moments {
        let [events, sum, squares] =
            [self.events, self.sum, self.squares].map(|sum| sum.unwrap_or(0.0));
        let events = whole(events);
        // Equal values: what a long life of the counters has rounded away can make this a hair too small.
        let least = sum * sum / events.max(1) as f64;
        let rounded = squares < least && squares >= least * (1.0 - 1e-3);
        Moments { events, sum, squares: if rounded { least } else { squares } }
    }
}

/// The same kind of numbers, with nothing counted.
pub(super) fn nothing(numbers: Numbers) -> Numbers {
    match numbers {
        Numbers::Counts(_) => Numbers::Counts(Counts::default()),
        Numbers::Histogram(_) => Numbers::Histogram(Histogram::default()),
        Numbers::Values(_) => Numbers::Values(Values::default()),
        level @ (Numbers::Gauge(_) | Numbers::Level(_)) => level,
    }
}
