//! `$name`s of a plan against its inputs.

use std::collections::HashSet;

use super::fields::Fields;
use super::fill::{RUNTIME_NAMES, names};
use super::model::Plan;
use super::near::nearest;
use super::problem::{Sink, quoted};
use super::yaml::{Node, Value};

/// Reports names that nothing declares, declared inputs that nothing uses, and ones declared twice.
pub(super) fn check(plan: &Plan, f: Fields<'_>, sink: &mut Sink<'_>) {
    let mut search = Search { plan, used: HashSet::new(), strange: false };
    if let Some(canary) = f.node("canary") {
        search.texts(canary, &[], sink);
    }
    let steps = f.node("steps").map(Node::items).unwrap_or_default();
    for call in steps.iter().chain(f.node("after_revert")) {
        for part in ["call", "body"].iter().filter_map(|key| call.get(key)) {
            search.texts(part, &RUNTIME_NAMES, sink);
        }
    }
    check_declared(&search, f, sink);
}

fn check_declared(search: &Search<'_>, f: Fields<'_>, sink: &mut Sink<'_>) {
    let mut seen = HashSet::new();
    for node in f.node("inputs").map(Node::items).unwrap_or_default() {
        let Some(name) = node.text() else { continue };
        if !seen.insert(name) {
            sink.error(node.at, format!("input {} is declared twice", quoted(name)), "keep one");
        } else if RUNTIME_NAMES.contains(&name) {
            let message = format!("`${name}` is filled in by Tidegate");
            sink.error(node.at, message, "give the input another name");
        } else if !search.strange && !search.used.contains(name) {
            let mend = format!("use it as `${name}`, or leave it out");
            sink.warn(node.at, format!("input {} is declared and not used", quoted(name)), mend);
        }
    }
}

struct Search<'a> {
    plan: &'a Plan,
    used: HashSet<String>,
    /// A name was used that nothing declares: probably a slip for one that then looks unused.
    strange: bool,
}

impl Search<'_> {
    fn texts(&mut self, node: &Node, also: &[&str], sink: &mut Sink<'_>) {
        match &node.value {
            Value::Scalar { text, .. } => {
                for name in names(text) {
                    self.name(name, node, also, sink);
                }
            }
            Value::List(items) => items.iter().for_each(|n| self.texts(n, also, sink)),
            Value::Map(pairs) => pairs.iter().for_each(|p| self.texts(&p.value, also, sink)),
        }
    }

    fn name(&mut self, name: &str, node: &Node, also: &[&str], sink: &mut Sink<'_>) {
        let inputs = || self.plan.inputs.iter().map(String::as_str);
        if inputs().any(|i| i == name) {
            self.used.insert(name.to_owned());
        } else if !also.contains(&name) {
            self.strange = true;
            let mend = match nearest(name, inputs().chain(also.iter().copied())) {
                Some(near) => format!("did you mean `${near}`?"),
                None => format!("add `inputs: [{name}]`, or write `$$` for a dollar sign"),
            };
            sink.error(node.at, format!("`${name}` is used and not declared"), mend);
        }
    }
}
