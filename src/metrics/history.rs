//! What happened before: the looks that would have been made.
//!
//! Owns: asks -> long readings -> one answer a look, oldest first.
//! Does not: take differences: whoever wants increments takes them answer by answer, as of live looks.

use std::time::Duration;

use futures_util::future::join_all;

use super::assemble::assemble;
use super::prometheus::LONGEST_RANGE;
use super::reading::{Failure, Found, Outcome, Reading, Span};
use super::{Shared, Sources, Target, whole_millisecond};
use crate::domain::Timestamp;
use crate::engine::{Answer, Ask, TroubleKind};

impl Sources {
    /// The looks of the time before `until`, oldest first, as [`read`](Self::read) would have answered them: the
    /// first is a first read. From Prometheus alone; the other sources keep no history, so their asks are spoiled, and
    /// without one ask at a Prometheus there is no answer at all.
    ///
    /// At most an hour, and no look is shorter than the spacing of the samples: fewer looks than asked are told then.
    pub async fn history(
        &self,
        asks: &[Ask],
        until: Timestamp,
        looks: u32,
        each: Duration,
    ) -> Vec<Answer> {
        let until = whole_millisecond(until);
        let reach = (each * looks).min(LONGEST_RANGE);
        let span = Span { since: Some(until.minus(reach)), until };
        let outcomes = asks.iter().map(|ask| self.recorded(ask, span));
        let outcomes = join_all(outcomes).await;
        if outcomes.iter().all(Result::is_err) {
            return Vec::new();
        }
        let each = each.max(self.lag(asks)).max(Duration::from_millis(1));
        let looks = u32::try_from(reach.as_millis() / each.as_millis()).unwrap_or(0);
        divided(asks, &outcomes, until, looks, each)
    }

    async fn recorded(&self, ask: &Ask, span: Span) -> Outcome {
        let Shared { client, config, .. } = self.shared.as_ref();
        match self.target(ask) {
            Target::Query { server, selector } => {
                server.history(client, selector, span, config.timeout).await
            }
            Target::Nowhere(failure) => Err(failure),
            Target::Value { .. } | Target::Pages(_) | Target::Pushed(_) => {
                let told = "what was before is known of the counters in a Prometheus alone";
                Err(Failure::new(TroubleKind::Stale, told))
            }
        }
    }
}

/// One answer a look of this length, the last one ending at `until`. The first has starting points alone. Looks in
/// which nothing was new are left out.
fn divided(
    asks: &[Ask],
    outcomes: &[Outcome],
    until: Timestamp,
    looks: u32,
    each: Duration,
) -> Vec<Answer> {
    let mut since = None;
    let mut answers = Vec::new();
    for ahead in (0..=looks).rev() {
        let end = until.minus(each * ahead);
        let near: Vec<Outcome> = outcomes.iter().map(|o| near(o, since, end, each)).collect();
        let answer = assemble(asks, &near, Span { since, until: end });
        if since.is_some_and(|since| answer.until <= since) {
            continue;
        }
        since = Some(answer.until);
        answers.push(answer);
    }
    answers
}

/// An outcome with the points that a look then would have had: what came later was not there, and much older points
/// only cost time.
fn near(outcome: &Outcome, since: Option<Timestamp>, end: Timestamp, each: Duration) -> Outcome {
    let reading = outcome.as_ref().map_err(Clone::clone)?;
    let from = since.unwrap_or(end).min(end.minus(each)).minus(reading.fresh_for);
    let from = from.minus(reading.awaited);
    let cut = |found: &Found| {
        let points = &found.points[..found.points.partition_point(|p| p.at <= end)];
        let points = &points[points.partition_point(|p| p.at <= from)..];
        let (key, bound, points) = (found.key.clone(), found.bound, points.to_vec());
        (!points.is_empty()).then_some(Found { key, bound, points })
    };
    Ok(Reading {
        series: reading.series.iter().filter_map(cut).collect(),
        absent: Vec::new(),
        source: reading.source.clone(),
        what: reading.what.clone(),
        ..*reading
    })
}
