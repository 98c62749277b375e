//! `docs/plans.md` is the reference: its examples must read and lint, and no key may be missing from it.

use super::*;
use crate::plan::keys::all;
use crate::plan::{Severity, lint_all};

const REFERENCE: &str = include_str!("../../../docs/plans.md");

/// What a fragment is put into, key by key.
const PLAN: [&str; 6] = [
    "plan: checkout",
    "route: checkout",
    "owner: team-payments",
    "inputs: [version]",
    "canary: $version",
    "steps: [{ shift: 5%, bake: 1h }, { shift: 100%, bake: 1h }]",
];
const ROUTE: [&str; 2] = ["route: checkout", "split: { haproxy: { instances: 1, sides: [a, b] } }"];

/// The info string and the text of every fenced block.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = REFERENCE.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a text")).collect()
}

/// The fragment, with those keys of `whole` that it does not write itself.
fn completed(whole: &[&str], fragment: &str) -> String {
    let written = |line: &&&str| {
        let key = line.split_once(':').map_or("", |(key, _)| key);
        !fragment.lines().any(|l| l.starts_with(&format!("{key}:")))
    };
    let missing: Vec<&str> = whole.iter().filter(written).copied().collect();
    format!("{}\n{fragment}", missing.join("\n"))
}

#[test]
fn every_example_reads_and_lints() {
    let blocks = blocks();
    assert!(blocks.len() > 10, "{blocks:?}");
    for (info, text) in blocks {
        let text = match info {
            "yaml" => text.to_owned(),
            "yaml plan" => completed(&PLAN, text),
            "yaml route" => completed(&ROUTE, text),
            // What is printed: the forecasts' own test compares it.
            "text" => continue,
            other => panic!("a block of {other:?}:\n{text}"),
        };
        let read = read_str(&text);
        assert!(!read.has_errors(), "{text}\n{}", shown(&read));
        let told = lint_all(&read.documents);
        let wrong: Vec<_> = told.iter().filter(|p| p.severity == Severity::Error).collect();
        assert!(wrong.is_empty(), "{text}\n{wrong:?}");
    }
}

#[test]
fn every_key_is_explained() {
    let keys = all().flat_map(|table| table.keys.iter().map(|key| (table.title, key.name)));
    let missing: Vec<_> =
        keys.filter(|(_, key)| !REFERENCE.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
