//! Bare selectors, as PromQL writes them: `name{a="b",c=~"5..",d!="x",e!~"…"}`.
//!
//! Owns: text -> [`Selector`], and whether a series fits it.
//! Does not: evaluate anything: no ranges, functions or offsets.

use regex_lite::Regex;

use super::cursor::{Cursor, Escapes};

const ESCAPES: &Escapes =
    &[('\\', '\\'), ('"', '"'), ('\'', '\''), ('n', '\n'), ('t', '\t'), ('r', '\r')];

/// Chooses series by name and labels.
#[derive(Clone, Debug)]
pub struct Selector {
    name: Option<String>,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Like(Regex),
    Unlike(Regex),
}

impl Selector {
    /// # Errors
    /// A sentence that says where it stops being a selector.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor::new(text);
        let selector = parse(&mut cursor);
        selector.map_err(|problem| match cursor.rest().trim() {
            "" => format!("{problem}, at the end of `{text}`"),
            rest => format!("{problem}, at `{rest}` in `{text}`"),
        })
    }

    /// A name, and labels that must be exactly so.
    pub fn exactly(name: &str, labels: &[(&str, &str)]) -> Self {
        let is = |(label, value): &(&str, &str)| Matcher {
            label: (*label).to_owned(),
            test: Test::Is((*value).to_owned()),
        };
        Self { name: Some(name.to_owned()), matchers: labels.iter().map(is).collect() }
    }

    /// Whether a series fits. A label the series does not have counts as empty.
    pub fn fits<V: AsRef<str>>(&self, name: &str, labels: &[(&str, V)]) -> bool {
        let value = |label: &str| match labels.iter().find(|(l, _)| *l == label) {
            Some((_, value)) => value.as_ref(),
            None if label == "__name__" => name,
            None => "",
        };
        self.name.as_ref().is_none_or(|wanted| wanted == name)
            && self.matchers.iter().all(|m| m.test.holds(value(&m.label)))
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted == value,
            Self::IsNot(unwanted) => unwanted != value,
            Self::Like(pattern) => pattern.is_match(value),
            Self::Unlike(pattern) => !pattern.is_match(value),
        }
    }
}

fn parse(cursor: &mut Cursor<'_>) -> Result<Selector, String> {
    cursor.skip_white();
    let name = cursor.name(true).map(str::to_owned);
    cursor.skip_white();
    let matchers = if cursor.eat("{") { matchers(cursor)? } else { Vec::new() };
    cursor.skip_white();
    if !cursor.rest().is_empty() {
        return Err("here a selector should end (no range, function or offset)".to_owned());
    }
    if name.is_none() && matchers.is_empty() {
        return Err("a selector needs the name of a metric or a label".to_owned());
    }
    Ok(Selector { name, matchers })
}

fn matchers(cursor: &mut Cursor<'_>) -> Result<Vec<Matcher>, String> {
    let mut matchers = Vec::new();
    loop {
        cursor.skip_white();
        if cursor.eat("}") {
            return Ok(matchers);
        }
        matchers.push(matcher(cursor)?);
        cursor.skip_white();
        if !cursor.eat(",") && !cursor.rest().starts_with('}') {
            return Err("here `,` or `}` is missing".to_owned());
        }
    }
}

fn matcher(cursor: &mut Cursor<'_>) -> Result<Matcher, String> {
    let label = cursor.name(false).ok_or("here the name of a label is missing")?.to_owned();
    cursor.skip_white();
    // The longer ones first: `=` begins `=~` too.
    let operator = ["=~", "!~", "!=", "="].into_iter().find(|o| cursor.eat(o));
    let operator = operator.ok_or("here one of = != =~ !~ is missing")?;
    cursor.skip_white();
    let value = value(cursor)?;
    let test = match operator {
        "=~" => Test::Like(anchored(&value)?),
        "!~" => Test::Unlike(anchored(&value)?),
        "!=" => Test::IsNot(value),
        _ => Test::Is(value),
    };
    Ok(Matcher { label, test })
}

fn value(cursor: &mut Cursor<'_>) -> Result<String, String> {
    for (quote, escapes) in [("\"", ESCAPES), ("'", ESCAPES), ("`", &[])] {
        if cursor.eat(quote) {
            let closing = quote.chars().next().unwrap_or('"');
            return cursor.quoted(closing, escapes).map(std::borrow::Cow::into_owned);
        }
    }
    Err("here a quoted value is missing".to_owned())
}

/// A pattern must fit the whole value, as in Prometheus.
fn anchored(pattern: &str) -> Result<Regex, String> {
    let whole = format!("^(?s:{pattern})$");
    Regex::new(&whole).map_err(|e| format!("`{pattern}` is no pattern ({e})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: &[(&str, &str)] = &[("arm", "v1"), ("code", "503"), ("path", "/a\"b")];

    #[track_caller]
    fn check(selector: &str, expect: bool) {
        let parsed = Selector::parse(selector).expect("a selector");
        assert_eq!(parsed.fits("http_total", SERIES), expect, "{selector}");
    }

    #[track_caller]
    fn refused(selector: &str, expect: &str) {
        let told = Selector::parse(selector).map(|_| ()).expect_err(selector);
        assert!(told.contains(expect), "{selector}: {told}");
    }

    #[test]
    fn series_are_chosen_by_name_and_labels() {
        check("http_total", true);
        check("http", false);
        check("http_total{}", true);
        check(r#"http_total{arm="v1"}"#, true);
        check(r#"http_total{arm="V1"}"#, false);
        check(r#"http_total{arm="v1",code="200"}"#, false);
        check(r#"{__name__=~"http_.*", arm='v1',}"#, true);
        check(" http_total {\n  arm = `v1`\n} ", true);
        check(r#"http_total{path="/a\"b"}"#, true);
    }

    #[test]
    fn patterns_must_fit_the_whole_value() {
        check(r#"http_total{code=~"5.."}"#, true);
        check(r#"http_total{code=~"5."}"#, false);
        check(r#"http_total{code=~"4..|5.."}"#, true);
        check(r#"http_total{code!~"5.."}"#, false);
        check(r#"http_total{code!~"2|5"}"#, true);
        check(r#"http_total{code=~"\\d+"}"#, true);
        check("http_total{code=~`\\d+`}", true);
    }

    #[test]
    fn a_missing_label_is_an_empty_one() {
        check(r#"http_total{zone=""}"#, true);
        check(r#"http_total{zone!=""}"#, false);
        check(r#"http_total{zone!="eu"}"#, true);
        check(r#"http_total{zone=~".*"}"#, true);
        check(r#"http_total{zone=~".+"}"#, false);
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_place() {
        refused("", "needs the name of a metric or a label, at the end");
        refused("{}", "needs the name");
        refused("rate(x[5m])", "should end (no range, function or offset), at `(x[5m])`");
        refused(r#"x{a="b"}[5m]"#, "at `[5m]`");
        refused(r#"x{a="b""#, "`,` or `}` is missing");
        refused("x{a=b}", "a quoted value is missing, at `b}`");
        refused(r#"x{a~"b"}"#, "one of = != =~ !~");
        refused(r#"x{="b"}"#, "the name of a label");
        refused(r#"x{a=~"("}"#, "is no pattern");
        refused(r#"x{a="b}"#, "has no end");
    }
}
