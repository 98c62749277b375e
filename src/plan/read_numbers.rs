//! What a check counts: its keys -> [`Numbers`].

use super::arm::{is_selector, matches_on, tells_arms_apart};
use super::fields::Fields;
use super::model::{Numbers, Of, SourceRef};
use super::problem::{Place, Sink};
use super::read_route::{prometheus, query, source};
use super::scalar;

/// How long a request took, as observations carry it.
const LATENCY: &str = "latency_ms";

/// Reads what is counted. `None` when something was told already.
pub(super) fn numbers(f: Fields<'_>, of: &Of, sink: &mut Sink<'_>) -> Option<Numbers> {
    let counters = ["failures", "requests"].into_iter().find(|key| f.node(key).is_some());
    let others = ["histogram", "value"].into_iter().filter(|key| f.node(key).is_some());
    let kinds: Vec<&str> = counters.into_iter().chain(others).collect();
    match kinds[..] {
        [] => own(f, sink),
        ["histogram"] => histogram(f, sink),
        ["value"] => value(f, of, sink),
        [_] => counted(f, sink),
        [first, second, ..] => {
            let message = format!("a check cannot have both `{first}` and `{second}`");
            sink.error(f.key_at(second), message, "write a check of its own for each");
            None
        }
    }
}

fn own(f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Numbers> {
    match source(f) {
        None => Some(Numbers::Route),
        Some(SourceRef::Push) => Some(Numbers::Push),
        Some(_) => {
            let mend = "add `failures: …{$arm}` and `requests: …{$arm}`";
            sink.error(f.at("source"), "a source without counters to ask for", mend);
            None
        }
    }
}

fn counted(f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Numbers> {
    if source(f) == Some(SourceRef::Push) {
        let mend = "leave `failures` and `requests` out: observations carry their outcome";
        let key = if f.node("failures").is_some() { "failures" } else { "requests" };
        sink.error(f.at(key), "pushed observations have no counters to name", mend);
        return None;
    }
    let failures = query(f, "failures", sink);
    let requests = query(f, "requests", sink);
    for (key, other) in [("failures", "requests"), ("requests", "failures")] {
        if f.node(key).is_none() {
            let message = format!("`{other}` without `{key}`");
            sink.error(f.at(other), message, format!("add `{key}: …{{$arm}}`"));
        }
    }
    let source = source(f).unwrap_or_else(prometheus);
    Some(Numbers::Counters { source, failures: failures?, requests: requests? })
}

fn histogram(f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Numbers> {
    let text = f.text("histogram")?;
    let at = f.at("histogram");
    let source = match source(f) {
        Some(SourceRef::Push) if text == LATENCY => return Some(Numbers::Latency),
        Some(SourceRef::Push) => {
            let mend = "write `histogram: latency_ms`";
            sink.error(at, "pushed observations carry one length of time", mend);
            return None;
        }
        named => named.unwrap_or_else(prometheus),
    };
    if text == LATENCY {
        sink.error(at, "`latency_ms` is what observations carry", "add `source: push`");
        return None;
    }
    are_buckets(&text, at, sink).then_some(Numbers::Histogram { source, buckets: text })
}

/// Cumulative counters by `le`, which we ask for whole.
fn are_buckets(text: &str, at: Place, sink: &mut Sink<'_>) -> bool {
    const MEND: &str = "write the counters of a classic histogram: `NAME_bucket{$arm}`";
    let name = text.split('{').next().unwrap_or_default().trim_end();
    if !is_selector(text) || !name.ends_with("_bucket") {
        sink.error(at, "`histogram` does not name buckets", MEND);
    } else if matches_on(text, "le") {
        sink.error(at, "`histogram` names one bound", "leave `le` out: every bound is compared");
    } else if !tells_arms_apart(text) {
        sink.error(at, "`histogram` does not tell the arms apart", MEND);
    } else {
        return true;
    }
    false
}

fn value(f: Fields<'_>, of: &Of, sink: &mut Sink<'_>) -> Option<Numbers> {
    let text = f.text("value")?;
    let at = f.at("value");
    let source = match source(f) {
        Some(SourceRef::Push) => return pushed_value(&text, at, sink),
        named => named.unwrap_or_else(prometheus),
    };
    let wrong = if matches!(source, SourceRef::Scrape(_)) && !is_selector(&text) {
        let mend = "write one series, like `queue_length{$arm}`";
        Some(("scraped pages calculate nothing", mend))
    } else if *of == Of::Both && text.contains("$arm") {
        Some(("`of: both` is about one level", "leave `$arm` out of the query"))
    } else if *of != Of::Both && !tells_arms_apart(&text) {
        let mend = "write `{$arm}` after each series, or `of: both` for a level that both share";
        Some(("`value` does not tell the arms apart", mend))
    } else {
        None
    };
    if let Some((message, mend)) = wrong {
        sink.error(at, message, mend);
        return None;
    }
    Some(Numbers::Gauge { source, query: text })
}

/// A number an event, by its name in the observations.
fn pushed_value(text: &str, at: Place, sink: &mut Sink<'_>) -> Option<Numbers> {
    if text == LATENCY {
        let mend = "write `histogram: latency_ms`";
        sink.error(at, "`latency_ms` is compared as a histogram", mend);
        return None;
    }
    if let Err(mend) = scalar::name(text) {
        sink.error(at, "a pushed `value` is a name, such as `basket`", mend);
        return None;
    }
    Some(Numbers::Values { name: text.to_owned() })
}
