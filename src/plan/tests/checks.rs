//! What a check may say of itself: its kind and its tolerance; and segments beside it.

use super::reading::{PLAN, with_plan, with_route};
use super::*;
use crate::judge::Worse;
use crate::plan::{Check, Numbers, Of, OnRegression, Severity, SourceRef, Unit};

/// The only error of a check with these keys.
#[track_caller]
pub(super) fn refused(keys: &str, expect: &str) {
    with_plan(&format!("checks: {{ c: {{ {keys} }} }}"), expect);
}

/// The check that these keys make, without a word.
#[track_caller]
pub(super) fn check(keys: &str) -> Check {
    let text = format!("{PLAN}checks: {{ c: {{ {keys} }} }}\n");
    let read = read_str(&text);
    assert!(read.problems.is_empty(), "{}", shown(&read));
    plan(&text).checks.remove(0)
}

fn default_source() -> SourceRef {
    SourceRef::Prometheus("default".parse().expect("a name"))
}

#[test]
fn a_check_counts_one_kind_of_numbers() {
    let numbers = |keys| check(keys).numbers;
    let query = || "a_bucket{$arm}".to_owned();
    let level = || "max(rss{$arm})".to_owned();
    let page = || SourceRef::Scrape(vec!["http://a/metrics".to_owned()]);
    assert_eq!(
        numbers("histogram: 'a_bucket{$arm}', tolerate: 1.5x"),
        Numbers::Histogram { source: default_source(), buckets: query() }
    );
    assert_eq!(
        numbers(
            "histogram: 'a_bucket{$arm}', source: { scrape: [http://a/metrics] }, tolerate: 1.5x"
        ),
        Numbers::Histogram { source: page(), buckets: query() }
    );
    assert_eq!(numbers("source: push, histogram: latency_ms, tolerate: 1.5x"), Numbers::Latency);
    assert_eq!(
        numbers("source: push, value: basket, tolerate: 1.1x"),
        Numbers::Values { name: "basket".to_owned() }
    );
    assert_eq!(
        numbers("value: 'max(rss{$arm})', tolerate: 1.2x"),
        Numbers::Gauge { source: default_source(), query: level() }
    );
    assert_eq!(
        numbers(
            "value: lag, source: { scrape: [http://a/metrics] }, of: both, limit: { above: 9 }"
        ),
        Numbers::Gauge { source: page(), query: "lag".to_owned() }
    );
    assert_eq!(numbers("of: both, limit: { above: 2x before }"), Numbers::Route);
    assert_eq!(numbers("source: push, of: both, limit: { above: 2x before }"), Numbers::Push);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    refused(
        "histogram: 'a_bucket{$arm}', value: x",
        "a check cannot have both `histogram` and `value`",
    );
    refused("value: x, failures: 'a{$arm}'", "cannot have both `failures` and `value`");
    refused("requests: 'a{$arm}', histogram: x", "cannot have both `requests` and `histogram`");
    for bad in ["a{$arm}", "rate(a_bucket{$arm}[5m])", "a_bucket{$arm} / 2", "_bucket(", "{$arm}"] {
        refused(
            &format!("histogram: '{bad}'"),
            "`histogram` does not name buckets | write the counters",
        );
    }
    refused("histogram: a_bucket", "`histogram` does not tell the arms apart");
    refused("histogram: 'a_bucket{x=\"$arm\"}'", "`histogram` does not tell the arms apart");
    for bad in ["le=\"0.5\"", "le =~ \"0.5\"", "le!=\"1\""] {
        refused(
            &format!("histogram: 'a_bucket{{$arm, {bad}}}'"),
            "`histogram` names one bound | leave `le` out",
        );
    }
    refused(
        "histogram: latency_ms",
        "`latency_ms` is what observations carry | add `source: push`",
    );
    refused("source: push, histogram: 'a_bucket{$arm}'", "write `histogram: latency_ms`");
    refused("source: push, value: latency_ms", "write `histogram: latency_ms`");
    refused("source: push, value: 'max(rss{$arm})'", "a pushed `value` is a name");
    refused(
        "value: rss",
        "`value` does not tell the arms apart | write `{$arm}` after each series, or `of: both`",
    );
    refused("value: 'lag{$arm}', of: both, limit: { above: 9 }", "leave `$arm` out of the query");
    refused(
        "value: 'max(a{$arm})', source: { scrape: [http://a/metrics] }",
        "scraped pages calculate nothing",
    );
    refused("histogram: [a]", "`histogram` needs a value, found a list");
    refused("value:", "`value` needs a value, found nothing");
}

