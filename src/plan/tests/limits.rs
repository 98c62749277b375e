//! Limits, each of a kind that its check can have; and what holds of any check that is read.

use proptest::prelude::*;

use super::checks::{check, refused};
use super::examples::as_an_editor_sees;
use super::reading::PLAN;
use super::*;
use crate::judge::{LimitAction, LimitKind};
use crate::plan::family::Family;
use crate::plan::{Check, Of, schema};

#[track_caller]
fn limits(keys: &str, expect: &[(LimitKind, u64, LimitAction)]) {
    let check = check(keys);
    let told: Vec<_> = check.limits.iter().map(|l| (l.kind, l.min_requests, l.then)).collect();
    assert_eq!(told, expect, "{keys}");
}

#[test]
fn limits_are_of_the_kind_of_their_check() {
    use LimitAction::{Pause, Revert, StepBack};
    let half = (LimitKind::ErrorsAbove(0.5), 20, Revert);
    let slower = |quantile, seconds| LimitKind::SlowerThan { quantile, seconds };
    limits(
        "tolerate: 1.1x, limit: { success_below: 99%, then: step-back }",
        &[(LimitKind::ErrorsAbove(0.01), 20, StepBack), half],
    );
    let pushed = "source: push, histogram: latency_ms";
    limits(
        &format!("{pushed}, limit: [{{ p50_above: 90ms }}, {{ p99_above: 1s500ms, then: pause }}]"),
        &[(slower(0.5, 0.09), 20, Revert), (slower(0.99, 1.5), 200, Pause)],
    );
    limits(
        &format!(
            "{pushed}, tolerate: 2x, limit: [{{ p90_above: 1s }}, {{ p95_above: 1s }}, {{ p999_above: 1s }}]"
        ),
        &[
            (slower(0.9, 1.0), 20, Revert),
            (slower(0.95, 1.0), 40, Revert),
            (slower(0.999, 1.0), 2000, Revert),
        ],
    );
    limits(
        "source: push, value: basket, limit: [{ above: 1000 }, { below: 0.5, min_requests: 1 }]",
        &[(LimitKind::Above(1000.0), 20, Revert), (LimitKind::Below(0.5), 1, Revert)],
    );
    limits("value: 'rss{$arm}', limit: { above: 0 }", &[(LimitKind::Above(0.0), 0, Revert)]);
    limits("of: both, limit: { above: 2x before }", &[(LimitKind::AboveBefore(2.0), 20, Pause)]);
    limits(
        "of: both, value: lag, limit: [{ above: 3x before, then: revert }, { above: 9 }]",
        &[(LimitKind::AboveBefore(3.0), 0, Revert), (LimitKind::Above(9.0), 0, Pause)],
    );
}

#[test]
fn limits_that_cannot_be_are_refused() {
    refused(
        "limit: { p99_above: 1s }",
        "5:25 `p99_above` is no limit of failures | write `errors_above: 5%`",
    );
    refused("limit: { above: 9 }", "`above` is no limit of failures");
    refused("limit: { above: 2x before }", "`above` is no limit of failures | add `of: both`");
    refused(
        "of: both, limit: { errors_above: 5% }",
        "`errors_above` is no limit of both arms together",
    );
    refused("of: both, limit: { above: 9 }", "write `above: 2x before`");
    let pushed = "source: push, histogram: latency_ms";
    refused(
        &format!("{pushed}, limit: {{ errors_above: 5% }}"),
        "no limit of slow requests | write `p99_above: 500ms`",
    );
    refused(
        &format!("{pushed}, limit: {{ p99_above: 0s }}"),
        "`p99_above` cannot be `0s` | every request takes longer",
    );
    refused(&format!("{pushed}, limit: {{ p99_above: 500 }}"), "`500` has no unit");
    refused(&format!("{pushed}, limit: {{ p99_above: 2h }}"), "must be at most 1h");
    refused(
        &format!("{pushed}, limit: {{ p98_above: 1s }}"),
        "unknown limit `p98_above` | did you mean",
    );
    refused(
        "source: push, value: basket, limit: { p99_above: 1s }",
        "no limit of values | write `above: 1000`",
    );
    refused("source: push, value: basket, limit: { below: 0 }", "`below` cannot be `0`");
    refused(
        "value: 'rss{$arm}', limit: { above: 2x before }",
        "no limit of levels | add `of: both`",
    );
    refused(
        "value: 'rss{$arm}', limit: { above: 1, min_requests: 5 }",
        "a level has no requests | leave it out",
    );
    refused("limit: { errors_above: 100% }", "it would never act");
    refused("limit: { success_below: 0% }", "it would never act");
    refused(
        "limit: { errors_above: 5%, success_below: 9% }",
        "a limit cannot be two things, `success_below` too",
    );
    refused("limit: { then: pause }", "unknown limit `then`");
    refused("limit: {}", "an empty limit | write one of errors_above, success_below");
    refused("limit: { errors_above: 5%, then: stepback }", "did you mean `step-back`?");
    for bad in ["1e309", "NaN", ".inf", "-1", "2x", "0x before", "1e3x before", "2x befor"] {
        refused(&format!("of: both, value: lag, limit: {{ above: {bad} }}"), "`above` cannot be");
    }
}

