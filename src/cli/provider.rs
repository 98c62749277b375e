//! What proxies and programs that move traffic need, and instances that are gone for good.

use std::path::PathBuf;

use super::exit::Exit;
use super::failure::Failure;
use super::{Context, files, lint};
use crate::api::views::{DoneAnswer, ProblemView, SetupAnswer};
use crate::plan::{Body, Document, Route, RouteRef, Severity};
use crate::traffic;

/// Where the provider listener is usually reached.
const USUAL_LISTENER: &str = "http://127.0.0.1:8421";

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print what to paste so that a proxy or a program follows a route
    Setup(SetupArgs),
    /// Do not wait for an instance any more that will not come back
    Forget(ForgetArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate provider setup checkout
  tidegate provider setup --file plans/routes/checkout.yaml --listener http://tidegate.internal:8421")]
pub struct SetupArgs {
    /// The route, as the server knows it
    #[arg(required_unless_present = "file")]
    route: Option<String>,
    /// Read the route from this file instead of asking the server; with ROUTE where it has several
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where the proxies reach the server
    #[arg(long, value_name = "URL", default_value = USUAL_LISTENER)]
    listener: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tidegate provider forget checkout lb-3

An instance that carries traffic and is only silent comes back by itself at its next poll.")]
pub struct ForgetArgs {
    /// The route
    route: String,
    /// The instance, as `tidegate show` names it
    node: String,
}

impl SetupArgs {
    /// Whether no server is needed.
    pub fn is_local(&self) -> bool {
        self.file.is_some()
    }
}

pub fn setup_from_file(context: &Context, args: &SetupArgs) -> Result<Exit, Failure> {
    let paths: Vec<PathBuf> = args.file.iter().cloned().collect();
    let linted = lint::lint(&files::read_all(&paths)?, None);
    let routes: Vec<&Route> = linted.documents.iter().filter_map(route).collect();
    let named = |r: &&&Route| args.route.as_deref().is_none_or(|name| r.name.as_str() == name);
    match routes.iter().filter(named).collect::<Vec<_>>()[..] {
        [one] => print(context, &traffic::setup(one, args.listener.trim_end_matches('/'))),
        [] if linted.count(Severity::Error) > 0 => {
            let errors = linted.problems.iter().filter(|p| p.severity == Severity::Error);
            let problems = errors.map(ProblemView::from).collect();
            return Err(Failure::Files { what: "the file has errors".to_owned(), problems });
        }
        [] => return Err(Failure::usage("there is no such route in the file", names(&routes))),
        _ => return Err(Failure::usage("the file has several routes", names(&routes))),
    }
    Ok(Exit::Done)
}

pub async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let client = context.client()?;
    match command {
        Command::Setup(args) => {
            let route = args.route.as_deref().unwrap_or_default();
            let query = [("listener", args.listener.trim_end_matches('/').to_owned())];
            let answer: SetupAnswer = client.get(&["routes", route, "setup"], &query).await?;
            print(context, &answer.text);
        }
        Command::Forget(args) => {
            let path = ["routes", &args.route, "instances", &args.node];
            let answer: DoneAnswer = client.delete(&path).await?;
            if context.printer.is_json() {
                context.printer.json(&answer);
            } else {
                context.printer.data(&answer.text);
            }
        }
    }
    Ok(Exit::Done)
}

fn route(document: &Document) -> Option<&Route> {
    match &document.body {
        Body::Route(route) => Some(route),
        Body::Plan(plan) => match &plan.route {
            RouteRef::Inline(route) => Some(route),
            RouteRef::Named(_) => None,
        },
    }
}

fn names(routes: &[&Route]) -> String {
    let names: Vec<&str> = routes.iter().map(|r| r.name.as_str()).collect();
    match names[..] {
        [] => "name the file that has `route:` in it".to_owned(),
        _ => format!("name one of: {}", names.join(", ")),
    }
}

fn print(context: &Context, text: &str) {
    if context.printer.is_json() {
        context.printer.json(&serde_json::json!({ "text": text }));
    } else {
        context.printer.data(text);
    }
}
