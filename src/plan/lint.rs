//! What a plan and its route say together: mistakes that neither shows alone, and what is legal and unwise.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Name, Weight};

use super::lint_checks;
use super::model::{Numbers, Plan, Route, RouteRef, Step};
use super::planning::{Forecast, forecast};
use super::problem::{Problem, Severity};
use super::reader::{Body, Document};

/// One thing to say about a plan. [`lint_all`] knows where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// The key it is about: `hold_back`, `steps.0`, `checks.errors`; empty for the plan as a whole.
    pub subject: String,
    pub message: String,
    /// What to write instead.
    pub mend: String,
    /// Figures behind it.
    pub notes: Vec<String>,
}

/// Errors refuse a start; warnings do not. Without a route only what the plan shows by itself is said.
pub fn lint(plan: &Plan, route: Option<&Route>) -> Vec<Finding> {
    let inline = match &plan.route {
        RouteRef::Inline(route) => Some(&**route),
        RouteRef::Named(_) => None,
    };
    let mut findings = Vec::new();
    if let Some(route) = route.or(inline) {
        arms(plan, route, &mut findings);
        counts(plan, route, &mut findings);
        moves(plan, route, &mut findings);
        lint_checks::on(plan, route, &mut findings);
        pace(plan, route, &mut findings);
    }
    lint_checks::alone(plan, &mut findings);
    ladder(plan, &mut findings);
    findings
}

/// [`lint`] for every plan of several files, each finding at its place; a name used twice; a route that is nowhere.
pub fn lint_all(documents: &[Document]) -> Vec<Problem> {
    lint_with(documents, &[])
}

/// [`lint_all`] where some routes are known already; a file's own definition counts more.
pub fn lint_with(documents: &[Document], known: &[Route]) -> Vec<Problem> {
    let mut problems = twice(documents);
    for (document, plan, route) in plans(documents, known) {
        let mut findings = lint(plan, route);
        if route.is_none() {
            findings.push(elsewhere(plan));
        }
        problems.extend(findings.into_iter().filter_map(|f| placed(document, f)));
    }
    problems.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    problems
}

/// A plan's forecast, and where the plan is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Foretold<'a> {
    pub path: &'a str,
    pub plan: &'a Name,
    pub forecast: Forecast,
}

/// What each plan will do at the traffic its route states; plans whose route states none, or is not here, are left out.
pub fn forecasts(documents: &[Document]) -> Vec<Foretold<'_>> {
    let mut told = Vec::new();
    for (document, plan, route) in plans(documents, &[]) {
        let at = route.and_then(|route| Some((route, route.traffic?)));
        let forecast = at.and_then(|(route, traffic)| forecast(plan, route, traffic));
        let path = document.place("").map(|place| &*place.path);
        told.extend(path.zip(forecast).map(|(path, forecast)| Foretold {
            path,
            plan: &plan.name,
            forecast,
        }));
    }
    told
}

/// Every plan with its route, where that is at hand.
fn plans<'a>(
    documents: &'a [Document],
    known: &'a [Route],
) -> Vec<(&'a Document, &'a Plan, Option<&'a Route>)> {
    let routes = known.iter().chain(documents.iter().filter_map(Document::route));
    let routes: HashMap<&Name, &Route> = routes.map(|r| (&r.name, r)).collect();
    let with_route = |document: &'a Document| {
        let plan = document.plan()?;
        let route = match &plan.route {
            RouteRef::Inline(route) => Some(&**route),
            RouteRef::Named(name) => routes.get(name).copied(),
        };
        Some((document, plan, route))
    };
    documents.iter().filter_map(with_route).collect()
}

fn placed(document: &Document, finding: Finding) -> Option<Problem> {
    let place = document.place(&finding.subject)?.clone();
    let Finding { severity, message, mend, notes, .. } = finding;
    Some(Problem { severity, message, mend, notes, ..place })
}

fn finding(severity: Severity, subject: &str, message: String, mend: &str) -> Finding {
    let (subject, mend) = (subject.to_owned(), mend.to_owned());
    Finding { severity, subject, message, mend, notes: Vec::new() }
}

pub(super) fn error(subject: &str, message: impl Into<String>, mend: &str) -> Finding {
    finding(Severity::Error, subject, message.into(), mend)
}

pub(super) fn warn(subject: &str, message: impl Into<String>, mend: &str) -> Finding {
    finding(Severity::Warn, subject, message.into(), mend)
}

fn elsewhere(plan: &Plan) -> Finding {
    let name = match &plan.route {
        RouteRef::Named(name) => name,
        RouteRef::Inline(route) => &route.name,
    };
    let message = format!("route `{name}` is in none of these files: not checked against it");
    warn("route", message, "give its file too, or is the name right?")
}

