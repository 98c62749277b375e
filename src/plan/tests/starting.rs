//! What a start is refused for, what it runs as, and what lint warns of.

use std::collections::BTreeMap;

use super::*;
use crate::domain::Side;
use crate::judge::{LimitAction, LimitKind};
use crate::plan::{Finding, Item, Numbers, Of, Program, Severity, Used, lint, lint_all, program};

const ROUTE: &str = "route: checkout\nsplit: { haproxy: { instances: 3, sides: [a, b] } }\ncount: haproxy\nserves: v412\n";
const PLAN: &str = "plan: checkout\nroute: checkout\nowner: o\ninputs: [version]\ncanary: $version\nsteps: [{ shift: 5% }, { shift: 100% }]\n";

fn start(
    plan_text: &str,
    route_text: &str,
    inputs: &[(&str, &str)],
    label: Option<&str>,
) -> Result<Program, Vec<String>> {
    let inputs: BTreeMap<String, String> =
        inputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    program(&plan(plan_text), &route(route_text), &inputs, Side::A, label, &[])
}

#[track_caller]
fn refused(plan: &str, route: &str, inputs: &[(&str, &str)], expect: &[&str]) {
    let told = start(plan, route, inputs, None).expect_err("it started");
    assert_eq!(told.len(), expect.len(), "{told:#?}");
    for (told, expect) in told.iter().zip(expect) {
        assert!(told.contains(expect), "{told}\nnot\n{expect}");
    }
}

#[test]
fn a_start_names_both_arms_and_the_idle_side() {
    let program = start(PLAN, ROUTE, &[("version", "v413")], None).expect("it starts");
    assert_eq!((program.canary.as_str(), program.baseline.as_str()), ("v413", "v412"));
    assert_eq!(program.canary_side, Side::B);
    assert_eq!(named(&program), ["errors", "whole-route"], "the errors the route counts");
    let later = start(PLAN, ROUTE, &[("version", "v414")], Some("v413")).expect("it starts");
    assert_eq!(later.baseline, "v413", "what is known to serve wins over what was written once");
}

fn named(program: &Program) -> Vec<&str> {
    program.plan.checks.iter().map(|check| check.name.as_str()).collect()
}

/// The checks of a start whose plan and route have these lines too, where two routes are known beside it.
#[track_caller]
fn watched(plan_lines: &str, route_lines: &str, expect: &[&str]) {
    let known = ["storefront", "search"].map(|name| {
        let text = format!("route: {name}\nsplit: {{ observe: {{}} }}\ncount: push\n");
        Used { route: route(&text), labels: [None, None] }
    });
    let uncounted = "route: batch\nsplit: { observe: {} }\n";
    let known = [known.to_vec(), vec![Used { route: route(uncounted), labels: [None, None] }]];
    let inputs = BTreeMap::from([("version".to_owned(), "v413".to_owned())]);
    let plan = plan(&format!("{PLAN}{plan_lines}\n"));
    let route = route(&format!("{ROUTE}{route_lines}\n"));
    let program =
        program(&plan, &route, &inputs, Side::A, None, &known.concat()).expect("it starts");
    assert_eq!(named(&program), expect);
    let of_others = program.plan.checks.iter().filter(|c| matches!(c.of, Of::Route(_))).count();
    assert!(of_others <= program.uses.len(), "a check of a route that is not at hand");
}

#[test]
fn every_route_that_counts_is_watched_for_shared_harm() {
    watched("", "", &["errors", "whole-route"]);
    watched("checks: { e: { tolerate: 1.2x } }", "", &["e", "whole-route"]);
    watched("checks: { whole-route: off }", "", &["errors"]);
    watched(
        "checks: { mine: { of: both, limit: { above: 3x before } }, e: { tolerate: 1.2x } }",
        "",
        &["mine", "e"],
    );
    watched(
        "checks: { lag: { of: both, value: lag, limit: { above: 3x before } }, e: { tolerate: 1.2x } }",
        "",
        &["lag", "e", "whole-route"],
    );
    let used_by = "used_by: [search, nowhere, batch, storefront, search]";
    watched("", used_by, &["errors", "whole-route", "used-by-search", "used-by-storefront"]);
    watched(
        "checks: { used-by-search: off }",
        used_by,
        &["errors", "whole-route", "used-by-storefront"],
    );
}

