//! `/metrics` pages read by ourselves: those a plan names, and HAProxy's own.
//!
//! Owns: which addresses are read, and what of a page answers which ask. Pure.
//! Does not: fetch (`pages`), or keep anything between looks.

use std::collections::HashSet;
use std::time::Duration;

use super::exposition::samples;
use super::http::shown;
use super::pages::Page;
use super::reading::{Failure, Found, Outcome, Reading};
use super::selector::Selector;
use crate::domain::{Timestamp, human};
use crate::engine::{Counter, TroubleKind};

/// Pages that name their own instants may be this old.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// And this far ahead of us.
const LARGEST_SKEW: Duration = Duration::from_secs(60);

/// What one ask wants of pages.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub urls: Vec<String>,
    pub selector: Selector,
    /// As people wrote it.
    pub what: String,
    /// Whether no such series on any page is a mistake, and not just a counter that has not begun.
    pub must_exist: bool,
}

impl Wanted {
    /// A plan's own selector. HTTP counters are often born with their first request: none yet is no mistake. A level
    /// is always there.
    ///
    /// # Errors
    /// When the text is no selector.
    pub(super) fn by_plan(urls: &[String], text: &str, counter: Counter) -> Result<Self, Failure> {
        let refused = |problem| {
            let told = format!("a scrape takes a bare selector: {problem}");
            Failure::new(TroubleKind::Refused, told)
        };
        let selector = Selector::parse(text).map_err(refused)?;
        let what = format!("`{text}`");
        let must_exist = counter == Counter::Level;
        Ok(Self { urls: each_once(urls.to_vec()), selector, what, must_exist })
    }

    /// A HAProxy backend: all answers, or those it counts as 5xx. These it makes itself for a dead
    /// server (503, 504) are among them; all its counters exist from its start, at zero.
    pub(super) fn of_haproxy(instances: Vec<String>, backend: &str, counter: Counter) -> Self {
        const ANSWERS: &str = "haproxy_backend_http_responses_total";
        let selector = match counter {
            Counter::Requests => Selector::exactly(ANSWERS, &[("proxy", backend)]),
            // It counts nothing else per side.
            Counter::Failures
            | Counter::Buckets
            | Counter::Events
            | Counter::Sum
            | Counter::Squares
            | Counter::Level => Selector::exactly(ANSWERS, &[("proxy", backend), ("code", "5xx")]),
        };
        let urls = each_once(instances.into_iter().map(only_backends).collect());
        Self { urls, selector, what: format!("backend `{backend}`"), must_exist: true }
    }

    /// Puts together what its pages said, in the order of `urls`. Pages that are not there are left out while
    /// another is: their counters are cumulative, so what they counted meanwhile comes with their next page.
    pub(super) fn gather(&self, pages: &[Page], until: Timestamp) -> Outcome {
        let (mut series, mut absent) = (Vec::new(), Vec::new());
        for (url, page) in self.urls.iter().zip(pages) {
            match page {
                Ok(text) => series.extend(choose(&shown(url), text, &self.selector, until)?),
                Err(failure) if failure.is_absence() => absent.push(failure.clone()),
                Err(failure) => return Err(failure.clone()),
            }
        }
        if absent.len() == self.urls.len() {
            return Err(all_absent(&absent));
        }
        let source = self.urls.iter().map(|url| shown(url)).collect::<Vec<_>>().join(", ");
        if series.is_empty() && self.must_exist {
            let told = format!("{source} has no {}: is the name right?", self.what);
            return Err(Failure::new(TroubleKind::Stale, told));
        }
        Ok(Reading {
            series,
            absent,
            source,
            what: self.what.clone(),
            fresh_for: FRESH_FOR,
            awaited: Duration::ZERO,
            alive: None,
        })
    }
}

/// The series of a page that fit. The whole page must make sense, or nothing of it is taken.
fn choose(
    source: &str,
    text: &str,
    selector: &Selector,
    until: Timestamp,
) -> Result<Vec<Found>, Failure> {
    let (mut chosen, mut seen) = (Vec::new(), HashSet::new());
    for sample in samples(text) {
        let sample = sample.map_err(|bad| {
            let told = format!("{source} is no Prometheus text: {bad}");
            Failure::new(TroubleKind::Malformed, told)
        })?;
        if !selector.fits(sample.name, &sample.labels) {
            continue;
        }
        not_ahead(source, sample.at_ms, until)?;
        let found = Found::read(source, &sample, until);
        if !seen.insert(found.key.clone()) {
            let told = format!("{source} has `{}` twice", sample.key());
            return Err(Failure::new(TroubleKind::Ambiguous, told));
        }
        chosen.push(found);
    }
    Ok(chosen)
}

fn not_ahead(source: &str, at_ms: Option<i64>, until: Timestamp) -> Result<(), Failure> {
    let at = at_ms.map_or(until, |ms| Timestamp::from_micros(ms.saturating_mul(1000)));
    let ahead = at.since(until);
    if ahead <= LARGEST_SKEW {
        return Ok(());
    }
    let told =
        format!("a sample of {source} is {} ahead of our clock: set both by NTP", human(ahead));
    Err(Failure::new(TroubleKind::ClockSkew, told))
}

