//! Harm that both arms share: no comparison of them can see it, so both are held to the hour before the shift.
//!
//! Owns: whether both arms together are above a multiple of that hour, for long enough and beyond chance.
//! Does not: compare the arms, or blame the canary: the cause may be anything that happened since.
//!
//! Counts: Page's sums of the log likelihood ratio of two Poisson rates, one a little below the multiple and one above
//! it, divided by the dispersion of the hour's blocks. A sum rises only while failures come faster than the multiple, so
//! a look that is healthy beyond its noise ends it. From below, the chance that a look begins a run in which a sum
//! reaches [`ENOUGH`] is at most `exp(-ENOUGH)` (Wald). Levels: every reading must be above.

use std::time::Duration;

use libm::log;
use serde::{Deserialize, Serialize};

use super::before::{Amount, Before, Hour};
use super::counts::{Counts, Tally};
use super::gauge::Pair;
use super::limits::Broken;
use super::numbers::{Histogram, Numbers, Slower};
use super::values::{Moments, Values};
use super::verdict::What;
use super::{Criterion, Limit, LimitKind};

/// One in a million: what a run must reach, natural logarithm. The sum is not kept above it, so that harm that is over
/// is over soon.
const ENOUGH: f64 = 13.8;
/// Fewer failures beyond those of the hour before are no harm to anybody, whatever the odds.
const LEAST_EXCESS: f64 = 10.0;
/// The lower rate is this factor below the multiple, and the higher ones these above it: the first sees a small harm and
/// dates it, the last sees a great one in few failures.
const STEP: f64 = 1.25;
const HIGHER: [f64; 3] = [STEP, 3.0, 10.0];
/// A multiple nearer to 1 than this cannot be told from an ordinary hour.
const LEAST_MULTIPLE: f64 = 1.02;
/// The share of slow requests that the bound of a histogram should have.
const SLOW: f64 = 0.01;

/// What is remembered of a check of both arms together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedEvidence {
    /// By the first numbers there were.
    what: Option<What>,
    /// Until the canary is looked at; then it is over, and this is what it was like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hour: Option<Hour>,
    before: Option<Before>,
    /// Since the weight in force last changed.
    step: Tally,
    now: Amount,
    /// By position of the limit.
    watches: Vec<Watch>,
}

/// One limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Watch {
    /// Page's sums, 0 to [`ENOUGH`], and what was seen since the first was last 0.
    harm: [f64; HIGHER.len()],
    since: Amount,
    /// The limit is broken: it was for long enough, and is not half refuted yet.
    broken: bool,
    /// A person sent the rollout on at this rate or level: more than that is harm now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<f64>,
}

/// How a check of both arms together stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// `None`: too little was seen before the shift, so nothing is held to it.
    pub before: Option<Before>,
    /// Both arms since the weight in force last changed.
    pub now: Amount,
    /// Both arms since harm seems to have begun, where it is beyond the limit.
    pub since: Option<Amount>,
}

impl Together {
    /// How many times the rate or level before, since harm began or since the weight changed; `None` where either is not
    /// known or nothing failed before.
    pub fn ratio(&self) -> Option<f64> {
        let before = self.before?.seen.mean().filter(|mean| *mean > 0.0)?;
        Some(finite(self.since.unwrap_or(self.now).mean()? / before))
    }
}

impl Default for SharedEvidence {
    fn default() -> Self {
        Self {
            what: None,
            hour: Some(Hour::default()),
            before: None,
            step: Tally::default(),
            now: Amount::default(),
            watches: Vec::new(),
        }
    }
}

impl SharedEvidence {
    /// A look from before the shift.
    pub(super) fn learn(&mut self, numbers: &Numbers, lasting: Duration) {
        let look = self.amount(numbers, lasting);
        if let Some((hour, look)) = self.hour.as_mut().zip(look) {
            hour.learn(&look);
        }
    }

    pub(super) fn take(&mut self, criterion: &Criterion, numbers: &Numbers, lasting: Duration) {
        let look = self.amount(numbers, lasting);
        if let Some(hour) = self.hour.take() {
            self.before = self.what.and_then(|what| hour.before(what));
        }
        self.step.add(&self.counts(numbers), lasting);
        let (Some(look), Some(what)) = (look, self.what) else { return };
        self.now.add(&look);
        let Some(before) = self.before.filter(|_| look.of > 0.0) else { return };
        self.watches.resize_with(criterion.limits.len(), Watch::default);
        for (watch, limit) in self.watches.iter_mut().zip(&criterion.limits) {
            if let Some(multiple) = limit.multiple() {
                watch.update(limit, multiple, &before, what, &look);
            }
        }
    }

