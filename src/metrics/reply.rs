//! What Prometheus answers, and what it means. Pure.
//!
//! Owns: a page -> the series of a range, or the one value of an expression, or why there is none.
//! Does not: ask.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::exposition::key;
use super::http::{Page, refused};
use super::reading::{Failure, Found, bound};
use crate::domain::Timestamp;
use crate::engine::{Point, TroubleKind};

/// Who was asked what: both stand in every sentence.
pub(super) struct Asked<'a> {
    pub server: &'a str,
    pub query: &'a str,
}

/// `R`: what stands in the data.
#[derive(Deserialize)]
struct Reply<R> {
    data: Option<Data<R>>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default = "Vec::new")]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data<R> {
    #[serde(rename = "resultType")]
    result_type: String,
    result: R,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    /// Absent for other kinds of sample.
    values: Option<Vec<Sample>>,
}

/// Seconds since 1970, and a number as text.
type Sample = (f64, String);

impl Asked<'_> {
    /// The series of a bare range selector.
    pub(super) fn range(&self, page: &Page) -> Result<Vec<Found>, Failure> {
        let data = self.data::<Vec<Row>>(page)?;
        if data.result_type != "matrix" {
            let told = format!("{}: `{}` is no bare selector", self.server, self.query);
            return Err(Failure::new(TroubleKind::Refused, told));
        }
        data.result.into_iter().map(|row| self.found(row)).collect()
    }

    /// The value of an expression at an instant.
    pub(super) fn value(&self, page: &Page, at: Timestamp) -> Result<Found, Failure> {
        let data = self.data::<Value>(page)?;
        let sample = match (data.result_type.as_str(), &data.result) {
            ("scalar", sample) => sample,
            ("vector", Value::Array(rows)) => match &rows[..] {
                [row] => row.get("value").ok_or_else(|| {
                    self.malformed("a result without a plain value (a native histogram?)")
                })?,
                rows => return Err(self.not_one(rows.len())),
            },
            (other, _) => {
                let (server, query) = (self.server, self.query);
                let told = format!("{server}: `{query}` gives a {other}, not one number");
                return Err(Failure::new(TroubleKind::Refused, told));
            }
        };
        let (_, value): Sample = serde_json::from_value(sample.clone())
            .map_err(|_| self.malformed(&format!("`{sample}` as a value")))?;
        let point = Point { at, value: self.number(&value)? };
        Ok(Found { key: format!("= {}", self.query), bound: None, points: vec![point] })
    }

    fn not_one(&self, results: usize) -> Failure {
        let Self { server, query } = self;
        if results == 0 {
            let told =
                format!("{server} has no data for `{query}`: are the names and labels right?");
            return Failure::new(TroubleKind::Stale, told);
        }
        let told = format!(
            "`{query}` is ambiguous: {server} gives {results} results; make it one, as `avg(…)` or \
             `sum(…)` does"
        );
        Failure::new(TroubleKind::Ambiguous, told)
    }

    fn data<R: DeserializeOwned>(&self, page: &Page) -> Result<Data<R>, Failure> {
        let reply = match serde_json::from_str::<Reply<R>>(&page.text) {
            Ok(reply) => reply,
            Err(_) if !page.status.is_success() => {
                return Err(refused(self.server, page.status, &page.text));
            }
            Err(e) => {
                return Err(self.malformed(&format!("an answer that is none of its own ({e})")));
            }
        };
        if let Some(error) = reply.error {
            return Err(self.error(page, reply.error_type.as_deref(), &error));
        }
        if let Some(warning) = reply.warnings.first() {
            let told = format!("{} warns that its answer is not whole: {warning}", self.server);
            return Err(Failure::new(TroubleKind::Partial, told));
        }
        reply.data.ok_or_else(|| self.malformed("an answer without data"))
    }

    fn found(&self, row: Row) -> Result<Found, Failure> {
        let name = row.metric.get("__name__").map_or("", String::as_str);
        let labels = row.metric.iter().filter(|(label, _)| *label != "__name__");
        let series = key(name, labels.map(|(l, v)| (l.as_str(), v.as_str())));
        let key = format!("{} {series}", origin(&row.metric));
        let point = |(at, value): Sample| {
            // Prometheus counts in milliseconds; through a float they come back exact.
            let ms = (at * 1e3).round() as i64;
            let at = Timestamp::from_micros(ms.saturating_mul(1000));
            Ok(Point { at, value: self.number(&value)? })
        };
        let values = row.values.ok_or_else(|| {
            self.malformed(&format!("`{key}` without plain values (a native histogram?)"))
        })?;
        let mut points = values.into_iter().map(point).collect::<Result<Vec<_>, Failure>>()?;
        points.sort_by_key(|p| p.at);
        let bound = row.metric.get("le").and_then(|le| bound(le));
        Ok(Found { key, bound, points })
    }

    fn number(&self, text: &str) -> Result<f64, Failure> {
        text.parse().map_err(|_| self.malformed(&format!("`{text}` as a value")))
    }

    fn error(&self, page: &Page, kind: Option<&str>, error: &str) -> Failure {
        let said = match kind {
            Some("timeout" | "canceled") => TroubleKind::Slow,
            Some("unavailable" | "internal") => TroubleKind::Unreachable,
            Some("bad_data" | "execution") => TroubleKind::Refused,
            _ => return refused(self.server, page.status, error),
        };
        let told = format!("{} could not answer `{}`: {error}", self.server, self.query);
        Failure::new(said, told)
    }

    fn malformed(&self, what: &str) -> Failure {
        let told = format!("{} sent {what}: is this really a Prometheus?", self.server);
        Failure::new(TroubleKind::Malformed, told)
    }
}

