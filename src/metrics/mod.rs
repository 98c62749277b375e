//! Where the judge's numbers come from: Prometheus, pages we read ourselves, HAProxy, observations sent to us.
//!
//! Owns: asks -> the cumulative samples of one look, and a name for every way a source cannot say.
//! Does not: take differences, count resets, or judge: the engine does, from what it remembers of each series.
//! Invariant: what cannot be trusted is a [`Trouble`](crate::engine::Trouble) with its asks, never a number.

mod assemble;
mod cursor;
pub mod exposition;
mod grid;
mod history;
mod http;
mod pages;
mod prometheus;
mod push;
mod pushed;
mod reading;
mod replicas;
mod reply;
mod scrape;
mod selector;
mod sound;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::OnceCell;

pub use prometheus::{PrometheusServer, ReadToken};
pub use push::{Batch, Observation, OutcomeOf, fold};
pub use pushed::Pushed;
pub use selector::Selector;

use self::assemble::assemble;
use self::pages::{Page, Pages};
use self::prometheus::Prometheus;
use self::reading::{Failure, Outcome, Span};
use self::scrape::Wanted;
use crate::domain::{Arm, Name, Timestamp};
use crate::engine::{Answer, Ask, Counter, From, TroubleKind};
use crate::plan::SourceRef;
use crate::store::PushedCount;

/// A scrape by Prometheus is visible a little after its own timestamp. Looks at one end this much earlier, so
/// that requests and failures, asked one after the other, speak of the same scrapes.
const SETTLE: Duration = Duration::from_millis(500);

/// The addresses of the metrics of the HAProxy instances that follow a route.
pub type Instances = Arc<dyn Fn(&Name) -> Vec<String> + Send + Sync>;

/// What sources there are.
#[derive(Clone)]
pub struct Config {
    /// By the name plans use; `default` where a plan names none.
    pub prometheus: BTreeMap<Name, PrometheusServer>,
    /// Of one page or query; waiting for a turn at a busy source may take as long again.
    pub timeout: Duration,
    pub instances: Instances,
    pub pushed: Arc<dyn Pushed>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("prometheus", &self.prometheus)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// No Prometheus, and five seconds for a page.
    pub fn new(instances: Instances, pushed: Arc<dyn Pushed>) -> Self {
        Self { prometheus: BTreeMap::new(), timeout: Duration::from_secs(5), instances, pushed }
    }
}

/// All sources. Clones share connections, turns and what was learned.
#[derive(Clone, Debug)]
pub struct Sources {
    shared: Arc<Shared>,
}

struct Shared {
    client: reqwest::Client,
    servers: BTreeMap<Name, Prometheus>,
    pages: Pages,
    config: Config,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

/// Where one ask goes.
enum Target<'a> {
    Query { server: &'a Prometheus, selector: &'a str },
    Value { server: &'a Prometheus, expression: &'a str },
    Pages(Wanted),
    Pushed(pushed::Wanted<'a>),
    Nowhere(Failure),
}

/// What several asks of one look want, fetched by the first of them.
#[derive(Default)]
struct Once<'a> {
    queries: HashMap<(&'a str, &'a str), OnceCell<Outcome>>,
    values: HashMap<(&'a str, &'a str), OnceCell<Outcome>>,
    pages: HashMap<&'a str, OnceCell<Page>>,
    pushed: HashMap<&'a Name, OfRoute>,
}

/// Counters of a route's arms that were asked for.
#[derive(Default)]
struct OfRoute {
    arms: BTreeSet<String>,
    counts: OnceCell<Result<Vec<PushedCount>, Failure>>,
}

impl Sources {
    /// # Errors
    /// When the HTTP client cannot be built: what TLS lacks here.
    pub fn new(config: Config) -> Result<Self, reqwest::Error> {
        let servers = config.prometheus.iter();
        let servers = servers.map(|(name, s)| (name.clone(), Prometheus::new(name, s.clone())));
        let (servers, pages) = (servers.collect(), Pages::default());
        Ok(Self { shared: Arc::new(Shared { client: http::client()?, servers, pages, config }) })
    }

    /// One look: everything asked, over one interval for both arms. `since` is the end of the look before;
    /// `None` makes it a first read, which has only the newest point of each series, as a starting point.
    /// [`Answer`] says what is in the points.
    pub async fn read(&self, asks: &[Ask], since: Option<Timestamp>, now: Timestamp) -> Answer {
        let span = span(asks, since, now);
        let targets: Vec<Target<'_>> = asks.iter().map(|ask| self.target(ask)).collect();
        let once = Once::of(&targets);
        let outcomes = targets.iter().map(|target| self.outcome(target, &once, span));
        let outcomes = join_all(outcomes).await;
        assemble(asks, &outcomes, span)
    }

    /// How long after a weight is confirmed the numbers can first speak of it alone: the spacing of
    /// Prometheus' samples, learned from them (15 s before that); nothing for what is read directly.
    pub fn lag(&self, asks: &[Ask]) -> Duration {
        let of_arm = |arm| {
            let queries = asks.iter().filter(|ask| ask.arm == arm).map(|ask| self.target(ask));
            // Failures nobody has seen yet have no spacing of their own: they come with the arm's requests.
            let known = queries.filter_map(|target| match target {
                Target::Query { server, selector } => Some(server.spacing(selector)),
                Target::Value { .. }
                | Target::Pages(_)
                | Target::Pushed(_)
                | Target::Nowhere(_) => None,
            });
            known.max().map_or(Duration::ZERO, |spacing| spacing.unwrap_or(prometheus::SPACING))
        };
        of_arm(Arm::Baseline).max(of_arm(Arm::Canary))
    }

