//! Planning figures against the design's table and the outputs people read.

use super::{ratio, weight};
use crate::judge::Tolerance;
use crate::judge::planning::*;

#[track_caller]
fn about(got: f64, expect: f64) {
    assert!((got / expect - 1.0).abs() < 0.01, "{got} instead of {expect}");
}

#[test]
fn requests_at_a_one_percent_step() {
    // The design's figures are those of a mixture that cost 1.9 nats; ours costs 1.4.
    let nats = libm::log(100.0);
    let cheaper = (nats + 1.4) / (nats + 1.9);
    let table = [
        (0.001, 1.5, 66_907.0),
        (0.001, 2.0, 18_766.0),
        (0.001, 5.0, 1_803.0),
        (0.001, 20.0, 182.0),
        (0.01, 1.5, 6_691.0),
        (0.01, 2.0, 1_877.0),
        (0.01, 5.0, 180.0),
        (0.01, 20.0, 18.0),
    ];
    for (base, worsening, expect) in table {
        let requests = requests_to_detect(base, 0.01, worsening, &ratio(1.0), 0.01, 1.0);
        assert!(
            (requests - expect * cheaper).abs() <= 0.01 * expect + 0.5,
            "{requests} of {expect}"
        );
    }
}

/// A 1 % step at 10 requests/s can only see catastrophes.
#[test]
fn a_doubling_takes_days_where_traffic_is_thin() {
    let requests = requests_to_detect(0.001, 0.01, 2.0, &ratio(1.0), 0.01, 1.0);
    for (per_second, hours) in [(10.0, 48.1), (100.0, 4.81), (1000.0, 0.481)] {
        about(requests / (0.01 * per_second) / 3600.0, hours);
    }
}

#[test]
fn a_quiet_service_needs_hours_to_open() {
    // 2 rps, 0.5 % errors, at 10, 25 and 50 %.
    let harm = harm_budget(0.005, None);
    about(harm, 0.001);
    for (share, next, hours) in [(0.1, 0.25, 5.0), (0.25, 0.5, 7.7), (0.5, 1.0, 23.5)] {
        let requests =
            requests_to_open(0.005, share, margin(harm, weight(next)), 0.05, LEARNED_DISPERSION);
        let got = requests / (2.0 * share) / 3600.0;
        // The design planned with a dispersion of 1.15.
        assert!((got * 1.15 / LEARNED_DISPERSION / hours - 1.0).abs() < 0.12, "{got} h at {share}");
    }
}

#[test]
fn what_a_step_can_see() {
    // 1 % of 10 rps for 10 minutes is 60 canary requests: catastrophes only.
    let sees = |base| smallest_visible(60.0, base, 0.01, &Tolerance::default(), 0.01, 1.0);
    let (thin, thick) = (sees(0.001), sees(0.01));
    assert!(thin.is_some_and(|x| (40.0..60.0).contains(&x)), "{thin:?}");
    assert!(thick.is_some_and(|x| (8.0..14.0).contains(&x)), "{thick:?}");
    assert_eq!(smallest_visible(1.0, 0.01, 0.01, &ratio(1.0), 0.01, 1.0), None);
    let needs =
        requests_to_detect(0.001, 0.01, thin.unwrap_or(1.0), &Tolerance::default(), 0.01, 1.0);
    about(needs, 60.0);
}

#[test]
fn what_cannot_be_seen_takes_for_ever() {
    assert!(requests_to_detect(0.01, 0.01, 1.1, &Tolerance::default(), 0.01, 1.0).is_infinite());
    assert!(requests_to_detect(0.01, 1.0, 5.0, &ratio(1.0), 0.01, 1.0).is_infinite());
    assert!(requests_to_open(0.01, 0.0, 0.001, 0.05, 1.0).is_infinite());
    assert_eq!(margin(0.001, weight(0.0)), 1.0);
    assert_eq!(harm_budget(0.01, Some(0.005)), 0.005);
    assert_eq!(harm_budget(0.0001, None), 0.0005);
}
