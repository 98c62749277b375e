//! Putting an arm into a query.

/// What a query has where the arm's matcher goes.
const MARK: &str = "$arm";

/// Whether a query has `$arm`, and only where matchers stand: after `{` or `,`, before `}` or `,`.
pub(super) fn tells_arms_apart(query: &str) -> bool {
    let pieces: Vec<&str> = query.split(MARK).map(str::trim).collect();
    let fits = |pair: &[&str]| pair[0].ends_with(['{', ',']) && pair[1].starts_with(['}', ',']);
    pieces.len() > 1 && pieces.windows(2).all(fits)
}

/// Whether a query is one series by name, with or without matchers, and nothing is calculated.
pub(super) fn is_selector(query: &str) -> bool {
    let query = query.trim();
    let (name, matchers) = match query.split_once('{') {
        Some((name, rest)) => (name.trim_end(), rest.strip_suffix('}')),
        None => (query, Some("")),
    };
    let named = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
        && !name.as_bytes().first().is_none_or(u8::is_ascii_digit);
    named && matchers.is_some_and(|inner| !outside_quotes(inner).contains(['{', '}', '(']))
}

/// Whether a selector has a matcher on this label.
pub(super) fn matches_on(selector: &str, label: &str) -> bool {
    let left = outside_quotes(selector);
    let matchers = left.split(['{', ',']).skip(1).map(str::trim_start);
    let mut rests = matchers.filter_map(|matcher| matcher.strip_prefix(label));
    rests.any(|rest| rest.trim_start().starts_with(['=', '!']))
}

/// What is left of matchers without their quoted values.
fn outside_quotes(matchers: &str) -> String {
    let mut left = String::with_capacity(matchers.len());
    let mut quote = None;
    let mut escaped = false;
    for c in matchers.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None => left.push(c),
        }
    }
    left
}

/// `requests_total{$arm, code="500"}` -> `requests_total{version="v413", code="500"}`; with a segment beside the arm
/// `{version="v413",platform="ios", code="500"}`.
/// Values are quoted as PromQL quotes strings, so that no version can break out of its matcher.
pub fn arm_query(query: &str, labels: &[(&str, &str)]) -> String {
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
    fn a_selector_is_one_series() {
        let rows = [
            ("a", true),
            ("a:b_c", true),
            (" a {$arm} ", true),
            ("a{x=\"}{(\", y='\"'}", true),
            ("a{x=\"\\\"}\"}", true),
            ("rate(a{$arm}[5m])", false),
            ("a{$arm} / b{$arm}", false),
            ("a + b", false),
            ("a{x=\"1\"", false),
            ("1a", false),
            ("{x=\"1\"}", false),
            ("", false),
        ];
        for (query, expect) in rows {
            assert_eq!(is_selector(query), expect, "{query}");
        }
    }

    #[test]
    fn a_matcher_is_found_outside_of_values() {
        let rows = [
            ("a{le=\"1\"}", true),
            ("a{$arm, le =~ \"1\"}", true),
            ("a{le!=\"1\",$arm}", true),
            ("a{$arm, lease=\"1\"}", false),
            ("a{$arm, path=\"x, le=1\"}", false),
            ("le{$arm}", false),
        ];
        for (selector, expect) in rows {
            assert_eq!(matches_on(selector, "le"), expect, "{selector}");
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
            assert_eq!(arm_query(query, &[("version", value)]), expect);
        }
    }
    #[test]
    fn a_segment_stands_beside_the_arm() {
        let labels = [("version", "v1"), ("platform", "i\"os")];
        let expect = r#"a{version="v1",platform="i\"os", code="5"}"#;
        assert_eq!(arm_query("a{$arm, code=\"5\"}", &labels), expect);
        assert_eq!(arm_query("a", &labels), "a");
    }
}