/// Each key of a check with what may stand there, sense or nonsense.
const KEYS: [(&str, &[&str]); 10] = [
    ("tolerate", &["1.1x", "0.5pp", "0.5%", "20", "1.1x + 20", "1x", "1e9x"]),
    ("failures", &["'f{$arm}'", "f"]),
    ("requests", &["'r{$arm}'"]),
    ("histogram", &["latency_ms", "'h_bucket{$arm}'", "'h{$arm}'"]),
    ("value", &["basket", "'v{$arm}'", "max(v)"]),
    ("source", &["push", "prometheus", "{ scrape: [http://a/m] }"]),
    ("worse", &["lower", "higher"]),
    ("of", &["both"]),
    ("unit", &["user", "request"]),
    (
        "limit",
        &[
            "{ errors_above: 5% }",
            "{ p99_above: 1s }",
            "{ above: 9 }",
            "{ above: 2x before }",
            "{ below: 1 }",
        ],
    ),
];

/// Some of the keys, few at a time: most of many would contradict each other.
fn any_check() -> impl Strategy<Value = String> {
    let key = (0..KEYS.len(), any::<prop::sample::Index>());
    proptest::collection::btree_map(key.0, key.1, 0..5).prop_map(|chosen| {
        let written = chosen.into_iter().map(|(key, value)| {
            let (key, values) = KEYS[key];
            format!("{key}: {}", values[value.index(values.len())])
        });
        written.collect::<Vec<_>>().join(", ")
    })
}

fn makes_sense(check: &Check) -> bool {
    let family = check.numbers.family();
    let share = |t: f64| (0.0..=1.0).contains(&t);
    let tolerance = check.tolerate.is_none_or(|t| match family {
        Family::Failures => (t.ratio == 0.0 && t.delta > 0.0 || t.ratio >= 1.0) && share(t.delta),
        Family::Slowness => t.ratio >= 1.0 && share(t.delta),
        Family::Values => t.ratio >= 1.0 && t.delta >= 0.0,
        Family::Level => t.ratio >= 1.1 || t.delta > 0.0,
    });
    let limits = check.limits.iter().all(|limit| match limit.kind {
        LimitKind::ErrorsAbove(_) => family == Family::Failures && check.of == Of::Arms,
        LimitKind::SlowerThan { .. } => family == Family::Slowness && check.of == Of::Arms,
        LimitKind::Above(_) | LimitKind::Below(_) => {
            matches!(family, Family::Values | Family::Level)
        }
        LimitKind::AboveBefore(_) => check.of == Of::Both,
    });
    let acts = check.tolerate.is_some() || !check.limits.is_empty();
    tolerance && limits && acts && (check.of == Of::Arms || check.tolerate.is_none())
}

#[test]
fn what_is_read_makes_sense_and_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    let config =
        ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let read_well = std::cell::Cell::new(0);
    let rows = |keys: String| {
        let text = format!("{PLAN}checks: {{ c: {{ {keys} }} }}\n");
        let read = read_str(&text);
        if let Some(plan) = read.documents.first().and_then(|d| d.plan()) {
            read_well.set(read_well.get() + 1);
            prop_assert!(plan.checks.len() == 1 && makes_sense(&plan.checks[0]), "{text}");
            prop_assert!(validator.is_valid(&as_an_editor_sees(&text)), "{text}");
        } else {
            prop_assert!(read.has_errors(), "{text}");
        }
        Ok(())
    };
    let told = proptest::test_runner::TestRunner::new(config).run(&any_check(), rows);
    assert!(told.is_ok(), "{told:?}");
    assert!(read_well.get() > 100, "only {} checks were read", read_well.get());
}
