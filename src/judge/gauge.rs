//! Gauges (memory, a queue's length, a hit rate): both arms at the same instants, paired by scrape.
//!
//! Neighbouring scrapes resemble each other, and a test that takes them for independent reverts half of all healthy
//! canaries. Two answers, chosen once at the first pair:
//! - **whitened**, where replicas of the baseline were compared for at least 2 hours: an AR(1) process is fitted to
//!   their difference, and what each difference of the arms adds to what the last one let expect goes into the normal
//!   mixture of `normal`. Where noise lasts, a scrape counts little.
//! - **means** of 5 minutes else, and the t e-process of a normal mean of unknown variance, its statistic divided by what
//!   neighbouring means share as far as the scrapes tell. Slow, and an approximation where noise lasts.
//!
//! Gauges are weak evidence and never vote for opening a step.

use std::fmt;
use std::time::Duration;

use libm::{log, log1p};
use serde::{Deserialize, Serialize};

use super::Tolerance;
use super::noise::Series;
use super::normal::{Bets, tuning};
use super::worse::{Line, Worse};

/// History enough for whitening: this long, with this many differences.
const HISTORY: Duration = Duration::from_secs(2 * 60 * 60);
const DIFFERENCES: f64 = 240.0;
/// No fit is believed to be nearer to a random walk, from which nothing could be learned.
const MOST_CORRELATION: f64 = 0.99;
/// One scrape counts at most this many deviations: an outlier alone reverts nothing.
const CLIP: f64 = 3.0;
/// Nothing is surer than this share of the baseline's value: equal values would be infinitely sure.
const LEAST_DEVIATION: f64 = 0.01;
/// How long differences are averaged without history.
const BLOCK: Duration = Duration::from_secs(5 * 60);
/// Fewer means than this say nothing.
const LEAST_MEANS: f64 = 4.0;
/// The t process's prior, in observations.
const PRIOR: f64 = 1.0;
/// Values beyond have squares whose sum is no float.
const LARGEST: f64 = 1e140;
/// Of the t statistic's square by its degrees: means without any variance.
const CLEAREST: f64 = 1e12;

/// Values of both arms at one instant (a scrape), paired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    pub canary: f64,
    pub baseline: f64,
}

/// What is remembered of a check of a gauge. Its size does not grow with the scrapes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GaugeEvidence {
    form: Form,
    history: Fit,
    mode: Mode,
    /// Natural logarithm of what was won before the form changed.
    carried: f64,
    /// The last pair, and how many there were.
    seen: Option<(Pair, u64)>,
}

/// How far apart two values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// Until a value that is not above 0, or a tolerance that is no pure ratio, is seen.
    #[default]
    LogRatio,
    Difference,
}

/// Sums of neighbouring differences `x`, `y` of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Fit {
    last: Option<f64>,
    pairs: f64,
    xx: f64,
    xy: f64,
    yy: f64,
    lasting: Duration,
    /// From one to the next.
    every: Duration,
}

/// How scrapes are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// No pair was seen yet.
    #[default]
    Unbegun,
    /// Each scrape by what it adds to the last one, as a history of the baseline teaches.
    Whitened(Whitened),
    /// By means of 5 minutes, for want of a history.
    Means(Means),
}

/// The word for a [`Mode`] that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Look by look, by how the baseline's replicas differed before.
    Past,
    /// By means of 5 minutes.
    Means,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Whitened {
    correlation: f64,
    deviation: f64,
    /// Apart in time that far, the history's scrapes were that correlated.
    every: Duration,
    /// The last excess, and how long ago that was.
    last: Option<(f64, Duration)>,
    harm: Bets,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// Scrapes, the sum of their excesses and their time, of the mean being filled.
    filling: (u32, f64, Duration),
    count: f64,
    mean: f64,
    squares: f64,
    scrapes: Series,
    /// How much more the means vary than independent ones, by what the scrapes told at the last of them.
    shared: f64,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Past => "past",
            Self::Means => "means",
        })
    }
}

impl Pair {
    fn is_possible(&self) -> bool {
        self.canary.abs() <= LARGEST && self.baseline.abs() <= LARGEST
    }
}

impl GaugeEvidence {
    /// Takes one scrape of the history in, oldest first: replicas of the baseline in the place of either arm. `lasting` is the time since the scrape before. Enough from 2 hours and 240 scrapes on.
    pub(super) fn learn(
        &mut self,
        replicas: Option<&Pair>,
        lasting: Duration,
        tolerate: &Tolerance,
    ) {
        let equal = Tolerance { ratio: 1.0, delta: 0.0 };
        let Some(replicas) = replicas.filter(|replicas| replicas.is_possible()) else {
            self.history.last = None;
            return;
        };
        self.choose_form(replicas, tolerate);
        if let Some(apart) = self.excess(replicas, &equal, Worse::Higher) {
            self.history.learn(apart, lasting);
        }
    }

