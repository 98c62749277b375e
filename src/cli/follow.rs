//! Following a rollout to its end: drawn in place in a terminal, a line a change elsewhere.
//!
//! What is shown is always asked for anew; the stream of changes only says when. A missed event, a server that
//! restarts, or a broken stream cost a moment, never the truth.

use std::time::Duration;

use tokio_stream::StreamExt as _;

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::{Context, text};
use crate::api::views::{JournalLineView, JournalPage, RolloutView};
use crate::clock::{Clock as _, Mono};
use crate::domain::parse_duration;

/// Asked at least so often, whatever the stream says.
const AT_LEAST_EVERY: Duration = Duration::from_secs(2);
/// Many changes at once are one picture.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// A server may restart meanwhile.
const AWAY_AT_MOST: Duration = Duration::from_secs(60);
/// A CI job should not hang over a weekend.
const SCRIPTS_WAIT: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ends with the rollout: 0 completed, 3 reverted. Ctrl-C leaves, and the rollout goes on.
In a terminal it is drawn in place; elsewhere each change is a line; with --json a JSON object.")]
pub struct Args {
    /// The rollout: checkout#42, or plain checkout
    name: String,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Patience {
    /// End with exit code 4 once it has waited for a person so long [default: 15m with --wait and run, else never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    person_within: Option<Duration>,
}

impl Patience {
    pub fn for_scripts(&self) -> Option<Duration> {
        self.person_within.or(Some(SCRIPTS_WAIT))
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let view: RolloutView = client.get(&["rollouts", &args.name], &[]).await?;
    follow(context, &client, &view.name, args.patience.person_within).await
}

/// Shows a rollout until it ends, or has waited for a person for longer than `person_within`.
pub async fn follow(
    context: &Context,
    client: &Client,
    name: &str,
    person_within: Option<Duration>,
) -> Result<Exit, Failure> {
    let exit = tokio::select! {
        exit = until_end(context, client, name, person_within) => exit,
        () = interrupted() => Ok(Exit::Interrupted),
    };
    context.printer.end_frames();
    match exit {
        Ok(Exit::Interrupted) => context.printer.say(&format!("left; {name} goes on")),
        Ok(Exit::NeedsPerson) => {
            context
                .printer
                .say(&format!("{name} still waits for a person; it goes on when one acts"));
        }
        _ => {}
    }
    exit
}

/// [`follow`] without an eye on signals.
pub async fn until_end(
    context: &Context,
    client: &Client,
    name: &str,
    person_within: Option<Duration>,
) -> Result<Exit, Failure> {
    Follower::new(context, client, name, person_within).until_end().await
}

/// Ctrl-C, or what a CI system sends when a job is cancelled. Where signals cannot be heard, never.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// After a revert was committed: until everybody follows.
pub async fn until_in_force(
    context: &Context,
    client: &Client,
    name: &str,
) -> Result<Exit, Failure> {
    match follow(context, client, name, None).await? {
        Exit::Reverted => Ok(Exit::Done),
        other => Ok(other),
    }
}

struct Follower<'a> {
    context: &'a Context,
    client: &'a Client,
    name: &'a str,
    person_within: Option<Duration>,
    waits_since: Option<Mono>,
    away_since: Option<Mono>,
    /// The newest journal line that was told.
    told: i64,
    /// Of the view that was told last.
    version: i64,
    /// Where it stood then.
    stood: String,
}

impl<'a> Follower<'a> {
    fn new(
        context: &'a Context,
        client: &'a Client,
        name: &'a str,
        person_within: Option<Duration>,
    ) -> Self {
        Self {
            context,
            client,
            name,
            person_within,
            waits_since: None,
            away_since: None,
            told: 0,
            version: 0,
            stood: String::new(),
        }
    }

    async fn until_end(&mut self) -> Result<Exit, Failure> {
        let mut changes = None;
        loop {
            match self.client.get::<RolloutView>(&["rollouts", self.name], &[]).await {
                Ok(view) => {
                    self.away_since = None;
                    self.tell(&view).await?;
                    if let Some(exit) = self.outcome(&view) {
                        return Ok(exit);
                    }
                }
                Err(failure) => self.away(failure)?,
            }
            if changes.is_none() {
                changes = Changes::open(self.client, self.name).await;
            }
            self.until_next(&mut changes).await;
        }
    }

