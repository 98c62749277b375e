//! One file -> its documents and every problem, in one pass.

use std::collections::BTreeMap;

use super::fields::{Fields, is_plan};
use super::keys_plan::PLAN;
use super::keys_route::ROUTE;
use super::model::{Plan, Route};
use super::problem::{Place, Problem, Severity, Sink};
use super::yaml::{Node, Tree, parse};
use super::{read_plan, read_route, shape};

/// Bytes; no plan comes near, and nothing larger is looked at.
pub const LARGEST: usize = 1 << 20;

/// A file as it came, with the name that problems are reported under.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    pub path: &'a str,
    pub bytes: &'a [u8],
}

/// What was found in one file.
#[derive(Debug)]
pub struct Read {
    /// Those without errors, in the order written.
    pub documents: Vec<Document>,
    /// By line. Errors and warnings.
    pub problems: Vec<Problem>,
}

/// One valid document and the text it was read from: a revision stores both.
#[derive(Clone, Debug)]
pub struct Document {
    pub body: Body,
    pub text: String,
    places: Places,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Plan(Box<Plan>),
    Route(Box<Route>),
}

/// Empty problems at the places that a later warning may point to.
type Places = BTreeMap<String, Problem>;

impl Document {
    pub fn plan(&self) -> Option<&Plan> {
        match &self.body {
            Body::Plan(plan) => Some(plan),
            Body::Route(_) => None,
        }
    }

    pub fn route(&self) -> Option<&Route> {
        match &self.body {
            Body::Route(route) => Some(route),
            Body::Plan(_) => None,
        }
    }

    /// Where `subject` (a key, `steps.0`, `checks.errors`) stands, else the document's first line.
    pub(super) fn place(&self, subject: &str) -> Option<&Problem> {
        self.places.get(subject).or_else(|| self.places.get(""))
    }
}

impl Read {
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }
}

/// Reads every document of a file. Pure, total, and bounded in time and memory by [`LARGEST`].
pub fn read(file: &SourceFile<'_>) -> Read {
    if file.bytes.len() > LARGEST {
        let message =
            format!("{} bytes is too large for plans; at most {LARGEST}", file.bytes.len());
        return refused(file, "", Place::default(), message, "split it, or is it another file?");
    }
    match std::str::from_utf8(file.bytes) {
        Ok(text) => read_text(file.path, text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => not_utf8(file, error.valid_up_to()),
    }
}

fn refused(file: &SourceFile<'_>, text: &str, at: Place, message: String, mend: &str) -> Read {
    let mut sink = Sink::new(file.path, text);
    sink.error(at, message, mend);
    Read { documents: Vec::new(), problems: sink.problems }
}

fn not_utf8(file: &SourceFile<'_>, valid: usize) -> Read {
    let text = String::from_utf8_lossy(file.bytes);
    let good = String::from_utf8_lossy(&file.bytes[..valid]);
    let line = good.matches('\n').count() + 1;
    let column = good.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    let byte = file.bytes.get(valid).copied().unwrap_or_default();
    let message = format!("not UTF-8: byte 0x{byte:02x}");
    refused(file, &text, Place { line, column, width: 1 }, message, "save the file as UTF-8")
}

fn read_text(path: &str, text: &str) -> Read {
    let mut sink = Sink::new(path, text);
    let trees = parse(text, &mut sink);
    if trees.is_empty() && sink.errors() == 0 {
        let at = Place::default();
        sink.error(
            at,
            "there is no plan or route in it",
            "start with `plan: NAME` or `route: NAME`",
        );
    }
    let texts = texts(text, &trees);
    let both = trees.iter().zip(texts);
    let documents = both.filter_map(|(tree, text)| document(tree, text, &mut sink)).collect();
    let mut problems = sink.problems;
    problems.sort_by_key(|p| (p.line, p.column));
    Read { documents, problems }
}

/// The text of each document: from its `---` (the first: from the top, with its comments) up to the next.
fn texts<'a>(text: &'a str, trees: &[Tree]) -> Vec<&'a str> {
    let starts = text.split_inclusive('\n').scan(0, |offset, line| {
        let start = *offset;
        *offset += line.len();
        Some(start)
    });
    let starts: Vec<usize> = starts.collect();
    let at = |tree: &Tree| starts.get(tree.first_line.saturating_sub(1)).copied();
    let mut cuts: Vec<usize> = trees.iter().skip(1).filter_map(at).collect();
    cuts.insert(0, 0);
    cuts.push(text.len());
    cuts.windows(2).filter_map(|w| text.get(w[0]..w[1])).collect()
}

fn document(tree: &Tree, text: &str, sink: &mut Sink<'_>) -> Option<Document> {
    let root = &tree.root;
    if root.map().is_none() {
        // An empty document between two `---` is harmless.
        if root.found() != "nothing" {
            let mend = "start with `plan: NAME` or `route: NAME`";
            sink.error(root.at, format!("{} is no plan and no route", root.found()), mend);
        }
        return None;
    }
    let before = sink.errors();
    let body = if is_plan(root) {
        shape::check_map("", root, &PLAN, sink);
        read_plan::plan(Fields(root), sink).map(|p| Body::Plan(Box::new(p)))
    } else if root.get("route").is_some() {
        shape::check_map("", root, &ROUTE, sink);
        let f = Fields(root);
        read_route::route(f.name("route"), f, sink).map(|r| Body::Route(Box::new(r)))
    } else {
        neither(root, sink);
        None
    };
    let body = body.filter(|_| tree.sound && sink.errors() == before)?;
    Some(Document { body, text: text.to_owned(), places: places(root, sink) })
}

fn neither(root: &Node, sink: &mut Sink<'_>) {
    let pairs = root.map().unwrap_or_default();
    let near = pairs
        .iter()
        .find_map(|p| super::near::nearest(&p.key, ["plan", "route"]).map(|near| (p.key_at, near)));
    match near {
        Some((at, near)) => {
            sink.error(at, "neither a plan nor a route", format!("did you mean `{near}`?"));
        }
        None => {
            let mend = "start with `plan: NAME` or `route: NAME`";
            sink.error(root.at, "neither a plan nor a route", mend);
        }
    }
}

fn places(root: &Node, sink: &Sink<'_>) -> Places {
    let mut places = Places::new();
    let mut put = |key: String, at| {
        places.insert(key, sink.place(Severity::Warn, at, String::new(), String::new()));
    };
    put(String::new(), root.map().and_then(<[_]>::first).map_or(root.at, |p| p.key_at));
    for pair in root.map().unwrap_or_default() {
        put(pair.key.clone(), pair.key_at);
        for inner in pair.value.map().unwrap_or_default() {
            put(format!("{}.{}", pair.key, inner.key), inner.key_at);
        }
    }
    for (i, step) in root.get("steps").map(Node::items).unwrap_or_default().iter().enumerate() {
        put(format!("steps.{i}"), step.map().and_then(<[_]>::first).map_or(step.at, |p| p.key_at));
    }
    places
}
