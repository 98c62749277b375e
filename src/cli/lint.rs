//! `tidegate lint`: local and pure, nothing is sent.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::files::{self, PlanFile};
use super::paint::Paint;
use super::text::counted;
use crate::domain::Weight;
use crate::plan::{
    Body, Document, Problem, Route, RouteRef, Severity, SourceFile, Traffic, lint_all, read,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate lint plans/
  tidegate lint plans/ --traffic 120rps --failures 0.2%    what each step can see at that traffic
  cat plan.yaml | tidegate lint -

Exit code 1 when there is an error; warnings alone are 0.")]
pub struct Args {
    /// Files, directories, or - for stdin
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Requests per second in all, instead of what the routes say
    #[arg(long, value_name = "120rps", value_parser = rate, requires = "failures")]
    traffic: Option<f64>,
    /// The usual share of failures, instead of what the routes say
    #[arg(long, value_name = "0.2%", value_parser = failures, requires = "traffic")]
    failures: Option<f64>,
}

/// What was found in all files.
#[derive(Debug)]
pub struct Linted {
    pub documents: Vec<Document>,
    /// In the order of the files, by line.
    pub problems: Vec<Problem>,
    pub files: usize,
}

pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let traffic = args
        .traffic
        .zip(args.failures)
        .map(|(requests_per_second, failures)| Traffic { requests_per_second, failures });
    let linted = lint(&files::read_all(&args.paths)?, traffic);
    let errors = linted.count(Severity::Error);
    let printer = &context.printer;
    if printer.is_json() {
        printer.json(&json!({
            "errors": errors,
            "warnings": linted.count(Severity::Warn),
            "files": linted.files,
            "problems": linted.problems,
        }));
    } else {
        linted.problems.iter().for_each(|p| printer.data(&told(p, printer.paint())));
        printer.say(&linted.summary());
    }
    Ok(if errors > 0 { Exit::Usage } else { Exit::Done })
}

/// Reads and checks files, alone and against each other.
pub fn lint(files: &[PlanFile], traffic: Option<Traffic>) -> Linted {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let found = read(&SourceFile { path: &file.path, bytes: &file.bytes });
        documents.extend(found.documents);
        problems.extend(found.problems);
    }
    if let Some(traffic) = traffic {
        routes(&mut documents).for_each(|route| route.traffic = Some(traffic));
    }
    problems.extend(lint_all(&documents));
    let position = |p: &Problem| files.iter().position(|f| f.path == p.path);
    problems.sort_by_key(|p| (position(p), p.line, p.column));
    Linted { documents, problems, files: files.len() }
}

fn routes(documents: &mut [Document]) -> impl Iterator<Item = &mut Route> {
    documents.iter_mut().filter_map(|document| match &mut document.body {
        Body::Route(route) => Some(&mut **route),
        Body::Plan(plan) => match &mut plan.route {
            RouteRef::Inline(route) => Some(&mut **route),
            RouteRef::Named(_) => None,
        },
    })
}

impl Linted {
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|p| p.severity == severity).count()
    }

    fn summary(&self) -> String {
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warn));
        let found = match (errors, warnings) {
            (0, 0) => "No problems".to_owned(),
            (0, w) => counted(w, "warning"),
            (e, 0) => counted(e, "error"),
            (e, w) => format!("{}, {}", counted(e, "error"), counted(w, "warning")),
        };
        format!("{found} in {}. Nothing was sent.", counted(self.files, "file"))
    }
}

fn told(problem: &Problem, paint: Paint) -> String {
    let text = problem.to_string();
    let (word, painted) = match problem.severity {
        Severity::Error => ("  error  ", format!("  {}  ", paint.red("error"))),
        Severity::Warn => ("  warn  ", format!("  {}  ", paint.yellow("warn"))),
    };
    text.replacen(word, &painted, 1)
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches("rps").trim_end();
    let rate = number.parse().ok().filter(|r: &f64| r.is_finite() && *r > 0.0);
    rate.ok_or_else(|| "write requests per second like 120rps".to_owned())
}

fn failures(text: &str) -> Result<f64, String> {
    Weight::parse_percent(text).map(Weight::fraction).map_err(|error| error.to_string())
}
