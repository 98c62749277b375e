//! `tolerate:` as written, and what it means for what a check counts.

use crate::judge::Tolerance;

use super::family::Family;
use super::scalar::{amount, decimal, percent, points};

/// The parts of one line. Which of them a check can have depends on what it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Written {
    /// `1.1x`
    factor: Option<f64>,
    /// `0.05pp`, as a share.
    points: Option<f64>,
    /// `0.5%`, as a share: a limit, whatever the baseline does.
    limit: Option<f64>,
    /// `20`, in the unit of the value.
    amount: Option<f64>,
}

/// A level wanders: what is less than this above the baseline says nothing.
const LEAST_OF_LEVELS: f64 = 1.1;

/// `1.1x`, `0.05pp`, `1.1x + 0.05pp`, `0.5%`, `20`, `1.1x + 20`.
pub(super) fn parse(text: &str) -> Result<Written, String> {
    const MEND: &str = "write one like `1.1x`, `0.05pp`, `1.1x + 0.05pp` or `0.5%`";
    let mut written = Written::default();
    for part in text.split('+').map(str::trim) {
        let (slot, value) = if let Some(number) = part.strip_suffix('x') {
            (&mut written.factor, decimal(number.trim_end()).ok_or(MEND)?)
        } else if part.ends_with("pp") {
            (&mut written.points, points(part)?)
        } else if part.ends_with('%') {
            (&mut written.limit, percent(part).map_err(|_| MEND)?.fraction())
        } else {
            (&mut written.amount, amount(part).map_err(|_| MEND)?)
        };
        if slot.replace(value).is_some() {
            return Err(MEND.to_owned());
        }
    }
    written.whole(MEND)
}

impl Written {
    fn whole(self, mend: &str) -> Result<Self, String> {
        let besides = self.factor.is_some() || self.points.is_some() || self.amount.is_some();
        if self.limit.is_some() && besides {
            return Err("a limit like `0.5%` stands alone; write `1.1x + 0.5pp`".to_owned());
        }
        if self.limit.is_some_and(|limit| limit <= 0.0 || limit >= 1.0) {
            return Err("write a limit above 0% and below 100%".to_owned());
        }
        if self.points.is_some() && self.amount.is_some() {
            return Err(mend.to_owned());
        }
        if self.factor.is_some_and(|factor| !(1.0..=1000.0).contains(&factor)) {
            return Err("the factor must be from 1x (no worse at all) to 1000x".to_owned());
        }
        if self.amount == Some(0.0) {
            return Err("must be above 0, or `1x` for no worse at all".to_owned());
        }
        Ok(self)
    }

    /// # Errors
    /// What to write instead, where what is counted cannot have such a part.
    pub fn of(self, family: Family) -> Result<Tolerance, &'static str> {
        let ratio = self.factor.unwrap_or(1.0);
        let share = |delta: Option<f64>| Tolerance { ratio, delta: delta.unwrap_or(0.0) };
        match family {
            Family::Failures if self.amount.is_some() => {
                Err("write `0.5pp` above the baseline, or `0.5%` whatever the baseline does")
            }
            Family::Failures => Ok(match self.limit {
                Some(delta) => Tolerance { ratio: 0.0, delta },
                None => share(self.points),
            }),
            Family::Slowness if self.amount.is_some() || self.limit.is_some() => {
                Err("write `1.5x` of the share above each bound, or `limit: { p99_above: 500ms }`")
            }
            Family::Slowness => Ok(share(self.points)),
            Family::Values | Family::Level if self.points.is_some() || self.limit.is_some() => {
                Err("write a number in the value's own unit, like `20` or `1.1x + 20`")
            }
            Family::Level if ratio < LEAST_OF_LEVELS && self.amount.is_none() => {
                Err("levels are weak evidence: write at least `1.1x`")
            }
            Family::Values | Family::Level => Ok(share(self.amount)),
        }
    }
}

/// Where a check names none, and how that is written.
pub(super) fn usual(family: Family) -> (Tolerance, &'static str) {
    let times = |ratio| Tolerance { ratio, delta: 0.0 };
    match family {
        Family::Failures | Family::Values => (Tolerance::default(), "1.1x"),
        Family::Slowness => (times(1.5), "1.5x"),
        Family::Level => (times(1.2), "1.2x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, family: Family, expect: &str) {
        let got = parse(text).and_then(|written| written.of(family).map_err(str::to_owned));
        let got = got.map_or_else(|e| e, |v| format!("{v:?}"));
        assert!(got.contains(expect), "{text}: {got}, not {expect}");
    }

    #[test]
    fn tolerances_are_one_line() {
        let check = |text, expect| check(text, Family::Failures, expect);
        check("1.1x", "ratio: 1.1, delta: 0.0");
        check("0.05pp", "ratio: 1.0, delta: 0.0005");
        check("0.05pp+1.1x", "ratio: 1.1, delta: 0.0005");
        check(" 1.1x  +  0.05pp ", "ratio: 1.1, delta: 0.0005");
        check("0.5%", "ratio: 0.0, delta: 0.005");
        check("0.9x", "from 1x");
        for bad in
            ["1e309x", "NaNx", "infx", "1.1x + 1.2x", "1.1x +", "110%", "-1", "", "0.5% + 1%"]
        {
            check(bad, "write one like");
        }
        check("0%", "above 0% and below 100%");
        check("100%", "above 0% and below 100%");
        check("1.1x + 0.5%", "stands alone");
        check("20 + 0.5pp", "write one like");
        check("0", "must be above 0");
        check("20", "write `0.5pp` above the baseline");
    }

    #[test]
    fn each_kind_has_its_units() {
        check("1.5x", Family::Slowness, "ratio: 1.5, delta: 0.0");
        check("1.2x + 0.5pp", Family::Slowness, "ratio: 1.2, delta: 0.005");
        check("0.5%", Family::Slowness, "p99_above");
        check("20", Family::Slowness, "p99_above");
        check("20", Family::Values, "ratio: 1.0, delta: 20.0");
        check("1.1x + 20", Family::Values, "ratio: 1.1, delta: 20.0");
        check("1x", Family::Values, "ratio: 1.0, delta: 0.0");
        check("0.5pp", Family::Values, "own unit");
        check("5%", Family::Level, "own unit");
        check("1.1x", Family::Level, "ratio: 1.1");
        check("1.05x", Family::Level, "at least `1.1x`");
        check("20", Family::Level, "ratio: 1.0, delta: 20.0");
    }

    #[test]
    fn what_is_usual_is_written_as_it_means() {
        for family in [Family::Failures, Family::Slowness, Family::Values, Family::Level] {
            let (tolerance, text) = usual(family);
            assert_eq!(parse(text).map(|w| w.of(family)), Ok(Ok(tolerance)));
        }
    }
}