    /// The next change, or the next time to ask anyway.
    async fn until_next(&self, changes: &mut Option<Changes>) {
        tokio::time::sleep(AT_MOST_EVERY).await;
        let Some(stream) = changes else { return tokio::time::sleep(AT_LEAST_EVERY).await };
        if tokio::time::timeout(AT_LEAST_EVERY, stream.next()).await == Ok(false) {
            *changes = None; // The stream broke; asking goes on, and a new one is opened.
        }
    }

    fn outcome(&mut self, view: &RolloutView) -> Option<Exit> {
        match view.phase.word.as_str() {
            "completed" => return Some(Exit::Done),
            "reverted" => return Some(Exit::Reverted),
            _ if self.context.printer.is_gone() => return Some(Exit::Done),
            _ => {}
        }
        if !view.needs_person {
            self.waits_since = None;
            return None;
        }
        let now = self.context.clock.mono();
        let since = *self.waits_since.get_or_insert(now);
        let too_long = self.person_within.is_some_and(|most| now.since(since) >= most);
        too_long.then_some(Exit::NeedsPerson)
    }

    /// No answer: the server may be restarting. What it refuses stays refused.
    fn away(&mut self, failure: Failure) -> Result<(), Failure> {
        let Failure::Unreachable { .. } = failure else { return Err(failure) };
        let now = self.context.clock.mono();
        let since = *self.away_since.get_or_insert(now);
        if now.since(since) >= AWAY_AT_MOST {
            return Err(failure);
        }
        if since == now {
            self.context.printer.end_frames();
            self.context
                .printer
                .say("no answer from the server, asking on; the rollout goes on there");
        }
        Ok(())
    }

    async fn tell(&mut self, view: &RolloutView) -> Result<(), Failure> {
        let printer = &self.context.printer;
        if printer.is_json() {
            if std::mem::replace(&mut self.version, view.version) != view.version {
                printer.json(view);
            }
            return Ok(());
        }
        let layout = self.context.layout();
        if printer.is_live() {
            printer.frame(&text::show(view, &layout));
            return Ok(());
        }
        for line in self.untold(view).await? {
            printer.data(&text::journal_line(&line, &layout));
        }
        if self.stands_elsewhere(view) {
            printer.data(&text::progress(view, &layout));
        }
        if view.phase.ended {
            printer.data(&text::show(view, &layout));
        }
        Ok(())
    }

    /// Whether it is somewhere else than when this was last asked; numbers alone change with every look.
    fn stands_elsewhere(&mut self, view: &RolloutView) -> bool {
        let doubt = view.doubt.as_ref().map_or("", |d| d.word.as_str());
        let (word, needs) = (&view.phase.word, view.needs_person);
        let stands = format!("{word} {} {doubt} {needs}", view.split.wish_ppm);
        std::mem::replace(&mut self.stood, stands.clone()) != stands
    }

    /// Journal lines that were not told yet, oldest first.
    async fn untold(&mut self, view: &RolloutView) -> Result<Vec<JournalLineView>, Failure> {
        if view.recent.first().is_none_or(|newest| newest.seq <= self.told) {
            return Ok(Vec::new());
        }
        let query = [("after", self.told.to_string())];
        let page: JournalPage =
            self.client.get(&["rollouts", self.name, "journal"], &query).await?;
        self.told = page.lines.last().map_or(self.told, |last| last.seq);
        Ok(page.lines)
    }
}

/// The server's stream of changes, as a bell.
struct Changes(std::pin::Pin<Box<dyn tokio_stream::Stream<Item = bool> + Send>>);

impl Changes {
    /// `None` without one: then there is only asking.
    async fn open(client: &Client, name: &str) -> Option<Self> {
        let query = [("rollout", name.to_owned())];
        let response = client.stream(&["events"], &query).await.ok()?;
        Some(Self(Box::pin(response.bytes_stream().map(|chunk| chunk.is_ok()))))
    }

    /// Rings; `false` when it never will again.
    async fn next(&mut self) -> bool {
        self.0.next().await == Some(true)
    }
}
