//! Values and gauges: whatever the numbers, an answer, no NaN, and a state that survives being stored.

use std::time::Duration;

use proptest::prelude::*;

use super::ratio;
use super::total::stored;
use crate::judge::gauge::GaugeEvidence;
use crate::judge::gauge::Mode;
use crate::judge::values::ValuesEvidence;
use crate::judge::{Moments, Pair, Rules, Tolerance, Values, Worse};

/// Usual numbers, huge and tiny ones, and those that are none.
fn any_number() -> impl Strategy<Value = f64> {
    let wide = (any::<bool>(), -310.0..308.0).prop_map(|(negative, digits): (bool, f64)| {
        if negative { -(10f64.powf(digits)) } else { 10f64.powf(digits) }
    });
    let odd = [0.0, -0.0, 1.0, 1e300, -1e300, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY];
    prop_oneof![4 => 0.1..100.0, 2 => wide, 2 => proptest::sample::select(odd.to_vec())]
}

fn any_moments() -> impl Strategy<Value = Moments> {
    let events =
        prop_oneof![Just(0), Just(1), 1u64..1000, Just(1 << 53), Just((1 << 53) + 1), any::<u64>()];
    let honest = (1u64..1_000_000, any_number(), 0.0..3.0).prop_map(|(events, mean, spread)| {
        let n = events as f64;
        Moments { events, sum: n * mean, squares: n * mean * mean * (1.0 + spread) }
    });
    let odd = (events, any_number(), any_number()).prop_map(|(events, sum, squares)| Moments {
        events,
        sum,
        squares,
    });
    prop_oneof![3 => honest, 2 => odd]
}

fn any_tolerance() -> impl Strategy<Value = Tolerance> {
    prop_oneof![
        Just(ratio(1.1)),
        Just(Tolerance { ratio: 0.0, delta: 3.0 }),
        (any_number(), any_number()).prop_map(|(ratio, delta)| Tolerance { ratio, delta }),
    ]
}

fn any_worse() -> impl Strategy<Value = Worse> {
    prop_oneof![Just(Worse::Higher), Just(Worse::Lower)]
}

