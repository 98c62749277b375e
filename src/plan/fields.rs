//! Second pass, values: a mapping whose shape was checked, read key by key. What is wrong was told already: `None`.

use std::time::Duration;

use crate::domain::{Name, Weight};

use super::keys::Table;
use super::keys_plan::PLAN;
use super::problem::Place;
use super::scalar;
use super::yaml::{Node, Pair, Value};

#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub &'a Node);

impl<'a> Fields<'a> {
    pub fn node(self, key: &str) -> Option<&'a Node> {
        self.0.get(key)
    }

    pub fn at(self, key: &str) -> Place {
        self.node(key).map_or(self.0.at, |n| n.at)
    }

    /// Where the key itself stands.
    pub fn key_at(self, key: &str) -> Place {
        let pair = self.0.map().and_then(|pairs| pairs.iter().find(|p| p.key == key));
        pair.map_or(self.0.at, |p| p.key_at)
    }

    pub fn map(self, key: &str) -> Option<Fields<'a>> {
        self.node(key).filter(|n| n.map().is_some()).map(Fields)
    }

    pub fn pairs(self, key: &str) -> &'a [Pair] {
        self.node(key).and_then(Node::map).unwrap_or_default()
    }

    pub fn str(self, key: &str) -> Option<&'a str> {
        self.node(key)?.text()
    }

    pub fn text(self, key: &str) -> Option<String> {
        self.str(key).map(str::to_owned)
    }

    pub fn name(self, key: &str) -> Option<Name> {
        scalar::name(self.str(key)?).ok()
    }

    pub fn percent(self, key: &str) -> Option<Weight> {
        scalar::percent(self.str(key)?).ok()
    }

    pub fn length(self, key: &str) -> Option<Duration> {
        scalar::length(self.str(key)?, 0, u64::MAX).ok()
    }

    pub fn whole(self, key: &str) -> Option<u64> {
        scalar::whole(self.str(key)?, 0, u64::MAX).ok()
    }

    pub fn count(self, key: &str) -> Option<u32> {
        u32::try_from(self.whole(key)?).ok()
    }

    /// The meaning of a word, by a table of words.
    pub fn word<T: Copy>(self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.str(key)?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
    }

    /// One text or a list of texts.
    pub fn texts(self, key: &str) -> Vec<String> {
        let items = self.node(key).map(Node::items).unwrap_or_default();
        items.iter().filter_map(|n| n.text().map(str::to_owned)).collect()
    }

    pub fn names(self, key: &str) -> Vec<Name> {
        self.texts(key).iter().filter_map(|t| scalar::name(t).ok()).collect()
    }
}

/// YAML as JSON: quoted scalars are strings; plain ones are typed as YAML 1.2 does, for a body means numbers by `3`.
pub(super) fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Map(pairs) => {
            Json::Object(pairs.iter().map(|p| (p.key.clone(), json(&p.value))).collect())
        }
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Scalar { text, plain: false } => Json::String(text.clone()),
        Value::Scalar { text, plain: true } => plain(text),
    }
}

/// Only what is written the same in JSON becomes a number: `3.10`, `12e4567` and `007` stay text.
fn plain(text: &str) -> serde_json::Value {
    use serde_json::Value as Json;
    match text {
        "" | "null" | "~" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) if number.to_string() == text => Json::Number(number),
            _ => Json::String(text.to_owned()),
        },
    }
}

/// Whether a root is meant as a plan.
pub(super) fn is_plan(root: &Node) -> bool {
    let first: &Table = &PLAN;
    first.keys.first().is_some_and(|k| root.get(k.name).is_some())
}
