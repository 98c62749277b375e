//! One mistake a row: what is written, what is said.

use super::*;
use crate::plan::{
    Count, GateTimeout, IfBusy, Numbers, OnDoubt, RouteRef, Severity, SourceRef, Splitter, Step,
};

/// A plan that reads without a word; `{}` is where a row puts its lines.
pub(super) const PLAN: &str =
    "plan: p\nroute: r\nowner: o\nsteps: [{ shift: 5% }, { shift: 100% }]\n";
const ROUTE: &str = "route: r\nsplit: { pull: { instances: 1 } }\n";

/// `expect` is `line:column message | mend` of the only error.
#[track_caller]
fn check(text: &str, expect: &str) {
    let read = read_str(text);
    let errors = read.problems.iter().filter(|p| p.severity == Severity::Error);
    let told: Vec<String> =
        errors.map(|p| format!("{}:{} {} | {}", p.line, p.column, p.message, p.mend)).collect();
    assert_eq!(told.len(), 1, "\n{text}\n{}", shown(&read));
    assert!(told[0].contains(expect), "{}\nnot\n{expect}", told[0]);
    assert!(read.documents.is_empty(), "a document with an error was let through");
}

#[track_caller]
pub(super) fn with_plan(line: &str, expect: &str) {
    check(&format!("{PLAN}{line}\n"), expect);
}

#[track_caller]
pub(super) fn with_route(line: &str, expect: &str) {
    check(&format!("{ROUTE}{line}\n"), expect);
}

#[track_caller]
fn with_steps(steps: &str, expect: &str) {
    check(&format!("plan: p\nroute: r\nowner: o\nsteps: {steps}\n"), expect);
}

#[test]
fn keys_are_known_written_once_and_not_missing() {
    with_plan("bakes: 1m", "5:1 a plan has no key `bakes` | did you mean `bake`?");
    with_plan("tolerate: 1.1x", "5:1 a plan has no key `tolerate` | `tolerate` belongs in a check");
    with_plan("split: { observe: {} }", "`split` belongs in a route");
    with_plan("xyzzyxyzzy: 1", "a plan has: plan, route, owner");
    with_plan("owner: b", "5:1 `owner` is written twice | keep one of them");
    check(
        "plan: p\nroute: r\nsteps: [shift: 100%]\n",
        "1:1 a plan without `owner` | add `owner: …`",
    );
    with_route("bake: 1m", "3:1 a route has no key `bake` | `bake` belongs in a plan");
    check("plam: p\nroutes: r\n", "1:1 neither a plan nor a route | did you mean `plan`?");
    check("- a\n", "a list is no plan and no route");
    check("# nothing\n", "there is no plan or route in it");
}

#[test]
fn what_comes_later_is_named_as_such() {
    with_plan("after: { plan: x }", "`after` is not supported yet");
    with_plan("if_lost: { revert_after: 5m }", "`if_lost` is not supported yet");
    with_steps("[{ shift: 5%, only: { a: b } }, { shift: 100% }]", "`only` is not supported yet");
    with_steps(
        "[{ shift: 9%, only: { a: b } }, { shift: 5% }, { shift: 100% }]",
        "`only` is not supported yet",
    );
    with_steps("[{ run: x, call: y }, { shift: 100% }]", "`run` is not supported yet");
    with_steps("[{ stage: shadow }, { shift: 100% }]", "`stage` is not supported yet");
    with_steps("[{ gate: { then: stop } }, { shift: 100% }]", "`then: stop` is not supported yet");
}