#[test]
fn shared_harm_asks_a_person() {
    let program = start(PLAN, ROUTE, &[("version", "v413")], None).expect("it starts");
    let whole = &program.plan.checks[1];
    assert_eq!((&whole.of, &whole.numbers, whole.tolerate), (&Of::Both, &Numbers::Route, None));
    let limit = &whole.limits[0];
    assert_eq!((limit.kind, limit.then), (LimitKind::AboveBefore(2.0), LimitAction::Pause));
    assert_eq!(limit.lasting.as_secs(), 120);
    let uncounted = ROUTE.replace("count: haproxy\n", "");
    let own = format!("{PLAN}checks: {{ c: {{ source: push, tolerate: 1.1x }} }}\n");
    let program = start(&own, &uncounted, &[("version", "v413")], None).expect("it starts");
    assert_eq!(named(&program), ["c"], "nothing is counted for the whole route");
}

#[test]
fn calls_are_filled_from_inputs_and_the_running_rollout() {
    let text = format!(
        "{PLAN}after_revert: {{ call: https://x/$version, body: {{ since: $first_exposed_at, r: $rollout }} }}\n"
    );
    let program = start(&text, ROUTE, &[("version", "v4/13")], None).expect("it starts");
    let hook = program.plan.after_revert.clone().expect("a call");
    let (call, body) =
        program.call(&hook, |name| (name == "rollout").then(|| "checkout#1".to_owned()));
    assert_eq!(call, "https://x/v4%2F13");
    assert_eq!(body, Some(serde_json::json!({ "since": "$first_exposed_at", "r": "checkout#1" })));
}

#[test]
fn fixed_arms_need_no_input() {
    let plan = PLAN.replace("inputs: [version]\ncanary: $version\n", "");
    let route = format!("{ROUTE}arm: {{ label: variant, baseline: old, canary: new }}\n");
    let program = start(&plan, &route, &[], Some("v412")).expect("it starts");
    assert_eq!((program.canary.as_str(), program.baseline.as_str()), ("new", "old"));
}

#[test]
fn a_refused_start_says_what_to_write() {
    refused(
        PLAN,
        ROUTE,
        &[],
        &["input version is missing: write `tidegate start checkout version=…`"],
    );
    refused(
        PLAN,
        ROUTE,
        &[("verison", "v413")],
        &[
            "input version is missing",
            "`verison` is no input of plan checkout: did you mean version=…?",
        ],
    );
    refused(PLAN, ROUTE, &[("version", "v412")], &["route checkout serves v412 already"]);
    refused(PLAN, ROUTE, &[("version", "")], &["input `version` cannot be ``"]);
    refused(PLAN, ROUTE, &[("version", "a\nb")], &["input `version` cannot be"]);
    let unserved = ROUTE.replace("serves: v412\n", "");
    refused(
        PLAN,
        &unserved,
        &[("version", "v1")],
        &["nobody knows what route checkout serves now"],
    );
    let neither = PLAN.replace("inputs: [version]\ncanary: $version\n", "");
    refused(&neither, ROUTE, &[], &["nothing says what the new version is"]);
    let fixed = format!("{ROUTE}arm: {{ label: variant, baseline: old, canary: new }}\n");
    refused(
        PLAN,
        &fixed,
        &[("version", "v1")],
        &["route `checkout` calls its canary `new` already"],
    );
    let counted = format!("{PLAN}checks: {{ errors: {{ tolerate: 1.1x }} }}\n");
    let uncounted = ROUTE.replace("count: haproxy\n", "");
    refused(&counted, &uncounted, &[("version", "v1")], &["check `errors` has nothing to count"]);
}

