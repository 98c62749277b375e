//! The kill switch of a route.

use super::exit::Exit;
use super::failure::Failure;
use super::{Context, act};
use crate::api::views::{DoneAnswer, KillAnswer, KillBody};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tidegate kill checkout --because \"payments are down\"

Whoever is on the canary goes back at once. While the kill stands, nothing raises the route again.
It needs no approval and is not asked for twice.")]
pub struct Args {
    /// The route
    route: String,
    /// Why, for the journal
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    because: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "A route that was stopped waits for a new rollout at its first step.")]
pub struct UnkillArgs {
    /// The route
    route: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub async fn kill(context: &Context, args: Args) -> Result<Exit, Failure> {
    let body = KillBody { because: args.because };
    let answer: KillAnswer =
        context.client()?.post(&["routes", &args.route, "kill"], &body).await?;
    if context.printer.is_json() {
        context.printer.json(&answer);
    } else {
        context.printer.data(&answer.text);
    }
    Ok(Exit::Done)
}

pub async fn unkill(context: &Context, args: UnkillArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    if !args.yes {
        let route = &args.route;
        act::confirm(context, &format!("{route}: new rollouts may raise it again. Go?"))?;
    }
    let answer: DoneAnswer =
        client.post(&["routes", &args.route, "unkill"], &KillBody::default()).await?;
    if context.printer.is_json() {
        context.printer.json(&answer);
    } else {
        context.printer.data(&answer.text);
    }
    Ok(Exit::Done)
}