fn any_pair() -> impl Strategy<Value = Pair> {
    prop_oneof![
        (any_number(), any_number()).prop_map(|(canary, baseline)| Pair { canary, baseline }),
        (0.1..10.0, 0.1..10.0).prop_map(|(canary, baseline)| Pair { canary, baseline }),
        any_number().prop_map(|value| Pair { canary: value, baseline: value }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_values_get_an_answer_and_a_state_that_can_be_stored(
        history in proptest::collection::vec(any_moments(), 0..4),
        looks in proptest::collection::vec((any_moments(), any_moments()), 1..12),
        margins in proptest::collection::vec(any_number(), 0..3),
        (tolerate, worse) in (any_tolerance(), any_worse()),
    ) {
        let (mut evidence, rules) = (ValuesEvidence::default(), Rules::new(50.0));
        history.iter().for_each(|seen| evidence.learn(seen));
        for &(canary, baseline) in &looks {
            let (before, look) = (evidence.clone(), Values { canary, baseline });
            evidence.update(&look, &tolerate, worse, &rules, margins.iter().copied());
            prop_assert!(evidence.log_evidence().is_finite(), "{before:?}\n{look:?}");
            for &margin in &margins {
                prop_assert_eq!(evidence.log_excluded(margin).is_none(), margin.is_nan());
                prop_assert!(evidence.log_excluded(margin).is_none_or(f64::is_finite));
            }
            for mean in [evidence.canary_mean(), evidence.baseline_mean(), evidence.cap()] {
                prop_assert!(mean.is_none_or(f64::is_finite));
            }
            let mut again = stored(&before);
            again.update(&look, &tolerate, worse, &rules, margins.iter().copied());
            prop_assert_eq!(&stored(&again), &evidence);
        }
    }

    #[test]
    fn any_gauges_get_an_answer_and_a_state_that_can_be_stored(
        history in any_pair(), other in any_pair(),
        scrapes in proptest::collection::vec((proptest::option::weighted(0.9, any_pair()), 0u64..400), 1..16),
        (tolerate, worse) in (any_tolerance(), any_worse()),
    ) {
        let (mut evidence, half_a_minute) = (GaugeEvidence::default(), Duration::from_secs(30));
        for halves in [history, other].iter().cycle().take(250) {
            evidence.learn(Some(halves), half_a_minute, &tolerate);
        }
        for (scrape, seconds) in &scrapes {
            let (before, lasting) = (evidence.clone(), Duration::from_secs(*seconds));
            evidence.update(scrape.as_ref(), lasting, &tolerate, worse, 0.01);
            prop_assert!(evidence.log_evidence().is_finite(), "{before:?}\n{scrape:?}");
            let mut again = stored(&before);
            again.update(scrape.as_ref(), lasting, &tolerate, worse, 0.01);
            prop_assert_eq!(&stored(&again), &evidence);
        }
    }
}

/// Of `n` values around `mean`, half of them a tenth lower and half a tenth higher.
fn around(mean: f64, n: u64) -> Moments {
    let all = n as f64;
    Moments { events: n, sum: all * mean, squares: all * mean * mean * 1.01 }
}

#[test]
fn the_states_do_not_grow() {
    let (mut values, mut gauge) = (ValuesEvidence::default(), GaugeEvidence::default());
    let half_a_minute = Duration::from_secs(30);
    for look in 0..3_000u32 {
        let wave = 1.0 + 0.1 * libm::sin(f64::from(look));
        let both = Values { canary: around(37.3 * wave, 111), baseline: around(37.7, 1_234) };
        values.update(&both, &ratio(1.1), Worse::Higher, &Rules::new(50.0), std::iter::empty());
        let pair = Pair { canary: 1.7 * wave, baseline: 1.8 };
        gauge.learn(Some(&pair), half_a_minute, &ratio(1.1));
        gauge.update(Some(&pair), half_a_minute, &ratio(1.1), Worse::Higher, 0.01);
    }
    let size = |text: serde_json::Result<String>| text.expect("writes").len();
    let (values, gauge) =
        (size(serde_json::to_string(&values)), size(serde_json::to_string(&gauge)));
    assert!(values <= 600 && gauge <= 700, "{values} and {gauge} bytes");
}

#[test]
fn numbers_that_cannot_be_change_no_evidence() {
    let mut evidence = ValuesEvidence::default();
    evidence.learn(&around(40.0, 500));
    let look = |canary| Values { canary, baseline: around(40.0, 100) };
    let mut update = |canary| {
        let margins = std::iter::empty();
        evidence.update(&look(canary), &ratio(1.0), Worse::Higher, &Rules::new(50.0), margins);
        evidence.log_evidence()
    };
    let before = update(around(44.0, 40));
    assert!(before > 0.0, "{before}");
    for odd in [
        Moments::default(),
        Moments { sum: f64::NAN, ..around(80.0, 40) },
        Moments { squares: f64::INFINITY, ..around(80.0, 40) },
        Moments { squares: -1.0, ..around(80.0, 40) },
        Moments { events: u64::MAX, ..around(80.0, 40) },
        Moments { sum: 1e300, ..around(80.0, 40) },
    ] {
        assert_eq!(update(odd), before, "{odd:?}");
    }
}

#[test]
fn values_have_no_weight_before_fifty_of_the_baseline_and_no_say_before_thirty_of_the_canary() {
    let mut evidence = ValuesEvidence::default();
    let mut update = |canary, baseline| {
        let look = Values { canary: around(400.0, canary), baseline: around(40.0, baseline) };
        let margins = std::iter::empty();
        evidence.update(&look, &ratio(1.1), Worse::Higher, &Rules::new(50.0), margins);
        (evidence.log_evidence(), evidence.cap())
    };
    assert_eq!(update(1_000, 49), (0.0, None));
    assert_eq!(update(1_000, 1), (0.0, Some(800.0)));
    assert_eq!(update(29, 10).0, 0.0);
    let (log_evidence, _) = update(1, 10);
    assert!(log_evidence > 4.7, "{log_evidence}");
}

#[test]
fn a_mean_beyond_the_cap_is_cut_to_it() {
    let judged = |canary: f64| {
        let mut evidence = ValuesEvidence::default();
        evidence.learn(&around(40.0, 500));
        let look = Values { canary: around(canary, 40), baseline: around(40.0, 100) };
        let margins = std::iter::empty();
        evidence.update(&look, &ratio(1.1), Worse::Higher, &Rules::new(50.0), margins);
        evidence.log_evidence()
    };
    assert_eq!(judged(800.0), judged(1e9));
    assert!(judged(799.0) < judged(800.0));
}

#[test]
fn a_gate_that_is_no_longer_asked_is_forgotten() {
    let mut evidence = ValuesEvidence::default();
    evidence.learn(&around(40.0, 500));
    let look = Values { canary: around(40.0, 100), baseline: around(40.0, 100) };
    let mut update = |margins: &[f64]| {
        let margins = margins.iter().copied();
        evidence.update(&look, &ratio(1.1), Worse::Higher, &Rules::new(50.0), margins);
        [0.4, 0.2].map(|margin| evidence.log_excluded(margin))
    };
    let [Some(wide), Some(narrow)] = update(&[0.4, 0.2]) else { panic!("both were asked") };
    assert!(wide > narrow && narrow > 0.0, "{wide} {narrow}");
    assert_eq!(update(&[0.2])[0], None);
    // Asked anew it starts anew; the other had gone on.
    let [Some(again), Some(narrow_now)] = update(&[0.4, 0.2]) else { panic!("both were asked") };
    assert!(narrow_now > narrow, "{narrow_now} after {narrow}");
    assert!(again < wide + 1.0, "{again} after {wide}");
}

#[test]
fn directions_mirror_each_other() {
    let judged = |canary: f64, baseline: f64, worse| {
        let mut evidence = ValuesEvidence::default();
        evidence.learn(&around(baseline, 500));
        let look = Values { canary: around(canary, 400), baseline: around(baseline, 400) };
        evidence.update(&look, &ratio(1.1), worse, &Rules::new(50.0), std::iter::empty());
        evidence.log_evidence()
    };
    for (canary, baseline, worse, harm) in [
        (60.0, 40.0, Worse::Higher, true),
        (60.0, 40.0, Worse::Lower, false),
        (30.0, 40.0, Worse::Lower, true),
        (30.0, 40.0, Worse::Higher, false),
        // Below 0 a tolerance of 1.1 is one tenth of the size, too.
        (-20.0, -40.0, Worse::Higher, true),
        (-39.0, -40.0, Worse::Higher, false),
        (-60.0, -40.0, Worse::Lower, true),
        (-41.0, -40.0, Worse::Lower, false),
    ] {
        let log_evidence = judged(canary, baseline, worse);
        assert_eq!(
            log_evidence > 4.7,
            harm,
            "{canary} beside {baseline}, {worse:?}: {log_evidence}"
        );
    }
}

#[test]
fn a_zero_turns_log_ratios_into_differences_and_keeps_what_was_won() {
    let mut evidence = GaugeEvidence::default();
    let mut update = |canary, baseline| {
        let (pair, minutes) = (Pair { canary, baseline }, Duration::from_secs(300));
        evidence.update(Some(&pair), minutes, &ratio(1.1), Worse::Higher, 0.01);
        evidence.log_evidence()
    };
    let log_evidence = [20.0, 21.0, 19.0, 20.0, 20.5].map(|canary| update(canary, 10.0))[4];
    assert!(log_evidence > 1.0, "{log_evidence}");
    assert_eq!(update(20.0, 0.0), log_evidence);
    assert!(matches!(evidence.mode(), Mode::Means(_)), "{:?}", evidence.mode());
}

#[test]
fn one_scrape_alone_reverts_nothing() {
    let (mut evidence, half_a_minute) = (GaugeEvidence::default(), Duration::from_secs(30));
    let mut wave =
        (0..300).map(|k| Pair { canary: 10.0 + libm::sin(f64::from(k * k)), baseline: 10.0 });
    wave.by_ref().for_each(|pair| evidence.learn(Some(&pair), half_a_minute, &ratio(1.1)));
    let spike = Pair { canary: 1e9, baseline: 10.0 };
    let mut update = || {
        evidence.update(Some(&spike), half_a_minute, &ratio(1.1), Worse::Higher, 0.01);
        evidence.log_evidence()
    };
    let (first, second, third) = (update(), update(), update());
    assert!(first < 4.6 && third > 4.7, "{first} {second} {third}");
}

#[test]
fn going_on_forgets_the_evidence_and_keeps_what_was_learned() {
    let (rules, tolerate) = (Rules::new(50.0), ratio(1.1));
    let mut values = ValuesEvidence::default();
    values.learn(&around(40.0, 500));
    let look = Values { canary: around(80.0, 400), baseline: around(40.0, 400) };
    values.update(&look, &tolerate, Worse::Higher, &rules, [0.4].into_iter());
    values.begin_step();
    assert!(values.log_evidence() > 4.7);
    assert_eq!(values.canary_mean(), None);
    values.begin_life();
    assert_eq!((values.log_evidence(), values.log_excluded(0.4)), (0.0, None));
    assert_eq!(values.cap(), Some(800.0));

    let (mut gauge, minutes) = (GaugeEvidence::default(), Duration::from_secs(300));
    for canary in [20.0, 21.0, 19.0, 20.0, 20.5] {
        let pair = Pair { canary, baseline: 10.0 };
        gauge.update(Some(&pair), minutes, &tolerate, Worse::Higher, 0.01);
    }
    assert!(gauge.log_evidence() > 1.0, "{}", gauge.log_evidence());
    gauge.begin_life();
    assert_eq!((gauge.log_evidence(), gauge.mode()), (0.0, &Mode::Unbegun));
}