#[test]
fn values_say_what_to_write_instead() {
    with_plan("bake: 10", "5:7 `bake` cannot be `10` | `10` has no unit");
    with_plan("bake: 1e309", "5:7 `bake` cannot be `1e309`");
    with_plan("bake: [1m]", "5:7 `bake` needs a value, found a list | write it like `bake: 10m`");
    with_plan("bake:", "`bake` needs a value, found nothing");
    with_plan("look: 100ms", "must be at least 1s");
    with_plan("hold_back: NaN", "`hold_back` cannot be `NaN`");
    with_plan("hold_back: 10", "write `10%`");
    with_plan("harm: 0.5%", "like `0.5pp`");
    with_plan("if_busy: replace", "write `refuse`, `queue` or `supersede`");
    with_plan("if_busy: supercede", "did you mean `supersede`?");
    with_plan(
        "on_silence: 5m",
        "`on_silence` needs a mapping, found a value | write it like `on_silence: { revert_after: … }`",
    );
    with_plan("checks: { errors: { tolerate: 0.9x } }", "must be from 1x");
    with_plan("checks: { \"a b\": { tolerate: 1.1x } }", "`a b` cannot name a check");
    with_plan("after_revert: { call: replay }", "write an address like");
    with_plan(
        "window: { open: \"0 9 * * MON\", for: 7h, timezone: Europe/Berln }",
        "did you mean `Europe/Berlin`?",
    );
    with_route("traffic: { rps: .inf, failures: 1% }", "write requests per second");
    with_route("traffic: { rps: 1e309, failures: 1% }", "write requests per second");
    with_route("arm: { label: a-b }", "use letters, digits and _");
    check(
        "route: r\nsplit: { pull: { instances: 18446744073709551617 } }\n",
        "write a whole number from 1 to 10000",
    );
    check("route: r\nsplit: { pull: { instances: 0 } }\n", "write a whole number from 1 to 10000");
    check(
        "route: r\nsplit: { haproxy: { instances: 1, sides: [a] } }\n",
        "`sides` has 1 entries | write 2",
    );
    check(
        "route: r\nsplit: { haproxi: { instances: 1 } }\n",
        "2:10 unknown split `haproxi` | did you mean `haproxy`?",
    );
    check(
        "route: r\nsplit: { observe: {}, flag: f }\n",
        "a split cannot be two things, `flag` too",
    );
    check(
        "plan: \"a b\"\nroute: r\nowner: o\nsteps: [shift: 100%]\n",
        "1:7 `plan` cannot be `a b`",
    );
}

#[test]
fn steps_rise_to_the_end() {
    with_steps("[]", "`steps` has 0 entries");
    with_steps(
        "[{ shfit: 5% }, { shift: 100% }]",
        "4:11 unknown step `shfit` | did you mean `shift`?",
    );
    with_steps(
        "[{ shift: 5%, gate: a }, { shift: 100% }]",
        "a step cannot be two things, `gate` too",
    );
    with_steps(
        "[{ shift: 5% }, { shift: 5% }, { shift: 100% }]",
        "5 % does not rise above the 5 % before it",
    );
    with_steps("[{ shift: 0% }, { shift: 100% }]", "a shift to 0% is no step");
    with_steps(
        "[{ shift: 5% }, { shift: 50% }]",
        "the last shift is 50 %: the rollout could not complete",
    );
    with_steps("[{ gate: a }]", "no step shifts traffic");
    with_steps("[{ hook: x }, { shift: 100% }]", "a hook without `call`");
    with_steps(
        "[{ shift: 95% }, { shift: 100% }]",
        "the last 100 % would bake at 90 %, not above the 95 % before it | write a `hold_back` below 5 %",
    );
    with_steps("[shift, { shift: 100% }]", "needs a mapping, found a value");
}

