//! The sources against a real Prometheus and a real HAProxy: what they count is what happened.

#[path = "support/prometheus.rs"]
mod prometheus;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use tidegate::clock::{Clock, SystemClock};
use tidegate::domain::{Arm, Name, Timestamp};
use tidegate::engine::{Answer, Ask, Counter, From, Trouble, TroubleKind};
use tidegate::metrics::{Config, PrometheusServer, Pushed, Sources};
use tidegate::plan::SourceRef;
use tidegate::store::{PushedCount, StoreError};
use tokio::sync::Notify;

use prometheus::{Program, Prometheus, find, free_port};

/// Longest wait for numbers to arrive: a Prometheus scrapes first five seconds after its start, here then once a second.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// A program with counters and a page of them.
#[derive(Clone, Default)]
struct App {
    /// `None`: it is down.
    counters: Arc<Mutex<Option<BTreeMap<String, f64>>>>,
    missed: Arc<Notify>,
}

impl App {
    async fn start() -> (Self, SocketAddr) {
        let app = Self::default();
        app.restart();
        let page = app.clone();
        let router = Router::new().route("/metrics", get(move || async move { page.page() }));
        (app, serve(router).await)
    }

    fn add(&self, series: &str, value: f64) {
        let mut counters = self.counters.lock().expect("a lock");
        *counters.as_mut().expect("an app that is up").entry(series.to_owned()).or_default() +=
            value;
    }

    fn die(&self) {
        *self.counters.lock().expect("a lock") = None;
    }

    fn restart(&self) {
        *self.counters.lock().expect("a lock") = Some(BTreeMap::new());
    }

    /// Until somebody has asked for the page in vain.
    async fn missed(&self) {
        let missed = tokio::time::timeout(ARRIVES_WITHIN, self.missed.notified()).await;
        assert!(missed.is_ok(), "nobody asked");
    }

