//! The answer for one unit.

use std::fmt;

use super::bucket;
use crate::domain::{Arm, Weight};

/// What a flag's answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// The canary's share.
    pub weight: Weight,
    pub salt: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub arm: Arm,
    pub why: Why,
}

/// Why a unit gets its arm. The text is OpenFeature's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Everybody gets the same.
    Static,
    /// The unit's bucket decided.
    Split,
    /// There is no unit to bucket, so it got what is safe.
    Default,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "STATIC",
            Self::Split => "SPLIT",
            Self::Default => "DEFAULT",
        })
    }
}

/// Chooses the arm of `unit`; an empty one counts as missing.
pub fn evaluate(split: Split<'_>, unit: Option<&str>) -> Answer {
    let answer = |arm, why| Answer { arm, why };
    match (split.weight, unit.filter(|unit| !unit.is_empty())) {
        (Weight::ZERO, _) => answer(Arm::Baseline, Why::Static),
        (Weight::FULL, _) => answer(Arm::Canary, Why::Static),
        (_, None) => answer(Arm::Baseline, Why::Default),
        (weight, Some(unit)) if bucket(split.salt, unit) < weight.ppm() => {
            answer(Arm::Canary, Why::Split)
        }
        (_, Some(_)) => answer(Arm::Baseline, Why::Split),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(percent: &str, unit: Option<&str>, arm: Arm, why: Why) {
        let split = Split { weight: Weight::parse_percent(percent).unwrap(), salt: "shop" };
        assert_eq!(evaluate(split, unit), Answer { arm, why }, "{percent} {unit:?}");
    }

    #[test]
    fn nothing_and_everything_ask_for_no_unit() {
        for unit in [None, Some(""), Some("u1")] {
            check("0%", unit, Arm::Baseline, Why::Static);
            check("100%", unit, Arm::Canary, Why::Static);
        }
    }

    #[test]
    fn without_a_unit_nobody_lands_in_the_canary() {
        check("99.9999%", None, Arm::Baseline, Why::Default);
        check("99.9999%", Some(""), Arm::Baseline, Why::Default);
    }

    proptest! {
        #[test]
        fn who_is_in_stays_in(unit in ".{1,40}", low in 0_u32..=1_000_000, more in 0_u32..=1_000_000) {
            let high = low.saturating_add(more).min(1_000_000);
            let arm = |ppm| {
                let split = Split { weight: Weight::from_ppm(ppm).unwrap(), salt: "shop" };
                evaluate(split, Some(&unit)).arm
            };
            prop_assert!(arm(low) == Arm::Baseline || arm(high) == Arm::Canary);
        }
    }
}
