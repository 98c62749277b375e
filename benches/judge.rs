//! One look of the judge, and the whole way from a source's answer to it, beside the logarithms and exponentials
//! that the nine wealths of a single check need.
//!
//! `cargo bench --bench judge`, about 3 s.
#![allow(clippy::unwrap_used, reason = "a bench that fails should stop")]
#![allow(clippy::print_stdout, reason = "its report is for the terminal")]

use std::hint::black_box;
use std::time::Duration;

use tidegate::domain::{Actor, Arm, Generation, Timestamp, Weight};
use tidegate::engine::{Answer, Ask, Counter, Memory, Point, Series, State, asks, initial, weigh};
use tidegate::judge::{
    Counts, Criterion, Evidence, Histogram, Limit, LookInput, Moments, Numbers, Pair, Requests,
    Rules, Slower, Tolerance, Values, look,
};
use tidegate::plan::Program;

mod common;
use common::Row;

const BEAT: Duration = Duration::from_secs(10);
const BEGIN: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const RULES: Rules = Rules::new(300.0);
/// Five steps still ahead, in parts per million.
const AHEAD: [u32; 5] = [10_000, 50_000, 250_000, 500_000, 1_000_000];

fn main() {
    let program = common::program(include_str!("common/checkout.yaml"));
    common::compare(
        "judge: one look",
        vec![
            Row::new("floor: 9 ln and 9 exp", nine_logarithms),
            looks("1 check", 1, &[], false),
            looks("2 checks", 2, &[], false),
            looks("5 checks", 5, &[], false),
            looks("1,000 checks", 1000, &[], false),
            look_of("1 check of latency", latency(), &[]),
            look_of("1 check of latency and the gates of 5 steps ahead", latency(), &AHEAD),
            look_of("1 check of values", values(), &[]),
            look_of(
                "1 check of a level",
                Numbers::Gauge(Pair { canary: 21.0, baseline: 20.0 }),
                &[],
            ),
            looks("1 check with an absolute part in its tolerance", 1, &[], true),
            looks("1 check and the gates of 5 steps ahead", 1, &AHEAD, false),
            weighs("engine::weigh: 1 check from its counters, 5 steps ahead", &program),
        ],
    );
    println!("state of a check with 5 steps ahead, in memory without its picture");
    for (what, numbers) in
        [("counts", counts().into()), ("latency", latency()), ("values", values())]
    {
        println!("{:>10} bytes  {what}", state_of(numbers));
    }
}

fn nine_logarithms() {
    for n in 1..=9_u32 {
        black_box(libm::exp(black_box(-f64::from(n))));
        black_box(libm::log(black_box(f64::from(n))));
    }
}

/// A look of a rollout that has been watched for an hour.
fn looks<'a>(what: &'static str, checks: usize, ahead: &[u32], absolute: bool) -> Row<'a> {
    let delta = if absolute { 0.000_5 } else { 0.0 };
    let criterion = |number| Criterion {
        limits: vec![Limit::half_fails()],
        ..Criterion::of_counts(format!("check-{number}"), Some(Tolerance { ratio: 1.1, delta }))
    };
    let criteria: Vec<Criterion> = (0..checks).map(criterion).collect();
    let input = input(checks, ahead);
    let evidence = watched(&criteria, &input);
    Row::new(what, move || {
        drop(black_box(look(&RULES, &criteria, black_box(&evidence), black_box(&input))));
    })
}

/// One check of another kind, watched for an hour.
fn look_of<'a>(what: &'static str, numbers: Numbers, ahead: &[u32]) -> Row<'a> {
    let criteria = vec![Criterion::of_counts("check", Some(Tolerance { ratio: 1.1, delta: 0.0 }))];
    let input = LookInput { checks: vec![Some(numbers)], ..input(1, ahead) };
    let evidence = watched(&criteria, &input);
    Row::new(what, move || {
        drop(black_box(look(&RULES, &criteria, black_box(&evidence), black_box(&input))));
    })
}

