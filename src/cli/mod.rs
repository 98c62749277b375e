//! The command line: arguments in, one call, text and an exit code out.
//!
//! Owns: what people type and what they read; one file a command, or a few that are alike.
//! Does not: decide anything. Commands that act are clients of the API; lint and schema are local and pure.
//! [`printer`] alone writes to the terminal.

mod act;
mod apply;
mod audit;
mod client;
mod demo;
mod exit;
mod failure;
mod files;
mod follow;
mod kill;
mod lint;
mod look;
mod paint;
mod printer;
mod provider;
mod run;
mod schema;
mod serve;
mod start;
mod text;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::clock::{Clock, SystemClock};
use client::Client;
use exit::Exit;
use failure::Failure;
use printer::{Printer, When};
use text::Layout;

/// Opens new versions step by step, and shuts by itself when the tide turns.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 110, after_help = AFTER)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  tidegate lint plans/                          every mistake with its place and its mend
  tidegate apply plans/                         give plans and routes to the server
  tidegate start checkout version=v413 --wait   from CI: the exit code tells the outcome
  tidegate list                                 what needs a person comes first
  tidegate revert checkout                      in flight and after completion

A rollout is named checkout#42, or plain checkout for the one in flight, else the last.
`tidegate help exit-codes` tells what the exit codes mean.";

/// Options that every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Where the server is [default: the socket in --data, else http://127.0.0.1:8420]
    #[arg(long, global = true, env = "TIDEGATE_SERVER", value_name = "URL")]
    server: Option<String>,
    /// Token for the server; through its own socket none is needed
    #[arg(long, global = true, env = "TIDEGATE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Directory of a server on this host: its store and its socket [default: ~/.local/state/tidegate]
    #[arg(long, global = true, env = "TIDEGATE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    /// When to use colour; auto: in a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: When,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See the main job in a minute or two: one good version, one that breaks; nothing to install
    Demo(demo::Args),
    /// Run the service
    Serve(serve::Args),
    /// Run one plan in the foreground, without a server; the exit code tells the outcome
    Run(run::Args),
    /// Check plans and routes: every mistake with its place and its mend
    Lint(lint::Args),
    /// Print the JSON Schema of plans and routes, for editors
    Schema(schema::Args),
    /// Give plans and routes to the server
    Apply(apply::Args),
    /// Start a rollout of a plan
    Start(start::Args),
    /// Show all rollouts, what needs a person first
    List(look::ListArgs),
    /// Show one rollout: is it all right, what does it wait for, until when
    Show(look::NameArgs),
    /// Follow a rollout to its end
    Watch(follow::Args),
    /// Tell why: the story, the verdicts, the numbers
    Explain(look::NameArgs),
    /// Three in the morning: what changed, what looks ill, what makes it safe
    Now(look::NowArgs),
    /// Hold a rollout where it is; it is judged on
    Pause(act::Args),
    /// Let a paused rollout go on
    Resume(act::Args),
    /// Let a rollout through the gate it waits at
    Approve(act::ApproveArgs),
    /// Skip the steps that are left and give everybody the new version
    Promote(act::ConfirmedArgs),
    /// Send everybody back to the old version, in flight or after completion
    Revert(act::RevertArgs),
    /// Start a rollout again that was reverted
    Retry(start::RetryArgs),
    /// Pull the kill switch of a route: its canary is off and stays off
    Kill(kill::Args),
    /// Let a killed route be used again; nothing starts by itself
    Unkill(kill::UnkillArgs),
    /// Print everything that happened to a rollout, oldest first
    Journal(look::JournalArgs),
    /// Check that nobody changed a journal
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(token::Command),
    /// What proxies and programs that move traffic need
    #[command(subcommand)]
    Provider(provider::Command),
    /// What the exit codes mean
    #[command(hide = true, after_help = exit::TABLE)]
    ExitCodes,
}

/// What a command has at hand.
#[derive(Debug)]
pub struct Context {
    global: Global,
    printer: Printer,
    clock: SystemClock,
}

impl Context {
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.global)
    }

    /// For a text that is printed now.
    fn layout(&self) -> Layout {
        Layout { width: self.printer.width(), paint: self.printer.paint(), now: self.clock.wall() }
    }
}

/// Runs the program with these arguments, its own name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Where the arguments make no sense, it still counts that a program asked.
    let json = arguments.iter().any(|argument| argument == "--json");
    match Cli::try_parse_from(arguments) {
        Ok(Cli { global, command }) => {
            let printer = Printer::new(global.json, global.color);
            let context = Context { global, printer, clock: SystemClock::default() };
            finish(&context, command).into()
        }
        Err(told) => printer::usage(&told, json).into(),
    }
}

fn finish(context: &Context, command: Command) -> Exit {
    dispatch(context, command).unwrap_or_else(|failure| {
        context.printer.failure(&failure);
        failure.exit()
    })
}

fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Lint(args) => lint::run(context, &args),
        Command::Schema(args) => schema::run(context, &args),
        Command::ExitCodes => {
            context.printer.data(exit::TABLE);
            Ok(Exit::Done)
        }
        Command::Provider(provider::Command::Setup(args)) if args.is_local() => {
            provider::setup_from_file(context, &args)
        }
        Command::Demo(demo::Args {}) => block_on(Threads::Many, demo::run(context)),
        Command::Serve(args) => block_on(Threads::Many, serve::run(context, &args)),
        Command::Run(args) => block_on(Threads::Many, run::run(context, args)),
        other => block_on(Threads::One, ask(context, other)),
    }
}

/// Commands that ask a server.
async fn ask(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Apply(args) => apply::run(context, &args).await,
        Command::Start(args) => start::run(context, args).await,
        Command::Retry(args) => start::retry(context, args).await,
        Command::List(args) => look::list(context, &args).await,
        Command::Show(args) => look::show(context, &args).await,
        Command::Explain(args) => look::explain(context, &args).await,
        Command::Now(args) => look::now(context, &args).await,
        Command::Journal(args) => look::journal(context, &args).await,
        Command::Watch(args) => follow::run(context, &args).await,
        Command::Pause(args) => act::simple(context, "pause", args).await,
        Command::Resume(args) => act::simple(context, "resume", args).await,
        Command::Approve(args) => act::approve(context, args).await,
        Command::Promote(args) => act::promote(context, args).await,
        Command::Revert(args) => act::revert(context, args).await,
        Command::Kill(args) => kill::kill(context, args).await,
        Command::Unkill(args) => kill::unkill(context, args).await,
        Command::Audit(audit::Command::Verify(args)) => audit::verify(context, &args).await,
        Command::Token(command) => token::run(context, command).await,
        Command::Provider(command) => provider::run(context, command).await,
        // Done before, without a runtime or with another.
        Command::Lint(_)
        | Command::Schema(_)
        | Command::ExitCodes
        | Command::Demo(_)
        | Command::Serve(_)
        | Command::Run(_) => Ok(Exit::Done),
    }
}

/// What a command's work is spread over.
#[derive(Clone, Copy, Debug)]
enum Threads {
    /// Asking a server.
    One,
    /// Being one.
    Many,
}

/// A runtime is made only where something waits: `--help` and `lint` start without one.
fn block_on<T>(
    threads: Threads,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut builder = match threads {
        Threads::One => tokio::runtime::Builder::new_current_thread(),
        Threads::Many => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Service {
        doing: "cannot run on this host",
        source: Box::new(error),
    })?;
    runtime.block_on(Box::pin(future))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
