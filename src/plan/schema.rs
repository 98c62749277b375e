//! The key tables as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::keys::{Kind, Need, Table};
use super::keys_plan::PLAN;
use super::keys_route::ROUTE;

/// JSON Schema 2020-12 of one document: a plan when it has `plan`, else a route.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidegate plan or route",
        "type": "object",
        "if": { "required": ["plan"] },
        "then": { "$ref": "#/$defs/plan" },
        "else": { "$ref": "#/$defs/route" },
        "$defs": { "plan": of_table(&PLAN), "route": of_table(&ROUTE) },
    })
}

fn of_table(table: &Table) -> Value {
    let known = || table.keys.iter().filter(|k| k.need != Need::Later);
    let properties: Map<String, Value> =
        known().map(|k| (k.name.to_owned(), described(&k.kind, k.about))).collect();
    let required: Vec<&str> = known().filter(|k| k.need == Need::Must).map(|k| k.name).collect();
    json!({
        "type": "object",
        "title": table.title,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn described(kind: &Kind, about: &str) -> Value {
    let mut schema = of_kind(kind);
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), Value::from(about));
    }
    schema
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        // Typed here as an editor types it: the reader takes every scalar as written.
        Kind::Text => json!({ "type": ["string", "number", "boolean"], "minLength": 1 }),
        Kind::Name => pattern(&["string", "number"], NAME),
        Kind::Label => pattern(&["string"], "^[A-Za-z_][A-Za-z0-9_]{0,99}$"),
        Kind::Percent => pattern(&["string"], r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"),
        Kind::Points => pattern(&["string"], r"^\s*[0-9]+(\.[0-9]+)?\s*pp\s*$"),
        // A number alone is one in the value's own unit.
        Kind::Tolerance => pattern(&["string", "number"], TOLERANCE),
        Kind::Amount => json!({ "type": "number", "minimum": 0 }),
        Kind::Above => json!({ "type": ["number", "string"], "minimum": 0, "pattern": ABOVE }),
        Kind::Length { .. } => pattern(&["string"], r"^\s*([0-9]+(\.[0-9]+)?\s*[A-Za-zµ]+\s*)+$"),
        Kind::Whole { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Rate => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Kind::Cron => pattern(&["string"], r"^\s*\S+(\s+\S+){4}\s*$"),
        Kind::Zone => json!({ "type": "string", "examples": ["Europe/Berlin", "UTC"] }),
        Kind::Url => pattern(&["string"], r"^https?://[^\s/]"),
        Kind::Word { now, .. } => json!({ "enum": now }),
        Kind::Json => json!({}),
        Kind::Empty => json!({ "type": "object", "maxProperties": 0 }),
        Kind::List { of, least, most } => {
            json!({ "type": "array", "items": of_kind(of), "minItems": least, "maxItems": most })
        }
        Kind::Named { of, .. } => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": of_kind(of),
        }),
        Kind::Map(table) => of_table(table),
        Kind::OneOf { tables, .. } => {
            let now =
                tables.iter().filter(|t| t.keys.first().is_some_and(|k| k.need != Need::Later));
            json!({ "oneOf": now.map(|t| of_table(t)).collect::<Vec<_>>() })
        }
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(of_kind).collect::<Vec<_>>() }),
    }
}

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
const TOLERANCE: &str = r"^\s*([0-9]{1,2}(\.[0-9]+)?\s*%|[0-9]+(\.[0-9]+)?\s*(x|pp)?(\s*\+\s*[0-9]+(\.[0-9]+)?\s*(x|pp)?)?)\s*$";
const ABOVE: &str = r"^\s*[0-9]+(\.[0-9]+)?\s*(x\s+before)?\s*$";

fn pattern(types: &[&str], pattern: &str) -> Value {
    json!({ "type": types, "pattern": pattern })
}
