//! What a look says, as data and in one sentence.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::limits::Broken;
use super::words::{about, odds, percent, seconds_of, thousands, times, value};
use super::{LimitAction, LimitKind};
use crate::domain::{Doubt, human};

/// What one look says about the rollout as a whole. `Display` is the sentence people read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Evidence of harm reached its limit. `check` carries most of it; evidence and limit are those of all checks
    /// together, as natural logarithms.
    Regression {
        check: String,
        #[serde(default)]
        what: What,
        counts: Counts,
        #[serde(default)]
        means: Option<Means>,
        log_evidence: f64,
        log_limit: f64,
    },
    /// A plain limit was broken for as long as it says.
    LimitBroken { check: String, limit: Broken },
    /// The numbers cannot be right; they were not counted.
    Invalid { why: Senseless },
    /// The arms get other shares of traffic than the weight in force, beyond chance.
    Mismatch { expected: f64, seen: f64, requests: u64 },
    /// The canary should be getting requests and is not, while the baseline is.
    Silent { awaited: f64, baseline: u64 },
    /// The source of a check had no answer for this look.
    Blind { check: String },
    /// Every comparing check excludes what the next step must exclude. The only verdict that opens a step.
    Pass,
    /// Neither harm nor health is shown yet.
    Inconclusive { why: Thin },
    /// Nothing compares the arms; limits alone were applied, and held.
    Unjudged { why: Uncompared },
}

/// What is counted or measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    #[default]
    Failed,
    FailedUsers,
    /// Requests that took longer than so many seconds.
    SlowerThan(f64),
    /// The mean of a value an event.
    Mean,
    /// A level.
    Level,
}

/// Means of both arms, and of how many events or readings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Means {
    pub canary: f64,
    pub baseline: f64,
    pub canary_events: u64,
    pub baseline_events: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Senseless {
    /// More failures than requests, or more requests than can be.
    Counts { check: String },
    /// The same of the route's requests.
    Requests,
    /// The canary reports and the baseline, which should be serving, does not.
    BaselineSilent { canary_requests: u64 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thin {
    /// Nothing reached either arm in this look.
    NoTraffic,
    /// The canary had no request yet at this weight.
    NoCanaryYet,
    /// The check that is furthest from passing, and about what it needs if the canary is as good as the baseline.
    Needs { check: String, remaining: Option<Remaining> },
}

/// What a check still needs to exclude the next step's harm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remaining {
    /// Canary requests.
    pub requests: f64,
    /// At this weight's pace so far; `None` before the first canary request or beyond all ages.
    pub time: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncompared {
    /// No check tolerates anything: the plan never compares.
    NoCheck,
    /// The canary has all the traffic.
    NoControl,
}

/// The verdict without its numbers: a look that does not change it is not worth a journal entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    Regression,
    LimitRevert,
    LimitPause,
    Invalid,
    Mismatch,
    Silent,
    Blind,
    Pass,
    Inconclusive,
    Unjudged,
}

impl Verdict {
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::Regression { .. } => VerdictKind::Regression,
            Self::LimitBroken { limit, .. } => match limit.then {
                LimitAction::Revert => VerdictKind::LimitRevert,
                LimitAction::Pause | LimitAction::StepBack => VerdictKind::LimitPause,
            },
            Self::Invalid { .. } => VerdictKind::Invalid,
            Self::Mismatch { .. } => VerdictKind::Mismatch,
            Self::Silent { .. } => VerdictKind::Silent,
            Self::Blind { .. } => VerdictKind::Blind,
            Self::Pass => VerdictKind::Pass,
            Self::Inconclusive { .. } => VerdictKind::Inconclusive,
            Self::Unjudged { .. } => VerdictKind::Unjudged,
        }
    }

    /// The doubt this verdict amounts to; `None` where the judge is sure, or is not asked. A mismatch counts as blind:
    /// the numbers may be those of other users than we think.
    pub fn doubt(&self) -> Option<Doubt> {
        match self {
            Self::Inconclusive { .. } => Some(Doubt::Thin(self.to_string())),
            Self::Invalid { .. } | Self::Mismatch { .. } | Self::Blind { .. } => {
                Some(Doubt::Blind(self.to_string()))
            }
            Self::Silent { .. } => Some(Doubt::Silent(self.to_string())),
            Self::LimitBroken { limit, .. } if limit.is_shared() => {
                Some(Doubt::Shared(self.to_string()))
            }
            Self::Regression { .. }
            | Self::LimitBroken { .. }
            | Self::Pass
            | Self::Unjudged { .. } => None,
        }
    }
}