    fn target<'a>(&'a self, ask: &'a Ask) -> Target<'a> {
        match &ask.from {
            From::Selector { source: SourceRef::Prometheus(name), selector } => {
                match self.shared.servers.get(name) {
                    Some(server) => Target::Query { server, selector },
                    None => Target::Nowhere(no_server(name)),
                }
            }
            From::Selector { source: SourceRef::Scrape(urls), selector } => {
                Wanted::by_plan(urls, selector, ask.counter)
                    .map_or_else(Target::Nowhere, Target::Pages)
            }
            From::Selector { source: SourceRef::Push, selector } => {
                Target::Nowhere(no_selector(selector))
            }
            From::Haproxy { route, backend } => self.haproxy(route, backend, ask.counter),
            From::Pushed { route, arm, what, segment } => {
                let (segment, counter) = (segment.as_ref(), ask.counter);
                Target::Pushed(pushed::Wanted { route, arm, what, segment, counter })
            }
            From::Expression { source: SourceRef::Prometheus(name), query } => {
                match self.shared.servers.get(name) {
                    Some(server) => Target::Value { server, expression: query },
                    None => Target::Nowhere(no_server(name)),
                }
            }
            From::Expression { source: SourceRef::Scrape(_) | SourceRef::Push, query } => {
                Target::Nowhere(no_expression(query))
            }
        }
    }

    fn haproxy(&self, route: &Name, backend: &str, counter: Counter) -> Target<'_> {
        let instances = (self.shared.config.instances)(route);
        if instances.is_empty() {
            return Target::Nowhere(no_instance(route));
        }
        Target::Pages(Wanted::of_haproxy(instances, backend, counter))
    }

    async fn outcome(&self, target: &Target<'_>, once: &Once<'_>, span: Span) -> Outcome {
        let Shared { client, pages, config, .. } = self.shared.as_ref();
        match target {
            Target::Nowhere(failure) => Err(failure.clone()),
            Target::Query { server, selector } => {
                let read = || server.read(client, selector, span, config.timeout);
                once.queries[&(server.shown(), *selector)].get_or_init(read).await.clone()
            }
            Target::Value { server, expression } => {
                let read = || server.evaluate(client, expression, span, config.timeout);
                once.values[&(server.shown(), *expression)].get_or_init(read).await.clone()
            }
            Target::Pages(wanted) => {
                let read = wanted.urls.iter().map(|url| async {
                    let read = || pages.read(client, url, config.timeout);
                    once.pages[url.as_str()].get_or_init(read).await.clone()
                });
                wanted.gather(&join_all(read).await, span.until)
            }
            Target::Pushed(wanted) => {
                let (from, OfRoute { arms, counts }) =
                    (config.pushed.as_ref(), &once.pushed[wanted.route]);
                let counts = counts.get_or_init(|| pushed::read(from, wanted.route, arms)).await;
                let counts = counts.as_ref().map_err(Failure::clone)?;
                Ok(wanted.reading(counts, span.until))
            }
        }
    }
}

impl<'a> Once<'a> {
    fn of(targets: &'a [Target<'a>]) -> Self {
        let mut once = Self::default();
        for target in targets {
            match target {
                Target::Query { server, selector } => {
                    once.queries.entry((server.shown(), selector)).or_default();
                }
                Target::Pages(wanted) => {
                    for url in &wanted.urls {
                        once.pages.entry(url).or_default();
                    }
                }
                Target::Value { server, expression } => {
                    once.values.entry((server.shown(), expression)).or_default();
                }
                Target::Pushed(wanted) => {
                    let of_route = once.pushed.entry(wanted.route).or_default();
                    of_route.arms.insert(wanted.arm.to_owned());
                }
                Target::Nowhere(_) => {}
            }
        }
        once
    }
}

/// What is read directly is of now.
fn span(asks: &[Ask], since: Option<Timestamp>, now: Timestamp) -> Span {
    let asks_prometheus = |ask: &Ask| {
        let (From::Selector { source, .. } | From::Expression { source, .. }) = &ask.from else {
            return false;
        };
        matches!(source, SourceRef::Prometheus(_))
    };
    let settled = asks.iter().any(asks_prometheus);
    let until = if settled { whole_millisecond(now.minus(SETTLE)) } else { now };
    // A clock that was set back makes an empty look, not one that ends before it begins.
    Span { since, until: since.map_or(until, |since| until.max(since)) }
}

/// Prometheus counts in milliseconds: a look at it ends between no two of them.
fn whole_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.micros().div_euclid(1000) * 1000)
}

fn no_server(name: &Name) -> Failure {
    let told = format!(
        "no Prometheus is named `{name}` here: name it in the server's configuration, or another in the plan"
    );
    Failure::new(TroubleKind::Refused, told)
}

fn no_selector(selector: &str) -> Failure {
    let told =
        format!("`{selector}` cannot be asked of pushed observations: they are counted by arm");
    Failure::new(TroubleKind::Refused, told)
}

fn no_expression(query: &str) -> Failure {
    let told = format!("`{query}` can be computed by a Prometheus alone");
    Failure::new(TroubleKind::Refused, told)
}

fn no_instance(route: &Name) -> Failure {
    let told = format!(
        "no HAProxy that follows `{route}` has told where its metrics are: is one polling, and its \
         script given an address?"
    );
    Failure::new(TroubleKind::NoInstance, told)
}
