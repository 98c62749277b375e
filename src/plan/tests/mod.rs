//! Rows of files and what is said about them.

mod checks;
mod examples;
mod forecasts;
mod hostile;
mod limits;
mod reading;
mod reference;
mod starting;
mod windows;

use super::{Body, Plan, Read, Route, SourceFile, read};

fn read_str(text: &str) -> Read {
    read(&SourceFile { path: "f.yaml", bytes: text.as_bytes() })
}

#[track_caller]
fn plan(text: &str) -> Plan {
    match body(text) {
        Body::Plan(plan) => *plan,
        Body::Route(_) => panic!("a route"),
    }
}

#[track_caller]
fn route(text: &str) -> Route {
    match body(text) {
        Body::Route(route) => *route,
        Body::Plan(_) => panic!("a plan"),
    }
}

#[track_caller]
fn body(text: &str) -> Body {
    let mut read = read_str(text);
    assert!(!read.has_errors(), "{}", shown(&read));
    assert_eq!(read.documents.len(), 1);
    read.documents.remove(0).body
}

fn shown(read: &Read) -> String {
    read.problems.iter().map(|p| format!("{p}\n")).collect()
}