    /// Both arms together in the unit of this check; `None` for numbers of another kind.
    fn amount(&mut self, numbers: &Numbers, lasting: Duration) -> Option<Amount> {
        let counted = |c: Counts| Amount {
            of: c.canary_requests as f64 + c.baseline_requests as f64,
            sum: c.canary_failures as f64 + c.baseline_failures as f64,
            lasting,
        };
        let (what, amount) = match numbers {
            Numbers::Counts(counts) => (What::Failed, counted(*counts)),
            Numbers::Histogram(histogram) => {
                let than = match self.what {
                    Some(What::SlowerThan(than)) => than,
                    _ => bound(histogram)?,
                };
                let at = histogram.slower.iter().position(|slower| slower.than == than)?;
                (What::SlowerThan(than), counted(histogram.counts(at)?))
            }
            Numbers::Values(Values { canary, baseline }) => {
                let of = canary.events as f64 + baseline.events as f64;
                (What::Mean, Amount { of, sum: finite(canary.sum + baseline.sum), lasting })
            }
            Numbers::Gauge(Pair { canary, baseline }) => {
                let sum = finite(0.5 * canary + 0.5 * baseline);
                (What::Level, Amount { of: 1.0, sum, lasting })
            }
            Numbers::Level(level) => (What::Level, Amount { of: 1.0, sum: *level, lasting }),
        };
        (*self.what.get_or_insert(what) == what).then_some(amount)
    }

    /// The same by arm.
    fn counts(&self, numbers: &Numbers) -> Counts {
        match (numbers, self.what) {
            (Numbers::Counts(counts), _) => *counts,
            (Numbers::Histogram(histogram), Some(What::SlowerThan(than))) => {
                let at = histogram.slower.iter().position(|slower| slower.than == than);
                at.and_then(|at| histogram.counts(at)).unwrap_or_default()
            }
            _ => Counts::default(),
        }
    }

    /// The limit at `position`, if both arms are beyond it.
    pub(super) fn broken(&self, position: usize, limit: &Limit) -> Option<Broken> {
        let (before, watch) = (self.before?, self.watches.get(position)?);
        if !watch.broken {
            return None;
        }
        let (seen, usual) = (watch.since.mean()?, before.seen.mean()?);
        Some(Broken {
            kind: limit.kind,
            then: limit.then,
            seen: if usual > 0.0 { finite(seen / usual) } else { 0.0 },
            failures: whole(watch.since.sum),
            requests: whole(watch.since.of),
            lasting: watch.since.lasting,
            both: true,
            what: self.what.unwrap_or_default(),
            level: seen,
            before: Some(before),
        })
    }

    /// Whether something is known that both arms can be held to.
    pub(super) fn is_armed(&self) -> bool {
        self.before.is_some()
    }

    pub(super) fn what(&self) -> What {
        self.what.unwrap_or_default()
    }

    pub(super) fn step(&self) -> Tally {
        self.step
    }

    pub(super) fn together(&self) -> Together {
        let broken = self.watches.iter().find(|watch| watch.broken);
        Together { before: self.before, now: self.now, since: broken.map(|watch| watch.since) }
    }

    /// What it keeps beside its own size.
    pub(super) fn heap_bytes(&self) -> usize {
        let blocks = self.hour.as_ref().map_or(0, Hour::heap_bytes);
        blocks + self.watches.len() * size_of::<Watch>()
    }

    pub(super) fn weight_changed(&mut self) {
        (self.step, self.now) = (Tally::default(), Amount::default());
    }

    /// A person saw the harm and said "go on": what is as bad as it was then is not told again.
    pub(super) fn next_life(&mut self) {
        for watch in &mut self.watches {
            let seen = watch.since.mean().filter(|_| watch.broken);
            let accepted = watch.accepted.into_iter().chain(seen).reduce(f64::max);
            *watch = Watch { accepted, ..Watch::default() };
        }
    }
}

impl Watch {
    fn update(&mut self, limit: &Limit, multiple: f64, before: &Before, what: What, look: &Amount) {
        let edge = finite(multiple * before.most.max(self.accepted.unwrap_or(0.0)));
        let harm = match what {
            What::Mean | What::Level => match look.mean() {
                Some(mean) if mean > edge => [ENOUGH; HIGHER.len()],
                _ => [-ENOUGH; HIGHER.len()],
            },
            What::Failed | What::FailedUsers | What::SlowerThan(_) => {
                log_ratios(edge, multiple, look).map(|ratio| ratio / before.dispersion)
            }
        };
        self.add(&harm, look);
        let most = self.harm.iter().copied().fold(0.0, f64::max);
        let stays = self.broken && most > 0.5 * ENOUGH;
        self.broken = stays || (most >= ENOUGH && self.is_harm(limit, before, what, edge));
    }

