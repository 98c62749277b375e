//! First pass: does a document have the shape the key tables describe? Every place where not is reported.

use super::keys::{self};
use super::keys::{Kind, Need, Table};
use super::near::nearest;
use super::problem::{Place, Sink, quoted};
use super::yaml::{Node, Pair, Value};
use super::{scalar, tolerance, window};

/// Checks `node`, the value of `key`, against `kind`.
pub(super) fn check(key: &str, node: &Node, kind: &Kind, sink: &mut Sink<'_>) {
    match kind {
        Kind::Json => {}
        Kind::Map(table) => check_map(key, node, table, sink),
        Kind::OneOf { what, tables } => check_one_of(key, node, what, tables, sink),
        Kind::Either(kinds) => match kinds.iter().find(|k| accepts(k, node)) {
            Some(kind) => check(key, node, kind, sink),
            None => wrong_type(key, node, kind, sink),
        },
        Kind::List { of, least, most } => check_list(key, node, of, (*least, *most), sink),
        Kind::Named { of, what } => check_named(key, node, of, what, sink),
        Kind::Empty => match &node.value {
            Value::Map(pairs) if pairs.is_empty() => {}
            _ => wrong_type(key, node, kind, sink),
        },
        Kind::Word { now, later } => check_word(key, node, now, later, sink),
        _ => check_scalar(key, node, kind, sink),
    }
}

/// Keys known, not twice, none missing, each value of its kind.
pub(super) fn check_map(key: &str, node: &Node, table: &'static Table, sink: &mut Sink<'_>) {
    let Some(pairs) = node.map() else {
        return wrong_type(key, node, &Kind::Map(table), sink);
    };
    for pair in pairs {
        check_pair(pair, table, sink);
    }
    // A mapping for a later version may well lack what this one needs; saying so too would only confuse.
    if !has_later(node, table) {
        missing(node, table, sink);
    }
}

/// Whether a mapping uses keys of a later version.
pub(super) fn has_later(node: &Node, table: &'static Table) -> bool {
    let pairs = node.map().unwrap_or_default();
    pairs.iter().any(|p| table.key(&p.key).is_some_and(|k| k.need == Need::Later))
}

fn missing(node: &Node, table: &'static Table, sink: &mut Sink<'_>) {
    let must = table.keys.iter().filter(|k| k.need == Need::Must);
    for key in must.filter(|k| node.get(k.name).is_none()) {
        let mend = format!("add `{}: …` ({})", key.name, key.about);
        sink.error(node.at, format!("{} without `{}`", table.title, key.name), mend);
    }
}

fn check_pair(pair: &Pair, table: &'static Table, sink: &mut Sink<'_>) {
    match table.key(&pair.key) {
        Some(known) if known.need == Need::Later => {
            not_yet(&pair.key, pair.key_at, known.about, sink);
        }
        Some(known) => check(&pair.key, &pair.value, &known.kind, sink),
        None => unknown_key(pair, table, sink),
    }
}

pub(super) fn not_yet(word: &str, at: Place, mend: &str, sink: &mut Sink<'_>) {
    sink.error(at, format!("{} is not supported yet", quoted(word)), mend);
}

fn unknown_key(pair: &Pair, table: &'static Table, sink: &mut Sink<'_>) {
    let known = || table.keys.iter().map(|k| k.name);
    let now = || table.keys.iter().filter(|k| k.need != Need::Later).map(|k| k.name);
    let elsewhere = keys::all().find(|t| t.key(&pair.key).is_some());
    let mend = if let Some(near) = nearest(&pair.key, known()) {
        format!("did you mean `{near}`?")
    } else if let Some(other) = elsewhere {
        format!("`{}` belongs in {}", pair.key, other.title)
    } else {
        format!("{} has: {}", table.title, now().collect::<Vec<_>>().join(", "))
    };
    sink.error(pair.key_at, format!("{} has no key {}", table.title, quoted(&pair.key)), mend);
}

