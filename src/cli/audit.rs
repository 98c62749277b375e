//! `tidegate audit`: are the journals what was written?

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::text::counted;
use crate::api::views::AuditAnswer;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recompute the hash chain of every journal
    Verify(Args),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line is hashed with the one before it. Exit code 2 when a chain is broken."
)]
pub struct Args {}

pub async fn verify(context: &Context, _: &Args) -> Result<Exit, Failure> {
    let answer: AuditAnswer = context.client()?.get(&["audit"], &[]).await?;
    if context.printer.is_json() {
        context.printer.json(&answer);
    } else {
        context.printer.data(&told(&answer));
    }
    Ok(if answer.intact { Exit::Done } else { Exit::Refused })
}

fn told(answer: &AuditAnswer) -> String {
    let journals = counted(usize::try_from(answer.journals).unwrap_or(usize::MAX), "journal");
    let lines = counted(usize::try_from(answer.lines).unwrap_or(usize::MAX), "line");
    match answer.intact {
        true => format!("intact: {journals}, {lines}"),
        false => format!("BROKEN, of {journals} with {lines}:\n  {}", answer.broken.join("\n  ")),
    }
}
