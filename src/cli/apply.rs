//! `tidegate apply`: files to the server, checked here first.

use std::path::PathBuf;

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::files::{self, PlanFile};
use super::{Context, lint};
use crate::api::views::{ApplyAnswer, ProblemView};
use crate::plan::{Document, Severity, SourceFile, read};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate apply plans/
  tidegate apply plans/ --dry-run     what the server says of them, storing nothing

The same text again changes nothing. A rollout in flight keeps the revision it started with.")]
pub struct Args {
    /// Files, directories, or - for stdin
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Let the server check them, and store nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let files = files::read_all(&args.paths)?;
    let answer = apply(&context.client()?, &files, args.dry_run).await?;
    tell(context, &answer);
    Ok(Exit::Done)
}

/// Sends files one by one, those with routes first: a plan may name the route of another file.
///
/// # Errors
/// When a file has errors: then nothing was sent.
pub async fn apply(
    client: &Client,
    files: &[PlanFile],
    dry_run: bool,
) -> Result<ApplyAnswer, Failure> {
    let linted = lint::lint(files, None);
    if linted.count(Severity::Error) > 0 {
        let errors = linted.problems.iter().filter(|p| p.severity == Severity::Error);
        return Err(Failure::Files {
            what: "the files have errors, nothing was sent".to_owned(),
            problems: errors.map(ProblemView::from).collect(),
        });
    }
    let mut order: Vec<&PlanFile> = files.iter().collect();
    order.sort_by_key(|f| !has_route(f));
    let mut all = ApplyAnswer { dry_run, applied: Vec::new(), problems: Vec::new() };
    for file in order {
        let answer = client.apply(file, dry_run).await?;
        all.applied.extend(answer.applied);
        all.problems.extend(answer.problems);
    }
    Ok(all)
}

fn has_route(file: &PlanFile) -> bool {
    let found = read(&SourceFile { path: &file.path, bytes: &file.bytes });
    found.documents.iter().any(|document: &Document| document.route().is_some())
}

pub fn tell(context: &Context, answer: &ApplyAnswer) {
    if context.printer.is_json() {
        return context.printer.json(answer);
    }
    answer.problems.iter().for_each(|p| context.printer.say(&p.text));
    for applied in &answer.applied {
        context.printer.data(&format!("{:<6} {}  {}", applied.kind, applied.name, applied.text));
    }
    if answer.dry_run {
        context.printer.say("Nothing was stored.");
    }
}
