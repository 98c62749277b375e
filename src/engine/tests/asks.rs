//! What plans ask for.

use std::time::Duration;

use super::laws::PLAN;
use super::play::program;
use crate::domain::{Name, Side};
use crate::engine::{From, Pushed, asks};
use crate::judge::{Tolerance, Worse};
use crate::plan::{Check, Count, Numbers, Of, Program, SourceRef, Splitter, Unit, Used};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn check(numbers: Numbers) -> Check {
    Check {
        name: name("c"),
        numbers,
        tolerate: Some(Tolerance::default()),
        limits: Vec::new(),
        of: Of::Arms,
        unit: Unit::Request,
        worse: Worse::Higher,
        late: Duration::ZERO,
    }
}

/// A program of these checks, in the segment `platform: ios` too.
fn of(checks: Vec<Check>) -> Program {
    let mut program = program(PLAN);
    program.plan.checks = checks;
    program.plan.segments = [("platform".to_owned(), vec!["ios".to_owned()])].into();
    program
}

fn prometheus() -> SourceRef {
    SourceRef::Prometheus(name("default"))
}

#[track_caller]
fn asked(program: &Program, expect: &[&str]) {
    let told = asks(program).into_iter().map(|ask| {
        let from = match ask.from {
            From::Selector { selector, .. } => selector,
            From::Expression { query, .. } => format!("= {query}"),
            From::Haproxy { route, backend } => format!("{route} {backend}"),
            From::Pushed { route, arm, what, segment } => {
                let segment = segment.map_or(String::new(), |s| format!(" in {s}"));
                let what = match what {
                    Pushed::Values(name) => name,
                    what => format!("{what:?}"),
                };
                format!("{route} {arm} {what}{segment}")
            }
        };
        format!("{} {:?} {:?} {from}", ask.check, ask.arm, ask.counter)
    });
    assert_eq!(told.collect::<Vec<_>>(), expect);
}

#[test]
fn buckets_are_asked_of_each_arm_and_segment() {
    let buckets = "t_bucket{$arm}".to_owned();
    let program = of(vec![check(Numbers::Histogram { source: prometheus(), buckets })]);
    asked(
        &program,
        &[
            "0 Canary Buckets t_bucket{version=\"v413\"}",
            "0 Baseline Buckets t_bucket{version=\"v412\"}",
            "1 Canary Buckets t_bucket{version=\"v413\",platform=\"ios\"}",
            "1 Baseline Buckets t_bucket{version=\"v412\",platform=\"ios\"}",
        ],
    );
}

#[test]
fn pushes_carry_the_segment() {
    let users = Check { unit: Unit::User, ..check(Numbers::Route) };
    let values = Numbers::Values { name: "basket".to_owned() };
    let mut program = of(vec![users, check(Numbers::Latency), check(values)]);
    program.plan.segments.clear();
    asked(
        &program,
        &[
            "0 Canary Requests checkout v413 Users",
            "0 Canary Failures checkout v413 Users",
            "0 Baseline Requests checkout v412 Users",
            "0 Baseline Failures checkout v412 Users",
            "1 Canary Buckets checkout v413 Latency",
            "1 Baseline Buckets checkout v412 Latency",
            "2 Canary Events checkout v413 basket",
            "2 Canary Sum checkout v413 basket",
            "2 Canary Squares checkout v413 basket",
            "2 Baseline Events checkout v412 basket",
            "2 Baseline Sum checkout v412 basket",
            "2 Baseline Squares checkout v412 basket",
        ],
    );
    let segmented = of(vec![check(Numbers::Latency)]);
    let in_ios = asks(&segmented).into_iter().filter(
        |ask| matches!(&ask.from, From::Pushed { segment: Some(s), .. } if s.value == "ios"),
    );
    assert_eq!(in_ios.map(|ask| ask.check).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_level_is_computed_by_prometheus_and_picked_from_pages() {
    let gauge = |source: SourceRef, query: &str| {
        let query = query.to_owned();
        check(Numbers::Gauge { source, query })
    };
    let page = SourceRef::Scrape(vec!["http://shop/metrics".to_owned()]);
    let mut program = of(vec![
        gauge(prometheus(), "avg(queue{$arm})"),
        gauge(prometheus(), "sum(lag)"),
        gauge(page, "queue{$arm}"),
    ]);
    asked(
        &program,
        &[
            "0 Canary Level = avg(queue{version=\"v413\"})",
            "0 Baseline Level = avg(queue{version=\"v412\"})",
            "1 Baseline Level = sum(lag)",
            "2 Canary Level queue{version=\"v413\"}",
            "2 Baseline Level queue{version=\"v412\"}",
            // The shared level has no place for a segment, and so no asks in one.
            "3 Canary Level = avg(queue{version=\"v413\",platform=\"ios\"})",
            "3 Baseline Level = avg(queue{version=\"v412\",platform=\"ios\"})",
            "5 Canary Level queue{version=\"v413\",platform=\"ios\"}",
            "5 Baseline Level queue{version=\"v412\",platform=\"ios\"}",
        ],
    );
    // A gauge of both arms is still asked of each.
    program.plan.checks.truncate(1);
    program.plan.checks[0].of = Of::Both;
    assert_eq!(asks(&program).len(), 2);
}

/// A route that the one under rollout can hurt, its sides labelled so.
fn used(count: Count, labels: [Option<&str>; 2]) -> Program {
    let whole = Check { of: Of::Route(name("stock")), ..check(Numbers::Route) };
    let mut program = of(vec![whole]);
    let route = crate::plan::Route { name: name("stock"), ..program.route.clone() };
    let sides = ["be_a".to_owned(), "be_b".to_owned()];
    let split = Splitter::Haproxy { instances: 1, sides };
    let route = crate::plan::Route { count: Some(count), split, ..route };
    program.uses = vec![Used { route, labels: labels.map(|l| l.map(str::to_owned)) }];
    program
}

#[test]
fn another_route_is_asked_for_both_its_sides() {
    asked(
        &used(Count::Push, [Some("v7"), Some("v8")]),
        &[
            "0 Baseline Requests stock v7 Requests",
            "0 Baseline Failures stock v7 Requests",
            "0 Canary Requests stock v8 Requests",
            "0 Canary Failures stock v8 Requests",
        ],
    );
    let one = ["0 Baseline Requests stock v7 Requests", "0 Baseline Failures stock v7 Requests"];
    asked(&used(Count::Push, [Some("v7"), None]), &one);
    asked(&used(Count::Push, [Some("v7"), Some("v7")]), &one);
    asked(
        &used(Count::Haproxy, [None, None]),
        &[
            "0 Baseline Requests stock be_a",
            "0 Baseline Failures stock be_a",
            "0 Canary Requests stock be_b",
            "0 Canary Failures stock be_b",
        ],
    );
    let mut unknown = used(Count::Push, [Some("v7"), Some("v8")]);
    unknown.uses.clear();
    asked(&unknown, &[]);
}

#[test]
fn proxies_count_no_segments() {
    let mut program = of(vec![check(Numbers::Route)]);
    let sides = ["be_a".to_owned(), "be_b".to_owned()];
    program.route.split = Splitter::Haproxy { instances: 1, sides };
    program.route.count = Some(Count::Haproxy);
    program.canary_side = Side::B;
    asked(
        &program,
        &[
            "0 Canary Requests checkout be_b",
            "0 Canary Failures checkout be_b",
            "0 Baseline Requests checkout be_a",
            "0 Baseline Failures checkout be_a",
        ],
    );
}
