//! Rows of readings of one series and what they rose by.

use crate::domain::{Arm, Generation, Timestamp};
use crate::engine::increments::take_increments;
use crate::engine::look::Seen;
use crate::engine::{Answer, Ask, Memory, Point, Series, Trouble, TroubleKind, asks};
use crate::judge::{Counts, Numbers};
use crate::plan::{Of, Program};

use super::laws::PLAN;
use super::play;

/// Without the check of both arms together, which asks for the same counters once more.
fn program(text: &str) -> Program {
    let mut program = play::program(text);
    program.plan.checks.retain(|check| check.of == Of::Arms);
    program
}

/// Reads the counters of a program's checks; those of [`PLAN`] are the four of its only one.
pub(super) struct Reader {
    asks: Vec<Ask>,
    memory: Memory,
    at: Timestamp,
    pub(super) generation: Generation,
}

impl Reader {
    fn new(program: &Program) -> Self {
        Self::of(asks(program))
    }

    pub(super) fn of(asks: Vec<Ask>) -> Self {
        let (memory, at) = (Memory::new(&program(PLAN)), Timestamp::from_micros(1_000_000_000));
        Self { asks, memory, at, generation: Generation(8) }
    }

    /// `(ask, key, origin, values)`, ten seconds after the reading before; `spoilt` asks are in trouble.
    fn read(&mut self, series: &[(usize, &str, &str, &[f64])], spoilt: &[usize]) -> Seen {
        let at = self.later();
        let point = |value: &f64| Point { at, value: *value };
        let series = series.iter().map(|(ask, key, target, values)| Series {
            ask: *ask,
            key: format!("{target} {key}"),
            bound: None,
            points: values.iter().map(point).collect(),
        });
        self.take(series.collect(), spoilt)
    }

    /// The instant of the next reading.
    pub(super) fn later(&mut self) -> Timestamp {
        self.at = self.at.plus(std::time::Duration::from_secs(10));
        self.at
    }

    pub(super) fn take(&mut self, series: Vec<Series>, spoilt: &[usize]) -> Seen {
        let trouble = Trouble {
            asks: spoilt.to_vec(),
            kind: TroubleKind::Slow,
            sentence: "prom-eu is slow".to_owned(),
        };
        let troubles = if spoilt.is_empty() { vec![] } else { vec![trouble] };
        let answer = Answer { series, until: self.at, troubles };
        let seen = take_increments(&mut self.memory, &self.asks, &answer, self.generation);
        self.memory.until = Some(self.at);
        self.memory.generation = self.generation;
        seen
    }
}

fn counts(seen: &Seen, check: usize) -> Option<Counts> {
    seen.checks[check].as_ref().and_then(Numbers::counts).copied()
}

/// Canary requests of one series after each reading.
#[track_caller]
fn check(readings: &[&[f64]], expect: &[u64]) {
    let mut reader = Reader::new(&program(PLAN));
    let seen = readings.iter().map(|values| {
        let seen = reader.read(&[(0, "a", "pod-1", values)], &[]);
        counts(&seen, 0).map(|c| c.canary_requests).unwrap_or(u64::MAX)
    });
    assert_eq!(seen.collect::<Vec<_>>(), expect, "{readings:?}");
}

#[test]
fn counters_rise() {
    check(&[&[100.0], &[130.0], &[130.0]], &[0, 30, 0]);
    check(&[&[100.0], &[110.0, 120.0, 125.0]], &[0, 25]);
    check(&[&[100.0, 110.0]], &[10]);
    check(&[&[100.0], &[], &[150.0]], &[0, 0, 50]);
}

#[test]
fn a_fall_is_a_restart_from_nothing() {
    check(&[&[100.0], &[7.0], &[9.0]], &[0, 7, 2]);
    check(&[&[100.0], &[120.0, 3.0, 5.0]], &[0, 25]);
}

#[test]
fn what_is_no_number_is_no_reading() {
    check(&[&[100.0], &[f64::NAN], &[130.0]], &[0, 0, 30]);
    check(&[&[100.0], &[f64::INFINITY, -1.0, 110.0]], &[0, 10]);
}

#[test]
fn asks_come_canary_first() {
    let asks = asks(&program(PLAN));
    let arms: Vec<Arm> = asks.iter().map(|a| a.arm).collect();
    assert_eq!(arms, [Arm::Canary, Arm::Canary, Arm::Baseline, Arm::Baseline]);
}

#[test]
fn a_series_is_born_from_zero_where_its_process_was_read_before() {
    let mut reader = Reader::new(&program(PLAN));
    let at_first = reader.read(&[(0, "a", "pod-1", &[500.0])], &[]);
    assert_eq!(counts(&at_first, 0), Some(Counts::default()));
    let seen = reader.read(&[(0, "a", "pod-1", &[510.0]), (1, "b", "pod-1", &[3.0])], &[]);
    let expect = Counts { canary_requests: 10, canary_failures: 3, ..Counts::default() };
    assert_eq!(counts(&seen, 0), Some(expect));
}

#[test]
fn a_series_of_a_process_never_read_began_before() {
    let mut reader = Reader::new(&program(PLAN));
    reader.read(&[(0, "a", "pod-1", &[500.0])], &[]);
    let seen = reader.read(&[(0, "a", "pod-1", &[510.0]), (0, "a2", "pod-2", &[9_000.0])], &[]);
    assert_eq!(counts(&seen, 0).map(|c| c.canary_requests), Some(10));
    assert!(!seen.torn);
}

#[test]
fn a_restart_leaves_the_shares_untold() {
    let mut reader = Reader::new(&program(PLAN));
    reader.read(&[(0, "a", "pod-1", &[500.0])], &[]);
    assert!(reader.read(&[(0, "a", "pod-1", &[4.0])], &[]).torn);
    assert!(!reader.read(&[(0, "a", "pod-1", &[5.0])], &[]).torn);
}

