//! The Prometheus text format, and OpenMetrics text where it differs.
//!
//! Owns: a document -> its samples, one after the other, or the line that makes no sense.
//! Does not: fetch it, or choose among the samples.

use std::borrow::Cow;
use std::fmt::Write;

use super::cursor::{Cursor, Escapes};

const ESCAPES: &Escapes = &[('\\', '\\'), ('"', '"'), ('n', '\n')];

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    pub name: &'a str,
    /// As written; each name once.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// May be infinite or no number at all: the format allows it.
    pub value: f64,
    /// Milliseconds since 1970, where the source names an instant of its own.
    pub at_ms: Option<i64>,
}

/// A line that is no exposition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadLine {
    pub line: usize,
    pub problem: String,
}

impl Sample<'_> {
    /// The series' identity in one text: `name{a="x",b="y"}`, labels sorted. An empty label is no label.
    pub fn key(&self) -> String {
        let labels = self.labels.iter().map(|(name, value)| (*name, value.as_ref()));
        key(self.name, labels)
    }
}

/// See [`Sample::key`].
pub(super) fn key<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut sorted: Vec<_> = labels.filter(|(_, value)| !value.is_empty()).collect();
    sorted.sort_unstable();
    let mut key = name.to_owned();
    for (i, (label, value)) in sorted.iter().enumerate() {
        key.push(if i == 0 { '{' } else { ',' });
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(key, "{label}=\"{value}\"");
    }
    if !sorted.is_empty() {
        key.push('}');
    }
    key
}

/// The samples of a document in order. After the first bad line nothing more is to be trusted.
pub fn samples(text: &str) -> impl Iterator<Item = Result<Sample<'_>, BadLine>> {
    // OpenMetrics ends with this mark and counts time in seconds; the older format in milliseconds.
    let open_metrics = text.trim_end().ends_with("\n# EOF");
    text.split('\n').enumerate().filter_map(move |(index, line)| {
        let content = line.trim_matches([' ', '\t']);
        if content.is_empty() || content.starts_with('#') {
            return None;
        }
        let sample = sample(content, open_metrics);
        Some(sample.map_err(|problem| BadLine { line: index + 1, problem }))
    })
}

fn sample(line: &str, open_metrics: bool) -> Result<Sample<'_>, String> {
    let mut cursor = Cursor::new(line);
    let name = cursor.name(true).ok_or("it does not begin with the name of a metric")?;
    cursor.skip_blanks();
    let labels = if cursor.eat("{") { labels(&mut cursor)? } else { Vec::new() };
    cursor.skip_blanks();
    let word = cursor.word().ok_or_else(|| format!("`{name}` has no value"))?;
    let value = word.parse().map_err(|_| format!("`{word}` is no number"))?;
    cursor.skip_blanks();
    let at_ms = match cursor.rest() {
        "" => None,
        rest if rest.starts_with('#') => None,
        _ => cursor.word().map(|word| instant(word, open_metrics)).transpose()?,
    };
    cursor.skip_blanks();
    exemplar(&mut cursor, open_metrics)?;
    Ok(Sample { name, labels, value, at_ms })
}

fn labels<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<(&'a str, Cow<'a, str>)>, String> {
    let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.eat("}") {
            return Ok(labels);
        }
        let name = cursor.name(false).ok_or("a label has no name")?;
        cursor.skip_blanks();
        if !cursor.eat("=") {
            return Err(format!("label `{name}` has no `=`"));
        }
        cursor.skip_blanks();
        if !cursor.eat("\"") {
            return Err(format!("label `{name}` has no quoted value"));
        }
        if labels.iter().any(|(other, _)| *other == name) {
            return Err(format!("label `{name}` stands twice"));
        }
        labels.push((name, cursor.quoted('"', ESCAPES)?));
        cursor.skip_blanks();
        if !cursor.eat(",") && !cursor.rest().starts_with('}') {
            return Err(format!("after label `{name}` stands neither `,` nor `}}`"));
        }
    }
}

/// Milliseconds since 1970.
fn instant(word: &str, open_metrics: bool) -> Result<i64, String> {
    let bad = || format!("`{word}` is no instant");
    if !open_metrics {
        return word.parse().map_err(|_| bad());
    }
    let seconds: f64 = word.parse().map_err(|_| bad())?;
    // Beyond this a float has no milliseconds; the year 10,000 is far below.
    if seconds.abs() < 1e12 { Ok((seconds * 1e3).round() as i64) } else { Err(bad()) }
}