#[test]
fn keys_agree_with_each_other() {
    with_plan("on_doubt: advance", "`on_doubt` would never act without `bake_at_most`");
    with_plan("bake: 1h\nbake_at_most: 30m", "`bake_at_most` 30m is below a bake of 60m");
    with_plan("bake: 1h\ngive_up: { revert_after: 90m }", "it could never complete");
    with_plan("canary: $version", "`$version` is used and not declared | add `inputs: [version]`");
    with_plan(
        "inputs: [version]\ncanary: $versoin",
        "6:9 `$versoin` is used and not declared | did you mean `$version`?",
    );
    with_plan(
        "after_revert: { call: https://x, body: { a: [$first_exposd_at] } }",
        "did you mean `$first_exposed_at`?",
    );
    with_plan("inputs: [a, a]\ncanary: $a", "input `a` is declared twice");
    with_plan("inputs: [weight]\ncanary: $weight", "`$weight` is filled in by Tidegate");
    with_plan(
        "checks: { e: { failures: a_total, requests: 'b{$arm}', tolerate: 1.1x } }",
        "`failures` does not tell the arms apart",
    );
    with_plan(
        "checks: { e: { failures: 'a{$arm}', tolerate: 1.1x } }",
        "`failures` without `requests`",
    );
    with_plan(
        "checks: { e: { source: { prometheus: eu }, tolerate: 1.1x } }",
        "a source without counters",
    );
    with_plan(
        "checks: { e: { source: push, failures: 'a{$arm}', requests: 'b{$arm}', tolerate: 1.1x } }",
        "pushed observations have no counters",
    );
    with_route(
        "count: haproxy",
        "`count: haproxy` needs `split: { haproxy: … }` | write `count: push`",
    );
    with_route("arm: { label: v, baseline: a }", "an arm with `baseline` and no `canary`");
    with_route("arm: { label: v, baseline: a, canary: a }", "both arms are called `a`");
    check(
        "route: r\nsplit: { haproxy: { instances: 1, sides: [a, a] } }\n",
        "both sides are the same backend",
    );
}

#[test]
fn yaml_mistakes_have_a_place_and_a_mend() {
    with_plan("window:\n\topen: x", "indent with spaces");
    with_plan("checks: { e: { requests: b{$arm} } }", "put a query in single quotes");
    with_plan("bake: &a 10m", "anchors and aliases are not supported | write the value out");
    with_plan("bake: !!str 10m", "tags are not supported");
    with_plan("? [a]\n: b", "a key must be plain text");
    with_plan("canary: \"open", "not YAML");
}

#[test]
fn a_problem_is_shown_under_its_line() {
    let text = "plan: p\nroute: r\nowner: o\nsteps:\n  - shfit: 5%\n  - shift: 100%\n";
    let shown = shown(&read_str(text));
    assert_eq!(
        shown,
        "f.yaml:5:5  error  unknown step `shfit`\n    \
         5 |   - shfit: 5%\n      |     ^^^^^ did you mean `shift`?\n"
    );
}

#[test]
fn every_problem_is_told_in_one_pass() {
    let text = "plan: a b\nroute: r\nbake: x\nsteps: [{ shift: 5 }, { shft: 1% }]\n---\nroute: r\n";
    let read = read_str(text);
    let lines: Vec<(usize, usize)> = read.problems.iter().map(|p| (p.line, p.column)).collect();
    assert_eq!(lines, [(1, 1), (1, 7), (3, 7), (4, 18), (4, 25), (6, 1)], "{}", shown(&read));
}

#[test]
fn good_documents_of_a_file_survive_bad_ones() {
    let text = format!("{PLAN}---\nroute: bad\n---\n# mine\n{ROUTE}");
    let read = read_str(&text);
    assert_eq!(read.documents.len(), 2, "{}", shown(&read));
    assert_eq!(read.documents[0].text, PLAN);
    assert_eq!(read.documents[1].text, format!("---\n# mine\n{ROUTE}"));
    assert_eq!(read_str(&read.documents[1].text).documents.len(), 1);
}

#[test]
fn line_ends_and_marks_of_other_systems_are_read() {
    let windows = format!("\u{feff}{}", PLAN.replace('\n', "\r\n"));
    assert_eq!(plan(&windows), plan(PLAN));
    let json = r#"{"plan": "p", "route": "r", "owner": "o", "steps": [{"shift": "5%"}, {"shift": "100%"}]}"#;
    assert_eq!(plan(json), plan(PLAN));
}