#[test]
fn tolerances_have_the_units_of_their_kind() {
    let ratio = |keys: &str| check(keys).tolerate.map(|t| (t.ratio, t.delta));
    assert_eq!(ratio("tolerate: 0.5%"), Some((0.0, 0.005)));
    assert_eq!(ratio("source: push, value: basket, tolerate: 1.1x + 20"), Some((1.1, 20.0)));
    assert_eq!(ratio("source: push, value: basket, tolerate: 20"), Some((1.0, 20.0)));
    refused("tolerate: 20", "failures cannot tolerate `20` | write `0.5pp`");
    refused(
        "tolerate: 1.1x + 0.5%",
        "`tolerate` cannot be `1.1x + 0.5%` | a limit like `0.5%` stands alone",
    );
    refused("tolerate: 0%", "above 0% and below 100%");
    refused("tolerate: -5", "write one like");
    refused(
        "source: push, histogram: latency_ms, tolerate: 0.5%",
        "slow requests cannot tolerate `0.5%`",
    );
    refused("source: push, value: basket, tolerate: 0.5pp", "values cannot tolerate `0.5pp`");
    refused(
        "value: 'rss{$arm}', tolerate: 1.05x",
        "levels cannot tolerate `1.05x` | levels are weak evidence",
    );
}

/// What a check that says nothing is told to tolerate.
#[track_caller]
fn usual(keys: &str, expect: &str, ratio: f64) {
    let text = format!("{PLAN}checks: {{ c: {{ {keys} }} }}\n");
    let read = read_str(&text);
    assert!(
        read.problems.len() == 1 && read.problems[0].severity == Severity::Warn,
        "{}",
        shown(&read)
    );
    assert!(read.problems[0].message.contains(expect), "{}", shown(&read));
    assert_eq!(plan(&text).checks[0].tolerate.map(|t| (t.ratio, t.delta)), Some((ratio, 0.0)));
}

#[test]
fn each_kind_has_a_usual_tolerance() {
    usual("source: push", "without a tolerance: 1.1x is taken", 1.1);
    usual("source: push, value: basket", "1.1x is taken", 1.1);
    usual("source: push, histogram: latency_ms", "1.5x is taken", 1.5);
    usual("value: 'rss{$arm}'", "1.2x is taken", 1.2);
}

#[test]
fn both_arms_are_held_to_a_limit_and_not_compared() {
    let both = check("of: both, limit: { above: 2x before }");
    assert_eq!((both.of, both.tolerate), (Of::Both, None));
    refused("of: both", "both arms together need a limit | add `limit: { above: 2x before");
    refused("of: both, tolerate: 1.1x", "held to a limit, not compared");
    refused("of: arms", "`of` cannot be `arms` | write `both`");
    refused("of: { route: storefront }", "`of` needs a word, found a mapping");
    refused("of: both, histogram: 'a_bucket{$arm}'", "slow requests of both arms have no before");
    refused("of: both, source: push, value: basket", "values of both arms have no before");
    refused(
        "of: both, source: push, unit: user, limit: { above: 2x before }",
        "`unit: user` compares the arms",
    );
}

