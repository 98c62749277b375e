//! What must be true whatever was killed when: decided from HAProxy's share over time and the journals.
//!
//! Owns: the order of weights, nothing raised after a revert, bakes that lasted, the right share at each end.
//! Does not: trust what Tidegate says of HAProxy, nor ask it anything.

use std::fmt;
use std::time::Duration;

use tidegate::domain::Timestamp;

use crate::journal::Line;
use crate::people::{BAKE, LADDER};
use crate::watch::Seen;

/// An answer that was on its way to HAProxy when the next decision fell may still take effect so long after it.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
/// A split in force for less than this may not be seen: asking takes its time on a busy machine.
const UNSEEN: Duration = Duration::from_millis(100);
const FULL: u32 = 1_000_000;

pub struct Facts {
    /// Oldest first.
    pub rollouts: Vec<(String, Vec<Line>)>,
    pub trace: Vec<Seen>,
    /// Of the server, from birth to death.
    pub lives: Vec<(Timestamp, Timestamp)>,
}

/// A split as committed.
#[derive(Clone, Copy, Debug)]
struct Wish {
    rollout: usize,
    weight: u32,
    /// Side B's.
    share: u32,
    at: Timestamp,
    generation: u64,
}

#[derive(Debug, Default)]
pub struct Ends {
    completed: u32,
    taken_back: u32,
    reverted: u32,
    stopped: u32,
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, taken_back, reverted, stopped } = self;
        let all = completed + reverted + stopped;
        write!(f, "{all} rollouts ({completed} completed, {taken_back} of them taken back, ")?;
        write!(f, "{reverted} reverted, {stopped} stopped before anybody was sent over)")
    }
}

pub fn check(facts: &Facts) -> Ends {
    let mut ends = Ends::default();
    for (name, lines) in &facts.rollouts {
        check_journal(name, lines, &mut ends);
    }
    let wishes = wishes(&facts.rollouts);
    check_generations(&wishes);
    let followed = follow(&wishes, &facts.trace);
    check_bakes(facts, &wishes, &followed);
    check_ends(facts, &wishes);
    ends
}

/// One journal by itself: gapless, in time, in the plan's order, with one end.
fn check_journal(name: &str, lines: &[Line], ends: &mut Ends) {
    let told = || format!("{name}: {lines:#?}");
    assert!(lines.iter().zip(1..).all(|(line, seq)| line.seq == seq), "{}", told());
    assert!(lines.is_sorted_by_key(|line| line.at), "{}", told());
    let places = |kind: &str| -> Vec<usize> {
        (0..lines.len()).filter(|&i| lines[i].kind == kind).collect()
    };
    let shifts = places("shift");
    let weights: Vec<u32> =
        shifts.iter().map(|&i| lines[i].after.expect("a wish").weight).collect();
    assert!(LADDER.starts_with(&weights), "not the plan's order: {weights:?} in {}", told());
    let (reverting, reverted) = (places("reverting"), places("reverted"));
    let completed = places("completed");
    assert!(reverting.len() <= 1 && reverted.len() <= 1 && completed.len() <= 1, "{}", told());
    if let (Some(&decided), Some(&last)) = (reverting.first(), shifts.last()) {
        assert!(last < decided, "raised after a revert was decided: {}", told());
        assert!(reverted.first().is_some_and(|&end| end > decided), "not carried out: {}", told());
    }
    assert!(completed.is_empty() || weights == LADDER, "completed early: {}", told());
    match (completed.len(), reverting.len(), reverted.len()) {
        (1, 0, 0) => ends.completed += 1,
        (1, 1, 1) => {
            ends.completed += 1;
            ends.taken_back += 1;
        }
        (0, 1, 1) => ends.reverted += 1,
        (0, 0, 1) => ends.stopped += 1,
        _ => panic!("no end, or two: {}", told()),
    }
}

/// All splits of the route in the order they were committed; sides swap with each completion, and back.
fn wishes(rollouts: &[(String, Vec<Line>)]) -> Vec<Wish> {
    let lines = rollouts.iter().enumerate().flat_map(|(i, (_, l))| l.iter().map(move |l| (i, l)));
    let moves = ["shift", "reverting", "completed"];
    let mut lines: Vec<_> = lines.filter(|(_, l)| moves.contains(&&*l.kind)).collect();
    lines.sort_by_key(|(_, l)| (l.after.map(|a| a.generation), l.kind == "completed", l.at));
    let (mut b_serves, mut completed) = (false, None);
    let mut wishes = Vec::new();
    for (rollout, line) in lines {
        let after = line.after.expect("before and after");
        match &*line.kind {
            "completed" => {
                b_serves = !b_serves;
                completed = Some(rollout);
            }
            kind => {
                if kind == "reverting" && completed == Some(rollout) {
                    b_serves = !b_serves;
                }
                let share = if b_serves { FULL - after.weight } else { after.weight };
                let (weight, generation) = (after.weight, after.generation);
                wishes.push(Wish { rollout, weight, share, at: line.at, generation });
            }
        }
    }
    wishes
}

fn check_generations(wishes: &[Wish]) {
    for pair in wishes.windows(2) {
        assert!(pair[0].generation < pair[1].generation, "not one after the other: {pair:#?}");
        assert!(pair[0].rollout <= pair[1].rollout, "two rollouts on one route: {pair:#?}");
    }
}

