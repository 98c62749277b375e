//! Through the real router, over a real store, beside a running scheduler.

mod auth;
mod cut;
mod events;
mod hostile;
mod rollouts;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

use super::{Api, Providers, auth::mint, present, provider_router, router};
use crate::clock::{Clock, ManualClock};
use crate::domain::Timestamp;
use crate::metrics::{self, Sources};
use crate::scheduler::{Running, Service, run};
use crate::store::sqlite::SqliteStore;
use crate::store::{Role, Store, TokenRow};
use crate::traffic::Feed;

const PLAN: &str = "\
route: shop
split: { flag: shop, unit: user_id }
arm: { label: version }
count: push
serves: v1
---
plan: shop
route: shop
owner: team-shop
inputs: [version]
canary: $version
bake: 10m
steps:
  - shift: 5%
  - gate: { approve: [leads], timeout: 24h, then: revert }
  - shift: 100%
";
const ROLES: [Role; 5] =
    [Role::Viewer, Role::Provider, Role::Operator, Role::Approver, Role::Admin];
/// A change that does not come by then will not come.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    router: Router,
    providers: Router,
    service: Service,
    clock: Arc<ManualClock>,
    tokens: Vec<(Role, String)>,
    stop: watch::Sender<bool>,
    _running: Running,
}

struct Said {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    #[track_caller]
    fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// An error, told as RFC 9457 says; its detail.
    #[track_caller]
    fn problem(self, status: u16, kind: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json = self.json();
        assert_eq!(json["type"], format!("/problems/{kind}"), "{}", self.text);
        assert_eq!(json["status"], status, "{}", self.text);
        assert!(json["title"].is_string(), "{}", self.text);
        json["detail"].as_str().expect("a detail").to_owned()
    }
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_764_000_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().await.expect("a store"));
        let mut tokens = Vec::new();
        for role in ROLES {
            tokens.push((role, token(&*store, role).await));
        }
        let dynamic: Arc<dyn Clock> = clock.clone();
        let feed = Feed::new(Arc::clone(&dynamic), Vec::new());
        let config = metrics::Config::new(Arc::new(|_| Vec::new()), Arc::new(Arc::clone(&store)));
        let (service, inputs) = Service::new(store, feed, dynamic);
        let sources = Sources::new(config).expect("sources");
        let running = run(service.clone(), inputs, sources).await.expect("a scheduler");
        let (stop, stopped) = watch::channel(false);
        let api = Api::new(service.clone(), stopped);
        let closed = Arc::new(Providers::new(&api, false));
        let providers = provider_router(api.clone(), closed);
        let router = router(api);
        Self { router, providers, service, clock, tokens, stop, _running: running }
    }

    /// With the plan stored.
    async fn with_plan() -> Self {
        let world = Self::new().await;
        world.post("/api/v1/plans", Role::Admin, PLAN).await.is(201);
        world
    }

    /// With `shop#1` baking at 5 %.
    async fn with_rollout() -> Self {
        let world = Self::with_plan().await;
        let body = json!({ "plan": "shop", "inputs": { "version": "v2" } }).to_string();
        let mut changes = world.service.changes();
        world.post("/api/v1/rollouts", Role::Operator, &body).await.is(201);
        until(&mut changes, "baking").await;
        world
    }

    fn token(&self, role: Role) -> &str {
        &self.tokens.iter().find(|(r, _)| *r == role).expect("a token each").1
    }

    async fn send(&self, request: Request<Body>) -> Said {
        send(&self.router, request).await
    }

    async fn get(&self, path: &str) -> Said {
        self.send(self.request(Method::GET, path, Role::Viewer, "")).await
    }

    async fn post(&self, path: &str, role: Role, body: &str) -> Said {
        self.send(self.request(Method::POST, path, role, body)).await
    }

    fn request(&self, method: Method, path: &str, role: Role, body: &str) -> Request<Body> {
        let token = self.token(role);
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        request.body(Body::from(body.to_owned())).expect("a request")
    }
}

async fn token(store: &dyn Store, role: Role) -> String {
    let row = TokenRow {
        name: present::role(role).to_owned(),
        hash: [0; 32],
        role,
        groups: vec!["leads".to_owned()],
        created: Timestamp::default(),
        revoked: None,
    };
    mint(store, row).await.expect("a token").0
}

async fn send(router: &Router, request: Request<Body>) -> Said {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 16 << 20).await.expect("a body");
    let text = String::from_utf8(body.to_vec()).expect("text");
    Said { status: parts.status, headers: parts.headers, text }
}

/// Waits for a change that leaves a rollout in `phase`.
async fn until(
    changes: &mut tokio::sync::broadcast::Receiver<crate::scheduler::Change>,
    phase: &str,
) {
    let mut seen = Vec::new();
    let wait = async {
        loop {
            let change = changes.recv().await.expect("a change");
            if change.phase == phase {
                return;
            }
            seen.push(format!("{} {}", change.kind, change.text));
        }
    };
    let came = tokio::time::timeout(PATIENCE, wait).await;
    assert!(came.is_ok(), "{phase} did not come: {seen:?}");
}