#[test]
fn segments_want_a_splitter_and_counts_that_know_them() {
    let started = |plan: &str, route: &str| start(plan, route, &[("version", "v413")], None);
    let plan = format!("{PLAN}segments: {{ platform: [ios] }}\non_regression: revert segment\n");
    refused(
        &plan,
        ROUTE,
        &[("version", "v413")],
        &[
            "the splitter of route `checkout` cannot cut one segment off",
            "check `errors` is counted by HAProxy, which knows no segments",
        ],
    );
    let observed = "route: checkout\nsplit: { observe: {} }\ncount: push\nserves: v412\n";
    refused(&plan, observed, &[("version", "v413")], &["cannot cut one segment off"]);
    for split in ["pull: { instances: 1 }", "flag: f"] {
        let route = format!("route: checkout\nsplit: {{ {split} }}\ncount: push\nserves: v412\n");
        let program = started(&plan, &route).expect("it starts");
        let items: Vec<String> = program.plan.items().iter().map(Item::name).collect();
        assert_eq!(items, ["errors", "whole-route", "errors in platform ios"]);
    }
    let judged = format!(
        "{PLAN}segments: {{ platform: [ios] }}\nchecks: {{ e: {{ tolerate: 1.1x }}, c: {{ source: push, tolerate: 1.1x }} }}\n"
    );
    refused(&judged, ROUTE, &[("version", "v413")], &["check `e` is counted by HAProxy"]);
    let by_arm = format!("{PLAN}segments: {{ version: [v1] }}\n");
    let pushed = ROUTE.replace("count: haproxy", "count: push");
    refused(&by_arm, &pushed, &[("version", "v413")], &["`version` tells the arms of route"]);
}

#[test]
fn levels_never_judge_alone() {
    let level = "memory: { value: 'rss{$arm}', tolerate: 1.2x }";
    let alone = format!("{PLAN}checks: {{ {level} }}\n");
    refused(&alone, ROUTE, &[("version", "v413")], &["levels are weak evidence"]);
    let limited = format!("{PLAN}checks: {{ {level}, e: {{ limit: {{ errors_above: 5% }} }} }}\n");
    refused(&limited, ROUTE, &[("version", "v413")], &["levels are weak evidence"]);
    let joined = format!("{PLAN}checks: {{ {level}, e: {{ tolerate: 1.1x }} }}\n");
    assert!(start(&joined, ROUTE, &[("version", "v413")], None).is_ok());
}

/// The warnings for a plan with `lines` changed, as `subject message`.
fn warnings(from: &str, to: &str, route_lines: &str) -> Vec<String> {
    let route = route(&format!("{ROUTE}{route_lines}"));
    let plan = plan(&PLAN.replace(from, to));
    let told = lint(&plan, Some(&route));
    assert!(told.iter().all(|f| f.severity == Severity::Warn), "{told:?}");
    told.into_iter()
        .map(|Finding { subject, message, .. }| format!("{subject} {message}"))
        .collect()
}

#[track_caller]
fn warned(from: &str, to: &str, expect: &str) {
    let told = warnings(from, to, "");
    assert!(told.len() == 1 && told[0].starts_with(expect), "{told:?}\nnot\n{expect}");
}

#[test]
fn what_is_unwise_is_said() {
    assert!(warnings("", "", "").is_empty(), "{:?}", warnings("", "", ""));
    warned("{ shift: 5% }", "{ shift: 5%, bake: 0s }", "steps.0 a ladder without a bake");
    warned("{ shift: 100% }", "{ shift: 100%, bake: 0s }", "steps.1 100 % without a last bake");
    warned("{ shift: 5% }, ", "", "steps.0 one shift is no ladder");
    warned("owner: o", "owner: o\nhold_back: 0%", "hold_back `hold_back: 0%` leaves no control");
    warned("owner: o", "owner: o\nchecks: { e: { limit: { errors_above: 5% } } }", " unjudged");
}

#[test]
fn files_are_checked_against_each_other() {
    let inline = PLAN.replace("route: checkout", "route: { split: { observe: {} }, count: push }");
    let text = format!("{PLAN}---\n{ROUTE}---\n{ROUTE}---\n{PLAN}---\n{inline}");
    let documents = read_str(&text).documents;
    let told: Vec<String> =
        lint_all(&documents).iter().map(|p| format!("{}: {}", p.line, p.message)).collect();
    let expect = [
        "13: route `checkout` is written twice",
        "18: plan `checkout` is written twice",
        "25: plan `checkout` is written twice",
        "26: route `checkout` is written twice",
    ];
    assert_eq!(told, expect);
    let alone = read_str(PLAN).documents;
    assert!(lint_all(&alone)[0].message.contains("is in none of these files"));
}
