//! What was before: a source's past, and what an earlier rollout of the route learned.

use super::laws::PLAN;
use super::play::program;
use crate::domain::{Arm, Timestamp};
use crate::engine::{Answer, Ask, Counter, Memory, Point, Series, asks, learn};
use crate::plan::Program;

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
    learn(program, memory, &asks, &hour(&asks))
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
fn once_the_canary_was_looked_at_the_past_is_over() {
    let program = program(PLAN);
    let late = Memory { looks: 1, ..Memory::new(&program) };
    assert_eq!(learned(&program, &late), late);
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