impl VerdictKind {
    /// One or two words for lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::LimitRevert | Self::LimitPause => "limit broken",
            Self::Invalid => "invalid",
            Self::Mismatch => "mismatch",
            Self::Silent => "silent",
            Self::Blind => "blind",
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Unjudged => "unjudged",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regression { what, counts, means, log_evidence, log_limit, .. } => {
                let (evidence, limit) = (odds(*log_evidence), odds(*log_limit));
                let told = match means {
                    Some(means) => apart(*what, means),
                    None => against(*what, counts),
                };
                write!(f, "{told}; evidence of harm {evidence}, limit {limit}")
            }
            Self::LimitBroken { limit, .. } => broken(f, limit),
            Self::Invalid { why } => why.fmt(f),
            Self::Mismatch { expected, seen, requests } => write!(
                f,
                "the canary gets {} of {} requests instead of {}: beyond chance",
                percent(*seen),
                thousands(*requests),
                percent(*expected)
            ),
            Self::Silent { awaited, baseline } => write!(
                f,
                "the canary is silent: about {} requests were due, none came while the baseline served {}",
                about(*awaited),
                thousands(*baseline)
            ),
            Self::Blind { check } => write!(f, "no numbers for `{check}` in this look"),
            Self::Pass => f.write_str("no harm that the next step would not allow"),
            Self::Inconclusive { why } => why.fmt(f),
            Self::Unjudged { why } => why.fmt(f),
        }
    }
}

impl fmt::Display for Senseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counts { check } => {
                write!(f, "`{check}` counts more failures than requests; not counted")
            }
            Self::Requests => f.write_str("more requests than anybody can serve; not counted"),
            Self::BaselineSilent { canary_requests } => write!(
                f,
                "the baseline is silent while the canary served {} requests",
                thousands(*canary_requests)
            ),
        }
    }
}

impl fmt::Display for Thin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTraffic => f.write_str("no traffic in either arm"),
            Self::NoCanaryYet => f.write_str("no canary request at this weight yet"),
            Self::Needs { check, remaining: Some(remaining) } => {
                write!(f, "`{check}` needs {remaining}")
            }
            Self::Needs { check, remaining: None } => write!(f, "`{check}` needs another weight"),
        }
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} more canary requests", about(self.requests))?;
        match self.time {
            Some(time) => write!(f, ", {}", human(Duration::from_secs(time.as_secs().max(1)))),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Uncompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCheck => "unjudged: no check compares the arms",
            Self::NoControl => "no control: the canary has all the traffic, limits alone apply",
        })
    }
}

/// `the canary fails 3.8x as often as the baseline: 39 of 7,486 requests against 30 of 22,045`.
fn against(what: What, counts: &Counts) -> String {
    let does = what.does();
    let how = match counts.ratio() {
        Some(ratio) => format!("{does} {} as often as the baseline", times(ratio)),
        None => format!("{does} and the baseline never"),
    };
    format!(
        "the canary {how}: {} of {} {} against {} of {}",
        thousands(counts.canary_failures),
        thousands(counts.canary_requests),
        what.counted(),
        thousands(counts.baseline_failures),
        thousands(counts.baseline_requests)
    )
}

