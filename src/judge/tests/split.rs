//! The sample ratio: silence and wrong shares are found soon, right shares never blamed.

use super::weight;
use super::world::Chance;
use crate::judge::Requests;
use crate::judge::sample_ratio::{SampleRatio, Wrong};

/// The look at which the split is called wrong, and how.
fn called(share: f64, rps: f64, canary: f64, looks: u64, seed: u64) -> Option<(u64, Wrong)> {
    called_of(false, share, rps, canary, looks, seed)
}

fn called_of(
    sticky: bool,
    share: f64,
    rps: f64,
    canary: f64,
    looks: u64,
    seed: u64,
) -> Option<(u64, Wrong)> {
    let mut chance = Chance::new(seed);
    let mut split = SampleRatio::default();
    (1..=looks).find_map(|look| {
        let seen = Requests {
            canary: chance.poisson(10.0 * rps * share * canary),
            baseline: chance.poisson(10.0 * rps * (1.0 - share)),
        };
        split.update(weight(share), seen, sticky);
        split.wrong(seen).map(|wrong| (look, wrong))
    })
}

#[test]
fn a_silent_canary_is_called_after_about_ten_missing_requests() {
    // At 1 %: 20 s at 100 rps, 1.9 min at 10 rps, 11.7 min at 1 rps.
    for (rps, least, most) in [(100.0, 2, 3), (10.0, 10, 13), (1.0, 60, 120)] {
        let (look, wrong) = called(0.01, rps, 0.0, 1000, 1).expect("silence");
        assert!((least..=most).contains(&look), "{look} looks at {rps} rps");
        assert!(matches!(wrong, Wrong::Silent { awaited, .. } if awaited >= 7.0), "{wrong:?}");
    }
}

#[test]
fn a_canary_that_loses_a_third_is_a_mismatch_with_its_shares() {
    let (look, wrong) = called(0.01, 100.0, 0.7, 1000, 3).expect("a mismatch");
    // 6 min were measured.
    assert!((10..=120).contains(&look), "{look} looks");
    let Wrong::Off { expected, seen, .. } = wrong else { panic!("{wrong:?}") };
    assert!((expected - 0.01).abs() < 1e-9 && seen < 0.009, "{wrong:?}");
}

#[test]
fn a_canary_that_gets_too_much_is_a_mismatch_too() {
    let (_, wrong) = called(0.05, 100.0, 2.0, 100, 4).expect("a mismatch");
    assert!(
        matches!(wrong, Wrong::Off { expected, seen, .. } if seen > 1.5 * expected),
        "{wrong:?}"
    );
}

#[test]
fn a_silent_baseline_is_called() {
    let mut split = SampleRatio::default();
    let seen = Requests { canary: 400, baseline: 0 };
    split.update(weight(0.5), seen, false);
    assert_eq!(split.wrong(seen), Some(Wrong::BaselineSilent { canary: 400 }));
}

#[test]
fn a_right_split_is_not_blamed_nor_one_within_the_tolerance() {
    for canary in [1.0, 1.08] {
        let blamed =
            (0..200).filter(|&seed| called(0.1, 50.0, canary, 300, seed).is_some()).count();
        assert!(blamed <= 1, "{blamed} of 200 at {canary}");
    }
}

/// A thousand users at 1 %: ten are meant, and any number from five to fifteen is chance.
#[test]
fn users_who_keep_their_side_may_come_more_often() {
    assert!(called_of(false, 0.01, 100.0, 1.4, 3000, 5).is_some());
    assert!(called_of(true, 0.01, 100.0, 1.4, 3000, 5).is_none());
    let (look, _) = called_of(true, 0.01, 100.0, 3.0, 3000, 5).expect("a mismatch");
    assert!(look < 10, "{look} looks");
    let (look, wrong) = called_of(true, 0.01, 100.0, 0.0, 3000, 5).expect("silence");
    assert!(matches!(wrong, Wrong::Silent { .. }) && look <= 4, "{look} looks: {wrong:?}");
}

#[test]
fn a_canary_that_comes_back_is_believed_at_once() {
    let mut split = SampleRatio::default();
    for _ in 0..1000 {
        split.update(weight(0.01), Requests { canary: 0, baseline: 1000 }, false);
    }
    let back = Requests { canary: 10, baseline: 990 };
    split.update(weight(0.01), back, false);
    assert_eq!(split.wrong(back), None);
}

#[test]
fn one_arm_alone_is_no_split() {
    let mut split = SampleRatio::default();
    split.update(weight(0.0), Requests { canary: 0, baseline: 100_000 }, false);
    split.update(weight(1.0), Requests { canary: 100_000, baseline: 0 }, false);
    assert_eq!(split, SampleRatio::default());
}
