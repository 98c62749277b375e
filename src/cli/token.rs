//! Tokens: made, listed, revoked. Their text is shown once.

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::paint::table;
use crate::api::views::{DoneAnswer, NewTokenAnswer, NewTokenBody, TokenView};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token; its text is shown once
    Add(AddArgs),
    /// List tokens
    List,
    /// Revoke a token: from now on it opens nothing
    Revoke(RevokeArgs),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Role {
    /// Sees everything, changes nothing
    Viewer,
    /// For proxies and programs that move traffic or push numbers; sees nothing else
    Provider,
    /// Starts, resumes and promotes; pauses, reverts and kills
    Operator,
    /// Approves; pauses, reverts and kills, but starts nothing
    Approver,
    /// Everything, tokens too
    Admin,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate token add ci --role operator
  tidegate token add jonas --role approver --group payments-leads")]
pub struct AddArgs {
    /// Whose it is: the journal names them so
    name: String,
    /// What it may do
    #[arg(long, value_enum)]
    role: Role,
    /// A group that gates may name; several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// The token's name
    name: String,
}

pub async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add(context, args).await?,
        Command::List => list(context).await?,
        Command::Revoke(args) => revoke(context, &args.name).await?,
    }
    Ok(Exit::Done)
}

async fn add(context: &Context, args: AddArgs) -> Result<(), Failure> {
    let role = clap::ValueEnum::to_possible_value(&args.role);
    let role = role.map(|value| value.get_name().to_owned()).unwrap_or_default();
    let body = NewTokenBody { name: args.name, role, groups: args.groups };
    let answer: NewTokenAnswer = context.client()?.post(&["tokens"], &body).await?;
    if context.printer.is_json() {
        context.printer.json(&answer);
    } else {
        context.printer.say("Keep it: it cannot be shown again.");
        context.printer.data(&answer.token);
    }
    Ok(())
}

async fn list(context: &Context) -> Result<(), Failure> {
    let tokens: Vec<TokenView> = context.client()?.get(&["tokens"], &[]).await?;
    if context.printer.is_json() {
        context.printer.json(&tokens);
        return Ok(());
    }
    let head = ["name", "role", "groups", "made", ""];
    let mut rows = vec![head.map(|h| context.printer.paint().dim(h)).to_vec()];
    rows.extend(tokens.iter().map(|t| {
        let revoked = t.revoked_at.map(|at| format!("revoked {}", at.0)).unwrap_or_default();
        let made = t.created_at.0.to_string();
        vec![t.name.clone(), t.role.clone(), t.groups.join(", "), made, revoked]
    }));
    context.printer.data(&table(&rows, ""));
    Ok(())
}

async fn revoke(context: &Context, name: &str) -> Result<(), Failure> {
    let answer: DoneAnswer = context.client()?.delete(&["tokens", name]).await?;
    if context.printer.is_json() {
        context.printer.json(&answer);
    } else {
        context.printer.data(&answer.text);
    }
    Ok(())
}
