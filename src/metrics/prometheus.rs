//! A Prometheus server: raw samples with their own timestamps, by an instant query with a bare range selector.
//!
//! Owns: query, cursor, turns, how far apart its samples are.
//! Does not: `increase()` and its kin: they extrapolate, and lose what a series was born with.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::http::{Page, get, shown, slow};
use super::reading::{Failure, Found, Outcome, Reading, Span};
use super::reply::Asked;
use crate::domain::{Name, Timestamp, human};
use crate::engine::TroubleKind;

/// Queries under way at one server. More would only queue there.
const AT_ONCE: usize = 4;
/// Until the samples tell: Prometheus' own default is a minute, most people's 15 s.
pub(super) const SPACING: Duration = Duration::from_secs(15);
/// An arm whose newest sample is older than three spacings is stale; until those are known, than this.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// No arm is stale before: a scrape may be late.
const FRESH_AT_LEAST: Duration = Duration::from_secs(10);
/// How far a first read looks back: as far as Prometheus itself does for an instant value.
const FIRST_RANGE: Duration = Duration::from_secs(300);
/// After a long downtime no more than this is read; counters lose nothing by it but resets nobody saw.
pub(super) const LONGEST_RANGE: Duration = Duration::from_secs(3600);
/// What a first read, which has no look to measure by, allows two clocks to differ.
const FIRST_SKEW: Duration = Duration::from_secs(30);
/// A target whose next sample is this late (or two spacings) is no longer waited for.
const AWAITED_AT_LEAST: Duration = Duration::from_secs(5);
/// Selectors nobody asked about for this long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// Reads a bearer token each time it is needed, so that a changed file is seen. `Err`: what is wrong with it.
pub type ReadToken = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Where a server is and how to be let in.
#[derive(Clone)]
pub struct PrometheusServer {
    /// Without `/api/v1`: `http://prometheus:9090`.
    pub url: String,
    pub token: Option<ReadToken>,
}

impl fmt::Debug for PrometheusServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("PrometheusServer")
            .field("url", &shown(&self.url))
            .field("token", &token)
            .finish()
    }
}

/// One server, shared by everybody who asks it.
#[derive(Debug)]
pub(super) struct Prometheus {
    /// `Prometheus `default` (http://…)`: begins every sentence about it.
    shown: String,
    server: PrometheusServer,
    turns: Semaphore,
    learned: Mutex<HashMap<String, Learned>>,
}

/// How far apart a selector's samples are.
#[derive(Clone, Copy, Debug)]
struct Learned {
    spacing: Duration,
    at: Timestamp,
}

impl Prometheus {
    pub(super) fn new(name: &Name, server: PrometheusServer) -> Self {
        let shown = format!("Prometheus `{name}` ({})", shown(&server.url).trim_end_matches('/'));
        Self { shown, server, turns: Semaphore::new(AT_ONCE), learned: Mutex::default() }
    }

    /// The samples of a selector: those of the look, and enough before it to tell a quiet series from a dead one.
    pub(super) async fn read(
        &self,
        client: &reqwest::Client,
        selector: &str,
        span: Span,
        timeout: Duration,
    ) -> Outcome {
        let range = self.range(selector, span);
        let page = self.ask_range(client, selector, range, span.until, timeout).await?;
        self.same_time(&page, span, timeout)?;
        let series = self.asked(selector).range(&page)?;
        self.learn(selector, &series, span.until);
        Ok(self.reading(selector, series))
    }

    /// The samples of a selector in (since, until], as far back as one query may reach.
    pub(super) async fn history(
        &self,
        client: &reqwest::Client,
        selector: &str,
        span: Span,
        timeout: Duration,
    ) -> Outcome {
        let range = span.since.map_or(LONGEST_RANGE, |since| span.until.since(since));
        let range = range.min(LONGEST_RANGE);
        let page = self.ask_range(client, selector, range, span.until, timeout).await?;
        let series = self.asked(selector).range(&page)?;
        self.learn(selector, &series, span.until);
        Ok(self.reading(selector, series))
    }

    /// The one value of an expression at an instant.
    pub(super) async fn evaluate(
        &self,
        client: &reqwest::Client,
        expression: &str,
        span: Span,
        timeout: Duration,
    ) -> Outcome {
        let page = self.ask(client, expression.to_owned(), span.until, timeout).await?;
        self.same_time(&page, span, timeout)?;
        let value = self.asked(expression).value(&page, span.until)?;
        Ok(Reading { awaited: Duration::ZERO, ..self.reading(expression, vec![value]) })
    }

    /// The values of a bare selector's series at instants `every` so far apart, in [since, until].
    pub(super) async fn instants(
        &self,
        client: &reqwest::Client,
        selector: &str,
        since: Timestamp,
        until: Timestamp,
        every: Duration,
        timeout: Duration,
    ) -> Result<Vec<Found>, Failure> {
        let step = format!("{}ms", every.as_millis());
        let range = [("start", seconds(since)), ("end", seconds(until)), ("step", step)];
        let range = range.into_iter().chain([("query", selector.to_owned())]).collect();
        self.asked(selector).range(&self.page(client, "query_range", range, timeout).await?)
    }