    /// Takes one scrape in; `None` where the source had no value, or one arm had none. `lasting` is the time since the
    /// scrape before.
    pub(super) fn update(
        &mut self,
        pair: Option<&Pair>,
        lasting: Duration,
        tolerate: &Tolerance,
        worse: Worse,
        alpha: f64,
    ) {
        let pair = pair.filter(|pair| pair.is_possible());
        if let Some(pair) = pair {
            self.choose_form(pair, tolerate);
            self.seen = Some((*pair, self.seen.map_or(0, |(_, seen)| seen) + 1));
        }
        let excess = pair.and_then(|pair| self.excess(pair, tolerate, worse));
        let least = pair.map_or(0.0, |pair| self.least_deviation(pair));
        if excess.is_some() && self.mode == Mode::Unbegun {
            self.mode = self.history.mode();
        }
        match &mut self.mode {
            Mode::Unbegun => {}
            Mode::Whitened(whitened) => whitened.update(excess, lasting, least, alpha),
            Mode::Means(means) => means.update(excess, lasting),
        }
    }

    /// A person said "go on" after a regression: evidence begins anew, the history stays.
    pub(super) fn begin_life(&mut self) {
        self.mode = Mode::Unbegun;
        self.carried = 0.0;
    }

    /// Natural logarithm of the evidence of harm; 0 at the start.
    pub fn log_evidence(&self) -> f64 {
        self.carried + self.mode.log_evidence()
    }

    /// The last pair, and how many there were; for people.
    pub(super) fn last(&self) -> Option<(Pair, u64)> {
        self.seen
    }

    /// What scrapes are judged by; `None` before the first pair.
    pub(super) fn by(&self) -> Option<By> {
        match self.mode {
            Mode::Unbegun => None,
            Mode::Whitened(_) => Some(By::Past),
            Mode::Means(_) => Some(By::Means),
        }
    }

    /// How scrapes are judged: chosen at the first pair, and anew should values at or below 0 end the log ratio.
    #[cfg(test)]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// A log ratio where it can be had. Once it cannot, differences stay, with what was won so far: numbers in two units
    /// make no series, and a history in logarithms tells nothing about differences.
    fn choose_form(&mut self, pair: &Pair, tolerate: &Tolerance) {
        let possible = pair.canary > 0.0 && pair.baseline > 0.0;
        let wanted = tolerate.delta == 0.0 && tolerate.ratio > 0.0;
        if self.form == Form::LogRatio && !(possible && wanted) {
            self.form = Form::Difference;
            self.history = Fit::default();
            self.carried = self.log_evidence();
            self.mode = Mode::Unbegun;
        }
    }

    /// How far the canary is beyond what is tolerated, in the form in use.
    fn excess(&self, pair: &Pair, tolerate: &Tolerance, worse: Worse) -> Option<f64> {
        let line = Line::new(tolerate, worse, pair.baseline < 0.0, 1.0)?;
        Some(match self.form {
            Form::Difference => line.excess(pair.canary, pair.baseline),
            Form::LogRatio => Line { factor: 1.0, offset: log(line.factor), worse }
                .excess(log(pair.canary), log(pair.baseline)),
        })
    }

    fn least_deviation(&self, pair: &Pair) -> f64 {
        match self.form {
            Form::LogRatio => LEAST_DEVIATION,
            Form::Difference => LEAST_DEVIATION * pair.baseline.abs(),
        }
    }
}

impl Mode {
    fn log_evidence(&self) -> f64 {
        match self {
            Self::Unbegun => 0.0,
            Self::Whitened(whitened) => whitened.harm.log_evidence(),
            Self::Means(means) => means.log_evidence(),
        }
    }
}

impl Fit {
    fn learn(&mut self, apart: f64, lasting: Duration) {
        self.lasting = self.lasting.saturating_add(lasting);
        self.every = lasting;
        if let Some(last) = self.last.replace(apart) {
            self.pairs += 1.0;
            self.xx += last * last;
            self.xy += last * apart;
            self.yy += apart * apart;
        }
    }

    fn mode(&self) -> Mode {
        if self.pairs < DIFFERENCES - 1.0 || self.lasting < HISTORY {
            return Mode::Means(Means::default());
        }
        let (correlation, deviation) = self.process();
        let (every, harm) = (self.every, Bets::default());
        Mode::Whitened(Whitened { correlation, deviation, every, last: None, harm })
    }

