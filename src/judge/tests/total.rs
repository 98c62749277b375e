//! Whatever the numbers: an answer, no NaN, and a state that survives being stored.

use std::time::Duration;

use proptest::prelude::*;

use super::{at_half, counts, criterion, ratio, weight};
use crate::domain::Weight;
use crate::judge::kinds::Compared;
use crate::judge::{
    Counts, Criterion, Evidence, Histogram, Judgement, Limit, LookInput, Numbers, Requests, Rules,
    Slower, Tolerance, look,
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

/// Bounds that both arms have, of requests that took longer and longer, or whatever was sent.
fn any_histogram() -> impl Strategy<Value = Histogram> {
    let bound = (-4.0..4.0, any_count(), any_count());
    let bounds = proptest::collection::vec(bound, 0..10);
    (any_count(), any_count(), bounds, any::<bool>()).prop_map(|(nc, nb, mut bounds, sorted)| {
        let bounds: &mut Vec<(f64, u64, u64)> = &mut bounds;
        if sorted {
            bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let (mut canary, mut baseline) = (nc, nb);
        let slower = bounds.iter().map(|&(digits, c, b)| {
            (canary, baseline) = if sorted { (canary.min(c), baseline.min(b)) } else { (c, b) };
            Slower { than: 10f64.powf(digits), canary, baseline }
        });
        let slower = slower.collect();
        Histogram { canary_requests: nc, baseline_requests: nb, slower }
    })
}

fn any_numbers() -> impl Strategy<Value = Numbers> {
    prop_oneof![
        any_counts().prop_map(Numbers::Counts),
        any_histogram().prop_map(Numbers::Histogram)
    ]
}

fn any_look() -> impl Strategy<Value = LookInput> {
    let split = proptest::option::of((any_count(), any_count()));
    let ahead = proptest::collection::vec(
        (0u32..=1_000_000).prop_filter_map("a share", Weight::from_ppm),
        0..3,
    );
    let harm = (-6.0..0.5).prop_map(|digits: f64| 10f64.powf(digits));
    let checks = proptest::collection::vec(proptest::option::weighted(0.9, any_numbers()), 0..4);
    (0u32..=1_000_000, any::<bool>(), (harm, ahead), 0u64..100_000, checks, split).prop_map(
        |(ppm, control, (harm, ahead), seconds, checks, split)| LookInput {
            weight: Weight::from_ppm(ppm).unwrap_or(Weight::FULL),
            control,
            history: seconds % 3 == 0,
            harm,
            ahead,
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
        tolerances in proptest::collection::vec(any_tolerance(), 3),
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

/// Three looks at counts, at nothing that is compared, and at latencies.
fn golden(histogram: bool) -> Evidence {
    let mut criteria = vec![criterion("errors", Some(ratio(1.1))), criterion("limits only", None)];
    criteria.extend(histogram.then(|| criterion("latency", Some(ratio(1.5)))));
    let mut evidence = Evidence::new(&criteria);
    evidence.learn(0, &counts(0, 0, 20, 10_000).into());
    for failures in [3, 5, 4] {
        let one = counts(failures, 1_000, 3, 1_000);
        let slower = |than, canary, baseline| Slower { than, canary, baseline };
        let latency = Histogram {
            canary_requests: 1_000,
            baseline_requests: 1_000,
            slower: vec![
                slower(0.05, 400 + failures, 410),
                slower(0.25, 20 * failures, 50),
                slower(1.0, failures, 4),
            ],
        };
        let mut checks = vec![Some(one.into()), Some(one.into())];
        checks.extend(histogram.then_some(Some(Numbers::Histogram(latency))));
        let input = LookInput { checks, ..at_half(one) };
        evidence = look(&Rules::new(100.0), &criteria, &evidence, &input).0;
    }
    evidence
}

fn load(text: &str) -> Evidence {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Version 1 kept logarithms where we keep parts, had counts alone, and betted on other alternatives.
#[test]
fn evidence_of_version_1_loads() {
    let loaded = load(include_str!("../../../tests/reference/evidence-1.json"));
    assert_eq!((loaded.version(), loaded.looks(), loaded.checks().len()), (1, 3, 2));
    let Compared::Counts(errors) = &loaded.checks()[0].compared else { panic!("counts") };
    assert!((errors.bets.harm.log_evidence() + 0.515_670_140_188_485_6).abs() < 1e-12);
    assert_eq!(errors.life, counts(12, 3_000, 9, 3_000));
    assert_eq!((errors.step.counts, errors.bets.baseline.seen()), (errors.life, (13_000.0, 29.0)));
    assert_eq!(stored(&loaded), loaded);
}

#[test]
fn evidence_of_version_2_loads_and_has_the_same_bits() {
    let evidence = golden(true);
    let now = serde_json::to_string(&evidence).expect("writes");
    let text = include_str!("../../../tests/reference/evidence-2.json").trim();
    assert_eq!(text, now);
    assert_eq!(load(text), evidence);
    assert_eq!(evidence.version(), Evidence::VERSION);
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

/// What one check costs in memory with five steps ahead, its picture of full length included.
#[test]
fn a_check_stays_below_two_kibibytes() {
    // Its instants are the rollout's, not the check's.
    const PICTURE: usize = 20 * size_of::<[f32; 4]>();
    let ahead: Vec<Weight> = [0.01, 0.05, 0.25, 0.5, 1.0].map(weight).to_vec();
    for kind in [counts(3, 1_000, 3, 1_000).into(), classic()] {
        let checks = vec![Some(kind)];
        let input =
            LookInput { checks, ahead: ahead.clone(), ..at_half(counts(3, 1_000, 3, 1_000)) };
        let criteria = [criterion("one", Some(ratio(1.1)))];
        let looks = std::iter::repeat_n(input, 3);
        let evidence = looks.fold(Evidence::new(&criteria), |evidence, input| {
            look(&Rules::new(100.0), &criteria, &evidence, &input).0
        });
        let bytes = evidence.bytes() - size_of::<Evidence>() + PICTURE;
        assert!(bytes <= 2048, "{bytes} bytes");
    }
}

/// As many bounds as Prometheus clients have.
fn classic() -> Numbers {
    let slower = (0..11u64).map(|i| Slower {
        than: 0.005 * 2f64.powi(i as i32),
        canary: 1_000 >> i,
        baseline: 1_000 >> i,
    });
    let slower = slower.collect();
    Numbers::Histogram(Histogram { canary_requests: 1_000, baseline_requests: 1_000, slower })
}