/// The table of a mapping that is one of several shapes: the one whose first key is there.
pub(super) fn which(node: &Node, tables: &[&'static Table]) -> Option<&'static Table> {
    tables.iter().copied().find(|t| t.keys.first().is_some_and(|k| node.get(k.name).is_some()))
}

fn check_one_of(
    key: &str,
    node: &Node,
    what: &'static str,
    tables: &'static [&'static Table],
    sink: &mut Sink<'_>,
) {
    let Some(pairs) = node.map() else {
        return wrong_type(key, node, &Kind::OneOf { what, tables }, sink);
    };
    let firsts = || tables.iter().filter_map(|t| t.keys.first());
    let present = pairs.iter().filter(|p| firsts().any(|k| k.name == p.key));
    if let Some(second) = present.skip(1).find(|p| firsts().any(|k| k.name == p.key)) {
        let message = format!("a {what} cannot be two things, `{}` too", second.key);
        return sink.error(second.key_at, message, format!("write a {what} of its own"));
    }
    if let Some(table) = which(node, tables) {
        return check_map(key, node, table, sink);
    }
    let now = firsts().filter(|k| k.need != Need::Later).map(|k| k.name);
    match pairs.first() {
        None => {
            let mend = format!("write one of {}", now.collect::<Vec<_>>().join(", "));
            sink.error(node.at, format!("an empty {what}"), mend);
        }
        Some(pair) => {
            let mend = match nearest(&pair.key, firsts().map(|k| k.name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a {what} is one of {}", now.collect::<Vec<_>>().join(", ")),
            };
            sink.error(pair.key_at, format!("unknown {what} {}", quoted(&pair.key)), mend);
        }
    }
}

fn check_list(
    key: &str,
    node: &Node,
    of: &Kind,
    (least, most): (usize, usize),
    sink: &mut Sink<'_>,
) {
    let Value::List(items) = &node.value else {
        return wrong_type(key, node, &Kind::List { of: &Kind::Json, least, most }, sink);
    };
    if items.len() < least || items.len() > most {
        let mend = match (least, most) {
            (l, m) if l == m => format!("write {l}"),
            _ => format!("write {least} to {most}"),
        };
        sink.error(node.at, format!("`{key}` has {} entries", items.len()), mend);
    }
    items.iter().for_each(|item| check(key, item, of, sink));
}

fn check_named(key: &str, node: &Node, of: &Kind, what: &str, sink: &mut Sink<'_>) {
    let Some(pairs) = node.map() else {
        return wrong_type(key, node, &Kind::Named { of: &Kind::Json, what: "" }, sink);
    };
    for pair in pairs {
        if let Err(mend) = scalar::name(&pair.key) {
            sink.error(pair.key_at, format!("{} cannot name a {what}", quoted(&pair.key)), mend);
        }
        check(&pair.key, &pair.value, of, sink);
    }
}

fn check_word(key: &str, node: &Node, now: &[&str], later: &[&str], sink: &mut Sink<'_>) {
    let choice = one_of(now);
    match node.text() {
        Some(text) if now.contains(&text) => {}
        Some(text) if later.contains(&text) => {
            not_yet(&format!("{key}: {text}"), node.at, &format!("write {choice}"), sink);
        }
        Some(text) => {
            let mend = match nearest(text, now.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {choice}"),
            };
            sink.error(node.at, format!("`{key}` cannot be {}", quoted(text)), mend);
        }
        None => {
            let message = format!("`{key}` needs a word, found {}", node.found());
            sink.error(node.at, message, format!("write {choice}"));
        }
    }
}

/// `a`, `b` or `c`.
fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn check_scalar(key: &str, node: &Node, kind: &Kind, sink: &mut Sink<'_>) {
    let Some(text) = node.text() else {
        return wrong_type(key, node, kind, sink);
    };
    if let Err(mend) = check_text(key, text, kind) {
        sink.error(node.at, format!("`{key}` cannot be {}", quoted(text)), mend);
    }
}

fn check_text(key: &str, text: &str, kind: &Kind) -> Result<(), String> {
    // What is longer than any number, name or time is not given to their parsers, nor repeated in a mend.
    if !matches!(kind, Kind::Text | Kind::Url) && text.len() > 200 {
        return Err(format!("write something like `{}`", sample(key, kind)));
    }
    match kind {
        Kind::Name => scalar::name(text).map(|_| ()),
        Kind::Percent => scalar::percent(text).map(|_| ()),
        Kind::Points => scalar::points(text).map(|_| ()),
        Kind::Tolerance => tolerance::parse(text).map(|_| ()),
        Kind::Amount => scalar::amount(text).map(|_| ()),
        Kind::Above => scalar::above(text).map(|_| ()),
        Kind::Length { least, most } => scalar::length(text, *least, *most).map(|_| ()),
        Kind::Whole { least, most } => scalar::whole(text, *least, *most).map(|_| ()),
        Kind::Rate => scalar::rate(text).map(|_| ()),
        Kind::Cron => window::parse_open(text).map(|_| ()),
        Kind::Zone => window::parse_zone(text).map(|_| ()),
        Kind::Url => scalar::url(text),
        Kind::Label => scalar::label(text),
        _ => scalar::text(text),
    }
}

/// Whether a node has the outer form of a kind: value, list or mapping.
fn accepts(kind: &Kind, node: &Node) -> bool {
    match (kind, &node.value) {
        (Kind::Map(_) | Kind::OneOf { .. } | Kind::Named { .. } | Kind::Empty, Value::Map(_)) => {
            true
        }
        (Kind::List { .. }, Value::List(_)) => true,
        (Kind::Either(kinds), _) => kinds.iter().any(|k| accepts(k, node)),
        (Kind::Map(_) | Kind::OneOf { .. } | Kind::Named { .. } | Kind::Empty, _) => false,
        (Kind::List { .. }, _) => false,
        (_, Value::Scalar { .. }) => node.text().is_some(),
        _ => false,
    }
}

fn wrong_type(key: &str, node: &Node, kind: &Kind, sink: &mut Sink<'_>) {
    let message = format!("`{key}` needs {}, found {}", wanted(kind), node.found());
    sink.error(node.at, message, format!("write it like `{}`", sample(key, kind)));
}

fn wanted(kind: &Kind) -> String {
    match kind {
        Kind::Map(_) | Kind::OneOf { .. } | Kind::Named { .. } => "a mapping".to_owned(),
        Kind::Empty => "an empty mapping".to_owned(),
        Kind::List { .. } => "a list".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(wanted).collect::<Vec<_>>().join(" or "),
        _ => "a value".to_owned(),
    }
}

fn sample(key: &str, kind: &Kind) -> String {
    match kind {
        Kind::Map(table) => {
            let shown = table.keys.iter().filter(|k| k.need == Need::Must).chain(table.keys).next();
            format!("{key}: {{ {}: … }}", shown.map_or("…", |k| k.name))
        }
        Kind::OneOf { tables, .. } => {
            let first = tables.first().and_then(|t| t.keys.first());
            format!("{}: …", first.map_or("…", |k| k.name))
        }
        Kind::Named { .. } => format!("{key}: {{ name: … }}"),
        Kind::Empty => format!("{key}: {{}}"),
        Kind::List { .. } => format!("{key}: [ … ]"),
        Kind::Either(kinds) => kinds.first().map_or_else(String::new, |k| sample(key, k)),
        Kind::Percent => format!("{key}: 5%"),
        Kind::Points => format!("{key}: 0.5pp"),
        Kind::Tolerance => format!("{key}: 1.1x"),
        Kind::Amount | Kind::Above => format!("{key}: 1000"),
        Kind::Length { .. } => format!("{key}: 10m"),
        Kind::Whole { least, .. } => format!("{key}: {}", (*least).max(3)),
        Kind::Rate => format!("{key}: 120"),
        Kind::Cron => format!("{key}: \"0 9 * * MON-FRI\""),
        Kind::Zone => format!("{key}: Europe/Berlin"),
        Kind::Url => format!("{key}: https://host/path"),
        Kind::Word { now, .. } => format!("{key}: {}", now.first().copied().unwrap_or("…")),
        _ => format!("{key}: text"),
    }
}