    fn page(&self) -> Result<String, StatusCode> {
        let counters = self.counters.lock().expect("a lock");
        let Some(counters) = counters.as_ref() else {
            self.missed.notify_one();
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        };
        Ok(counters.iter().map(|(series, value)| format!("{series} {value}\n")).collect())
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The differences, as the engine takes them: a fall is a restart; a new key is born with its value where its
/// origin is known, and begins there where not.
struct Tally {
    sources: Sources,
    asks: Vec<Ask>,
    since: Option<Timestamp>,
    last: HashMap<(usize, String), f64>,
    origins: HashSet<String>,
    /// By ask: requests and failures of the baseline, then of the canary.
    counted: [f64; 4],
}

impl Tally {
    fn new(sources: Sources, asks: Vec<Ask>) -> Self {
        Self {
            sources,
            asks,
            since: None,
            last: HashMap::new(),
            origins: HashSet::new(),
            counted: [0.0; 4],
        }
    }

    async fn look(&mut self) -> Answer {
        let now = SystemClock::default().wall();
        let answer = self.sources.read(&self.asks, self.since, now).await;
        let known = self.origins.clone();
        for series in &answer.series {
            let born = known.contains(series.origin());
            self.origins.insert(series.origin().to_owned());
            for point in &series.points {
                assert!(
                    self.since.is_none_or(|since| point.at > since) && point.at <= answer.until
                );
                let key = (series.ask, series.key.clone());
                let before = self.last.insert(key, point.value);
                let from = before.unwrap_or(if born { 0.0 } else { point.value });
                let fell = point.value < from;
                self.counted[series.ask] += if fell { point.value } else { point.value - from };
            }
        }
        // A blind look is none: the next one begins where the last good one ended.
        if answer.troubles.iter().all(|t| t.asks.is_empty()) {
            self.since = Some(answer.until);
        }
        answer
    }

    /// Looks until the counts are these; never may one be passed.
    async fn counts(&mut self, expect: [f64; 4]) {
        let mut again = tokio::time::interval(Duration::from_millis(250));
        let looking = async {
            while self.counted != expect {
                again.tick().await;
                let answer = self.look().await;
                let passed = self.counted.iter().zip(&expect).any(|(got, wanted)| got > wanted);
                assert!(!passed, "{:?} counted of {expect:?}: {answer:?}", self.counted);
            }
        };
        let arrived = tokio::time::timeout(ARRIVES_WITHIN, looking).await;
        assert!(arrived.is_ok(), "only {:?} of {expect:?}", self.counted);
    }

    /// Looks until a trouble of this kind says this.
    async fn trouble(&mut self, kind: TroubleKind, words: &str) {
        let mut again = tokio::time::interval(Duration::from_millis(250));
        let looking = async {
            loop {
                again.tick().await;
                let told = self.look().await.troubles;
                if told.iter().any(|t| t.kind == kind && t.sentence.contains(words)) {
                    return;
                }
            }
        };
        let told = tokio::time::timeout(ARRIVES_WITHIN, looking).await;
        assert!(told.is_ok(), "nothing said {kind:?} with `{words}`");
    }
}

struct NothingPushed;

#[async_trait::async_trait]
impl Pushed for NothingPushed {
    async fn pushed(&self, _: &Name, _: &BTreeSet<String>) -> Result<Vec<PushedCount>, StoreError> {
        Ok(Vec::new())
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn sources(prometheus: &str, proxies: Vec<String>) -> Sources {
    let mut config = Config::new(Arc::new(move |_| proxies.clone()), Arc::new(NothingPushed));
    let server = PrometheusServer { url: prometheus.to_owned(), token: None };
    config.prometheus.insert(name("default"), server);
    Sources::new(config).expect("a client")
}

fn asks(from: impl Fn(Arm, Counter) -> From) -> Vec<Ask> {
    let mut asks = Vec::new();
    for arm in [Arm::Baseline, Arm::Canary] {
        for counter in [Counter::Requests, Counter::Failures] {
            asks.push(Ask { check: 0, arm, counter, from: from(arm, counter) });
        }
    }
    asks
}

/// `n{arm="v1"}`, failures with `code=~"5.."`.
fn selectors(source: &SourceRef) -> Vec<Ask> {
    asks(|arm, counter| {
        let label = if arm == Arm::Baseline { "v1" } else { "v2" };
        let code = if counter == Counter::Failures { ",code=~\"5..\"" } else { "" };
        let selector = format!("n{{arm=\"{label}\"{code}}}");
        From::Selector { source: source.clone(), selector }
    })
}

const OLD: &str = "n{arm=\"v1\",code=\"200\"}";
const OLD_FAILED: &str = "n{arm=\"v1\",code=\"503\"}";
const NEW: &str = "n{arm=\"v2\",code=\"200\"}";
const NEW_FAILED: &str = "n{arm=\"v2\",code=\"500\"}";

/// An app that a Prometheus scrapes every second, and a tally that has made its first look.
async fn watched() -> (App, Prometheus, Tally) {
    let (app, address) = App::start().await;
    // What happened before the first look is none of its business.
    app.add(OLD, 1000.0);
    app.add(OLD_FAILED, 10.0);
    app.add(NEW, 1000.0);
    install_crypto();
    let dir = tempfile::tempdir().expect("a directory");
    let prometheus = Prometheus::start(dir, &[address.to_string()], Duration::from_secs(1)).await;
    let source = SourceRef::Prometheus(name("default"));
    let tally = Tally::new(sources(&prometheus.url(), Vec::new()), selectors(&source));
    (app, prometheus, tally)
}

fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The first look that finds something.
async fn begin(tally: &mut Tally) {
    let mut again = tokio::time::interval(Duration::from_millis(100));
    let looking = async {
        while tally.since.is_none() {
            again.tick().await;
            let answer = tally.look().await;
            // Before its first scrape Prometheus has nothing for either arm, and the sentence says so.
            let stale = |t: &Trouble| t.kind == TroubleKind::Stale || t.asks.is_empty();
            assert!(answer.troubles.iter().all(stale), "{answer:?}");
        }
    };
    assert!(tokio::time::timeout(ARRIVES_WITHIN, looking).await.is_ok(), "no sample arrived");
}

#[tokio::test]
async fn prometheus_counts_what_happened_through_births_and_restarts() {
    let (app, _prometheus, mut tally) = watched().await;
    begin(&mut tally).await;
    app.add(OLD, 300.0);
    app.add(OLD_FAILED, 7.0);
    app.add(NEW, 50.0);
    tally.counts([307.0, 7.0, 50.0, 0.0]).await;

    // A series born with errors: `increase()` would say none happened.
    app.add(NEW_FAILED, 3.0);
    tally.counts([307.0, 7.0, 53.0, 3.0]).await;

    app.die();
    app.missed().await;
    tally.look().await;
    app.restart();
    app.add(OLD, 90.0);
    app.add(OLD_FAILED, 5.0);
    app.add(NEW, 20.0);
    app.add(NEW_FAILED, 1.0);
    tally.counts([402.0, 12.0, 74.0, 4.0]).await;

    let lag = tally.sources.lag(&tally.asks);
    assert!((0.9..=1.1).contains(&lag.as_secs_f64()), "{lag:?} for a scrape a second");
}

/// Buckets of both arms (asks 0 and 1), and their queues (2 and 3).
fn kinds() -> Vec<Ask> {
    let source = SourceRef::Prometheus(name("default"));
    let arms = [(Arm::Baseline, "v1"), (Arm::Canary, "v2")];
    let buckets = arms.map(|(arm, label)| {
        let selector = format!("h_bucket{{arm=\"{label}\"}}");
        let from = From::Selector { source: source.clone(), selector };
        Ask { check: 0, arm, counter: Counter::Buckets, from }
    });
    let levels = arms.map(|(arm, label)| {
        let query = format!("sum(q{{arm=\"{label}\"}}) / 2");
        let from = From::Expression { source: source.clone(), query };
        Ask { check: 1, arm, counter: Counter::Level, from }
    });
    buckets.into_iter().chain(levels).collect()
}

fn serve_requests(app: &App, arm: &str, fast: f64, slow: f64) {
    app.add(&format!("h_bucket{{arm=\"{arm}\",le=\"0.1\"}}"), fast);
    app.add(&format!("h_bucket{{arm=\"{arm}\",le=\"1\"}}"), fast + slow);
    app.add(&format!("h_bucket{{arm=\"{arm}\",le=\"+Inf\"}}"), fast + slow);
}

/// The newest value of each bucket of the canary, by bound.
fn newest(answer: &Answer) -> Vec<(f64, f64)> {
    let canary = answer.series.iter().filter(|s| s.ask == 1);
    let newest = canary.filter_map(|s| Some((s.bound?, s.points.last()?.value)));
    let mut newest: Vec<_> = newest.collect();
    newest.sort_by(|a, b| a.0.total_cmp(&b.0));
    newest
}

/// Asks again until it is so.
async fn until_some<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut again = tokio::time::interval(Duration::from_millis(250));
    let asking = async {
        loop {
            again.tick().await;
            if let Some(told) = ask().await {
                return told;
            }
        }
    };
    tokio::time::timeout(ARRIVES_WITHIN, asking).await.expect("an answer in time")
}

#[tokio::test]
async fn prometheus_tells_buckets_levels_and_what_was_before() {
    let (app, address) = App::start().await;
    for arm in ["v1", "v2"] {
        serve_requests(&app, arm, 90.0, 10.0);
        app.add(&format!("q{{arm=\"{arm}\",pod=\"a\"}}"), 3.0);
        app.add(&format!("q{{arm=\"{arm}\",pod=\"b\"}}"), 4.0);
    }
    install_crypto();
    let dir = tempfile::tempdir().expect("a directory");
    let prometheus = Prometheus::start(dir, &[address.to_string()], Duration::from_secs(1)).await;
    let (sources, asks) = (sources(&prometheus.url(), Vec::new()), kinds());
    let now = || SystemClock::default().wall();
    let first = until_some(async || {
        let answer = sources.read(&asks, None, now()).await;
        let waits = answer.troubles.iter().all(|t| t.kind == TroubleKind::Stale);
        assert!(waits, "{answer:?}");
        answer.troubles.is_empty().then_some(answer)
    })
    .await;
    assert_eq!(newest(&first), [(0.1, 90.0), (1.0, 100.0), (f64::INFINITY, 100.0)]);
    let levels: Vec<f64> =
        first.series.iter().filter(|s| s.ask > 1).map(|s| s.points[0].value).collect();
    assert_eq!(levels, [3.5, 3.5]);

    serve_requests(&app, "v2", 1.0, 7.0);
    until_some(async || {
        let answer = sources.read(&asks, Some(first.until), now()).await;
        let expect = [(0.1, 91.0), (1.0, 108.0), (f64::INFINITY, 108.0)];
        (newest(&answer) == expect).then_some(())
    })
    .await;

    // Looks of a second: the ones before the requests and the ones after.
    let before = until_some(async || {
        let before = sources.history(&asks[..2], now(), 20, Duration::from_secs(1)).await;
        let all: Vec<f64> = before.iter().filter_map(|a| Some(newest(a).last()?.1)).collect();
        let both = all.contains(&100.0) && all.ends_with(&[108.0, 108.0]);
        both.then_some(all)
    })
    .await;
    assert!(before.is_sorted(), "{before:?}");
}

#[tokio::test]
async fn a_prometheus_that_stops_is_unreachable_and_nothing_is_lost_when_it_is_back() {
    let (app, mut prometheus, mut tally) = watched().await;
    begin(&mut tally).await;
    app.add(OLD, 5.0);
    tally.counts([5.0, 0.0, 0.0, 0.0]).await;
    prometheus.stop();
    app.add(OLD, 30.0);
    app.add(NEW, 40.0);
    tally.trouble(TroubleKind::Unreachable, "cannot be reached").await;
    prometheus.start_again().await;
    tally.counts([35.0, 0.0, 40.0, 0.0]).await;
}

#[tokio::test]
async fn what_prometheus_cannot_say_is_named() {
    let (app, prometheus, mut tally) = watched().await;
    begin(&mut tally).await;
    app.add(NEW, f64::NAN);
    tally.trouble(TroubleKind::NotANumber, "is NaN").await;

    let source = SourceRef::Prometheus(name("default"));
    let ask = |selector: &str| {
        let selector = selector.to_owned();
        asks(|_, _| From::Selector { source: source.clone(), selector: selector.clone() })
    };
    let sources = sources(&prometheus.url(), Vec::new());
    let mut tally = Tally::new(sources.clone(), ask("sum(n)"));
    tally.trouble(TroubleKind::Refused, "ranges only allowed for vector selectors").await;
    let mut tally = Tally::new(sources.clone(), ask("n{arm="));
    tally.trouble(TroubleKind::Refused, "parse error").await;
    let mut tally = Tally::new(sources.clone(), ask("n # all"));
    tally.trouble(TroubleKind::Refused, "is no bare selector").await;
    let mut tally = Tally::new(sources.clone(), ask("n"));
    tally.trouble(TroubleKind::Ambiguous, "answers for both arms").await;
    let mut tally = Tally::new(sources, ask("m"));
    tally.trouble(TroubleKind::Stale, "is the name right, and the arm's label?").await;
}

#[tokio::test]
async fn pages_read_directly_count_the_same() {
    let ((first, near), (second, far)) = (App::start().await, App::start().await);
    first.add(OLD, 1000.0);
    first.add(NEW, 1000.0);
    second.add(OLD, 7000.0);
    second.die();
    let source = SourceRef::Scrape([near, far].map(|a| format!("http://{a}/metrics")).into());
    let mut tally = Tally::new(sources("http://127.0.0.1:9", Vec::new()), selectors(&source));
    begin(&mut tally).await;
    first.add(OLD, 3.0);
    first.add(NEW_FAILED, 2.0);
    tally.counts([3.0, 0.0, 2.0, 2.0]).await;
    first.restart();
    first.add(OLD, 1.0);
    tally.counts([4.0, 0.0, 2.0, 2.0]).await;

    // One that was not there before brings its whole life, which is not this look's.
    second.restart();
    second.add(OLD, 7000.0);
    second.add(NEW_FAILED, 70.0);
    let answer = tally.look().await;
    assert_eq!((answer.troubles.len(), tally.counted), (0, [4.0, 0.0, 2.0, 2.0]));
    second.add(OLD, 6.0);
    tally.counts([10.0, 0.0, 2.0, 2.0]).await;

    first.die();
    let answer = tally.look().await;
    assert_eq!((answer.troubles.len(), answer.troubles[0].asks.len()), (1, 0));
    second.die();
    tally.trouble(TroubleKind::Unreachable, "500 Internal Server Error").await;
}

/// A HAProxy with a backend for each first letter of a path.
struct Haproxy {
    address: String,
    metrics: String,
    _program: Program,
    _dir: tempfile::TempDir,
}

impl Haproxy {
    /// `be_a` is the living upstream, `be_b` a port where nobody is.
    async fn start(upstream: SocketAddr) -> Self {
        for _ in 0..5 {
            let (port, metrics, dead) = (free_port(), free_port(), free_port());
            let config = format!(
                "defaults\n mode http\n retries 0\n timeout connect 1s\n timeout client 5s\n \
                 timeout server 200ms\n\
                 frontend app\n bind 127.0.0.1:{port}\n use_backend be_b if {{ path_beg /b }}\n \
                 default_backend be_a\n\
                 backend be_a\n server s {upstream}\n\
                 backend be_b\n server s 127.0.0.1:{dead}\n\
                 frontend metrics\n bind 127.0.0.1:{metrics}\n \
                 http-request use-service prometheus-exporter if {{ path /metrics }}\n"
            );
            let dir = tempfile::tempdir().expect("a directory");
            let file = dir.path().join("haproxy.cfg");
            std::fs::write(&file, config).expect("a written file");
            let mut command = Command::new(find("haproxy", "TIDEGATE_TEST_HAPROXY"));
            command.arg("-db").arg("-q").arg("-f").arg(file);
            let mut program = Program::spawn(command);
            let metrics = format!("http://127.0.0.1:{metrics}/metrics");
            if program.ready(&metrics).await {
                let address = format!("http://127.0.0.1:{port}");
                return Self { address, metrics, _program: program, _dir: dir };
            }
        }
        panic!("haproxy does not start");
    }
}

/// Answers with the status its path ends with; 0 is never.
async fn upstream() -> SocketAddr {
    let answer = |Path((_, status)): Path<(String, u16)>| async move {
        match StatusCode::from_u16(status) {
            Ok(status) => status,
            Err(_) => std::future::pending().await,
        }
    };
    serve(Router::new().route("/{arm}/{status}", get(answer))).await
}

#[tokio::test]
async fn haproxy_counts_what_clients_got_even_from_a_dead_upstream() {
    install_crypto();
    let haproxy = Haproxy::start(upstream().await).await;
    // A second instance that is gone: the first one's numbers still count.
    let gone = format!("http://127.0.0.1:{}/metrics", free_port());
    let sources = sources("http://127.0.0.1:9", vec![haproxy.metrics.clone(), gone.clone()]);
    let asks = asks(|arm, _| {
        let backend = if arm == Arm::Baseline { "be_a" } else { "be_b" };
        From::Haproxy { route: name("shop"), backend: backend.to_owned() }
    });
    let before = sources.read(&asks, None, SystemClock::default().wall()).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut got = HashMap::new();
    for (path, times) in [("a/200", 20), ("a/404", 3), ("a/500", 5), ("a/0", 2), ("b/200", 10)] {
        for _ in 0..times {
            let url = format!("{}/{path}", haproxy.address);
            let status = client.get(url).send().await.expect("an answer").status();
            *got.entry((path, status.as_u16())).or_insert(0) += 1;
        }
    }
    // The proxy itself answers for an upstream that hangs (504) and one that is not there (503).
    assert_eq!((got[&("a/0", 504)], got[&("b/200", 503)]), (2, 10), "{got:?}");

    let after = sources.read(&asks, Some(before.until), SystemClock::default().wall()).await;
    let sum = |answer: &Answer, ask| {
        let series = answer.series.iter().filter(|s| s.ask == ask);
        series.map(|s| s.points[0].value).sum::<f64>()
    };
    let counted: Vec<f64> = (0..4).map(|ask| sum(&after, ask) - sum(&before, ask)).collect();
    assert_eq!(counted, [30.0, 7.0, 10.0, 10.0]);
    let told: Vec<_> = after.troubles.iter().map(|t| (t.kind, t.asks.len())).collect();
    assert_eq!(told, [(TroubleKind::Unreachable, 0)], "{:?}", after.troubles);
    assert!(after.troubles[0].sentence.starts_with(&gone), "{:?}", after.troubles);
}

/// A level of three replicas of the baseline, every 30 s of the past 150 minutes: 10, 20 and 30, and a sawtooth of seven.
fn past(now: Timestamp) -> String {
    let seconds = now.micros() / 1_000_000;
    let line = |pod: i64, at: i64| {
        let value = pod * 10 + at % 7;
        format!("q{{arm=\"v1\",instance=\"{pod}\"}} {value} {}\n", seconds - (300 - at) * 30)
    };
    let lines: String = (1..=3).flat_map(|pod| (0..=300).map(move |at| line(pod, at))).collect();
    format!("# TYPE q gauge\n{lines}# EOF\n")
}

#[tokio::test]
async fn replicas_of_two_hours_stand_side_by_side() {
    install_crypto();
    let now = SystemClock::default().wall();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("past");
    std::fs::write(&file, past(now)).expect("a written file");
    let mut promtool = Command::new(find("promtool", "TIDEGATE_TEST_PROMTOOL"));
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]);
    let made = promtool.arg(file).arg(dir.path().join("data")).output().expect("a program");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let prometheus = Prometheus::start(dir, &[], Duration::from_secs(1)).await;

    let level = |arm, label: &str| {
        let query = format!("avg(q{{arm=\"{label}\"}})");
        let from = From::Expression { source: SourceRef::Prometheus(name("default")), query };
        Ask { check: 3, arm, counter: Counter::Level, from }
    };
    let asks = [level(Arm::Baseline, "v1"), level(Arm::Canary, "v2")];
    let sources = sources(&prometheus.url(), Vec::new());
    let told = sources.replicas(&asks, now, Duration::from_secs(30)).await;
    let [replicas] = &told[..] else { panic!("{told:?}") };
    assert_eq!((replicas.check, replicas.pairs.len()), (3, 260));
    let apart = |pair: &Option<[f64; 2]>| pair.map(|[one, others]| others - one);
    assert!(replicas.pairs.iter().all(|pair| apart(pair) == Some(15.0)), "{replicas:?}");
    let nobody = [level(Arm::Baseline, "v3"), level(Arm::Canary, "v2")];
    assert_eq!(sources.replicas(&nobody, now, Duration::from_secs(30)).await, []);
}