/// `the canary's mean is 24.1 against 19.8 of the baseline, of 300 and 5,000 events`.
fn apart(what: What, means: &Means) -> String {
    let word = if what == What::Level { "level" } else { "mean" };
    let of = if what == What::Level { "readings" } else { "events" };
    format!(
        "the canary's {word} is {} against {} of the baseline, of {} and {} {of}",
        value(means.canary),
        value(means.baseline),
        thousands(means.canary_events),
        thousands(means.baseline_events)
    )
}

impl What {
    /// `fails`, `is slower than 250 ms`.
    pub fn does(self) -> String {
        match self {
            Self::Failed => "fails".to_owned(),
            Self::FailedUsers => "fails its users".to_owned(),
            Self::SlowerThan(seconds) => format!("takes over {}", seconds_of(seconds)),
            Self::Mean | Self::Level => "is worse".to_owned(),
        }
    }

    pub fn counted(self) -> &'static str {
        match self {
            Self::FailedUsers => "users",
            Self::Failed | Self::SlowerThan(_) | Self::Mean | Self::Level => "requests",
        }
    }
}

/// `both arms fail 3.4x as often as in the hour before the shift: 120 of 24,000 requests against 35 of 24,000`.
fn shared(limit: &Broken) -> String {
    let Some(before) = &limit.before else {
        return format!("both arms are {} what they were before the shift", times(limit.seen));
    };
    let hour = match before.seen.lasting {
        long if long >= Duration::from_secs(55 * 60) => "hour".to_owned(),
        short => human(Duration::from_secs(short.as_secs())),
    };
    let does = match limit.what {
        What::Failed => "fail".to_owned(),
        What::FailedUsers => "fail their users".to_owned(),
        What::SlowerThan(seconds) => format!("take over {}", seconds_of(seconds)),
        What::Mean | What::Level => {
            let (now, then) = (value(limit.level), value(before.seen.mean().unwrap_or_default()));
            let ratio = times(limit.seen);
            return format!(
                "both arms are at {now}, {ratio} the {then} of the {hour} before the shift"
            );
        }
    };
    let how = match limit.seen {
        ratio if ratio > 0.0 => {
            format!("{does} {} as often as in the {hour} before the shift", times(ratio))
        }
        _ => format!("{does}, and in the {hour} before the shift never did"),
    };
    format!(
        "both arms {how}: {} of {} {} against {} of {}",
        thousands(limit.failures),
        thousands(limit.requests),
        limit.what.counted(),
        thousands(before.seen.sum.max(0.0) as u64),
        thousands(before.seen.of.max(0.0) as u64)
    )
}

fn broken(f: &mut fmt::Formatter<'_>, limit: &Broken) -> fmt::Result {
    let share = percent(limit.failures as f64 / limit.requests.max(1) as f64);
    let (failures, requests) = (thousands(limit.failures), thousands(limit.requests));
    let (whose, who, are) = match limit.both {
        true => ("both arms'", "both arms", "are"),
        false => ("the canary's", "the canary", "is"),
    };
    let seen = value(limit.seen);
    let limited = match limit.kind {
        LimitKind::ErrorsAbove(most) => {
            write!(f, "{share} of {whose} requests failed ({failures} of {requests})")?;
            percent(most)
        }
        LimitKind::SlowerThan { quantile, seconds } => {
            let bound = seconds_of(seconds);
            write!(f, "{share} of {whose} requests took over {bound} ")?;
            write!(f, "({failures} of {requests})")?;
            percent(1.0 - quantile)
        }
        LimitKind::Above(most) => {
            write!(f, "{who} {are} at {seen}")?;
            value(most)
        }
        LimitKind::Below(least) => {
            write!(f, "{who} {are} at {seen}, too low")?;
            value(least)
        }
        LimitKind::AboveBefore(most) => {
            f.write_str(&shared(limit))?;
            times(most)
        }
    };
    write!(f, ", limit {limited} broken for {}", human(limit.lasting))
}