/// HAProxy answers for its backends alone when asked so: a hundredth of the page.
fn only_backends(url: String) -> String {
    if url.contains('?') { url } else { url + "?scope=backend" }
}

/// Several that are gone, in one sentence.
fn all_absent(absent: &[Failure]) -> Failure {
    let Some(first) = absent.first() else {
        return Failure::new(TroubleKind::NoInstance, "no address to read from");
    };
    let told: Vec<&str> = absent.iter().map(|f| f.sentence.as_str()).collect();
    Failure::new(first.kind, told.join("; "))
}

/// An address named twice must not count twice.
fn each_once(mut urls: Vec<String>) -> Vec<String> {
    urls.sort_unstable();
    urls.dedup();
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "n{v=\"a\",c=\"200\"} 7\nn{v=\"a\",c=\"500\"} 1\nn{v=\"b\",c=\"200\"} 3\n";

    #[track_caller]
    fn check(text: &str, selector: &str, expect: &str) {
        let until = Timestamp::default().plus(Duration::from_secs(100));
        let selector = Selector::parse(selector).expect("a selector");
        let told = match choose("http://x/", text, &selector, until) {
            Ok(found) => {
                let told = |f: &Found| format!("{} {:?}", f.key, f.points[0].value);
                found.iter().map(told).collect::<Vec<_>>().join("; ")
            }
            Err(failure) => format!("{:?}: {}", failure.kind, failure.sentence),
        };
        assert_eq!(told, expect);
    }

    #[test]
    fn a_page_answers_with_the_series_that_fit() {
        check(PAGE, r#"n{v="b"}"#, "http://x/ n{c=\"200\",v=\"b\"} 3.0");
        check(
            PAGE,
            r#"n{v="a",c=~"[25].."}"#,
            "http://x/ n{c=\"200\",v=\"a\"} 7.0; http://x/ n{c=\"500\",v=\"a\"} 1.0",
        );
        check(PAGE, "other", "");
    }

    #[test]
    fn buckets_have_their_bounds() {
        let page =
            "h_bucket{le=\"0.5\"} 3 # {id=\"x\"} 0.4\nh_bucket{le=\"+Inf\"} 4\nh_count 4\n# EOF";
        let selector = Selector::parse("h_bucket").expect("a selector");
        let found = choose("http://x/", page, &selector, Timestamp::default()).expect("buckets");
        let bounds: Vec<_> = found.iter().map(|f| (f.bound, f.points[0].value)).collect();
        assert_eq!(bounds, [(Some(0.5), 3.0), (Some(f64::INFINITY), 4.0)]);
        assert_eq!(found[0].key, "http://x/ h_bucket{le=\"0.5\"}");
    }

    #[test]
    fn a_level_that_is_nowhere_is_a_mistake() {
        let urls = ["http://a".to_owned()];
        let wanted = Wanted::by_plan(&urls, "q", Counter::Level).expect("a selector");
        let told = wanted.gather(&[Ok("n 1".into())], Timestamp::default());
        let told = told.expect_err("no level").sentence;
        assert_eq!(told, "http://a/ has no `q`: is the name right?");
    }

    #[test]
    fn a_page_that_makes_no_sense_says_so() {
        check("n 1\nn 2\n", "n", "Ambiguous: http://x/ has `n` twice");
        check("n 1\nn 2\nm 3", "m", "http://x/ m 3.0");
        check(
            "<html>",
            "n",
            "Malformed: http://x/ is no Prometheus text: line 1: it does not begin with the name of a metric",
        );
        check(
            "n 1 400000\n",
            "n",
            "ClockSkew: a sample of http://x/ is 5m ahead of our clock: set both by NTP",
        );
    }

    #[test]
    fn a_page_that_is_gone_spoils_nothing_while_another_is_there() {
        let gone = Failure::new(TroubleKind::Unreachable, "gone");
        let urls = ["http://b".to_owned(), "http://a".to_owned(), "http://b".to_owned()];
        let wanted = Wanted::by_plan(&urls, "n", Counter::Requests).expect("a selector");
        assert_eq!(wanted.urls, ["http://a", "http://b"]);
        let pages = [Err(gone.clone()), Ok("n 3".into())];
        let one = wanted.gather(&pages, Timestamp::default()).expect("one page is enough");
        let keys: Vec<_> = one.series.iter().map(|s| s.key.as_str()).collect();
        assert_eq!((keys, one.absent), (vec!["http://b/ n"], vec![gone.clone()]));
        let pages = [Err(gone.clone()), Err(gone)];
        let none = wanted.gather(&pages, Timestamp::default()).expect_err("nobody is there");
        assert_eq!((none.kind, none.sentence.as_str()), (TroubleKind::Unreachable, "gone; gone"));
    }

    #[test]
    fn a_backend_nobody_has_is_a_mistake() {
        let wanted = Wanted::of_haproxy(vec!["http://a/metrics".into()], "be", Counter::Requests);
        assert_eq!(wanted.urls, ["http://a/metrics?scope=backend"]);
        let told = wanted.gather(&[Ok("".into())], Timestamp::default());
        let told = told.expect_err("no such backend").sentence;
        assert!(told.ends_with("has no backend `be`: is the name right?"), "{told}");
    }
}