/// Both arms' requests (asks 0 and 2) and the canary's failures (1), all of one proxy.
fn both(
    canary: f64,
    failures: f64,
    baseline: f64,
) -> [(usize, &'static str, &'static str, [f64; 1]); 3] {
    [(0, "c", "proxy", [canary]), (1, "f", "proxy", [failures]), (2, "b", "proxy", [baseline])]
}

fn read_both(reader: &mut Reader, values: (f64, f64, f64), spoilt: &[usize]) -> Seen {
    let series = both(values.0, values.1, values.2);
    let whole = series.iter().filter(|s| !spoilt.contains(&s.0));
    let whole: Vec<_> = whole.map(|(ask, key, target, v)| (*ask, *key, *target, &v[..])).collect();
    reader.read(&whole, spoilt)
}

#[test]
fn a_gap_is_covered_for_both_arms_alike() {
    let mut reader = Reader::new(&program(PLAN));
    read_both(&mut reader, (100.0, 1.0, 1000.0), &[]);
    let dark = read_both(&mut reader, (110.0, 1.0, 1100.0), &[0]);
    assert_eq!(dark.checks, [None]);
    let seen = read_both(&mut reader, (120.0, 2.0, 1200.0), &[]);
    let expect = Counts {
        canary_requests: 20,
        canary_failures: 1,
        baseline_requests: 200,
        baseline_failures: 0,
    };
    assert_eq!((seen.checks, seen.torn), (vec![Some(expect.into())], true));
    assert!(!read_both(&mut reader, (130.0, 2.0, 1300.0), &[]).torn);
}

#[test]
fn a_gap_over_a_change_of_weight_counts_nothing() {
    let mut reader = Reader::new(&program(PLAN));
    read_both(&mut reader, (100.0, 1.0, 1000.0), &[]);
    read_both(&mut reader, (110.0, 1.0, 1100.0), &[0]);
    reader.generation = Generation(9);
    read_both(&mut reader, (110.0, 1.0, 1100.0), &[0]);
    let seen = read_both(&mut reader, (150.0, 2.0, 1200.0), &[]);
    assert_eq!(counts(&seen, 0), Some(Counts::default()));
    let seen = read_both(&mut reader, (160.0, 2.0, 1300.0), &[]);
    assert_eq!(counts(&seen, 0).map(|c| (c.canary_requests, c.baseline_requests)), Some((10, 100)));
}

/// The failures' query failed at first: what they counted in all their life is no increment of one look.
#[test]
fn what_had_no_answer_is_not_born() {
    let mut reader = Reader::new(&program(PLAN));
    read_both(&mut reader, (1000.0, 400.0, 1000.0), &[1]);
    let seen = read_both(&mut reader, (1010.0, 400.0, 1010.0), &[]);
    assert_eq!(counts(&seen, 0).map(|c| c.canary_failures), Some(0));
    let seen = read_both(&mut reader, (1020.0, 402.0, 1020.0), &[]);
    assert_eq!(counts(&seen, 0).map(|c| c.canary_failures), Some(2));
}

#[test]
fn what_is_born_in_a_gap_counts_from_zero() {
    let mut reader = Reader::new(&program(PLAN));
    reader.read(&[(0, "a", "proxy", &[500.0])], &[]);
    reader.read(&[], &[0, 1, 2, 3]);
    let seen = reader.read(&[(0, "a", "proxy", &[520.0]), (1, "b", "proxy", &[4.0])], &[]);
    assert_eq!(counts(&seen, 0).map(|c| (c.canary_requests, c.canary_failures)), Some((20, 4)));
}

/// Another check reads the same process all along: that makes none of this one's counters new.
#[test]
fn what_had_no_answer_is_not_born_on_a_known_process_either() {
    let two =
        format!("{PLAN}checks:\n  errors: {{ tolerate: 1.1x }}\n  other: {{ tolerate: 1.1x }}\n");
    let mut reader = Reader::new(&program(&two));
    let (a, b) = ((0, "a", "proxy", &[500.0][..]), (5, "b", "proxy", &[400.0][..]));
    // Nor is it where no split was in force yet.
    reader.generation = Generation::default();
    reader.read(&[a], &[5]);
    let seen = reader.read(&[a, b], &[]);
    let none = Some(Counts::default());
    assert_eq!([counts(&seen, 0), counts(&seen, 1)], [none, none]);
    let seen = reader.read(&[a, (5, "b", "proxy", &[401.0])], &[]);
    assert_eq!(counts(&seen, 1).map(|c| c.canary_failures), Some(1));
}

/// A night without failures is no reason to count all of them at dawn.
#[test]
fn a_series_that_was_quiet_for_long_counts_its_rise_alone() {
    let mut reader = Reader::new(&program(PLAN));
    let other = (0, "a", "pod-1", &[5.0][..]);
    reader.read(&[other, (0, "b", "pod-1", &[500.0])], &[]);
    for _ in 0..2000 {
        reader.read(&[other], &[]);
    }
    let seen = reader.read(&[other, (0, "b", "pod-1", &[503.0])], &[]);
    assert_eq!(counts(&seen, 0).map(|c| c.canary_requests), Some(3));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut reader = Reader::new(&program(PLAN));
    for look in 0..5 {
        let keys: Vec<String> = (0..2000).map(|i| format!("pod-{look}-{i}")).collect();
        let series: Vec<_> = keys.iter().map(|k| (0, "a", k.as_str(), &[1.0][..])).collect();
        reader.read(&series, &[]);
    }
    assert!(reader.memory.last.len() <= 6000, "{}", reader.memory.last.len());
}