/// What one check adds to a rollout.
fn state_of(numbers: Numbers) -> usize {
    let criterion =
        |name: &str| Criterion::of_counts(name, Some(Tolerance { ratio: 1.1, delta: 0.0 }));
    let criteria = vec![criterion("one")];
    let input = LookInput { checks: vec![Some(numbers)], ..input(1, &AHEAD) };
    watched(&criteria, &input).bytes() - Evidence::new(&[]).bytes()
}

fn watched(criteria: &[Criterion], input: &LookInput) -> Evidence {
    let mut evidence = Evidence::new(criteria);
    for _ in 0..360 {
        evidence = look(&RULES, criteria, &evidence, input).0;
    }
    evidence
}

/// 42 and 4,158 requests in Prometheus' classic buckets.
fn latency() -> Numbers {
    let slower = [
        (0.005, 42, 4158),
        (0.01, 42, 4150),
        (0.025, 37, 3640),
        (0.05, 21, 2080),
        (0.1, 5, 515),
        (0.25, 0, 15),
        (0.5, 0, 1),
        (1.0, 0, 0),
        (2.5, 0, 0),
        (5.0, 0, 0),
        (10.0, 0, 0),
    ];
    Numbers::Histogram(Histogram {
        canary_requests: 42,
        baseline_requests: 4158,
        slower: slower.map(|(than, canary, baseline)| Slower { than, canary, baseline }).to_vec(),
    })
}

fn counts() -> Counts {
    Counts {
        canary_requests: 42,
        canary_failures: 0,
        baseline_requests: 4158,
        baseline_failures: 5,
    }
}

fn values() -> Numbers {
    let moments = |events: u64| {
        let n = events as f64;
        Moments { events, sum: n * 30.0, squares: n * 1000.0 }
    };
    Numbers::Values(Values { canary: moments(42), baseline: moments(4158) })
}

fn input(checks: usize, ahead: &[u32]) -> LookInput {
    LookInput {
        sticky: false,
        weight: Weight::from_ppm(10_000).unwrap(),
        control: true,
        history: false,
        harm: 0.000_5,
        ahead: ahead.iter().map(|ppm| Weight::from_ppm(*ppm).unwrap()).collect(),
        lasting: BEAT,
        checks: vec![Some(counts().into()); checks],
        split: Some(Requests { canary: 42, baseline: 4158 }),
    }
}

/// Each look follows the one before, as in a rollout: the memory that a look leaves is the next one's.
fn weighs<'a>(what: &'static str, program: &'a Program) -> Row<'a> {
    let (state, asks) = (exposed(), asks(program));
    let mut memory = Memory::new(program);
    let mut beats = 0;
    Row::new(what, move || {
        beats += 1;
        let answer = answer(&asks, beats);
        let (next, look) = weigh(program, &state, &memory, &asks, &answer, BEAT, Duration::ZERO);
        // As the scheduler does about every minute.
        memory = if beats % 6 == 0 { next.stored() } else { next };
        drop(black_box(look));
    })
}

fn exposed() -> State {
    let mut state = initial(Actor::token("ci"), 0, BEGIN);
    state.wish.weight = Weight::from_ppm(10_000).unwrap();
    state.wish.generation = Generation(8);
    state.wish.confirmed_at = Some(BEGIN);
    state.first_exposed_at = Some(BEGIN);
    state.entered = 1;
    state
}

fn answer(asks: &[Ask], beats: u32) -> Answer {
    let at = BEGIN.plus(BEAT * beats);
    let rate = |ask: &Ask| match (ask.arm, ask.counter) {
        (Arm::Canary, Counter::Requests) => 42.0,
        (Arm::Canary, Counter::Failures) => 0.0,
        (Arm::Baseline, Counter::Requests) => 4158.0,
        (Arm::Baseline, Counter::Failures) => 5.0,
        (_, other) => panic!("nobody asks for {other:?} here"),
    };
    let series = |(ask, asked): (usize, &Ask)| Series {
        ask,
        key: "push requests".to_owned(),
        bound: None,
        points: vec![Point { at, value: rate(asked) * f64::from(beats) }],
    };
    let series = asks.iter().enumerate().map(series).collect();
    Answer { series, until: at, troubles: Vec::new() }
}
