//! What levels were before: one of the baseline's replicas beside the others.
//!
//! Owns: which levels have replicas that a Prometheus remembers; their series -> a pair an instant.
//! Does not: judge how much replicas differ.

use std::time::Duration;

use futures_util::future::join_all;

use super::prometheus::Prometheus;
use super::reading::{Found, Span};
use super::selector::Selector;
use super::{SETTLE, Shared, Sources, Target, whole_millisecond};
use crate::domain::{Arm, Timestamp};
use crate::engine::{Ask, Counter, Replicas};

/// A little more than the judge asks, for instants that nobody scraped.
const REACH: Duration = Duration::from_secs(130 * 60);
/// Of all series together. With more replicas their instants are further apart.
const MOST_POINTS: usize = 4096;
/// With fewer the judge learns nothing.
const LEAST_INSTANTS: usize = 240;

impl Sources {
    /// The past 130 minutes of the levels whose replicas can be told apart, at instants at least `every` apart. From
    /// Prometheus alone, and of means of a bare selector: replicas that make one number in another way differ
    /// in another way. What cannot be had is left out.
    pub async fn replicas(&self, asks: &[Ask], until: Timestamp, every: Duration) -> Vec<Replicas> {
        let until = whole_millisecond(until.minus(SETTLE));
        let levels = asks.iter().filter(|ask| is_compared(ask, asks));
        let replicas = levels.filter_map(|ask| match self.target(ask) {
            Target::Value { server, expression } => {
                Some(self.replicas_of(ask.check, server, averaged(expression)?, until, every))
            }
            Target::Query { .. } | Target::Pages(_) | Target::Pushed(_) | Target::Nowhere(_) => {
                None
            }
        });
        join_all(replicas).await.into_iter().flatten().collect()
    }

    async fn replicas_of(
        &self,
        check: usize,
        server: &Prometheus,
        selector: &str,
        until: Timestamp,
        every: Duration,
    ) -> Option<Replicas> {
        let Shared { client, config, .. } = self.shared.as_ref();
        let count = format!("count({selector})");
        let now = Span { since: None, until };
        let count = server.evaluate(client, &count, now, config.timeout).await.ok()?;
        let count = count.series.first()?.points.first()?.value;
        let every = spacing(count as usize, every)?;
        let instants = (REACH.as_millis() / every.as_millis()) as usize;
        let since = until.minus(every * u32::try_from(instants - 1).ok()?);
        let series =
            server.instants(client, selector, since, until, every, config.timeout).await.ok()?;
        Some(Replicas { check, every, pairs: pairs(series, since, every, instants)? })
    }
}

/// A level of the baseline with one of the canary beside it.
fn is_compared(ask: &Ask, asks: &[Ask]) -> bool {
    let beside = |other: &Ask| other.check == ask.check && other.arm == Arm::Canary;
    ask.counter == Counter::Level && ask.arm == Arm::Baseline && asks.iter().any(beside)
}

/// The bare selector of which an expression is the mean, as in `avg(queue_length{arm="v1"})`.
fn averaged(expression: &str) -> Option<&str> {
    let within = expression.trim().strip_prefix("avg")?.trim_start().strip_prefix('(')?;
    let selector = within.strip_suffix(')')?.trim();
    Selector::parse(selector).is_ok().then_some(selector)
}

/// How far apart the instants of so many replicas are; `None` where there is nothing to compare, or at too few instants.
fn spacing(replicas: usize, every: Duration) -> Option<Duration> {
    let most = MOST_POINTS.checked_div(replicas).filter(|_| replicas >= 2)?;
    let instants = (REACH.as_millis() / every.as_millis().max(1)).min(most as u128);
    let wide = REACH.as_millis().div_ceil(instants.max(1));
    (instants >= LEAST_INSTANTS as u128).then(|| Duration::from_millis(wide as u64))
}

/// One replica and the mean of the others at each instant; `None` where there are no two replicas.
///
/// Halves would be steadier than what they stand for: a canary is often one replica beside many. Of those that were there
/// for longest, the first by key.
fn pairs(
    mut series: Vec<Found>,
    since: Timestamp,
    every: Duration,
    instants: usize,
) -> Option<Vec<Option<[f64; 2]>>> {
    series.sort_by(|a, b| b.points.len().cmp(&a.points.len()).then_with(|| a.key.cmp(&b.key)));
    let (one, others) = series.split_first().filter(|(_, others)| !others.is_empty())?;
    let one = means(std::slice::from_ref(one), since, every, instants);
    let others = means(others, since, every, instants);
    Some(one.into_iter().zip(others).map(|(one, others)| Some([one?, others?])).collect())
}

