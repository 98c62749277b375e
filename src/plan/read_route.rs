//! A mapping -> a [`Route`], with the rules between its keys.

use crate::domain::Name;

use super::arm::tells_arms_apart;
use super::capability;
use super::fields::Fields;
use super::model::{ArmLabel, Count, Route, SourceRef, Splitter, Traffic};
use super::problem::{Sink, quoted};
use super::scalar;
use super::shared::USED_BY;
use super::yaml::Node;

/// Reads a route named `name`. `None` when something was told already.
pub(super) fn route(name: Option<Name>, f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Route> {
    let split = f.map("split").and_then(|s| splitter(s, sink));
    let arm = arm(f, sink);
    let count = f.node("count").and_then(|_| count(f, sink));
    if let (Some(split), Some(count)) = (&split, &count)
        && let Err(mend) = capability::can_count(split, count)
    {
        let message =
            format!("`count: {}` needs `split: {{ haproxy: … }}`", capability::count_word(count));
        sink.error(f.at("count"), message, mend);
    }
    check_used_by(f, sink);
    let labels = f.pairs("labels").iter();
    Some(Route {
        name: name?,
        labels: labels.filter_map(|p| Some((p.key.clone(), p.value.text()?.to_owned()))).collect(),
        split: split?,
        arm,
        count,
        serves: f.text("serves"),
        used_by: f.names("used_by"),
        dashboard: f.text("dashboard"),
        traffic: f.map("traffic").and_then(traffic),
    })
}

/// Each gets a check named after it.
fn check_used_by(f: Fields<'_>, sink: &mut Sink<'_>) {
    let own = f.str("route");
    for node in f.node("used_by").map(Node::items).unwrap_or_default() {
        let Some(text) = node.text() else { continue };
        if Some(text) == own {
            sink.error(node.at, "a route is watched for itself already", "leave it out");
        } else if scalar::name(text).is_ok() && scalar::name(&format!("{USED_BY}{text}")).is_err() {
            let message = format!("{} is too long to name its check", quoted(text));
            let mend = "a route in `used_by` has at most 55 characters";
            sink.error(node.at, message, mend);
        }
    }
}

fn splitter(f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Splitter> {
    if let Some(h) = f.map("haproxy") {
        let instances = h.count("instances");
        let sides: [String; 2] = h.texts("sides").try_into().ok()?;
        if sides[0] == sides[1] {
            sink.error(h.at("sides"), "both sides are the same backend", "write two backends");
        }
        return Some(Splitter::Haproxy { instances: instances?, sides });
    }
    if let Some(p) = f.map("pull") {
        return Some(Splitter::Pull { instances: p.count("instances")?, unit: p.text("unit") });
    }
    if f.node("flag").is_some() {
        let unit = f.text("unit").unwrap_or_else(|| "targetingKey".to_owned());
        return Some(Splitter::Flag { flag: f.name("flag")?, unit });
    }
    f.node("observe").map(|_| Splitter::Observe)
}

fn arm(f: Fields<'_>, sink: &mut Sink<'_>) -> ArmLabel {
    let Some(a) = f.map("arm") else {
        return ArmLabel { label: "version".to_owned(), baseline: None, canary: None };
    };
    let (baseline, canary) = (a.text("baseline"), a.text("canary"));
    match (&baseline, &canary) {
        (Some(b), Some(c)) if b == c => {
            let message = format!("both arms are called {}", quoted(b));
            sink.error(a.at("canary"), message, "give them different values");
        }
        (Some(_), None) => {
            sink.error(
                a.at("baseline"),
                "an arm with `baseline` and no `canary`",
                "write both or none",
            );
        }
        (None, Some(_)) => {
            sink.error(
                a.at("canary"),
                "an arm with `canary` and no `baseline`",
                "write both or none",
            );
        }
        _ => {}
    }
    ArmLabel { label: a.text("label").unwrap_or_default(), baseline, canary }
}

fn count(f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Count> {
    if let Some(count) = f.word("count", &[("haproxy", 0), ("push", 1)]) {
        return Some(if count == 0 { Count::Haproxy } else { Count::Push });
    }
    let queries = f.map("count")?;
    let source = source(queries).unwrap_or_else(prometheus);
    if source == SourceRef::Push {
        let mend = "write `count: push`: observations carry their outcome";
        sink.error(queries.at("source"), "pushed observations have no counters to name", mend);
    }
    let failures = query(queries, "failures", sink);
    let requests = query(queries, "requests", sink);
    Some(Count::Queries { source, failures: failures?, requests: requests? })
}

/// The source a count or check names; `None` when it names none, or a wrong one that was told.
pub(super) fn source(f: Fields<'_>) -> Option<SourceRef> {
    match f.str("source") {
        Some("push") => Some(SourceRef::Push),
        Some("prometheus") => Some(prometheus()),
        _ => {
            let named = f.map("source")?;
            let prometheus = named.name("prometheus").map(SourceRef::Prometheus);
            prometheus.or_else(|| {
                let pages = named.texts("scrape");
                (!pages.is_empty()).then_some(SourceRef::Scrape(pages))
            })
        }
    }
}

pub(super) fn prometheus() -> SourceRef {
    // A constant that is a name; were it none, `source` would say nothing and the document be refused.
    Name::new("default").map_or(SourceRef::Push, SourceRef::Prometheus)
}

/// A query must say where the arm goes, or both arms would read the same numbers.
pub(super) fn query(f: Fields<'_>, key: &str, sink: &mut Sink<'_>) -> Option<String> {
    let text = f.text(key)?;
    if !tells_arms_apart(&text) {
        let mend = "write `{$arm}` after the counter's name, or `{$arm, code=~\"5..\"}`";
        sink.error(f.at(key), format!("`{key}` does not tell the arms apart"), mend);
    }
    Some(text)
}

fn traffic(f: Fields<'_>) -> Option<Traffic> {
    let requests_per_second = scalar::rate(f.str("rps")?).ok()?;
    Some(Traffic { requests_per_second, failures: f.percent("failures")?.fraction() })
}