    /// What the first sum does not see, the others do not either: with it, they all begin anew.
    fn add(&mut self, harm: &[f64; HIGHER.len()], look: &Amount) {
        for (sum, more) in self.harm.iter_mut().zip(harm) {
            *sum = (*sum + more).clamp(0.0, ENOUGH);
        }
        if self.harm[0] > 0.0 {
            self.since.add(look);
        } else {
            (self.harm, self.since) = ([0.0; HIGHER.len()], Amount::default());
        }
    }

    /// Beyond chance is not enough: it must be above the limit, for as long as the plan says, and hurt somebody.
    fn is_harm(&self, limit: &Limit, before: &Before, what: What, edge: f64) -> bool {
        let Some((seen, usual)) = self.since.mean().zip(before.seen.mean()) else { return false };
        let counted = !matches!(what, What::Mean | What::Level);
        let hurts = self.since.sum - usual * self.since.of >= LEAST_EXCESS;
        let enough = self.since.of >= limit.min_requests as f64 && hurts;
        self.since.lasting >= limit.lasting && seen > edge && (enough || !counted)
    }
}

/// Of one look: failures at each rate above `edge` against one below, as Poisson counts. A multiple near to 1 has nearer
/// rates, so that the lower one stays above the rate before.
fn log_ratios(edge: f64, multiple: f64, look: &Amount) -> [f64; HIGHER.len()] {
    let step = multiple.sqrt().min(STEP);
    HIGHER.map(|high| {
        let high = if high == STEP { step } else { high };
        look.sum * log(high * step) - look.of * edge * (high - 1.0 / step)
    })
}

impl Limit {
    /// Of a limit on both arms against the hour before, its multiple.
    fn multiple(&self) -> Option<f64> {
        match self.kind {
            LimitKind::AboveBefore(multiple) if multiple.is_finite() => {
                Some(multiple.max(LEAST_MULTIPLE))
            }
            _ => None,
        }
    }
}

/// Both arms in the place of the canary, where a plain limit looks.
pub(super) fn joined(numbers: &Numbers) -> Numbers {
    match numbers {
        Numbers::Counts(c) => Numbers::Counts(Counts {
            canary_requests: c.canary_requests.saturating_add(c.baseline_requests),
            canary_failures: c.canary_failures.saturating_add(c.baseline_failures),
            ..Counts::default()
        }),
        Numbers::Histogram(h) => Numbers::Histogram(Histogram {
            canary_requests: h.canary_requests.saturating_add(h.baseline_requests),
            baseline_requests: 0,
            slower: h.slower.iter().map(joined_bound).collect(),
        }),
        Numbers::Values(Values { canary: c, baseline: b }) => Numbers::Values(Values {
            canary: Moments {
                events: c.events.saturating_add(b.events),
                sum: finite(c.sum + b.sum),
                squares: finite(c.squares + b.squares),
            },
            baseline: Moments::default(),
        }),
        Numbers::Gauge(pair) => Numbers::Level(finite(0.5 * pair.canary + 0.5 * pair.baseline)),
        Numbers::Level(level) => Numbers::Level(*level),
    }
}

fn joined_bound(slower: &Slower) -> Slower {
    let canary = slower.canary.saturating_add(slower.baseline);
    Slower { canary, baseline: 0, ..*slower }
}

/// The bound whose share of slow requests is nearest to the one that shows harm best.
fn bound(histogram: &Histogram) -> Option<f64> {
    let of = histogram.canary_requests as f64 + histogram.baseline_requests as f64;
    let far = |slower: &Slower| {
        let share = (slower.canary as f64 + slower.baseline as f64) / of;
        (libm::log10(share + 1e-4) - libm::log10(SLOW + 1e-4)).abs()
    };
    let bounds = histogram.slower.iter().filter(|_| of > 0.0);
    bounds.min_by(|a, b| far(a).total_cmp(&far(b))).map(|slower| slower.than)
}

fn finite(number: f64) -> f64 {
    number.clamp(-f64::MAX, f64::MAX)
}

fn whole(number: f64) -> u64 {
    libm::round(number.max(0.0)) as u64
}
