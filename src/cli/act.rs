//! Commands a person gives to a rollout: pause, resume, approve, promote, revert.

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::{Context, follow, text};
use crate::api::views::{CommandBody, RolloutView};
use crate::domain::Weight;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
NAME is checkout#42, or plain checkout for the one in flight.
What is given with --because stands in the journal.")]
pub struct Args {
    /// The rollout
    name: String,
    /// Why, for the journal
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    because: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate approve checkout
  tidegate approve ledger-contract --answer backup-2026-11-25

Who started a rollout may not approve it.")]
pub struct ApproveArgs {
    #[command(flatten)]
    common: Args,
    /// The answer to one question of the gate; once for each, in order
    #[arg(long, value_name = "TEXT")]
    answer: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ConfirmedArgs {
    #[command(flatten)]
    common: Args,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate revert checkout                 asks once, then waits until it is in force
  tidegate revert checkout --yes --because \"pages are slow\"

It works in flight and, within the plan's `return_within`, after completion. It needs no approval and waits for no
window. Where stdin is no terminal nobody can be asked: give --yes.")]
pub struct RevertArgs {
    #[command(flatten)]
    confirmed: ConfirmedArgs,
    /// Return as soon as it is decided, before everybody follows
    #[arg(long)]
    no_wait: bool,
}

/// A command that needs nothing but a name.
pub async fn simple(context: &Context, verb: &str, args: Args) -> Result<Exit, Failure> {
    let body = CommandBody { because: args.because, ..CommandBody::default() };
    send(context, &context.client()?, &args.name, verb, &body).await
}

pub async fn approve(context: &Context, args: ApproveArgs) -> Result<Exit, Failure> {
    let body = CommandBody { because: args.common.because, answers: args.answer };
    send(context, &context.client()?, &args.common.name, "approve", &body).await
}

pub async fn promote(context: &Context, args: ConfirmedArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    if !args.yes {
        let view: RolloutView = client.get(&["rollouts", &args.common.name], &[]).await?;
        let question = format!(
            "{}: {} → 100 %, now. The steps that are left are skipped and {} is no longer compared. Go?",
            view.name,
            share(view.split.wish_ppm),
            view.canary
        );
        confirm(context, &question)?;
    }
    let body = CommandBody { because: args.common.because, ..CommandBody::default() };
    send(context, &client, &args.common.name, "promote", &body).await
}

pub async fn revert(context: &Context, args: RevertArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let ConfirmedArgs { common, yes } = args.confirmed;
    let view: RolloutView = client.get(&["rollouts", &common.name], &[]).await?;
    if !yes {
        confirm(context, &what_revert_does(&view))?;
    }
    let body = CommandBody { because: common.because, ..CommandBody::default() };
    // The one that was shown is the one that is reverted, whatever started meanwhile.
    let path = ["rollouts", &view.name, "revert"];
    let reverting: RolloutView = client.post(&path, &body).await?;
    if args.no_wait || reverting.phase.ended {
        tell(context, &reverting);
        return Ok(Exit::Done);
    }
    context.printer.say(&format!("{} committed", context.layout().now.clock()));
    follow::until_in_force(context, &client, &view.name).await
}

/// The question before a revert: what moves, who is hit, what it cannot undo.
fn what_revert_does(view: &RolloutView) -> String {
    let followers = view.split.follow.as_ref().map(|f| (f.following, f.expected.max(f.known)));
    let followers = match followers {
        Some((up, of)) if of > 0 => format!(", {up} of {of} follow"),
        _ => String::new(),
    };
    format!(
        "{}: {} → 0 %. Everybody goes back to {} ({}{followers}). {} stays off until someone starts it. Go?",
        view.name,
        share(view.split.wish_ppm),
        view.baseline,
        view.split.splitter,
        view.canary,
    )
}

fn share(ppm: u32) -> String {
    Weight::from_ppm(ppm).unwrap_or(Weight::FULL).to_string()
}

/// # Errors
/// When the answer is no, or when nobody can be asked.
pub fn confirm(context: &Context, question: &str) -> Result<(), Failure> {
    if !context.printer.can_ask() {
        return Err(Failure::usage(
            "this is confirmed by a person, and stdin is no terminal",
            "add --yes if you mean it",
        ));
    }
    if context.printer.confirm(question) {
        Ok(())
    } else {
        Err(Failure::usage("not confirmed, nothing was done", ""))
    }
}

async fn send(
    context: &Context,
    client: &Client,
    name: &str,
    verb: &str,
    body: &CommandBody,
) -> Result<Exit, Failure> {
    let view: RolloutView = client.post(&["rollouts", name, verb], body).await?;
    tell(context, &view);
    Ok(Exit::Done)
}

fn tell(context: &Context, view: &RolloutView) {
    if context.printer.is_json() {
        context.printer.json(view);
    } else {
        context.printer.data(&text::show(view, &context.layout()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::text::sample;

    #[test]
    fn a_revert_says_what_it_will_do() {
        assert_eq!(
            what_revert_does(&sample::baking()),
            "checkout#42: 25 % → 0 %. Everybody goes back to v412 (haproxy, 3 of 3 follow). \
             v413 stays off until someone starts it. Go?"
        );
    }
}
