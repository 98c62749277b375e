//! Putting an arm into a query.

/// What a query has where the arm's matcher goes.
const MARK: &str = "$arm";

/// Whether a query has `$arm`, and only where matchers stand: after `{` or `,`, before `}` or `,`.
pub(super) fn tells_arms_apart(query: &str) -> bool {
    let pieces: Vec<&str> = query.split(MARK).map(str::trim).collect();
    let fits = |pair: &[&str]| pair[0].ends_with(['{', ',']) && pair[1].starts_with(['}', ',']);
    pieces.len() > 1 && pieces.windows(2).all(fits)
}

/// `requests_total{$arm, code="500"}` -> `requests_total{version="v413", code="500"}`.
pub fn arm_query(query: &str, label: &str, value: &str) -> String {
    matched(query, &[(label, value)])
}

/// The same with several matchers where the arm's goes: `{version="v413",platform="ios"}`.
/// Values are quoted as PromQL quotes strings, so that no version can break out of its matcher.
pub fn matched(query: &str, labels: &[(&str, &str)]) -> String {
    let matchers: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
    query.replace(MARK, &matchers.join(","))
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 2);
    for c in value.chars() {
        match c {
            '\\' | '"' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_among_matchers() {
        let rows = [
            ("a{$arm}", true),
            ("a{ $arm , code=\"5\"} / b{x=\"1\",$arm}", true),
            ("a", false),
            ("a$arm", false),
            ("a{x=\"$arm\"}", false),
            ("a{$armada}", false),
            ("a{$arm} + b$arm", false),
        ];
        for (query, expect) in rows {
            assert_eq!(tells_arms_apart(query), expect, "{query}");
        }
    }

    #[test]
    fn the_arm_becomes_a_matcher() {
        let rows = [
            ("a{$arm}", "v413", r#"a{version="v413"}"#),
            ("a{$arm, code=~\"5..\"}", "v1", r#"a{version="v1", code=~"5.."}"#),
            ("a{x=\"1\",$arm} + b{$arm}", "v1", r#"a{x="1",version="v1"} + b{version="v1"}"#),
            ("a{$arm}", "v\"} or b{\\", r#"a{version="v\"} or b{\\"}"#),
        ];
        for (query, value, expect) in rows {
            assert_eq!(arm_query(query, "version", value), expect);
        }
    }
    #[test]
    fn a_segment_stands_beside_the_arm() {
        let labels = [("version", "v1"), ("platform", "i\"os")];
        let expect = r#"a{version="v1",platform="i\"os", code="5"}"#;
        assert_eq!(matched("a{$arm, code=\"5\"}", &labels), expect);
        assert_eq!(matched("a", &labels), "a");
    }
}
