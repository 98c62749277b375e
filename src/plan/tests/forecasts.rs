//! What a plan is foretold to do at a traffic, as people read it.

use super::examples::EXAMPLES;
use super::*;
use crate::plan::{Forecast, RouteRef, Traffic, forecast, lint};

const INVOICE: &str = EXAMPLES[3].1;

/// The plan with its inline route, at another traffic than it states where one is given.
fn told(text: &str, traffic: Option<(f64, f64)>) -> (Option<Forecast>, Vec<String>) {
    let mut plan = plan(text);
    let RouteRef::Inline(route) = &mut plan.route else { panic!("no inline route") };
    if let Some((requests_per_second, failures)) = traffic {
        route.traffic = Some(Traffic { requests_per_second, failures });
    }
    let route = (**route).clone();
    let found = lint(&plan, None).into_iter();
    let words = found.map(|f| format!("{} {}; {}", f.subject, f.message, f.mend)).collect();
    (forecast(&plan, &route, route.traffic.expect("traffic")), words)
}

fn table(text: &str, traffic: Option<(f64, f64)>) -> String {
    told(text, traffic).0.expect("compared").table().join("\n")
}

#[test]
fn a_thin_service_with_a_budget_of_its_own_gets_through_in_hours() {
    let expect = "\
at 2 requests/s and 0.5 % failures   opens when ruled out   takes about   sees from   a 5x / 20x fault is reverted in
  10 %                               5x                     31m           6.4x        48m / 5m (12 / 7 extra failures)
  25 %                               3x                     16m           6.5x        26m / 3m (16 / 10)
  50 %                               2.1x                   24m           4.8x        23m / 3m (28 / 18)
  90 %                               2x                     60m           5.8x        76m / 11m (170 / 120)";
    assert_eq!(table(INVOICE, None), expect);
    assert!(include_str!("../../../docs/plans.md").contains(expect), "the reference shows another");
    let (forecast, warned) = told(INVOICE, None);
    assert_eq!(forecast.expect("compared").summary(), "a healthy version takes about 2h10m");
    assert!(warned.is_empty(), "{warned:?}");
}

#[track_caller]
fn warned(text: &str, traffic: Option<(f64, f64)>, expect: &[&str]) {
    let warned = told(text, traffic).1;
    assert_eq!(warned, expect);
}

#[test]
fn without_a_budget_a_thin_service_is_told_which_to_write() {
    let bare = INVOICE.replace("harm: 0.5pp\n", "");
    let patient = bare.replace("on_doubt: advance\n", "");
    let instead = "`harm: 0.5pp` rules out 5x, 3x, 2.1x, 2x instead and takes about 2h10m";
    let long = " no `harm`: by default 0.1pp here, and a healthy version takes about 29h20m";
    warned(&patient, None, &[&format!("{long}; {instead}")]);
    let doubt = " no `harm`: by default 0.1pp here, and a healthy version is let through in doubt after about 22h50m";
    warned(&bare, None, &[&format!("{doubt}; {instead}")]);
    let strict = INVOICE.replace("0.5pp", "0.05pp").replace("on_doubt: advance\n", "");
    let (_, told) = told(&strict, None);
    assert!(
        told[0].starts_with("harm `harm: 0.05pp`, and a healthy version takes about "),
        "{told:?}"
    );
}

#[test]
fn a_step_that_sees_catastrophes_alone_says_so() {
    let thin = INVOICE.replace("shift: 10%", "shift: 1%");
    let expect = "steps.0 the 1 % step can only see catastrophes: nothing milder than 19x the usual failures \
        shows in 43m at 1 %; a larger share or a longer `bake` sees more";
    warned(&thin, Some((10.0, 0.001)), &[expect]);
    warned(&thin, Some((10_000.0, 0.001)), &[]);
}

#[test]
fn more_checks_need_more_evidence() {
    let two = format!(
        "{INVOICE}checks: {{ errors: {{ tolerate: 1.1x }}, own: {{ tolerate: 1.1x, failures: 'f{{$arm}}', requests: 'r{{$arm}}' }} }}\n"
    );
    let after = |text: &str| told(text, None).0.expect("compared").steps[0].faults[0];
    let (one, two) = (after(INVOICE), after(&two));
    assert!(two.reverted_in_seconds > one.reverted_in_seconds, "{two:?} {one:?}");
}

#[test]
fn what_traffic_says_nothing_of_is_not_foretold() {
    let limits = format!("{INVOICE}checks: {{ e: {{ limit: {{ errors_above: 5% }} }} }}\n");
    assert!(told(&limits, None).0.is_none());
}

/// Any load a flag can state has a table, and no step of it is quicker than its bake.
#[test]
fn every_load_has_a_forecast() {
    for rps in [1e-300, 1e-9, 1.0, 1e9, 1e300] {
        for failures in [0.0, 1e-9, 0.5, 1.0] {
            let forecast = told(INVOICE, Some((rps, failures))).0.expect("compared");
            assert_eq!(forecast.table().len(), 5);
            let hasty = |s: &&crate::plan::StepForecast| s.takes_seconds < Some(s.bake_seconds);
            let hasty = forecast.steps.iter().find(hasty);
            assert!(hasty.is_none(), "{rps} {failures} {hasty:?}");
            let numbers = serde_json::to_string(&forecast).expect("JSON");
            let back: Forecast = serde_json::from_str(&numbers).expect("a forecast");
            assert_eq!(back.steps.len(), 4, "{numbers}");
        }
    }
}
