//! The files under `plans/` are what the documentation shows: they must read without a word.

use super::*;
use crate::domain::Weight;
use crate::plan::fields::json;
use crate::plan::problem::Sink;
use crate::plan::yaml::parse;
use crate::plan::{Count, Step, lint_all, schema};

pub(super) const EXAMPLES: [(&str, &str); 8] = [
    ("plans/routes/checkout.yaml", include_str!("../../../plans/routes/checkout.yaml")),
    ("plans/checkout.yaml", include_str!("../../../plans/checkout.yaml")),
    ("plans/orders-consumer.yaml", include_str!("../../../plans/orders-consumer.yaml")),
    ("plans/invoice-pdf.yaml", include_str!("../../../plans/invoice-pdf.yaml")),
    ("plans/search-v2.yaml", include_str!("../../../plans/search-v2.yaml")),
    ("plans/routes/cart.yaml", include_str!("../../../plans/routes/cart.yaml")),
    ("plans/cart.yaml", include_str!("../../../plans/cart.yaml")),
    ("plans/billing-observed.yaml", include_str!("../../../plans/billing-observed.yaml")),
];

#[test]
fn examples_read_without_a_word() {
    for (path, text) in EXAMPLES {
        let read = read(&SourceFile { path, bytes: text.as_bytes() });
        assert!(read.problems.is_empty(), "{}", shown(&read));
        assert_eq!(read.documents.len(), 1, "{path}");
        assert_eq!(read.documents[0].text, text, "{path}");
    }
}

#[test]
fn the_checkout_example_means_what_it_says() {
    let plan = plan(EXAMPLES[1].1);
    assert_eq!(plan.steps.len(), 7);
    let weights: Vec<u32> = plan.steps.iter().filter_map(Step::weight).map(Weight::ppm).collect();
    assert_eq!(weights, [10_000, 50_000, 250_000, 500_000, 1_000_000]);
    let limits: Vec<usize> = plan.checks.iter().map(|c| c.limits.len()).collect();
    assert_eq!(limits, [2, 1, 1], "the half-fails switch is for failures");
    assert_eq!(plan.give_up_after.map(|d| d.as_secs()), Some(3 * 86_400));
    let route = route(EXAMPLES[0].1);
    assert_eq!(route.count, Some(Count::Haproxy));
    assert_eq!(route.labels["tier"], "1");
}

#[test]
fn examples_lint_without_a_word() {
    let reads = EXAMPLES.map(|(path, text)| read(&SourceFile { path, bytes: text.as_bytes() }));
    let documents: Vec<_> = reads.into_iter().flat_map(|r| r.documents).collect();
    let told: Vec<String> = lint_all(&documents).iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn examples_validate_against_the_schema() {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    for (path, text) in EXAMPLES {
        let json = as_an_editor_sees(text);
        let told: Vec<String> =
            validator.iter_errors(&json).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(told.is_empty(), "{path}: {told:?}");
    }
}

/// What the reader refuses for its shape, an editor underlines too.
#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    let (_, good) = EXAMPLES[1];
    let rows = [
        ("bake: 10m ", "bake: 10 "),
        ("owner: team-payments\n", ""),
        ("if_busy: supersede", "if_busy: replace"),
        ("- hook: warm-cache", "- hok: warm-cache"),
        ("tolerate: 1.1x ", "tolerate: 110% "),
        ("open: \"0 9 * * MON-THU\"", "open: \"0 0 9 * * MON-THU\""),
        ("tolerate: 1.5x ", "tolerate: 1.5y "),
        ("limit: { p99_above: 2s,", "limit: { errors_above: 5%, p99_above: 2s,"),
        ("limit: { p99_above: 2s, for: 1m }", "limit: { for: 1m }"),
        ("above: 2x before", "above: twice"),
        ("of: both", "of: all"),
        ("shift: 25%", "shift: 25"),
        ("on_regression: revert ", "on_regression: halt "),
        ("    retries: 2\n", "    retries: 2000\n"),
        ("route: checkout\n", "route: [checkout]\n"),
        ("warm_up: 2m", "warmup: 2m"),
    ];
    for (from, to) in rows {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from} is not in the example");
        assert!(read_str(&bad).has_errors(), "the reader takes {to}");
        assert!(!validator.is_valid(&as_an_editor_sees(&bad)), "the schema takes {to}");
    }
}

pub(super) fn as_an_editor_sees(text: &str) -> serde_json::Value {
    let mut sink = Sink::new("f.yaml", text);
    let trees = parse(text, &mut sink);
    json(&trees[0].root)
}
