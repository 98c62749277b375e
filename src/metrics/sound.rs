//! Whether the series of one ask are numbers a look can be made of.
//!
//! Owns: a reading cut to the look, or the sentence that says what is wrong with it. Pure.
//! Does not: know the other arm's (`assemble`).

use std::collections::BTreeMap;

use super::reading::{Failure, Found, Reading, Span};
use crate::engine::{Counter, Point, Series, TroubleKind, histogram_key};

/// Of one ask: each is remembered between looks.
const MOST_SERIES: usize = 4096;

/// The series of an ask, cut to the look.
///
/// # Errors
/// What is wrong with them.
pub(super) fn sound(
    ask: usize,
    counter: Counter,
    reading: &Reading,
    span: Span,
) -> Result<Vec<Series>, Failure> {
    let source = &reading.source;
    let mut all = Vec::new();
    for Found { key, bound, points } in &reading.series {
        let points = span.cut(points);
        if let Some(odd) = points.iter().find(|p| !fits(counter, p)) {
            return Err(odd_value(reading, counter, key, *odd));
        }
        if !points.is_empty() {
            all.push(Series { ask, key: key.clone(), bound: *bound, points: points.to_vec() });
        }
    }
    if all.len() > MOST_SERIES {
        let told = format!(
            "{source} has {} series for {}, and {MOST_SERIES} are the most: let a recording rule \
             add them up",
            all.len(),
            reading.what
        );
        return Err(Failure::new(TroubleKind::Refused, told));
    }
    match counter {
        Counter::Buckets => whole_histograms(reading, &all)?,
        Counter::Level => one_level(reading, &all)?,
        Counter::Requests
        | Counter::Failures
        | Counter::Events
        | Counter::Sum
        | Counter::Squares => {}
    }
    Ok(all)
}

fn fits(counter: Counter, point: &Point) -> bool {
    point.value.is_finite() && (point.value >= 0.0 || counter == Counter::Level)
}

fn odd_value(reading: &Reading, counter: Counter, key: &str, odd: Point) -> Failure {
    let rule = match counter {
        Counter::Level => "a level is a finite number",
        _ => "a counter is a finite number from 0 up",
    };
    let (source, at) = (&reading.source, odd.at.clock());
    let told = format!("{source}: `{key}` is {} at {at}; {rule}", odd.value);
    Failure::new(TroubleKind::NotANumber, told)
}

/// Every series a bucket, and every histogram with the bucket of all.
fn whole_histograms(reading: &Reading, all: &[Series]) -> Result<(), Failure> {
    let source = &reading.source;
    let mut highest = BTreeMap::<String, (f64, &str)>::new();
    for series in all {
        let Some(bound) = series.bound else {
            let told = format!(
                "{source}: `{}` is no bucket, it has no `le`: name the `_bucket` series of a \
                 histogram",
                series.key
            );
            return Err(Failure::new(TroubleKind::Malformed, told));
        };
        let entry = highest.entry(histogram_key(&series.key)).or_insert((bound, &series.key));
        if bound > entry.0 {
            *entry = (bound, &series.key);
        }
    }
    let Some((_, key)) = highest.values().find(|(bound, _)| *bound != f64::INFINITY) else {
        return Ok(());
    };
    let told = format!(
        "{source}: the histogram of `{key}` has no bucket `le=\"+Inf\"`, so nobody knows how many \
         requests it counts: does {} leave it out?",
        reading.what
    );
    Err(Failure::new(TroubleKind::Malformed, told))
}

fn one_level(reading: &Reading, all: &[Series]) -> Result<(), Failure> {
    if all.len() <= 1 {
        return Ok(());
    }
    let told = format!(
        "{} has {} series for {}, and a level is one: name one of them, or ask Prometheus for \
         their `avg(…)`",
        reading.source,
        all.len(),
        reading.what
    );
    Err(Failure::new(TroubleKind::Ambiguous, told))
}

#[cfg(test)]
mod tests {
    use super::super::reading::bound;
    use super::*;
    use crate::domain::Timestamp;

    /// A reading of `key value` lines, `le` taken from the key.
    #[track_caller]
    fn check(counter: Counter, lines: &[&str], expect: &str) {
        let at = Timestamp::from_micros(1_000_000);
        let found = |line: &&str| {
            let (key, value) = line.rsplit_once(' ').expect("a key and a value");
            let le = key.split_once("le=\"").and_then(|(_, rest)| rest.split_once('"'));
            let point = Point { at, value: value.parse().expect("a value") };
            Found {
                key: key.to_owned(),
                bound: le.and_then(|(le, _)| bound(le)),
                points: vec![point],
            }
        };
        let reading = Reading {
            series: lines.iter().map(found).collect(),
            source: "prom".to_owned(),
            what: "`q`".to_owned(),
            ..Reading::default()
        };
        let told = match sound(0, counter, &reading, Span { since: None, until: at }) {
            Ok(series) => format!("{} series", series.len()),
            Err(failure) => format!("{:?}: {}", failure.kind, failure.sentence),
        };
        assert_eq!(told, expect);
    }

    #[test]
    fn histograms_are_whole() {
        let whole =
            ["h{a=\"1\",le=\"0.5\"} 1", "h{a=\"1\",le=\"+Inf\"} 2", "h{a=\"2\",le=\"+Inf\"} 0"];
        check(Counter::Buckets, &whole, "3 series");
        check(Counter::Buckets, &[], "0 series");
        check(
            Counter::Buckets,
            &[whole[0], whole[2]],
            "Malformed: prom: the histogram of `h{a=\"1\",le=\"0.5\"}` has no bucket `le=\"+Inf\"`, so \
             nobody knows how many requests it counts: does `q` leave it out?",
        );
        check(
            Counter::Buckets,
            &["h_count 7"],
            "Malformed: prom: `h_count` is no bucket, it has no `le`: name the `_bucket` series of a \
             histogram",
        );
        check(
            Counter::Buckets,
            &["h{le=\"NaN\"} 1"],
            "Malformed: prom: `h{le=\"NaN\"}` is no bucket, it has no `le`: name the `_bucket` series \
             of a histogram",
        );
    }

    #[test]
    fn a_level_is_one_finite_number() {
        check(Counter::Level, &["q -7.5"], "1 series");
        check(Counter::Level, &[], "0 series");
        check(
            Counter::Level,
            &["q NaN"],
            "NotANumber: prom: `q` is NaN at 00:00:01.000; a level is a finite number",
        );
        check(
            Counter::Level,
            &["q{pod=\"a\"} 1", "q{pod=\"b\"} 2"],
            "Ambiguous: prom has 2 series for `q`, and a level is one: name one of them, or ask \
             Prometheus for their `avg(…)`",
        );
    }

    #[test]
    fn a_counter_is_from_zero_up() {
        for odd in ["-1", "inf", "NaN"] {
            let line = format!("n {odd}");
            let expect = format!(
                "NotANumber: prom: `n` is {odd} at 00:00:01.000; a counter is a finite number from 0 up"
            );
            check(Counter::Sum, &[&line], &expect);
        }
    }

    #[test]
    fn too_many_series_cannot_be_remembered() {
        let lines: Vec<String> = (0..4097).map(|i| format!("n{{i=\"{i}\"}} 1")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        check(Counter::Requests, &lines[1..], "4096 series");
        check(
            Counter::Requests,
            &lines,
            "Refused: prom has 4097 series for `q`, and 4096 are the most: let a recording rule add \
             them up",
        );
    }
}
