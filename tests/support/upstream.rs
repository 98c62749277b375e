//! One version of a tiny service: says its label, fails as often as told, counts what it answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

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
    /// Parts per million of requests that fail.
    fail: AtomicU64,
    owed: AtomicU64,
    silent: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
}

impl Upstream {
    /// `label` is the version: the body of every answer and the label `version` of its counters.
    pub fn start(label: &str) -> Self {
        let shop = Arc::new(Shop {
            label: Mutex::new(label.to_owned()),
            fail: AtomicU64::new(0),
            owed: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            good: AtomicU64::new(0),
            bad: AtomicU64::new(0),
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
        self.shop.fail.store((share * 1e6) as u64, Ordering::SeqCst);
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
        self.shop.good.store(0, Ordering::SeqCst);
        self.shop.bad.store(0, Ordering::SeqCst);
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

    fn fails(&self) -> bool {
        let step = self.fail.load(Ordering::SeqCst);
        let before = self.owed.fetch_add(step, Ordering::SeqCst);
        before / 1_000_000 != (before + step) / 1_000_000
    }
}

async fn serve(State(shop): State<Arc<Shop>>) -> Response {
    if shop.silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if shop.fails() {
        shop.bad.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::INTERNAL_SERVER_ERROR, shop.label()).into_response();
    }
    shop.good.fetch_add(1, Ordering::SeqCst);
    shop.label().into_response()
}

async fn metrics(State(shop): State<Arc<Shop>>) -> String {
    let label = shop.label();
    let (good, bad) = (shop.good.load(Ordering::SeqCst), shop.bad.load(Ordering::SeqCst));
    format!(
        "# TYPE http_requests_total counter\n\
         http_requests_total{{version=\"{label}\",code=\"200\"}} {good}\n\
         http_requests_total{{version=\"{label}\",code=\"500\"}} {bad}\n"
    )
}
