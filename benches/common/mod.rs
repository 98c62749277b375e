//! Timing rows of work side by side in one run: what is compared shares the machine's mood.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, reason = "its report is for the terminal")]
#![allow(dead_code, reason = "not every bench uses all of it")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidegate::domain::Side;
use tidegate::plan::{Body, Program, RouteRef, SourceFile, program as program_of, read};

const ROUNDS: usize = 200;
/// Of one row in one round: shorter than the turns of a busy scheduler, so that some of the rounds are undisturbed.
const SLICE: Duration = Duration::from_millis(1);

/// One kind of work, and what it is called in the report.
pub struct Row<'a> {
    what: &'static str,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Row<'a> {
    /// `work` must keep the compiler from dropping its result (`std::hint::black_box`).
    pub fn new(what: &'static str, work: impl FnMut() + 'a) -> Self {
        Self { what, work: Box::new(work) }
    }

    fn time(&mut self, times: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            (self.work)();
        }
        start.elapsed()
    }

    fn times_a_slice(&mut self) -> u32 {
        let mut times = 1;
        while self.time(times) < SLICE / 4 {
            times *= 2;
        }
        times * 4
    }
}

/// Runs the rows in turn, round after round, and prints the best round of each beside the first row, the floor.
pub fn compare(title: &str, mut rows: Vec<Row<'_>>) {
    let times: Vec<u32> = rows.iter_mut().map(Row::times_a_slice).collect();
    let mut best = vec![f64::INFINITY; rows.len()];
    for _ in 0..ROUNDS {
        for ((row, best), times) in rows.iter_mut().zip(&mut best).zip(&times) {
            let nanos = row.time(*times).as_nanos() as f64 / f64::from(*times);
            *best = best.min(nanos);
        }
    }
    println!("{title} (best of {ROUNDS} rounds in turn)");
    for (row, nanos) in rows.iter().zip(&best) {
        println!("{nanos:>10.0} ns  {:>6.2} of the floor  {}", nanos / best[0], row.what);
    }
}

/// The program of a plan with its route inline, as a start resolves it: `v413` replaces what is served.
pub fn program(text: &str) -> Program {
    let read = read(&SourceFile { path: "plan.yaml", bytes: text.as_bytes() });
    assert!(!read.has_errors(), "{:?}", read.problems);
    let plan = read.documents.iter().find_map(|document| match &document.body {
        Body::Plan(plan) => Some(plan),
        Body::Route(_) => None,
    });
    let plan = plan.expect("a plan");
    let RouteRef::Inline(route) = &plan.route else { panic!("the route is not inline") };
    let inputs = BTreeMap::from([("version".to_owned(), "v413".to_owned())]);
    program_of(plan, route, &inputs, Side::A, None, &[]).expect("a plan that starts")
}
