//! The files under `plans/` are what the documentation shows: they must read without a word.

use super::*;
use crate::plan::{Count, Step};

const EXAMPLES: [(&str, &str); 6] = [
    ("plans/routes/checkout.yaml", include_str!("../../../plans/routes/checkout.yaml")),
    ("plans/checkout.yaml", include_str!("../../../plans/checkout.yaml")),
    ("plans/orders-consumer.yaml", include_str!("../../../plans/orders-consumer.yaml")),
    ("plans/invoice-pdf.yaml", include_str!("../../../plans/invoice-pdf.yaml")),
    ("plans/search-v2.yaml", include_str!("../../../plans/search-v2.yaml")),
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
    let weights: Vec<u32> = plan.steps.iter().filter_map(Step::weight).map(|w| w.ppm()).collect();
    assert_eq!(weights, [10_000, 50_000, 250_000, 500_000, 1_000_000]);
    assert_eq!(plan.checks.len(), 1);
    assert_eq!(plan.checks[0].limits.len(), 2, "its own and the half-fails switch");
    assert_eq!(plan.give_up_after.map(|d| d.as_secs()), Some(3 * 86_400));
    let route = route(EXAMPLES[0].1);
    assert_eq!(route.count, Some(Count::Haproxy));
    assert_eq!(route.labels["tier"], "1");
}