    /// Lag-1 correlation and residual deviation, both to the safe side. Least squares through 0, for replicas are
    /// alike: what differs between them for good counts as noise that lasts. Then Kendall's bias, `(1 + 3a)/n`, and a
    /// standard error.
    fn process(&self) -> (f64, f64) {
        let n = self.pairs;
        let slope = if self.xx > 0.0 { (self.xy / self.xx).clamp(0.0, 1.0) } else { 0.0 };
        let error = ((1.0 - slope * slope) / n).sqrt();
        let correlation = (slope + (1.0 + 3.0 * slope) / n + error).min(MOST_CORRELATION);
        let squares = self.yy - 2.0 * correlation * self.xy + correlation * correlation * self.xx;
        let deviation = (squares.max(0.0) / (n - 1.0)).sqrt();
        (correlation, deviation * (1.0 + 1.0 / (2.0 * n).sqrt()))
    }
}

impl Whitened {
    /// After `lag` scrapes of the history the last excess still lets `a^lag` of it be expected, and that with the
    /// variance `s^2 (1 - a^(2 lag))/(1 - a^2)`; the first scrape of all is one after an infinite lag. Looks may be nearer
    /// to each other than the history's scrapes, and then resemble each other more.
    fn update(&mut self, excess: Option<f64>, lasting: Duration, least: f64, alpha: f64) {
        let before = self.last.map(|(last, ago)| (last, ago.saturating_add(lasting)));
        let Some(excess) = excess else {
            self.last = before;
            return;
        };
        self.last = Some((excess, Duration::ZERO));
        let lag = |ago: Duration| ago.as_secs_f64() / self.every.as_secs_f64();
        let (last, lag) = before.map_or((0.0, f64::INFINITY), |(last, ago)| (last, lag(ago)));
        let stays = libm::pow(self.correlation, lag);
        let spread = (1.0 - stays * stays) / (1.0 - self.correlation * self.correlation);
        let deviation = self.deviation.max(least) * spread.sqrt();
        // Without any time in between, or any noise, a scrape adds nothing that could be weighed.
        if !(spread > 0.0 && deviation > 0.0) {
            return;
        }
        let surprise = (excess - stays * last) / deviation;
        let gain = (1.0 - stays) / spread.sqrt();
        // As the mixture takes it: `u/g` with the information `g^2`, so that the sums are those of `u g` and `g^2`.
        let surprise = surprise.clamp(-CLIP, CLIP);
        let aim = 2.0 * log(1.0 / alpha);
        self.harm.add(surprise / gain, gain * gain, tuning(aim, alpha));
    }
}

impl Means {
    fn update(&mut self, excess: Option<f64>, lasting: Duration) {
        let (scrapes, sum, time) = &mut self.filling;
        if let Some(excess) = excess {
            *scrapes = scrapes.saturating_add(1);
            *sum += excess;
            self.scrapes.take(excess);
        }
        *time = time.saturating_add(lasting);
        if *time >= BLOCK {
            let (scrapes, sum, _) = std::mem::take(&mut self.filling);
            // Five minutes without a value are no mean.
            if scrapes > 0 {
                self.take(sum / f64::from(scrapes));
            }
        }
    }

    fn take(&mut self, value: f64) {
        self.count += 1.0;
        let apart = value - self.mean;
        self.mean += apart / self.count;
        self.squares += apart * (value - self.mean);
        self.shared = self.scrapes.shared(self.count);
    }

    /// Of harm alone: a canary better than tolerated is no harm, however surely.
    fn log_evidence(&self) -> f64 {
        if self.count < LEAST_MEANS {
            return 0.0;
        }
        let log_evidence = log_t(self.count, self.clearness());
        if self.mean > 0.0 { log_evidence } else { log_evidence.min(0.0) }
    }

    /// The square of the t statistic over its degrees of freedom, less what neighbouring means share.
    fn clearness(&self) -> f64 {
        let relative = self.mean * (self.count / self.squares).sqrt();
        if self.mean == 0.0 { 0.0 } else { (relative * relative / self.shared).min(CLEAREST) }
    }
}

/// The t e-process: the likelihood ratio of a normal mean with a normal prior, in deviations, against 0, by the scale
/// invariant statistic.
fn log_t(n: f64, clearness: f64) -> f64 {
    let shrunk = PRIOR / (n + PRIOR);
    0.5 * log(shrunk) + 0.5 * n * (log1p(clearness) - log1p(shrunk * clearness))
}
