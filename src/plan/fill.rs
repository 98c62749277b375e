//! `$name` in texts: finding and filling.

/// Names that are known while a rollout runs, whatever its inputs.
pub const RUNTIME_NAMES: [&str; 4] = ["rollout", "route", "weight", "first_exposed_at"];

/// A piece of a text: as it stands, or the name after a `$`.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Replaces every `$name` that `value` knows; others stay. `$$` is a dollar sign.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => match value(name) {
                Some(value) => filled.push_str(&value),
                None => {
                    filled.push('$');
                    filled.push_str(name);
                }
            },
        }
    }
    filled
}

/// [`fill`] for an address: a value stays one piece of it, whatever characters it has.
pub fn fill_url(url: &str, value: impl Fn(&str) -> Option<String>) -> String {
    fill(url, |name| value(name).map(|v| percent_encoded(&v)))
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// [`fill`] for every string in a JSON value, its keys excepted.
pub fn fill_json(
    json: &serde_json::Value,
    value: &impl Fn(&str) -> Option<String>,
) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => Json::String(fill(text, value)),
        Json::Array(items) => Json::Array(items.iter().map(|j| fill_json(j, value)).collect()),
        Json::Object(map) => {
            Json::Object(map.iter().map(|(k, j)| (k.clone(), fill_json(j, value))).collect())
        }
        other => other.clone(),
    }
}

/// The names a text asks for, in order.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|p| match p {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, after) = (&rest[..dollar], &rest[dollar + 1..]);
        found.push(Piece::Text(before));
        if let Some(tail) = after.strip_prefix('$') {
            found.push(Piece::Text("$"));
            rest = tail;
            continue;
        }
        let end =
            after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        found.push(if end == 0 { Piece::Text("$") } else { Piece::Name(&after[..end]) });
        rest = &after[end..];
    }
    found.push(Piece::Text(rest));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_and_others_stay() {
        let value = |name: &str| (name == "version").then(|| "v413".to_owned());
        let rows = [
            ("$version", "v413"),
            ("https://x/$version/go?x=$other", "https://x/v413/go?x=$other"),
            ("5$ and $$version", "5$ and $version"),
            ("$version_2 $version-2", "$version_2 v413-2"),
            ("$", "$"),
        ];
        for (text, expect) in rows {
            assert_eq!(fill(text, value), expect);
        }
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_an_address() {
        let value = |_: &str| Some("a/../b?c=ä".to_owned());
        assert_eq!(fill_url("https://x/$v/go", value), "https://x/a%2F..%2Fb%3Fc%3D%C3%A4/go");
    }

    #[test]
    fn a_body_is_filled_in_depth() {
        let body = serde_json::json!({ "a": ["$v", 1], "$v": { "b": "x$v" } });
        let filled = fill_json(&body, &|_| Some("1".to_owned()));
        assert_eq!(filled, serde_json::json!({ "a": ["1", 1], "$v": { "b": "x1" } }));
    }
}