    fn asked<'a>(&'a self, query: &'a str) -> Asked<'a> {
        Asked { server: &self.shown, query }
    }

    fn reading(&self, selector: &str, series: Vec<Found>) -> Reading {
        Reading {
            series,
            absent: Vec::new(),
            source: self.shown.clone(),
            what: format!("`{selector}`"),
            fresh_for: self.fresh_for(selector),
            // A canary has few samples at first, and must be waited for all the same.
            awaited: AWAITED_AT_LEAST.max(self.spacing(selector).unwrap_or(SPACING) * 2),
            alive: None,
        }
    }

    /// What is missing for longer must not pass for a quiet hour: that would earn a bake.
    fn fresh_for(&self, selector: &str) -> Duration {
        let spacing = self.spacing(selector);
        spacing.map_or(FRESH_FOR, |spacing| FRESH_AT_LEAST.max(spacing * 3))
    }

    /// Its name and address: how sentences begin, and what tells one server from another.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// How far apart a selector's samples are, once they have told.
    pub(super) fn spacing(&self, selector: &str) -> Option<Duration> {
        self.lock().get(selector).map(|known| known.spacing)
    }

    async fn ask_range(
        &self,
        client: &reqwest::Client,
        selector: &str,
        range: Duration,
        until: Timestamp,
        timeout: Duration,
    ) -> Result<Page, Failure> {
        let query = format!("{selector}[{}ms]", range.as_millis());
        self.ask(client, query, until, timeout).await
    }

    async fn ask(
        &self,
        client: &reqwest::Client,
        query: String,
        until: Timestamp,
        timeout: Duration,
    ) -> Result<Page, Failure> {
        let at = vec![("query", query), ("time", seconds(until))];
        self.page(client, "query", at, timeout).await
    }

    async fn page(
        &self,
        client: &reqwest::Client,
        endpoint: &str,
        parameters: Vec<(&str, String)>,
        timeout: Duration,
    ) -> Result<Page, Failure> {
        let waiting = tokio::time::timeout(timeout, self.turns.acquire()).await;
        // Nobody closes the semaphore: what is left is that the turn did not come.
        let Ok(Ok(_turn)) = waiting else { return Err(slow(&self.shown, timeout)) };
        let url = format!("{}/api/v1/{endpoint}", self.server.url.trim_end_matches('/'));
        let mut request = client.get(url).query(&parameters);
        if let Some(token) = &self.server.token {
            let broken = |why| {
                let told = format!("the token for {} cannot be read: {why}", self.shown);
                Failure::new(TroubleKind::Refused, told)
            };
            request = request.bearer_auth(token().map_err(broken)?);
        }
        get(request, &self.shown, timeout).await
    }

    fn range(&self, selector: &str, span: Span) -> Duration {
        let spacing = self.spacing(selector);
        let floor = spacing.map_or(FIRST_RANGE, |spacing| FRESH_FOR.max(spacing * 3));
        let look = span.since.map_or(FIRST_RANGE, |since| span.until.since(since));
        look.max(floor).min(LONGEST_RANGE)
    }

    /// Its clock may differ by a look; the answer itself may have taken two time-outs (a turn and the reading).
    fn same_time(&self, page: &Page, span: Span, timeout: Duration) -> Result<(), Failure> {
        let Some(theirs) = page.date else { return Ok(()) };
        let look = span.since.map_or(FIRST_SKEW, |since| span.until.since(since));
        let late = theirs.since(span.until).saturating_sub(timeout * 2);
        // Its date has whole seconds.
        let early = span.until.since(theirs).saturating_sub(Duration::from_secs(1));
        let off = late.max(early);
        if off <= look {
            return Ok(());
        }
        let told = format!(
            "the clock of {} is {} {} ours: set both by NTP",
            self.shown,
            human(off),
            if late > early { "ahead of" } else { "behind" }
        );
        Err(Failure::new(TroubleKind::ClockSkew, told))
    }

    /// The widest of the series' median spacings; a series needs three samples to have one.
    fn learn(&self, selector: &str, series: &[Found], at: Timestamp) {
        let Some(spacing) = series.iter().filter_map(median_spacing).max() else { return };
        let mut learned = self.lock();
        if !learned.contains_key(selector) {
            learned.retain(|_, known| at.since(known.at) < FORGET_AFTER);
        }
        learned.insert(selector.to_owned(), Learned { spacing, at });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Learned>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In Prometheus' milliseconds; down, never up: a query must not reach past its look.
fn seconds(at: Timestamp) -> String {
    let ms = at.micros().div_euclid(1000);
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

fn median_spacing(series: &Found) -> Option<Duration> {
    let pairs = series.points.windows(2);
    let mut gaps: Vec<Duration> = pairs.map(|pair| pair[1].at.since(pair[0].at)).collect();
    gaps.sort_unstable();
    (gaps.len() >= 2).then(|| gaps[gaps.len() / 2])
}
