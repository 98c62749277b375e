//! `tidegate run`: one plan in the foreground, without a server; made for CI.
//!
//! The service is the real one, on loopback, with a store of its own. Without `--data` nobody could go on with a
//! rollout that is left, so none is: what did not end is reverted before the command does.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::follow::{self, Patience};
use super::{Context, apply, files, lint, serve, start};
use crate::api::views::{CommandBody, RolloutView, StartAnswer, StartRequestBody};
use crate::config::ServeArgs;
use crate::plan::Document;
use crate::server::Server;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate run plans/checkout.yaml version=v413 --with plans/routes/
  tidegate run shop.yaml version=v2 --listen-providers 127.0.0.1:8421   where the shop pushes its outcomes

0 completed, 3 reverted, 4 waited for a person too long. Ctrl-C reverts, a second one leaves at once. With --data the
rollout is kept instead, and `tidegate serve --data DIR` goes on with it.")]
pub struct Args {
    /// The file with the plan
    file: PathBuf,
    /// Inputs of the plan
    #[arg(value_name = "NAME=VALUE", value_parser = start::input)]
    inputs: Vec<(String, String)>,
    /// Which plan, where the file has several
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// More files or directories: its route
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    server: ServeArgs,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let plan = plan(&args)?;
    let kept = context.global.data.is_some();
    let data = match &context.global.data {
        Some(data) => Data::Kept(data.clone()),
        None => Data::passing()?,
    };
    let server = serve_here(context, &args.server, data.path()).await?;
    let outcome = in_service(context, args, plan, kept, &server).await;
    server.stop().await;
    outcome
}

async fn in_service(
    context: &Context,
    args: Args,
    plan: String,
    kept: bool,
    server: &Server,
) -> Result<Exit, Failure> {
    let client = client(server)?;
    let paths = [vec![args.file], args.with].concat();
    let applied = apply::apply(&client, &files::read_all(&paths)?, false).await?;
    applied.problems.iter().for_each(|p| context.printer.say(&p.text));
    let inputs = start::inputs(args.inputs)?;
    let body = StartRequestBody { plan, inputs, ..StartRequestBody::default() };
    let started: StartAnswer = client.post(&["rollouts"], &body).await?;
    context.printer.say(&started.text);
    let rollout = Foreground { context, client: &client, name: &started.rollout.name, kept };
    rollout.to_its_end(&args.patience).await
}

/// The one plan that is meant, found before anything starts.
fn plan(args: &Args) -> Result<String, Failure> {
    let linted = lint::lint(&files::read_all(std::slice::from_ref(&args.file))?, None);
    let plans: Vec<&str> =
        linted.documents.iter().filter_map(Document::plan).map(|p| p.name.as_str()).collect();
    match (&args.plan, &plans[..]) {
        (Some(name), _) => Ok(name.clone()),
        (None, [one]) => Ok((*one).to_owned()),
        (None, []) => {
            let what = format!("there is no plan without errors in {}", args.file.display());
            Err(Failure::usage(what, format!("see `tidegate lint {}`", args.file.display())))
        }
        (None, several) => {
            let mend = format!("give one by --plan: {}", several.join(", "));
            Err(Failure::usage("the file has several plans", mend))
        }
    }
}

/// On loopback; on ports the system chooses where none are given.
async fn serve_here(context: &Context, args: &ServeArgs, data: &Path) -> Result<Server, Failure> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = serve::config(context, args)?;
    config.data = data.to_owned();
    config.api = args.listen.unwrap_or(any);
    config.providers = args.listen_providers.unwrap_or(any);
    config.open_providers |= config.providers.ip().is_loopback();
    let server = serve::start(&config, args).await?;
    context.printer.say(&format!(
        "a service for this run: http://{}; proxies, programs and observations: http://{}",
        server.api, server.providers
    ));
    Ok(server)
}

fn client(server: &Server) -> Result<Client, Failure> {
    match (&server.socket, &server.first_token) {
        (Some(socket), _) => Client::socket(socket, None),
        (None, token) => Client::tcp(&format!("http://{}", server.api), token.clone()),
    }
}

/// A rollout that ends with this command, one way or the other.
struct Foreground<'a> {
    context: &'a Context,
    client: &'a Client,
    name: &'a str,
    kept: bool,
}

impl Foreground<'_> {
    async fn to_its_end(&self, patience: &Patience) -> Result<Exit, Failure> {
        let Self { context, client, name, .. } = *self;
        let exit = tokio::select! {
            exit = follow::until_end(context, client, name, patience.for_scripts()) => exit?,
            () = follow::interrupted() => Exit::Interrupted,
        };
        context.printer.end_frames();
        if matches!(exit, Exit::Interrupted | Exit::NeedsPerson) {
            self.leave(exit).await?;
        }
        Ok(exit)
    }

    async fn leave(&self, exit: Exit) -> Result<(), Failure> {
        let Self { context, client, name, kept } = *self;
        if kept {
            context
                .printer
                .say(&format!("{name} is kept; `tidegate serve --data DIR` goes on with it"));
            return Ok(());
        }
        context.printer.say(&format!("{name} goes back: nobody would go on with it"));
        let because = match exit {
            Exit::NeedsPerson => "`tidegate run` waited for a person too long",
            _ => "`tidegate run` was interrupted",
        };
        let body = CommandBody { because: because.to_owned(), ..CommandBody::default() };
        let _: RolloutView = client.post(&["rollouts", name, "revert"], &body).await?;
        tokio::select! {
            exit = follow::until_end(context, client, name, None) => exit.map(|_| ()),
            () = follow::interrupted() => Ok(()),
        }
    }
}

/// Where the store is: a directory of the caller's, or one that is removed again.
enum Data {
    Kept(PathBuf),
    Passing(PathBuf),
}

impl Data {
    fn passing() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("tidegate-{}", uuid::Uuid::new_v4().simple()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Failure::file("create", &path, error))?;
        Ok(Self::Passing(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Passing(path) => path,
        }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Self::Passing(path) = self {
            // What is left of it is in the system's directory for what may be lost.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}
