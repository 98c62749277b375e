//! `tidegate demo`: the main job in a minute or two, with nothing installed.
//!
//! The server, engine, judge, store and flag service are the real ones; only the shop and its users are made up.

mod account;
mod shop;

use std::time::Duration;

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::files::PlanFile;
use super::run::{self, Data};
use super::{Context, follow, text};
use crate::api::views::{JournalPage, RolloutView, StartAnswer, StartRequestBody};
use crate::clock::{Clock as _, Mono};
use crate::config::{Config, ServeArgs};
use shop::Shop;

/// Both plans, as anybody could write them.
const PLANS: &str = include_str!("plans.yaml");
const NEW: &str = "v2";
/// Requests per second of each service.
const RPS: u32 = 1000;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The new search breaks this long after half of its users are on it.
const BREAKS_AFTER: Duration = Duration::from_secs(4);
const HALF_PPM: u32 = 500_000;
/// It takes two minutes on an idle machine; past this something is wrong, and it says so.
const AT_MOST: Duration = Duration::from_secs(600);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A shop rolls out two new versions at once. The new checkout is fine and gets everybody; the new search starts failing
midway and is put back by itself. Nothing is installed, and nothing is left behind.")]
pub struct Args {}

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let data = Data::passing()?;
    let config = Config::loopback(data.path().to_owned());
    let server = super::serve::start(&config, &ServeArgs::default()).await?;
    let outcome = tokio::select! {
        outcome = in_service(context, &server) => outcome,
        () = follow::interrupted() => Ok(Exit::Interrupted),
    };
    context.printer.end_frames();
    server.stop().await;
    outcome
}

async fn in_service(context: &Context, server: &crate::server::Server) -> Result<Exit, Failure> {
    let client = run::client(server)?;
    let providers = format!("http://{}", server.providers);
    let http = plain()?;
    context.printer.say(&introduction(&providers));
    let file = PlanFile { path: "demo.yaml".to_owned(), bytes: PLANS.as_bytes().to_vec() };
    super::apply::apply(&client, &[file], false).await?;
    let mut scenes = Vec::new();
    for (plan, flag) in [("checkout", "new-checkout"), ("search", "new-search")] {
        let shop = Shop::open(&http, &providers, [plan, flag, NEW], RPS);
        scenes.push(Scene::start(&client, plan, shop).await?);
    }
    let mut stage = Stage { context, client: &client, scenes, began: context.clock.mono() };
    stage.play().await
}

/// As any program would ask: over TCP, without a token.
fn plain() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder().no_proxy().build();
    client
        .map_err(|error| Failure::Service { doing: "has no HTTP client", source: Box::new(error) })
}

fn introduction(providers: &str) -> String {
    format!(
        "A shop serves {RPS} requests/s each in checkout and search; 3 % fail, as always. Both get a new version now.\n\
         It asks the flag service at {providers} which version serves each user, and pushes outcomes.\n\
         One of the two new versions will break midway.\n"
    )
}

/// One rollout of the demo, and the service it is about.
struct Scene {
    shop: Shop,
    view: RolloutView,
    /// The newest journal line that was told.
    told: i64,
    half_since: Option<Mono>,
}

impl Scene {
    async fn start(client: &Client, plan: &str, shop: Shop) -> Result<Self, Failure> {
        let inputs = [("version".to_owned(), NEW.to_owned())].into();
        let body =
            StartRequestBody { plan: plan.to_owned(), inputs, ..StartRequestBody::default() };
        let started: StartAnswer = client.post(&["rollouts"], &body).await?;
        let name = started.rollout.name;
        let view = client.get(&["rollouts", &name], &[]).await?;
        Ok(Self { shop, view, told: 0, half_since: None })
    }
}

struct Stage<'a> {
    context: &'a Context,
    client: &'a Client,
    scenes: Vec<Scene>,
    began: Mono,
}

impl Stage<'_> {
    async fn play(&mut self) -> Result<Exit, Failure> {
        while !self.scenes.iter().all(|s| s.view.phase.ended) {
            self.look().await?;
            self.break_search();
            self.show().await?;
            let late = self.context.clock.mono().since(self.began) > AT_MOST;
            if late || self.context.printer.is_gone() {
                let printer = &self.context.printer;
                printer.say("this takes longer than it should: is the machine very busy?");
                return Ok(Exit::NeedsPerson);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.look().await?;
        self.show().await?;
        self.context.printer.end_frames();
        let took = self.context.clock.mono().since(self.began);
        self.context.printer.data(&account::account(&self.scenes, took));
        Ok(account::exit(&self.scenes))
    }

    async fn look(&mut self) -> Result<(), Failure> {
        for scene in &mut self.scenes {
            let name = scene.view.name.clone();
            scene.view = self.client.get(&["rollouts", &name], &[]).await?;
        }
        Ok(())
    }

    /// The story: once half of the users are on the new search, it breaks.
    fn break_search(&mut self) {
        let now = self.context.clock.mono();
        let search = self.scenes.iter_mut().filter(|s| s.shop.route == "search");
        for scene in search.filter(|s| !s.shop.is_broken()) {
            let half =
                scene.view.split.wish_ppm == HALF_PPM && scene.view.split.confirmed_at.is_some();
            if !half {
                continue;
            }
            let since = *scene.half_since.get_or_insert(now);
            if now.since(since) >= BREAKS_AFTER {
                scene.shop.break_down();
                if !self.context.printer.is_live() {
                    self.context
                        .printer
                        .data("now the new search breaks: it fails 6 % of requests more");
                }
            }
        }
    }

    async fn show(&mut self) -> Result<(), Failure> {
        let printer = &self.context.printer;
        let layout = self.context.layout();
        if printer.is_live() {
            let cards: Vec<String> =
                self.scenes.iter().map(|s| account::card(s, &layout)).collect();
            printer.frame(&cards.join("\n\n"));
            return Ok(());
        }
        for scene in &mut self.scenes {
            let query = [("after", scene.told.to_string())];
            let path = ["rollouts", &scene.view.name, "journal"];
            let page: JournalPage = self.client.get(&path, &query).await?;
            for line in &page.lines {
                let text = text::journal_line(line, &layout);
                printer.data(&format!("{:<11}{text}", scene.view.name));
            }
            scene.told = page.lines.last().map_or(scene.told, |last| last.seq);
        }
        Ok(())
    }
}