/// Plans share one name space and routes another; the routes written inline belong to theirs.
fn twice(documents: &[Document]) -> Vec<Problem> {
    let mut seen: BTreeMap<(&str, &str), &Document> = BTreeMap::new();
    let mut problems = Vec::new();
    for document in documents {
        let names = match &document.body {
            Body::Route(route) => vec![("route", route.name.as_str())],
            Body::Plan(plan) => match &plan.route {
                RouteRef::Inline(route) => {
                    vec![("plan", plan.name.as_str()), ("route", route.name.as_str())]
                }
                RouteRef::Named(_) => vec![("plan", plan.name.as_str())],
            },
        };
        for (what, name) in names {
            let Some(first) = seen.insert((what, name), document).and_then(|d| d.place("")) else {
                continue;
            };
            let message = format!("{what} `{name}` is written twice");
            let mend = format!("also in {}:{}; rename one", first.path, first.line);
            problems.extend(placed(document, error(what, message, &mend)));
        }
    }
    problems
}

/// The canary's label comes from the route or from the plan, not from both and not from neither.
fn arms(plan: &Plan, route: &Route, findings: &mut Vec<Finding>) {
    match (&plan.canary, &route.arm.canary) {
        (None, None) => findings.push(error(
            "",
            "nothing says what the new version is",
            "add `inputs: [version]` and `canary: $version`",
        )),
        (Some(_), Some(fixed)) => findings.push(error(
            "canary",
            format!("route `{}` calls its canary `{fixed}` already", route.name),
            "leave `canary` out, or `baseline` and `canary` in the route's arm",
        )),
        _ => {}
    }
}

fn counts(plan: &Plan, route: &Route, findings: &mut Vec<Finding>) {
    for check in plan.checks.iter().filter(|c| c.numbers == Numbers::Route && route.count.is_none())
    {
        findings.push(error(
            &format!("checks.{}", check.name),
            format!("check `{}` has nothing to count", check.name),
            "add `count:` to the route, or `failures:` and `requests:` here",
        ));
    }
    let compares = match &plan.checks[..] {
        [] => route.count.is_some(),
        checks => checks.iter().any(|c| c.tolerate.is_some()),
    };
    if !compares {
        findings.push(warn(
            "",
            "unjudged: no check compares the canary with the baseline, so time alone advances it",
            "add `count:` to the route, or a check with `tolerate: 1.1x`",
        ));
    }
}

fn moves(plan: &Plan, route: &Route, findings: &mut Vec<Finding>) {
    if !route.split.abilities().moves_traffic && plan.after_revert.is_some() {
        findings.push(warn(
            "after_revert",
            "`after_revert` never runs: somebody else moves this traffic, and weight 0 is never confirmed",
            "leave it out",
        ));
    }
}

fn shifts(plan: &Plan) -> impl Iterator<Item = (usize, Weight, Duration)> + '_ {
    plan.steps.iter().enumerate().filter_map(|(i, step)| match step {
        Step::Shift { to, bake } => Some((i, *to, *bake)),
        Step::Gate(_) | Step::Hook(_) => None,
    })
}

fn ladder(plan: &Plan, findings: &mut Vec<Finding>) {
    let Some((last, _, last_bake)) = shifts(plan).last() else { return };
    if let Some((first, _, _)) = shifts(plan).find(|(i, _, bake)| *i != last && bake.is_zero()) {
        let message = "a ladder without a bake: slow faults are not waited for";
        findings.push(warn(&format!("steps.{first}"), message, "add `bake: 10m`"));
    }
    if last_bake.is_zero() {
        let message = "100 % without a last bake: nothing is watched at full load";
        findings.push(warn(&format!("steps.{last}"), message, "write `{ shift: 100%, bake: 1h }`"));
    }
    if shifts(plan).count() == 1 {
        let message = "one shift is no ladder: everybody meets a bad version at once";
        findings.push(warn(&format!("steps.{last}"), message, "add `- shift: 5%` before it"));
    }
    if plan.hold_back == Weight::ZERO {
        let message = "`hold_back: 0%` leaves no control: the last bake is held to limits alone";
        findings.push(warn("hold_back", message, "write `hold_back: 10%`"));
    }
}

/// What takes long, or sees little, at the traffic the route states.
fn pace(plan: &Plan, route: &Route, findings: &mut Vec<Finding>) {
    let forecast = route.traffic.and_then(|traffic| forecast(plan, route, traffic));
    findings.extend(forecast.into_iter().flat_map(|forecast| forecast.findings(plan.harm)));
}
