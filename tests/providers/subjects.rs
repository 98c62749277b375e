//! What follows a split: a real HAProxy, a program that polls, flag clients, and nobody.

use std::sync::{Arc, Mutex};

use tidegate::domain::{Name, Side};
use tidegate::plan::Splitter;
use tidegate::traffic::Wished;

use crate::support::haproxy::{Haproxy, HaproxyConfig};
use crate::support::provider::{Provider, TOKEN};
use crate::support::upstream::Upstream;
use crate::support::{http, until};
use crate::world::{ROUTE, World, feed, wished};

/// Something that carries a route's traffic.
#[allow(async_fn_in_trait, reason = "only these tests call it")]
pub trait Subject: Sized {
    /// Whether it asks for the split by itself, keeps it, and acknowledges.
    const ASKS: bool = true;

    fn splitter() -> Splitter;
    async fn start(pull_url: &str) -> Self;
    /// Whether `ppm` to side B is what it does now, read back.
    async fn carries(&mut self, ppm: u32) -> bool;
    async fn restart(&mut self) {
        unreachable!("it keeps nothing");
    }
    /// Changes the share in force behind our back.
    async fn hand(&mut self, _ppm: u32) {
        unreachable!("no hand reaches it");
    }
    /// The share a start without us begins with.
    async fn settled(&mut self) -> Option<u32> {
        None
    }
    /// Where load goes; a GET is answered with the version's label.
    fn url(&self) -> String {
        unreachable!("it carries no requests");
    }
    /// Who of so many users gets the canary on side B.
    async fn inside(&mut self, _users: usize) -> Vec<usize> {
        unreachable!("it serves no users");
    }
}

pub struct HaproxyFollower {
    haproxy: Haproxy,
    /// Kept alive.
    _upstreams: [Upstream; 2],
}

impl HaproxyFollower {
    async fn with_token(pull_url: &str, token: &str) -> Self {
        let upstreams = [Upstream::start("v1"), Upstream::start("v2")];
        let config = HaproxyConfig {
            pull_url: pull_url.to_owned(),
            token: token.to_owned(),
            route: ROUTE.to_owned(),
            sides: ["be_a".to_owned(), "be_b".to_owned()],
            upstreams: [upstreams[0].address, upstreams[1].address],
            node: "lb-1".to_owned(),
        };
        Self { haproxy: Haproxy::start(config).await, _upstreams: upstreams }
    }

    /// A held poll must not keep the old process of a reload alive.
    pub async fn check_soft_stop() {
        let mut world = World::<Self>::start().await;
        world.polls_again().await;
        world.subject.haproxy.finish().await;
    }

    pub async fn check_refused() {
        let feed = feed::<Self>(wished::<Self>(2, 500_000, Side::A), Vec::new());
        let provider = Provider::start(&feed).await;
        let subject = Self::with_token(&provider.url(), "another-token").await;
        let url = format!("{}/haproxy/v1/splits?route=shop&node=x&boot=1", provider.url());
        let refused = http().get(url).send().await.unwrap();
        assert_eq!(refused.status(), 401);
        until("the log says why", async || {
            subject.haproxy.log().contains("answered with status 401").then_some(())
        })
        .await;
        assert_eq!(subject.haproxy.share().await, 0);
        assert_eq!(feed.instances(&Name::new(ROUTE).unwrap()), []);
    }
}

impl Subject for HaproxyFollower {
    fn splitter() -> Splitter {
        Splitter::Haproxy { instances: 1, sides: ["be_a".to_owned(), "be_b".to_owned()] }
    }

    async fn start(pull_url: &str) -> Self {
        Self::with_token(pull_url, TOKEN).await
    }

    async fn carries(&mut self, ppm: u32) -> bool {
        self.haproxy.share().await == ppm
    }

    async fn restart(&mut self) {
        self.haproxy.restart().await;
    }

    async fn hand(&mut self, ppm: u32) {
        self.haproxy.set_share(ppm).await;
    }

    async fn settled(&mut self) -> Option<u32> {
        let file = self.haproxy.map_file();
        assert!(file.contains("another 70000\n"), "a route of somebody else is lost:\n{file}");
        let line = file.lines().find_map(|line| line.strip_prefix("shop "));
        Some(line.expect("the route").parse().expect("a share"))
    }

    fn url(&self) -> String {
        self.haproxy.url()
    }

    async fn inside(&mut self, users: usize) -> Vec<usize> {
        let (client, mut inside) = (http(), Vec::new());
        for user in 0..users {
            let cookie = format!("session=user-{user}");
            let answer = client.get(self.haproxy.url()).header("cookie", cookie).send().await;
            if answer.unwrap().text().await.unwrap() == "v2" {
                inside.push(user);
            }
        }
        inside
    }
}