/// The wish behind each change that HAProxy made: one that stood at that moment, else one just overtaken whose answer was
/// on its way. A wish that never got there must have been undone at once.
fn follow(wishes: &[Wish], trace: &[Seen]) -> Vec<(Seen, usize)> {
    let mut share = trace[0].share;
    assert_eq!(share, 0, "everybody was on side A in the beginning");
    let mut followed = Vec::new();
    let mut next = 0;
    for seen in &trace[1..] {
        let within = |late| (next..wishes.len()).find(|&i| explains(wishes, i, seen, late));
        let skips = |wish: &usize| (next..*wish).all(|i| may_be_skipped(wishes, i, share));
        let wish =
            within(Duration::ZERO).filter(skips).or_else(|| within(ON_ITS_WAY).filter(skips));
        let Some(wish) = wish else {
            let ahead: Vec<_> = wishes[next..].iter().take(4).collect();
            panic!("not as wished: {seen:?}\nafter {:#?}\nahead {ahead:#?}", followed.last());
        };
        share = seen.share;
        followed.push((*seen, wish));
        next = wish + 1;
    }
    let left = &wishes[next..];
    let skipped = (next..wishes.len()).all(|wish| may_be_skipped(wishes, wish, share));
    let last = wishes.last().is_none_or(|wish| wish.share == share);
    assert!(skipped && last, "never reached: {left:#?}");
    followed
}

/// Never before it was committed, and no later than so long after the next was.
fn explains(wishes: &[Wish], index: usize, seen: &Seen, late: Duration) -> bool {
    let Some(wish) = wishes.get(index) else { return false };
    let overtaken = wishes.get(index + 1).map(|next| next.at.plus(late));
    wish.share == seen.share
        && seen.not_after >= wish.at
        && overtaken.is_none_or(|by| seen.not_before <= by)
}

/// It changed nothing, or the next one was a way back, or came at once.
fn may_be_skipped(wishes: &[Wish], index: usize, share: u32) -> bool {
    let wish = wishes[index];
    let undone = |next: &Wish| next.weight == 0 || next.at.since(wish.at) < UNSEEN;
    wish.share == share || wishes.get(index + 1).is_some_and(undone)
}

/// Between two weights in force lies the bake, without the time the server was dead or the rollout paused.
fn check_bakes(facts: &Facts, wishes: &[Wish], followed: &[(Seen, usize)]) {
    for pair in followed.windows(2) {
        let [(from, low), (to, high)] = [pair[0], pair[1]];
        let (low, high) = (wishes[low], wishes[high]);
        if low.rollout != high.rollout || high.weight <= low.weight {
            continue;
        }
        let (name, lines) = &facts.rollouts[low.rollout];
        let baked = baked(facts, lines, from.not_before, to.not_after);
        assert!(baked >= BAKE, "{name} baked {baked:?} at {}: {from:?} {to:?}", low.weight);
    }
    for (name, lines) in &facts.rollouts {
        for (i, shift) in lines.iter().enumerate().filter(|(_, l)| l.kind == "shift") {
            let Some(confirmed) = lines[..i].iter().rfind(|l| l.kind == "confirmed") else {
                continue;
            };
            let baked = baked(facts, lines, confirmed.at, shift.at);
            assert!(baked >= BAKE, "{name} baked {baked:?} by its journal: {lines:#?}");
        }
    }
}

/// Time in which the server lived and the rollout was not paused.
fn baked(facts: &Facts, lines: &[Line], from: Timestamp, to: Timestamp) -> Duration {
    let pauses = pauses(lines);
    let lived = facts.lives.iter().map(|&(born, died)| (born.max(from), died.min(to)));
    lived.map(|(born, died)| died.since(born).saturating_sub(within(&pauses, born, died))).sum()
}

fn pauses(lines: &[Line]) -> Vec<(Timestamp, Timestamp)> {
    let paused = lines.iter().filter(|l| l.kind == "paused").map(|l| l.at);
    let ends = |at| lines.iter().find(|l| l.kind == "resumed" && l.at >= at).map(|l| l.at);
    paused.filter_map(|at| Some((at, ends(at)?))).collect()
}

/// How much of the spans lies between the two.
fn within(spans: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> Duration {
    spans.iter().map(|&(begin, end)| end.min(to).since(begin.max(from))).sum()
}

/// When a rollout says that it ended, HAProxy is there; where the next one begins at once that may be over unseen.
fn check_ends(facts: &Facts, wishes: &[Wish]) {
    for (i, (name, lines)) in facts.rollouts.iter().enumerate() {
        for end in lines.iter().filter(|l| matches!(&*l.kind, "completed" | "reverted")) {
            let last = wishes.iter().rposition(|w| w.rollout == i && w.at <= end.at);
            let Some(last) = last else { continue };
            let overtaken = wishes.get(last + 1).is_some_and(|w| w.at.since(end.at) < UNSEEN);
            let shares = in_force(&facts.trace, end.at);
            let right = overtaken || shares.contains(&wishes[last].share);
            assert!(right, "{name} {end:?} while HAProxy was at {shares:?}: {lines:#?}");
        }
    }
}

/// The share at a moment, or those that it may have been.
fn in_force(trace: &[Seen], at: Timestamp) -> Vec<u32> {
    let over = |i: usize| trace.get(i + 1).is_some_and(|next| next.not_after < at);
    let begun = trace.iter().enumerate().filter(|(_, seen)| seen.not_before <= at);
    begun.filter(|(i, _)| !over(*i)).map(|(_, seen)| seen.share).collect()
}