/// `# {trace_id="…"} 0.5 1700000000.5`: read for its form, and of no use to us.
fn exemplar(cursor: &mut Cursor<'_>, open_metrics: bool) -> Result<(), String> {
    if cursor.rest().is_empty() {
        return Ok(());
    }
    let odd = |rest: &str| format!("`{rest}` is left over");
    if !open_metrics || !cursor.eat("#") {
        return Err(odd(cursor.rest()));
    }
    cursor.skip_blanks();
    if !cursor.eat("{") {
        return Err(odd(cursor.rest()));
    }
    labels(cursor)?;
    cursor.skip_blanks();
    let value = cursor.word().unwrap_or("");
    value.parse::<f64>().map_err(|_| format!("the exemplar's `{value}` is no number"))?;
    cursor.skip_blanks();
    cursor.word().map(|word| instant(word, true)).transpose()?;
    cursor.skip_blanks();
    if cursor.rest().is_empty() { Ok(()) } else { Err(odd(cursor.rest())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let told = samples(text).map(|sample| match sample {
            Ok(s) => match s.at_ms {
                Some(at) => format!("{} {} @{at}", s.key(), s.value),
                None => format!("{} {}", s.key(), s.value),
            },
            Err(e) => e.to_string(),
        });
        assert_eq!(told.collect::<Vec<_>>().join("; "), expect, "{text}");
    }

    #[test]
    fn samples_are_read() {
        check("", "");
        check("up 1", "up 1");
        check("# HELP up Is it?\n# TYPE up gauge\n\nup 1\n", "up 1");
        check("a:b_total{code=\"200\",arm=\"v1\"} 3", "a:b_total{arm=\"v1\",code=\"200\"} 3");
        check("a { b = \"x\" , c=\"\" , }\t7  1700000000000", "a{b=\"x\"} 7 @1700000000000");
        check("a{b=\"q\\\"\\\\ \\n}\"} 1e3", "a{b=\"q\\\"\\\\ \\n}\"} 1000");
        check("a{} NaN\nb +Inf\nc -Inf", "a NaN; b inf; c -inf");
        check("a{b=\"größer ✓\"} 1", "a{b=\"größer ✓\"} 1");
    }

    #[test]
    fn open_metrics_counts_in_seconds_and_has_exemplars() {
        check("a_total 3 1700000000.25\n# EOF\n", "a_total 3 @1700000000250");
        check("a_total 3 # {id=\"x\"} 0.5 1.5\n# EOF", "a_total 3");
        check("a_total 3 # {id=\"x\"} oops\n# EOF", "line 1: the exemplar's `oops` is no number");
    }

    #[test]
    fn lines_that_make_no_sense_are_named() {
        check("<html>", "line 1: it does not begin with the name of a metric");
        check("\n1a 2", "line 2: it does not begin with the name of a metric");
        check("a", "line 1: `a` has no value");
        check("a 1,5", "line 1: `1,5` is no number");
        check("a 1 2 3", "line 1: `3` is left over");
        check("a 1 1.5", "line 1: `1.5` is no instant");
        check("a 1\r\n", "line 1: `1\r` is no number");
        check("a{b=\"x} 1", "line 1: a text that begins with \" has no end");
        check("a{b=\"\\t\"} 1", "line 1: `\\t` is no escape");
        check("a{b=x} 1", "line 1: label `b` has no quoted value");
        check("a{b} 1", "line 1: label `b` has no `=`");
        check("a{b=\"x\" c=\"y\"} 1", "line 1: after label `b` stands neither `,` nor `}`");
        check("a{b=\"x\",b=\"y\"} 1", "line 1: label `b` stands twice");
        check("a{:b=\"x\"} 1", "line 1: a label has no name");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[a-c{}=\",\\\\ #0-9.\n\u{e9}]{0,80}") {
            for sample in samples(&text) {
                let _ = sample.map(|s| s.key());
            }
        }

        #[test]
        fn what_is_written_is_read(
            value in 0u64..1 << 53,
            labels in proptest::collection::btree_map("[a-z_][a-z0-9_]{0,6}", ".{1,12}", 0..4),
        ) {
            let key = key("m_total", labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            let text = format!("{key} {value}\n");
            let read: Vec<_> = samples(&text).collect::<Result<_, _>>().expect("our own text");
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].key(), key);
            prop_assert_eq!(read[0].value, value as f64);
        }
    }
}
