//! What was before: a source's past, and what an earlier rollout of the route learned.

use std::time::Duration;

use super::laws::PLAN;
use super::play::program;
use crate::domain::{Arm, Timestamp, Weight};
use crate::engine::{
    Answer, Ask, Counter, Memory, Past, Point, Replicas, Series, asks, criteria, learn, rules,
};
use crate::judge::{self, LookInput, Numbers, Pair};
use crate::plan::{self, Item, Program};

/// An hour in looks of half a minute: 3,000 requests each on the baseline, 30 failed.
fn hour(asks: &[Ask]) -> Vec<Answer> {
    let answer = |look: u32| {
        let at = Timestamp::from_micros(1_800_000_000_000_000 + i64::from(look) * 30_000_000);
        let series = asks.iter().enumerate().filter(|(_, ask)| ask.arm == Arm::Baseline);
        let series = series.filter_map(|(position, ask)| {
            let each = match ask.counter {
                Counter::Requests => 3000.0,
                Counter::Failures => 30.0,
                _ => return None,
            };
            let points = vec![Point { at, value: f64::from(look) * each }];
            let key = format!("prom {position}");
            Some(Series { ask: position, key, bound: None, points })
        });
        Answer { series: series.collect(), until: at, troubles: Vec::new() }
    };
    (0..=120).map(answer).collect()
}

fn learned(program: &Program, memory: &Memory) -> Memory {
    let asks = asks(program);
    let past = Past { answers: hour(&asks), ..Past::default() };
    learn(program, memory, &asks, &past)
}

#[test]
fn a_past_teaches_the_usual_failures_and_moves_no_cursor() {
    let program = program(PLAN);
    let memory = learned(&program, &Memory::new(&program));
    let usual = memory.evidence.usual_failures(0).expect("counted");
    assert!((usual - 0.01).abs() < 1e-4, "{usual}");
    assert_eq!((memory.until, memory.last.len(), memory.looks), (None, 0, 0));
}

#[test]
fn once_the_canary_was_judged_the_past_is_over() {
    let program = program(PLAN);
    let late = Memory { judged: 1, ..Memory::new(&program) };
    assert_eq!(learned(&program, &late), late);
}

/// The first read is asked for in the same moment as the past, and answers sooner.
#[test]
fn a_past_that_comes_after_the_first_read_still_teaches() {
    let program = program(PLAN);
    let read = Memory { looks: 1, ..Memory::new(&program) };
    assert_ne!(learned(&program, &read).evidence, read.evidence);
}

#[test]
fn a_rollout_starts_from_what_the_one_before_learned() {
    let program = program(PLAN);
    let before = learned(&program, &Memory::new(&program));
    let taught = before.learned(&program);
    let next = Memory::new(&program).start_from(&program, &taught);
    let (then, now) = (before.evidence.usual_failures(0), next.evidence.usual_failures(0));
    let ratio = now.expect("counted") / then.expect("counted");
    assert!((0.8..1.2).contains(&ratio), "{ratio}");
    assert_eq!(
        Memory::new(&program).start_from(&program, &Default::default()),
        Memory::new(&program)
    );
}

/// What the judge makes of a level whose baseline had these pairs, 30 s apart.
fn mode(pairs: Vec<Option<[f64; 2]>>) -> String {
    let levels = "checks: { memory: { value: 'avg(mem{$arm})', tolerate: 1.2x }, \
                  errors: { tolerate: 1.1x } }";
    let program = program(&format!("{PLAN}{levels}"));
    let is_level = |item: &Item<'_>| matches!(item.check.numbers, plan::Numbers::Gauge { .. });
    let check = program.plan.items().iter().position(is_level).expect("a level");
    let replicas = Replicas { check, every: Duration::from_secs(30), pairs };
    let past = Past { replicas: vec![replicas], ..Past::default() };
    let memory = learn(&program, &Memory::new(&program), &asks(&program), &past);
    let mut checks = vec![None; program.plan.items().len()];
    checks[check] = Some(Numbers::Gauge(Pair { canary: 101.0, baseline: 100.0 }));
    let input = LookInput {
        weight: Weight::from_ppm(100_000).expect("a weight"),
        control: true,
        history: false,
        harm: 0.0,
        ahead: Vec::new(),
        lasting: Duration::from_secs(30),
        checks,
        split: None,
        sticky: false,
    };
    let (rules, criteria) = (rules(&program), criteria(&program.plan));
    let (_, judgement) = judge::look(&rules, &criteria, &memory.evidence, &input);
    format!("{:?}", judgement.readings[check].by)
}

#[test]
fn a_level_with_two_hours_of_replicas_is_judged_by_them() {
    let past = |instants: u32, gaps: bool| {
        let pair = |at| Some([100.0 + f64::from(at % 7), 100.0 + f64::from(at % 5)]);
        (0..instants).map(|at| pair(at).filter(|_| !gaps || at % 2 == 0)).collect()
    };
    assert_eq!(mode(past(240, false)), "Some(Past)");
    assert_eq!(mode(past(239, false)), "Some(Means)");
    assert_eq!(mode(past(400, true)), "Some(Means)", "no two of them are neighbours");
    assert_eq!(mode(Vec::new()), "Some(Means)");
}
