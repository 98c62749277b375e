use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::{Actor, Side, Weight};
use crate::engine::initial;
use crate::judge::{Counts, LookInput, look};
use crate::plan::{RouteRef, SourceFile, program, read};

const PLAN: &str = "\
plan: shop
route:
  split: { pull: { unit: user, instances: 1 } }
  arm: { label: version, baseline: v1, canary: v2 }
  count: push
owner: team
steps: [{ shift: 5% }, { shift: 100% }]
";
const BEGIN: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);
const LOOKS: u64 = 27;

/// A rollout and what is stored of its looks: six at a time, the last three not yet.
fn judged() -> (Stored, Vec<KeptLooks>) {
    let mut stored = rollout();
    let mut kept = Vec::new();
    for number in 1..=LOOKS {
        take(&mut stored, number);
        if number % 6 == 0 {
            kept.extend(KeptLooks::of(&stored.memory));
            stored.memory = stored.memory.stored();
        }
    }
    (stored, kept)
}

fn rollout() -> Stored {
    let read = read(&SourceFile { path: "p.yaml", bytes: PLAN.as_bytes() });
    let plan = read.documents.first().and_then(|d| d.plan()).expect("a plan");
    let RouteRef::Inline(route) = &plan.route else { panic!("an inline route") };
    let program = program(plan, route, &Default::default(), Side::A, None, &[]).expect("a program");
    Stored {
        name: "shop#1".parse().expect("a name"),
        version: 1,
        plan_revision: 1,
        memory: Memory::new(&program),
        program: Arc::new(program),
        state: initial(Actor::token("ana"), 0, BEGIN),
    }
}

fn input(number: u64) -> LookInput {
    let counts = Counts {
        canary_requests: 1061,
        canary_failures: 3 + number % 4,
        baseline_requests: 3091,
        baseline_failures: 8,
    };
    LookInput {
        weight: Weight::from_ppm(250_000).expect("a share"),
        control: true,
        history: false,
        harm: 0.0005,
        ahead: vec![Weight::FULL],
        lasting: Duration::from_secs(10),
        checks: vec![Some(counts.into())],
        split: None,
        sticky: true,
    }
}

fn take(stored: &mut Stored, number: u64) {
    let (rules, mut criteria) = (rules(&stored.program), criteria(&stored.program.plan));
    if number <= 2 {
        criteria.iter_mut().for_each(|c| c.tolerate = None);
    }
    let memory = &mut stored.memory;
    let (evidence, said) = look(&rules, &criteria, &memory.evidence, &input(number));
    let at = BEGIN.plus(Duration::from_secs(10 * number));
    memory.keep(Kept::new(at, &memory.evidence, &criteria, input(number), &said));
    memory.evidence = evidence;
}

#[track_caller]
fn check(stored: &Stored, kept: &[KeptLooks], outcome: &str, text: &str) {
    let told = retold(stored, kept, 0..0).recomputed;
    assert_eq!(told.outcome, outcome, "{}", told.text);
    assert!(told.text.contains(text), "{}", told.text);
}

#[test]
fn looks_are_told_with_the_evidence_after_each() {
    let (stored, kept) = judged();
    let told = retold(&stored, &kept, LOOKS - 3..LOOKS + 1);
    assert_eq!(told.recomputed.text, "recomputed from the kept looks: same bits");
    let numbers: Vec<u64> = told.looks.iter().map(|look| look.number).collect();
    assert_eq!(numbers, [24, 25, 26, 27]);
    let last = &told.looks[3];
    assert_eq!(
        (last.checks[0].canary.as_str(), last.checks[0].baseline.as_str()),
        ("6/1,061", "8/3,091")
    );
    assert_eq!(last.checks[0].numbers["counts"]["canary_failures"], 6);
    assert!(last.evidence.ends_with(" : 1") && last.checks[0].compared, "{last:?}");
    let first = &retold(&stored, &kept, 1..2).looks[0];
    assert_eq!((first.evidence.as_str(), first.checks[0].compared), ("limits only", false));
}

#[test]
fn a_store_that_is_ahead_of_the_memory_is_read_as_far_as_that_goes() {
    let (stored, mut kept) = judged();
    let mut later = stored.clone();
    take(&mut later, LOOKS + 1);
    kept.extend(KeptLooks::of(&later.memory));
    check(&stored, &kept, "same", "same bits");
    let loaded = Stored { memory: later.memory.stored(), ..stored };
    check(&loaded, &kept, "same", "same bits");
}

#[test]
fn what_cannot_be_judged_again_is_said() {
    check(&rollout(), &[], "none", "no look has been judged yet");
    let (stored, kept) = judged();
    let gone = Stored { memory: stored.memory.clone().stored(), ..stored.clone() };
    check(&gone, &[], "gone", "kept no longer");
    check(&gone, &kept, "missing", "look 25 is not among those kept");
    check(&stored, &kept[1..], "missing", "look 1 is not");
    let hole = [&kept[..2], &kept[3..]].concat();
    check(&stored, &hole, "missing", "look 13 is not");
    let mut many = stored;
    many.memory.judged = MOST + 1;
    check(&many, &[], "many", "1,000,001 looks are too many");
}

#[test]
fn what_comes_out_otherwise_is_said_loudly() {
    let (stored, kept) = judged();
    let mut other = kept.clone();
    let mut looks = other[1].chunk.looks().expect("our own bytes");
    looks[2].input.checks[0] = None;
    other[1].chunk = crate::judge::Chunk::of(&looks).expect("a chunk");
    check(&stored, &other, "different", "look 9 of 16:01:30.000 comes out otherwise");

    let mut spoilt = kept.clone();
    spoilt[3].chunk.bytes.truncate(9);
    check(&stored, &spoilt, "unreadable", "kept from look 19 on are spoilt");

    let mut changed = stored;
    changed.memory.evidence.learn(0, &Counts { baseline_requests: 10, ..Counts::default() }.into());
    check(&changed, &kept, "different", "stored after look 27 is not what the looks lead to");
}