/// The mean of the series at each instant.
fn means(series: &[Found], since: Timestamp, every: Duration, instants: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0_u32); instants];
    for point in series.iter().flat_map(|found| &found.points) {
        let at = (point.at.since(since) + every / 2).as_millis() / every.as_millis().max(1);
        if let Some((sum, count)) = usize::try_from(at).ok().and_then(|at| sums.get_mut(at)) {
            *sum += point.value;
            *count += 1;
        }
    }
    let mean = |(sum, count): (f64, u32)| Some(sum / f64::from(count)).filter(|m| m.is_finite());
    sums.into_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Point;

    const SINCE: Timestamp = Timestamp::from_micros(1_000_000_000);

    /// Series of `key value value …`, 30 s apart, `-` where there is none; `one/others` of each instant.
    #[track_caller]
    fn check(series: &[&str], expect: &str) {
        let every = Duration::from_secs(30);
        let found = |line: &&str| {
            let (key, values) = line.split_once(' ').expect("a key and values");
            let values = values.split(' ').enumerate().filter(|(_, value)| *value != "-");
            let point = |(at, value): (usize, &str)| Point {
                at: SINCE.plus(every * at as u32),
                value: value.parse().expect("a value"),
            };
            Found { key: key.to_owned(), bound: None, points: values.map(point).collect() }
        };
        let told = pairs(series.iter().map(found).collect(), SINCE, every, 3).map(|pairs| {
            let pair = |pair: Option<[f64; 2]>| match pair {
                Some([one, others]) => format!("{one}/{others}"),
                None => "-".to_owned(),
            };
            pairs.into_iter().map(pair).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(told.as_deref().unwrap_or("none"), expect, "{series:?}");
    }

    #[test]
    fn one_replica_stands_beside_the_mean_of_the_others() {
        check(&["b 4 5 6", "a 1 2 3", "c 8 9 10"], "1/6 2/7 3/8");
        check(&["a 1 2 3", "b 4 5 6"], "1/4 2/5 3/6");
        check(&["a 1 2 3"], "none");
        check(&[], "none");
        // What ended or began meanwhile is no match for what was always there.
        check(&["a 1 - -", "b 4 5 6", "c - 9 10"], "4/1 5/9 6/10");
        check(&["a 1 - 3", "b 4 - 6"], "1/4 - 3/6");
        check(&["a 1 NaN 3", "b 4 5 +Inf"], "1/4 - -");
        check(&["a 1 2 3 4", "b 4 5 6 7"], "1/4 2/5 3/6");
    }

    #[test]
    fn the_mean_of_a_bare_selector_has_replicas() {
        let rows = [
            ("avg(q{arm=\"v1\"})", Some("q{arm=\"v1\"}")),
            (" avg ( q{arm=\"v1\"} ) ", Some("q{arm=\"v1\"}")),
            ("avg(q)", Some("q")),
            // Many series are no level, and one has no replicas.
            ("q{arm=\"v1\"}", None),
            ("max(q{arm=\"v1\"})", None),
            ("avg(rate(q{arm=\"v1\"}[5m]))", None),
            ("avg(q{arm=\"v1\"}) / avg(z{arm=\"v1\"})", None),
            ("avg by (zone) (q{arm=\"v1\"})", None),
            ("average", None),
        ];
        for (expression, selector) in rows {
            assert_eq!(averaged(expression), selector, "{expression}");
        }
    }

    #[test]
    fn many_replicas_are_seen_less_often_and_too_many_not_at_all() {
        let rows = [(0, None), (1, None), (2, Some(30_000)), (15, Some(30_000))];
        let rows = rows.into_iter().chain([(16, Some(30_469)), (17, Some(32_500)), (18, None)]);
        for (replicas, expect) in rows {
            let told = spacing(replicas, Duration::from_secs(30)).map(|every| every.as_millis());
            assert_eq!(told, expect, "{replicas}");
            let instants = told.map_or(0, |every| REACH.as_millis() / every) as usize;
            assert!(instants * replicas <= MOST_POINTS, "{replicas}");
        }
        assert_eq!(spacing(2, Duration::ZERO), Some(Duration::from_millis(3809)));
    }
}
