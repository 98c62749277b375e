//! One version of a tiny service: says its label, fails and is late as often as told, counts and times what it answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tidegate::clock::{Clock, SystemClock};

/// How much later a late answer comes.
pub const LATE_BY: Duration = Duration::from_millis(300);
/// Bounds of the histogram, in milliseconds, and how `le` writes them.
const BOUNDS: [(u128, &str); 6] =
    [(5, "0.005"), (25, "0.025"), (100, "0.1"), (250, "0.25"), (500, "0.5"), (1000, "1")];

#[derive(Debug)]
pub struct Upstream {
    pub address: SocketAddr,
    shop: Arc<Shop>,
    /// Its own, so that ending it cuts every connection, as a crash does.
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Debug)]
struct Shop {
    label: Mutex<String>,
    fail: Part,
    late: Part,
    silent: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
    /// Answers within each bound, and how long all took together, in microseconds.
    within: [AtomicU64; BOUNDS.len()],
    took: AtomicU64,
    queued: AtomicU64,
    clock: SystemClock,
}

/// A part of all requests, spread evenly.
#[derive(Debug, Default)]
struct Part {
    /// Parts per million.
    share: AtomicU64,
    owed: AtomicU64,
}

impl Part {
    fn set(&self, share: f64) {
        self.share.store((share * 1e6) as u64, Ordering::SeqCst);
    }

    /// Whether the next request is of it.
    fn takes(&self) -> bool {
        let step = self.share.load(Ordering::SeqCst);
        let before = self.owed.fetch_add(step, Ordering::SeqCst);
        before / 1_000_000 != (before + step) / 1_000_000
    }
}

impl Upstream {
    /// `label` is the version: the body of every answer and the label `version` of its counters.
    pub fn start(label: &str) -> Self {
        let shop = Arc::new(Shop {
            label: Mutex::new(label.to_owned()),
            fail: Part::default(),
            late: Part::default(),
            silent: AtomicBool::new(false),
            good: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            within: Default::default(),
            took: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            clock: SystemClock::default(),
        });
        let app = Router::new().route("/metrics", get(metrics)).fallback(serve);
        let app = app.with_state(Arc::clone(&shop));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a listener for many");
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let _ = axum::serve(listener, app).await;
        });
        Self { address, shop, runtime: Some(runtime) }
    }

    /// The share of requests that fail with 500, 0 to 1, spread evenly.
    pub fn fail_share(&self, share: f64) {
        self.shop.fail.set(share);
    }

    /// The share of requests that are answered [`LATE_BY`] later, 0 to 1, spread evenly.
    pub fn late_share(&self, share: f64) {
        self.shop.late.set(share);
    }

    /// What the gauge `shop_queue_length` says.
    pub fn queue(&self, length: u64) {
        self.shop.queued.store(length, Ordering::SeqCst);
    }

    /// Takes requests and never answers them.
    pub fn silence(&self, silent: bool) {
        self.shop.silent.store(silent, Ordering::SeqCst);
    }

    /// The process is gone: nobody listens any more, and what was under way is cut.
    pub fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Another version is deployed in its place; its counters begin again.
    pub fn deploy(&self, label: &str) {
        label.clone_into(&mut self.shop.label.lock().expect("no panic holds it"));
        let Shop { good, bad, within, took, .. } = &*self.shop;
        within.iter().chain([good, bad, took]).for_each(|count| count.store(0, Ordering::SeqCst));
    }

    /// Requests answered since the deployment.
    pub fn requests(&self) -> u64 {
        self.shop.good.load(Ordering::SeqCst) + self.shop.bad.load(Ordering::SeqCst)
    }

    pub fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.die();
    }
}

impl Shop {
    fn label(&self) -> String {
        self.label.lock().expect("no panic holds it").clone()
    }

    fn answered(&self, status: StatusCode, took: Duration) -> Response {
        for (within, (bound, _)) in self.within.iter().zip(BOUNDS) {
            within.fetch_add(u64::from(took.as_millis() < bound), Ordering::SeqCst);
        }
        self.took.fetch_add(took.as_micros() as u64, Ordering::SeqCst);
        let count = if status.is_success() { &self.good } else { &self.bad };
        count.fetch_add(1, Ordering::SeqCst);
        (status, self.label()).into_response()
    }
}

async fn serve(State(shop): State<Arc<Shop>>) -> Response {
    let began = shop.clock.mono();
    if shop.silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if shop.late.takes() {
        tokio::time::sleep(LATE_BY).await;
    }
    let status = if shop.fail.takes() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    shop.answered(status, shop.clock.mono().since(began))
}

async fn metrics(State(shop): State<Arc<Shop>>) -> String {
    let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
    let (label, queued) = (shop.label(), of(&shop.queued));
    let buckets: String = shop
        .within
        .iter()
        .zip(BOUNDS)
        .map(|(within, (_, le))| {
            let within = of(within);
            format!(
                "http_request_duration_seconds_bucket{{version=\"{label}\",le=\"{le}\"}} {within}\n"
            )
        })
        .collect();
    // Last, so that no bucket is ahead of the one of all.
    let (good, bad, took) = (of(&shop.good), of(&shop.bad), of(&shop.took) as f64 / 1e6);
    let all = good + bad;
    format!(
        "# TYPE http_requests_total counter\n\
         http_requests_total{{version=\"{label}\",code=\"200\"}} {good}\n\
         http_requests_total{{version=\"{label}\",code=\"500\"}} {bad}\n\
         # TYPE shop_queue_length gauge\n\
         shop_queue_length{{version=\"{label}\"}} {queued}\n\
         # TYPE http_request_duration_seconds histogram\n\
         {buckets}\
         http_request_duration_seconds_bucket{{version=\"{label}\",le=\"+Inf\"}} {all}\n\
         http_request_duration_seconds_sum{{version=\"{label}\"}} {took}\n\
         http_request_duration_seconds_count{{version=\"{label}\"}} {all}\n"
    )
}
