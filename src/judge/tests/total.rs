//! Whatever the numbers: an answer, no NaN, and a state that survives being stored.

use std::time::Duration;

use proptest::prelude::*;

use super::{at_half, counts, criterion, ratio};
use crate::domain::Weight;
use crate::judge::{
    Counts, Criterion, Evidence, Judgement, Limit, LookInput, Requests, Rules, Tolerance, look,
};

/// From one request to more than there are, evenly in the logarithm.
fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        (0u32..54, 0.0..1.0).prop_map(|(bits, part)| ((1u64 << bits) as f64 * (1.0 + part)) as u64)
    ]
}

fn any_arm() -> impl Strategy<Value = (u64, u64)> {
    let rate =
        prop_oneof![Just(0.0), Just(1.0), (-9.0..0.0).prop_map(|digits: f64| 10f64.powf(digits))];
    (any_count(), rate).prop_map(|(n, rate)| (n, (n as f64 * rate) as u64))
}

fn any_counts() -> impl Strategy<Value = Counts> {
    (any_arm(), any_arm()).prop_map(|((nc, ec), (nb, eb))| counts(ec, nc, eb, nb))
}

fn any_look() -> impl Strategy<Value = LookInput> {
    let split = proptest::option::of((any_count(), any_count()));
    let margins =
        proptest::collection::vec((-6.0..0.5).prop_map(|digits: f64| 10f64.powf(digits)), 0..3);
    let checks = proptest::collection::vec(proptest::option::weighted(0.9, any_counts()), 0..3);
    (0u32..=1_000_000, any::<bool>(), margins, 0u64..100_000, checks, split).prop_map(
        |(ppm, control, margins, seconds, checks, split)| LookInput {
            weight: Weight::from_ppm(ppm).unwrap_or(Weight::FULL),
            control,
            margins,
            lasting: Duration::from_secs(seconds),
            checks,
            split: split.map(|(canary, baseline)| Requests { canary, baseline }),
            sticky: seconds % 2 == 0,
        },
    )
}

fn any_tolerance() -> impl Strategy<Value = Option<Tolerance>> {
    let delta = prop_oneof![Just(0.0), (-9.0..0.0).prop_map(|digits: f64| 10f64.powf(digits))];
    let ratio = prop_oneof![Just(1.0), 1.0..10.0, Just(1000.0)];
    proptest::option::weighted(
        0.9,
        (ratio, delta).prop_map(|(ratio, delta)| Tolerance { ratio, delta }),
    )
}

/// Stored and loaded, bit for bit. A NaN or an infinity would become `null` and not come back.
pub fn stored<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("writes");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn sound(judgement: &Judgement) -> bool {
    let finite = |value: Option<f64>| value.is_none_or(f64::is_finite);
    finite(judgement.log_evidence)
        && judgement.readings.iter().all(|reading| {
            finite(reading.log_evidence)
                && finite(reading.log_excluded)
                && reading.dispersion.is_finite()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_numbers_get_an_answer_and_a_state_that_can_be_stored(
        tolerances in proptest::collection::vec(any_tolerance(), 2),
        looks in proptest::collection::vec(any_look(), 1..12),
    ) {
        let criteria: Vec<Criterion> = tolerances
            .into_iter()
            .map(|tolerate| Criterion { limits: vec![Limit::half_fails()], ..criterion("errors", tolerate) })
            .collect();
        let mut evidence = Evidence::new(&criteria);
        for input in &looks {
            let (next, judgement) = look(&Rules::new(100.0), &criteria, &evidence, input);
            prop_assert!(sound(&judgement), "{input:?}\n{judgement:?}");
            prop_assert!(!judgement.sentence().contains("NaN"));
            prop_assert_eq!(&stored(&judgement), &judgement);
            prop_assert_eq!(&stored(&next), &next);
            evidence = next;
        }
    }
}

/// Three looks whose state was stored by version 1 of the formulas.
fn golden() -> (Evidence, &'static str) {
    let criteria = [criterion("errors", Some(ratio(1.1))), criterion("limits only", None)];
    let mut evidence = Evidence::new(&criteria);
    evidence.learn(0, 10_000, 20);
    for failures in [3, 5, 4] {
        let one = counts(failures, 1_000, 3, 1_000);
        let input = LookInput { checks: vec![Some(one), Some(one)], ..at_half(one) };
        evidence = look(&Rules::new(100.0), &criteria, &evidence, &input).0;
    }
    (evidence, include_str!("../../../tests/reference/evidence-1.json"))
}

#[test]
fn evidence_of_version_1_loads_and_has_the_same_bits() {
    let (evidence, text) = golden();
    let loaded: Evidence = serde_json::from_str(text).unwrap_or_else(|e| {
        panic!("{e}; now:\n{}", serde_json::to_string(&evidence).expect("writes"))
    });
    assert_eq!(loaded, evidence, "now:\n{}", serde_json::to_string(&evidence).expect("writes"));
    assert_eq!(loaded.version(), Evidence::VERSION);
}

#[test]
fn the_state_does_not_grow_with_the_looks() {
    let criteria = [criterion("errors", Some(ratio(1.1)))];
    let mut evidence = Evidence::new(&criteria);
    for look_number in 0..2_000u64 {
        let input = at_half(counts(look_number % 7, 1_000, look_number % 5, 1_000));
        evidence = look(&Rules::new(100.0), &criteria, &evidence, &input).0;
    }
    let size = serde_json::to_string(&evidence).expect("writes").len();
    assert!(size < 2_000, "{size} bytes");
}

#[test]
fn looks_joined_after_a_crash_say_the_same() {
    // With a pure ratio and no dealing anew, likelihoods multiply: a gap costs nothing.
    use crate::judge::mixture::{Arms, Mixture};
    let look = |c: &Counts, mixture: &mut Mixture| {
        mixture.update(&Arms::from(c), &ratio(1.1), 0.01, 1.0, f64::MIN_POSITIVE);
    };
    let (first, second, joined) =
        (counts(7, 500, 30, 4_500), counts(5, 500, 33, 4_500), counts(12, 1_000, 63, 9_000));
    let (mut apart, mut together) = (Mixture::default(), Mixture::default());
    look(&first, &mut apart);
    look(&second, &mut apart);
    look(&joined, &mut together);
    assert!((apart.log_evidence() - together.log_evidence()).abs() < 1e-12);
}
