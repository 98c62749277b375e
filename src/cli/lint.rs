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
use crate::judge::words::percent;
use crate::plan::{
    Body, Document, Foretold, Problem, Route, RouteRef, Severity, SourceFile, Traffic, forecasts,
    lint_all, read,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate lint plans/
  tidegate lint plans/ --traffic 120rps                    what each step rules out there
  tidegate lint plans/ --traffic 120rps --failures 0.2%    the same where 0.2 % usually fail
  cat plan.yaml | tidegate lint -

Exit code 1 when there is an error; warnings alone are 0.")]
pub struct Args {
    /// Files, directories, or - for stdin
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Forecast each plan at so many requests per second in all, instead of what the routes say
    #[arg(long, value_name = "120rps", value_parser = rate)]
    traffic: Option<f64>,
    /// The usual share of failures, instead of what the routes say; 0.1% where they say nothing
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
    /// Plans whose usual failures nobody stated.
    assumed: usize,
}

/// Traffic to plan with, instead of what the routes say.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    requests_per_second: f64,
    failures: Option<f64>,
}

/// The usual share of failures where nobody says.
const ASSUMED_FAILURES: f64 = 0.001;

pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let load = args
        .traffic
        .map(|requests_per_second| Load { requests_per_second, failures: args.failures });
    let linted = lint(&files::read_all(&args.paths)?, load);
    let errors = linted.count(Severity::Error);
    let printer = &context.printer;
    if printer.is_json() {
        printer.json(&linted.json());
    } else {
        linted.problems.iter().for_each(|p| printer.data(&told(p, printer.paint())));
        if load.is_some() {
            linted.forecasts().iter().for_each(|text| printer.data(text));
        }
        printer.say(&linted.summary());
    }
    Ok(if errors > 0 { Exit::Usage } else { Exit::Done })
}

/// Reads and checks files, alone and against each other.
pub fn lint(files: &[PlanFile], load: Option<Load>) -> Linted {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let found = read(&SourceFile { path: &file.path, bytes: &file.bytes });
        documents.extend(found.documents);
        problems.extend(found.problems);
    }
    let assumed = load.map_or(0, |load| routes(&mut documents).filter_map(|r| load.put(r)).count());
    problems.extend(lint_all(&documents));
    let position = |p: &Problem| files.iter().position(|f| f.path == p.path);
    problems.sort_by_key(|p| (position(p), p.line, p.column));
    Linted { documents, problems, files: files.len(), assumed }
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

impl Load {
    /// Something when the route's usual failures had to be assumed.
    fn put(self, route: &mut Route) -> Option<()> {
        let stated = self.failures.or_else(|| route.traffic.map(|traffic| traffic.failures));
        let failures = stated.unwrap_or(ASSUMED_FAILURES);
        route.traffic = Some(Traffic { requests_per_second: self.requests_per_second, failures });
        stated.is_none().then_some(())
    }
}

impl Linted {
    fn json(&self) -> serde_json::Value {
        json!({
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warn),
            "files": self.files,
            "problems": self.problems,
            "forecasts": forecasts(&self.documents),
            "assumed_failures": (self.assumed > 0).then_some(ASSUMED_FAILURES),
        })
    }

    /// The table of each plan, where no warning has shown it already.
    fn forecasts(&self) -> Vec<String> {
        let told = forecasts(&self.documents);
        let quiet = told.iter().filter(|told| !told.forecast.is_unwise());
        quiet.map(table).collect()
    }

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
        let assumed = match self.assumed {
            0 => String::new(),
            _ => format!(
                " Assumed {} failures where no route says; `--failures 0.5%` tells.",
                percent(ASSUMED_FAILURES)
            ),
        };
        format!("{found} in {}. Nothing was sent.{assumed}", counted(self.files, "file"))
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

fn table(told: &Foretold<'_>) -> String {
    let head = format!("{}  plan  {}: {}", told.path, told.plan, told.forecast.summary());
    told.forecast.table().into_iter().fold(head, |text, line| format!("{text}\n      {line}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches("rps").trim_end();
    let rate = number.parse().ok().filter(|r: &f64| r.is_finite() && *r > 0.0);
    rate.ok_or_else(|| "write requests per second like 120rps".to_owned())
}

fn failures(text: &str) -> Result<f64, String> {
    Weight::parse_percent(text).map(Weight::fraction).map_err(|error| error.to_string())
}
