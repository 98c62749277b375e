//! A shop of two places behind a HAProxy, its users, and the Tidegate that moves them.

use std::time::Duration;

use tidegate::api::views::{JournalLineView, RolloutView};
use tidegate::clock::{Clock, Mono, SystemClock};

use crate::past;
use crate::prometheus::Prometheus;
use crate::server::Tidegate;
use crate::support::apps::{Apps, Client};
use crate::support::haproxy::{Haproxy, HaproxyConfig};
use crate::support::load::{Counts, Load};
use crate::support::upstream::Upstream;
use crate::support::{http, until, within};

pub const SECOND: Duration = Duration::from_secs(1);
pub const ROUTE: &str = "shop";
/// Another route of the same Tidegate, split by flag.
pub const FLAG: &str = "search";
/// What either version usually fails.
pub const USUAL: f64 = 0.02;
/// Requests a second.
const RATE: u32 = 300;
/// Nothing that is waited for takes longer.
const DECIDED: Duration = Duration::from_secs(90);

/// Counted by the proxy: nothing else is needed.
pub const AT_THE_PROXY: &str = "";
/// Counted by the services themselves, and read through Prometheus.
pub const BY_THE_APPS: &str = "\
checks:
  errors:
    failures: http_requests_total{$arm, code=\"500\"}
    requests: http_requests_total{$arm}
    tolerate: 1.1x
";

pub struct World {
    pub tidegate: Tidegate,
    pub proxy: Haproxy,
    /// The places behind the sides a and b; `v1` is at a.
    pub shops: [Upstream; 2],
    pub prometheus: Option<Prometheus>,
    load: Option<Load>,
    clock: SystemClock,
}

impl World {
    /// Everybody is on v1, at side a.
    pub async fn start() -> Self {
        Self::begin(None, Duration::ZERO).await
    }

    /// The same with a Prometheus that scrapes both shops so often.
    pub async fn with_prometheus(every: Duration) -> Self {
        Self::begin(Some(every), Duration::ZERO).await
    }

    /// The same, and it knows that v1 has fared as it usually does for so long.
    pub async fn with_past(every: Duration, past: Duration) -> Self {
        Self::begin(Some(every), past).await
    }

    async fn begin(scraped: Option<Duration>, past: Duration) -> Self {
        let shops = ["v1", "none"].map(Upstream::start);
        shops.iter().for_each(|shop| shop.fail_share(USUAL));
        let prometheus = match scraped {
            Some(every) => Some(scrape(&shops, every, past).await),
            None => None,
        };
        let tidegate = Tidegate::start(prometheus.as_ref().map(Prometheus::url)).await;
        tidegate.apply("route.yaml", &route());
        let proxy = Haproxy::start(HaproxyConfig {
            pull_url: tidegate.providers.clone(),
            token: tidegate.new_provider_token("proxy"),
            route: ROUTE.to_owned(),
            sides: ["be_a", "be_b"].map(str::to_owned),
            upstreams: [shops[0].address, shops[1].address],
            node: "edge-1".to_owned(),
        })
        .await;
        until("the proxy follows", async || {
            tidegate.route(ROUTE).await.follow.filter(|f| f.confirmed && f.following == 1)
        })
        .await;
        let load = Some(Load::start(&proxy.url(), RATE));
        Self { tidegate, proxy, shops, prometheus, load, clock: SystemClock::default() }
    }

    /// Users of an app that is split by the flag [`FLAG`]; everybody is on v1.
    pub fn flag(&self) -> Apps {
        let route = format!("route: {FLAG}\nsplit: {{ flag: {FLAG} }}\ncount: push\nserves: v1\n");
        self.tidegate.apply("flag.yaml", &route);
        let client = Client {
            providers: self.tidegate.providers.clone(),
            token: self.tidegate.new_provider_token("apps"),
            route: FLAG.to_owned(),
            http: http(),
        };
        Apps::start(client, USUAL)
    }

    /// Deploys `version` on the idle side and starts a rollout of it; its name.
    pub async fn release(&self, version: &str, steps: &str, more: &str) -> String {
        let idle = usize::from(self.tidegate.route(ROUTE).await.serving_side == "a");
        self.shops[idle].deploy(version);
        self.starts(ROUTE, &plan(steps, more), version).await
    }

    /// Starts a rollout of the plan that is written so; its name.
    pub async fn starts(&self, plan: &str, text: &str, version: &str) -> String {
        self.tidegate.apply("plan.yaml", text);
        self.tidegate.cli(&["start", plan, &format!("version={version}")]);
        self.tidegate.rollout(plan).await.name
    }

    /// Waits until `name` bakes at `ppm`, as committed and as HAProxy has it; `share` is the one of side b.
    pub async fn bakes(&self, name: &str, ppm: u32, share: u32) {
        self.bakes_at(name, ppm).await;
        self.proxy.reaches(share).await;
    }

    /// The same of a route that HAProxy does not split.
    pub async fn bakes_at(&self, name: &str, ppm: u32) {
        self.comes_to(name, &format!("it bakes at {ppm} ppm"), |view| {
            view.phase.word == "baking" && view.split.wish_ppm == ppm
        })
        .await;
    }

    pub async fn completes(&self, name: &str) {
        self.comes_to(name, "it completes", |view| view.phase.word == "completed").await;
    }

    pub async fn reverts(&self, name: &str) -> RolloutView {
        self.comes_to(name, "it is reverted", |view| view.phase.word == "reverted").await
    }

    /// Waits until `fits`; one that ended otherwise is not waited for.
    pub async fn comes_to(
        &self,
        name: &str,
        what: &str,
        fits: impl Fn(&RolloutView) -> bool,
    ) -> RolloutView {
        let seen = within(DECIDED, async || {
            let view = self.tidegate.rollout(name).await;
            (fits(&view) || view.phase.ended).then_some(view)
        });
        match seen.await {
            Some(view) if fits(&view) => view,
            _ => panic!("{name}: not so that {what}\n{}", self.history(name).await),
        }
    }

    /// Everything at hand about a rollout, for a test that failed.
    pub async fn history(&self, name: &str) -> String {
        let show = self.tidegate.cli(&["show", name]);
        let journal = self.tidegate.cli(&["journal", name]);
        let explained = self.tidegate.explained(name);
        let counts = self.load.as_ref().map(Load::counts);
        format!(
            "{show}\n{journal}\n{explained}\n{counts:?}\n{}\n{}",
            self.tidegate.log(),
            self.proxy.log()
        )
    }

    /// The journal's lines of one kind.
    pub async fn told(&self, name: &str, kind: &str) -> Vec<JournalLineView> {
        let journal = self.tidegate.journal(name).await;
        journal.into_iter().filter(|line| line.kind == kind).collect()
    }

    /// Waits for a line of the journal.
    pub async fn tells(&self, name: &str, kind: &str, words: &str) -> JournalLineView {
        let seen = within(DECIDED, async || {
            let lines = self.told(name, kind).await;
            lines.into_iter().find(|line| line.text.contains(words))
        });
        match seen.await {
            Some(line) => line,
            None => panic!("no `{kind}` with `{words}`\n{}", self.history(name).await),
        }
    }

    /// Asserts that the looks that are kept lead to what was decided.
    #[track_caller]
    pub fn recomputed(&self, name: &str) {
        let explained = self.tidegate.explained(name);
        let same = "recomputed from the kept looks: same bits";
        assert!(explained.contains(same), "{explained}");
    }

    /// Asserts all the while that nothing moves: how a fault of a given length is waited out.
    pub async fn holds(&self, name: &str, ppm: u32, share: u32, lasting: Duration) {
        let began = self.clock.mono();
        while self.since(began) < lasting {
            let view = self.tidegate.rollout(name).await;
            assert_eq!(view.split.wish_ppm, ppm, "{}", self.history(name).await);
            assert!(!view.phase.ended, "{}", self.history(name).await);
            assert_eq!(self.proxy.share().await, share);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub fn now(&self) -> Mono {
        self.clock.mono()
    }

    pub fn since(&self, earlier: Mono) -> Duration {
        self.clock.mono().since(earlier)
    }

    pub fn counts(&self) -> Counts {
        self.load.as_ref().expect("users").counts()
    }

    /// Sends the users home; how they fared. Whatever a test has done, every journal is intact.
    pub async fn end(mut self) -> Counts {
        self.tidegate.cli(&["audit", "verify"]);
        self.load.take().expect("users").stop().await
    }
}

/// A figure for whoever reads the log.
#[expect(clippy::print_stdout, reason = "shown with --nocapture")]
pub fn measured(what: &str, took: Duration) {
    println!("measured: {what}: {} ms", took.as_millis());
}

/// Every request was answered by a shop: the proxy had none to make up, no connection was cut.
#[track_caller]
pub fn none_dropped(counts: &Counts) {
    let by_the_proxy = counts.of("");
    assert_eq!((counts.broken, counts.skipped, by_the_proxy), (0, 0, 0), "{counts:?}");
}

fn route() -> String {
    format!(
        "route: {ROUTE}\n\
         split: {{ haproxy: {{ instances: 1, sides: [be_a, be_b] }} }}\n\
         arm: {{ label: version }}\n\
         count: haproxy\n\
         serves: v1\n"
    )
}

fn plan(steps: &str, more: &str) -> String {
    let look = if more.contains("look: ") { "" } else { "look: 1s\n" };
    format!(
        "plan: {ROUTE}\n\
         route: {ROUTE}\n\
         owner: team-shop\n\
         inputs: [version]\n\
         canary: $version\n\
         harm: 3pp\n\
         {look}\
         bake: 2s\n\
         steps: [{steps}]\n\
         {more}"
    )
}

/// Ready once it has a few numbers of both, as one that has run for long.
async fn scrape(shops: &[Upstream; 2], every: Duration, past: Duration) -> Prometheus {
    let targets: Vec<String> = shops.iter().map(|shop| shop.address.to_string()).collect();
    let http = http(); // The first client of a test chooses who does TLS.
    let dir = tempfile::tempdir().expect("a directory");
    past::record(dir.path(), &targets[0], past, (RATE, USUAL));
    let prometheus = Prometheus::start(dir, &targets, every).await;
    let url = format!("{}/api/v1/query", prometheus.url());
    until("Prometheus has scraped both shops a few times", async || {
        let request = http.get(&url).query(&[("query", "count(count_over_time(up[5m]) >= 4)")]);
        let text = request.send().await.ok()?.text().await.ok()?;
        text.contains("\"2\"").then_some(())
    })
    .await;
    prometheus
}
