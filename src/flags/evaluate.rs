//! The answer for one unit.

use std::fmt;

use super::bucket;
use crate::domain::{Arm, Override, Weight};

/// What a flag's answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// The canary's share.
    pub weight: Weight,
    /// The canary's share of the segment the unit is in, where that has one of its own.
    pub own: Option<Weight>,
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
    /// The unit's segment has a share of its own.
    Targeting,
    /// There is no unit to bucket, so it got what is safe.
    Default,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "STATIC",
            Self::Split => "SPLIT",
            Self::Targeting => "TARGETING_MATCH",
            Self::Default => "DEFAULT",
        })
    }
}

/// The share that whoever has these attributes gets instead of the route's; `value`: of an attribute, as text. One whose
/// attribute is not known is in no segment.
pub fn own_share(
    overrides: &[Override],
    value: impl Fn(&str) -> Option<String>,
) -> Option<&Override> {
    overrides.iter().find(|own| value(&own.segment.attribute).as_ref() == Some(&own.segment.value))
}

/// Chooses the arm of `unit`; an empty one counts as missing.
pub fn evaluate(split: Split<'_>, unit: Option<&str>) -> Answer {
    let Some(own) = split.own else { return drawn(split, unit) };
    Answer { why: Why::Targeting, ..drawn(Split { weight: own, ..split }, unit) }
}

fn drawn(split: Split<'_>, unit: Option<&str>) -> Answer {
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
    use crate::domain::{Generation, Segment};

    #[track_caller]
    fn check(percent: &str, unit: Option<&str>, arm: Arm, why: Why) {
        check_own(percent, None, unit, arm, why);
    }

    #[track_caller]
    fn check_own(percent: &str, own: Option<&str>, unit: Option<&str>, arm: Arm, why: Why) {
        let share = |text: &str| Weight::parse_percent(text).unwrap();
        let split = Split { weight: share(percent), own: own.map(share), salt: "shop" };
        assert_eq!(evaluate(split, unit), Answer { arm, why }, "{percent} {own:?} {unit:?}");
    }

    #[test]
    fn a_segments_own_share_counts_whatever_the_others_get() {
        for percent in ["0%", "5%", "100%"] {
            for unit in [None, Some("u1"), Some("u2")] {
                check_own(percent, Some("0%"), unit, Arm::Baseline, Why::Targeting);
                check_own(percent, Some("100%"), unit, Arm::Canary, Why::Targeting);
            }
            check_own(percent, Some("50%"), None, Arm::Baseline, Why::Targeting);
        }
    }

    #[track_caller]
    fn check_segment(context: &[(&str, &str)], expect: Option<&str>) {
        let own = |attribute: &str, value: &str| Override {
            segment: Segment { attribute: attribute.to_owned(), value: value.to_owned() },
            share: Weight::ZERO,
            since: Generation(3),
        };
        let overrides = [own("platform", "ios"), own("region", "eu")];
        let value = |name: &str| context.iter().find(|c| c.0 == name).map(|c| c.1.to_owned());
        let found = own_share(&overrides, value).map(|own| own.segment.to_string());
        assert_eq!(found.as_deref(), expect, "{context:?}");
    }

    #[test]
    fn a_segment_is_an_attribute_with_that_very_value() {
        check_segment(&[("platform", "ios")], Some("platform ios"));
        check_segment(&[("region", "eu"), ("platform", "web")], Some("region eu"));
        check_segment(&[("platform", "iOS")], None);
        check_segment(&[("os", "ios")], None);
        check_segment(&[], None);
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
                let split = Split { weight: Weight::from_ppm(ppm).unwrap(), own: None, salt: "shop" };
                evaluate(split, Some(&unit)).arm
            };
            prop_assert!(arm(low) == Arm::Baseline || arm(high) == Arm::Canary);
        }
    }
}