#[test]
fn users_directions_and_late_outcomes_have_their_kinds() {
    let crashes = check("source: push, unit: user, late: 15m, tolerate: 1.1x");
    assert_eq!((crashes.unit, crashes.late.as_secs()), (Unit::User, 900));
    assert_eq!(
        check("source: push, value: basket, worse: lower, tolerate: 1.1x").worse,
        Worse::Lower
    );
    assert_eq!(check("unit: request, tolerate: 1.1x").unit, Unit::Request);
    refused(
        "unit: user, tolerate: 1.1x",
        "counters do not say whose requests they count | add `source: push`",
    );
    refused("unit: user, failures: 'a{$arm}', requests: 'b{$arm}'", "counters do not say whose");
    refused("unit: user, value: 'a{$arm}'", "counters do not say whose");
    refused("unit: user, source: push, histogram: latency_ms", "counts users who met a failure");
    refused(
        "unit: session, source: push",
        "`unit` cannot be `session` | write `request` or `user`",
    );
    refused("worse: lower, tolerate: 1.1x", "more failures are always worse | leave it out");
    refused(
        "source: push, value: b, worse: lower, limit: { below: 1 }",
        "which direction a comparison minds",
    );
    refused("late: 0s, tolerate: 1.1x", "must be at least 1s");
    refused("late: 8d, tolerate: 1.1x", "must be at most 7days");
    refused("value: 'rss{$arm}', late: 5m", "a level is read as it is now");
}

#[test]
fn names_of_our_own_checks_are_kept() {
    let off = plan(&format!("{PLAN}checks: {{ whole-route: off, used-by-a: off }}\n"));
    let named: Vec<&str> = off.off.iter().map(crate::domain::Name::as_str).collect();
    assert_eq!((named, off.checks.len()), (vec!["whole-route", "used-by-a"], 0));
    with_plan("checks: { errors: off }", "5:19 check `errors` is not put in by itself");
    with_plan("checks: { whole-route: on }", "`whole-route` cannot be `on`");
    with_plan("checks: { whole-route: [off] }", "needs a mapping or a value, found a list");
    with_plan(
        "checks: { whole-route: { tolerate: 1.1x } }",
        "add `of: both`, or give it another name",
    );
    with_plan(
        "checks: { used-by-a: { tolerate: 1.1x } }",
        "what Tidegate calls a check of its own",
    );
    let long = "a".repeat(56);
    with_route(&format!("used_by: [{long}]"), "has at most 55 characters");
    with_route("used_by: [r]", "a route is watched for itself already");
}

#[test]
fn segments_are_attributes_with_values() {
    let text = format!(
        "{PLAN}segments: {{ platform: [ios, \"3.10\"], tier: [off] }}\non_regression: revert segment\n"
    );
    let plan = plan(&text);
    let segments: Vec<String> = plan.all_segments().map(|s| s.to_string()).collect();
    assert_eq!(segments, ["platform ios", "platform 3.10", "tier off"]);
    assert_eq!(plan.on_regression, OnRegression::RevertSegment);
    with_plan(
        "on_regression: revert segment",
        "5:16 there is no segment to revert | add `segments:",
    );
    with_plan("segments: {}", "`segments` names none");
    with_plan("segments: [ios]", "`segments` needs a mapping, found a list");
    with_plan("segments: { platform: ios }", "`platform` needs a list, found a value");
    with_plan("segments: { platform: [] }", "`platform` has 0 entries");
    with_plan("segments: { platform: [ios, ios] }", "5:29 segment `ios` is written twice");
    with_plan("segments: { a-b: [ios] }", "`a-b` is no attribute | use letters, digits and _");
    with_plan("segments: { \"a b\": [ios] }", "`a b` cannot name a segment");
    with_plan("segments: { a: [\"x\\ny\"] }", "on one line");
    with_plan(&format!("segments: {{ a: [{}] }}", "x".repeat(101)), "write 1 to 100 characters");
    let many = |n: usize| (0..n).map(|i| format!("v{i}")).collect::<Vec<_>>().join(", ");
    with_plan(&format!("segments: {{ a: [{}] }}", many(51)), "`a` has 51 entries | write 1 to 50");
    with_plan(
        &format!("segments: {{ a: [{}], b: [x] }}", many(50)),
        "51 segments | write at most 50 in all",
    );
    let checks: Vec<String> = (0..20).map(|i| format!("c{i}: {{ tolerate: 1.1x }}")).collect();
    with_plan(
        &format!("segments: {{ a: [{}] }}\nchecks: {{ {} }}", many(50), checks.join(", ")),
        "1020 checks, each segment's counted | write at most 1000",
    );
}