/// The target a series was scraped from, without blanks: they end an origin.
fn origin(metric: &BTreeMap<String, String>) -> String {
    let label = |name| metric.get(name).map_or("", String::as_str);
    format!("{}/{}", label("job"), label("instance")).replace(char::is_whitespace, "_")
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn page(data: &str) -> Page {
        let text = format!(r#"{{"status":"success","data":{data}}}"#);
        Page { status: StatusCode::OK, date: None, text }
    }

    #[track_caller]
    fn check(data: &str, expect: &str) {
        let asked = Asked { server: "prom", query: "avg(q)" };
        let told = match asked.value(&page(data), Timestamp::from_micros(7)) {
            Ok(found) => format!("{} {:?}", found.key, found.points[0].value),
            Err(failure) => format!("{:?}: {}", failure.kind, failure.sentence),
        };
        assert_eq!(told, expect, "{data}");
    }

    #[test]
    fn an_expression_has_one_value() {
        let row = r#"{"metric":{"pod":"a"},"value":[1.5,"-7.5"]}"#;
        let vector = |rows: &str| format!(r#"{{"resultType":"vector","result":[{rows}]}}"#);
        check(&vector(row), "= avg(q) -7.5");
        check(r#"{"resultType":"scalar","result":[1.5,"NaN"]}"#, "= avg(q) NaN");
        check(&vector(""), "Stale: prom has no data for `avg(q)`: are the names and labels right?");
        check(
            &vector(&format!("{row},{row}")),
            "Ambiguous: `avg(q)` is ambiguous: prom gives 2 results; make it one, as `avg(…)` or \
             `sum(…)` does",
        );
        check(
            r#"{"resultType":"matrix","result":[]}"#,
            "Refused: prom: `avg(q)` gives a matrix, not one number",
        );
        check(
            r#"{"resultType":"string","result":[1.5,"x"]}"#,
            "Refused: prom: `avg(q)` gives a string, not one number",
        );
        check(
            &vector(r#"{"metric":{},"histogram":[1.5,{}]}"#),
            "Malformed: prom sent a result without a plain value (a native histogram?): is this \
             really a Prometheus?",
        );
        check(
            r#"{"resultType":"scalar","result":[1.5,"x"]}"#,
            "Malformed: prom sent `x` as a value: is this really a Prometheus?",
        );
        check(
            r#"{"resultType":"scalar","result":7}"#,
            "Malformed: prom sent `7` as a value: is this really a Prometheus?",
        );
    }

    #[test]
    fn buckets_are_told_apart_by_their_bounds() {
        let bucket = |le: &str| {
            let metric = format!(r#"{{"__name__":"h_bucket","le":"{le}","job":"j"}}"#);
            format!(r#"{{"metric":{metric},"values":[[1,"3"]]}}"#)
        };
        let rows = format!("{},{},{}", bucket("0.5"), bucket("+Inf"), bucket("NaN"));
        let asked = Asked { server: "prom", query: "h_bucket" };
        let found = asked.range(&page(&format!(r#"{{"resultType":"matrix","result":[{rows}]}}"#)));
        let found = found.unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(found[0].key, "j/ h_bucket{job=\"j\",le=\"0.5\"}");
        let bounds: Vec<_> = found.iter().map(|f| f.bound).collect();
        assert_eq!(bounds, [Some(0.5), Some(f64::INFINITY), None]);
    }
}