/// A consumer as its author would write it from the printed loop.
pub struct PullProgram {
    url: String,
    state: Arc<Mutex<Program>>,
    starts: u32,
    running: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Program {
    have: String,
    share: u32,
    settled: u32,
}

impl PullProgram {
    fn run(url: &str, boot: u32, state: Arc<Mutex<Program>>) -> tokio::task::JoinHandle<()> {
        let url = format!("{url}/pull/v1/splits/{ROUTE}?node=consumer-1&boot={boot}&wait=1");
        tokio::spawn(async move {
            let client = http();
            loop {
                if ask(&client, &url, &state).await.is_none() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
        })
    }
}

async fn ask(client: &reqwest::Client, url: &str, state: &Mutex<Program>) -> Option<()> {
    let (url, asked) = {
        let Program { have, share, settled } = &*state.lock().unwrap();
        (format!("{url}&have={have}&share={share}&settled={settled}"), *share)
    };
    let answer = client.get(url).bearer_auth(TOKEN).send().await.ok()?;
    if answer.status() != 200 {
        return (answer.status() == 304).then_some(());
    }
    let split: serde_json::Value = answer.json().await.ok()?;
    let ppm = |field: &str| u32::try_from(split[field].as_u64().unwrap()).unwrap();
    let mut state = state.lock().unwrap();
    if state.share == asked {
        state.share = ppm("share_ppm");
        state.settled = ppm("settled_ppm");
        state.have = split["generation"].to_string();
    }
    Some(())
}

impl Drop for PullProgram {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Subject for PullProgram {
    fn splitter() -> Splitter {
        Splitter::Pull { instances: 1, unit: Some("order_id".to_owned()) }
    }

    async fn start(pull_url: &str) -> Self {
        let state = Arc::<Mutex<Program>>::default();
        let running = Self::run(pull_url, 1, Arc::clone(&state));
        Self { url: pull_url.to_owned(), state, starts: 1, running }
    }

    async fn carries(&mut self, ppm: u32) -> bool {
        self.state.lock().unwrap().share == ppm
    }

    async fn restart(&mut self) {
        self.running.abort();
        self.starts += 1;
        let settled = self.state.lock().unwrap().settled;
        let fresh = Program { have: String::new(), share: settled, settled };
        self.state = Arc::new(Mutex::new(fresh));
        self.running = Self::run(&self.url, self.starts, Arc::clone(&self.state));
    }

    async fn hand(&mut self, ppm: u32) {
        self.state.lock().unwrap().share = ppm;
    }

    async fn settled(&mut self) -> Option<u32> {
        Some(self.state.lock().unwrap().settled)
    }
}

/// Applications that ask the flag service over HTTP. They keep nothing: the service's answer is the split.
pub struct FlagClients {
    url: String,
    client: reqwest::Client,
}

impl FlagClients {
    async fn variant(&self, user: usize) -> String {
        let body = serde_json::json!({ "context": { "user_id": format!("user-{user}") } });
        let answer = self.client.post(&self.url).bearer_auth(TOKEN).body(body.to_string());
        let answer: serde_json::Value =
            serde_json::from_str(&answer.send().await.unwrap().text().await.unwrap()).unwrap();
        answer["variant"].as_str().expect("a variant").to_owned()
    }
}

impl Subject for FlagClients {
    const ASKS: bool = false;

    fn splitter() -> Splitter {
        let flag = Name::new("new-shop").unwrap();
        Splitter::Flag { flag, unit: "user_id".to_owned() }
    }

    async fn start(pull_url: &str) -> Self {
        let url = format!("{pull_url}/ofrep/v1/evaluate/flags/new-shop");
        Self { url, client: http() }
    }

    async fn carries(&mut self, ppm: u32) -> bool {
        let inside = self.inside(400).await.len() as f64;
        let wished = f64::from(ppm) / 1e6;
        (inside - wished * 400.0).abs() <= 4.0 * (400.0 * wished * (1.0 - wished)).sqrt()
    }

    async fn inside(&mut self, users: usize) -> Vec<usize> {
        let mut inside = Vec::new();
        for user in 0..users {
            if self.variant(user).await == "v2" {
                inside.push(user);
            }
        }
        inside
    }
}

/// Somebody else moves the traffic.
pub struct Observed;

impl Observed {
    pub async fn check() {
        let wish = |number, ppm| Wished {
            splitter: Splitter::Observe,
            ..wished::<PullProgram>(number, ppm, Side::A)
        };
        let feed = feed::<PullProgram>(wish(1, 0), Vec::new());
        let provider = Provider::start(&feed).await;
        feed.publish(wish(2, 500_000));
        let route = Name::new(ROUTE).unwrap();
        assert!(feed.confirmation(&route).unwrap().confirmed);
        let url = format!("{}/pull/v1/splits/shop?node=x&boot=1&share=900000", provider.url());
        let told = http().get(url).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(told.status(), 409);
        assert_eq!(feed.instances(&route), []);
    }
}