#[test]
fn scalars_are_read_as_written() {
    for text in ["off", "no", "3.10", "12e4567", "0x10", "007", "1_000", "~x", "2026-01-01"] {
        let plan = plan(&format!("{PLAN}canary: {text}\n"));
        assert_eq!(plan.canary.as_deref(), Some(text));
    }
}

#[test]
fn what_is_not_written_has_its_default() {
    let plan = plan(PLAN);
    let secs = |d: std::time::Duration| d.as_secs();
    assert_eq!((secs(plan.look), secs(plan.warm_up)), (10, 0));
    assert_eq!((secs(plan.silence_revert_after), secs(plan.return_within)), (300, 86_400));
    assert_eq!((plan.hold_back.ppm(), plan.give_up_after, plan.harm), (100_000, None, None));
    assert_eq!((plan.if_busy, plan.on_doubt), (IfBusy::Refuse, OnDoubt::Wait));
    assert!(plan.steps.iter().all(|s| matches!(s, Step::Shift { bake, .. } if secs(*bake) == 600)));
}

#[test]
fn gates_hooks_and_limits_have_short_and_long_forms() {
    let plan = plan(
        "plan: p\nroute: r\nowner: o\ninputs: [version]\nsteps:\n  - gate: leads\n  - gate: { approve: [a, b], timeout: 1h, then: pause, asks: [backup_id] }\n  - hook: warm\n    call: https://x/$version\n    body: { n: 3, v: 3.10, w: \"4\", id: $rollout }\n    retries: 0\n    timeout: 5s\n  - shift: 100%\nchecks:\n  e:\n    limit:\n      - { errors_above: 5% }\n      - { errors_above: 20%, min_requests: 5, for: 1m, then: pause }\n",
    );
    let Step::Gate(short) = &plan.steps[0] else { panic!("{:?}", plan.steps) };
    assert_eq!((short.approve.join(","), short.timeout.as_secs()), ("leads".to_owned(), 86_400));
    let Step::Gate(long) = &plan.steps[1] else { panic!("{:?}", plan.steps) };
    assert_eq!((long.approve.join(","), long.then), ("a,b".to_owned(), GateTimeout::Pause));
    let Step::Hook(hook) = &plan.steps[2] else { panic!("{:?}", plan.steps) };
    let body = serde_json::json!({ "n": 3, "v": "3.10", "w": "4", "id": "$rollout" });
    assert_eq!((hook.retries, hook.timeout.as_secs(), &hook.body), (0, 5, &Some(body)));
    assert_eq!((plan.checks[0].limits.len(), plan.checks[0].tolerate), (2, None));
}

#[test]
fn routes_name_who_moves_and_who_counts() {
    let queries = route(&format!(
        "{ROUTE}count:\n  source: {{ scrape: [http://a/metrics] }}\n  failures: f{{$arm}}\n  requests: r{{$arm}}\n"
    ));
    let Some(Count::Queries { source, .. }) = queries.count else { panic!("{queries:?}") };
    assert_eq!(source, SourceRef::Scrape(vec!["http://a/metrics".to_owned()]));
    let flag = route("route: r\nsplit: { flag: f, unit: user_id }\ncount: push\n");
    assert!(matches!(flag.split, Splitter::Flag { unit, .. } if unit == "user_id"));
    assert_eq!((flag.count, flag.arm.label.as_str()), (Some(Count::Push), "version"));
    let inline = plan(&PLAN.replace("route: r", "route: { split: { observe: {} } }"));
    assert!(matches!(inline.route, RouteRef::Inline(r) if r.name.as_str() == "p"));
    let push = plan(&format!("{PLAN}checks: {{ c: {{ source: push, tolerate: 2x }} }}\n"));
    assert_eq!(push.checks[0].numbers, Numbers::Push);
}
