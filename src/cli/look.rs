//! Commands that only look: list, show, explain, now, journal.

use std::time::Duration;

use super::exit::Exit;
use super::failure::Failure;
use super::{Context, text};
use crate::api::views::{
    ExplainView, JournalPage, NowView, RolloutPage, RolloutSummary, RolloutView,
};

/// Rollouts that ended longer ago are listed with `--all` only.
const LATELY: Duration = Duration::from_secs(3 * 86_400);
/// Pages are followed so far; a list or journal beyond it is asked for by number.
const MOST_PAGES: usize = 1000;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate list
  tidegate list --all --route checkout
  tidegate list --json | jq -r '.rollouts[] | select(.group == \"needs_you\") | .name'")]
pub struct ListArgs {
    /// Those that ended longer than 3 days ago too, and no row left out
    #[arg(long)]
    all: bool,
    /// Only of this plan
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Only on this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
NAME is checkout#42, or plain checkout for the one in flight, else the last.")]
pub struct NameArgs {
    /// The rollout
    name: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Worst first; beside each route stands the one command that makes it safe.")]
pub struct NowArgs {}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate journal checkout#42
  tidegate journal checkout --json | jq .detail      one JSON object a line")]
pub struct JournalArgs {
    /// The rollout
    name: String,
    /// Only lines after this number
    #[arg(long, default_value_t = 0, value_name = "N")]
    after: i64,
}

pub async fn list(context: &Context, args: &ListArgs) -> Result<Exit, Failure> {
    let rollouts = rollouts(context, args).await?;
    if context.printer.is_json() {
        context.printer.json(&serde_json::json!({ "rollouts": rollouts }));
    } else {
        context.printer.data(&text::list(&rollouts, args.all, &context.layout()));
    }
    Ok(Exit::Done)
}

/// Page by page, newest first, as far back as was asked for.
async fn rollouts(context: &Context, args: &ListArgs) -> Result<Vec<RolloutSummary>, Failure> {
    let client = context.client()?;
    let since = context.layout().now.minus(LATELY);
    let wanted = |r: &RolloutSummary| args.all || r.ended_at.is_none_or(|at| at.0 >= since);
    let mut found = Vec::new();
    let mut before = None;
    for _ in 0..MOST_PAGES {
        let names = [("plan", &args.plan), ("route", &args.route)];
        let mut query: Vec<(&str, String)> =
            names.iter().filter_map(|(key, v)| v.as_ref().map(|v| (*key, v.clone()))).collect();
        query.push(("limit", "200".to_owned()));
        query.extend(before.map(|b: i64| ("before", b.to_string())));
        let page: RolloutPage = client.get(&["rollouts"], &query).await?;
        let last_is_old = page.rollouts.last().is_some_and(|r| !wanted(r));
        found.extend(page.rollouts.into_iter().filter(wanted));
        before = page.next;
        if before.is_none() || last_is_old {
            break;
        }
    }
    Ok(found)
}

pub async fn show(context: &Context, args: &NameArgs) -> Result<Exit, Failure> {
    let view: RolloutView = context.client()?.get(&["rollouts", &args.name], &[]).await?;
    if context.printer.is_json() {
        context.printer.json(&view);
    } else {
        context.printer.data(&text::show(&view, &context.layout()));
    }
    Ok(Exit::Done)
}

pub async fn explain(context: &Context, args: &NameArgs) -> Result<Exit, Failure> {
    let path = ["rollouts", &args.name, "explain"];
    let view: ExplainView = context.client()?.get(&path, &[]).await?;
    if context.printer.is_json() {
        context.printer.json(&view);
    } else {
        context.printer.data(&text::explain(&view, &context.layout()));
    }
    Ok(Exit::Done)
}

pub async fn now(context: &Context, _: &NowArgs) -> Result<Exit, Failure> {
    let view: NowView = context.client()?.get(&["now"], &[]).await?;
    if context.printer.is_json() {
        context.printer.json(&view);
    } else {
        context.printer.data(&text::now(&view, &context.layout()));
    }
    Ok(Exit::Done)
}

pub async fn journal(context: &Context, args: &JournalArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let mut after = args.after;
    for _ in 0..MOST_PAGES {
        let query = [("after", after.to_string()), ("limit", "500".to_owned())];
        let page: JournalPage = client.get(&["rollouts", &args.name, "journal"], &query).await?;
        if context.printer.is_json() {
            page.lines.iter().for_each(|line| context.printer.json(line));
        } else if !page.lines.is_empty() {
            context.printer.data(&text::journal(&page.lines, &context.layout()));
        }
        match page.next {
            Some(next) if !context.printer.is_gone() => after = next,
            _ => break,
        }
    }
    Ok(Exit::Done)
}
