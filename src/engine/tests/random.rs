//! Whatever happens in whatever order: the laws hold, nothing panics, nothing spins.

use std::time::Duration;

use proptest::prelude::*;

use super::play::{Play, program};
use crate::domain::{Actor, Generation, RolloutName, Timestamp, Weight};
use crate::engine::{Command, Event, Finding, Look, Phase, State, due};
use crate::judge::LimitAction;
use crate::plan::{Gate, GateTimeout, Hook, OnDoubt, OnRegression, Program, Step, Window};

/// An event before it is known what the rollout is at.
#[derive(Clone, Debug)]
enum Chance {
    Tick,
    /// The clock goes to what is due.
    Due,
    Confirmed {
        behind: i64,
    },
    Hand {
        ppm: u32,
    },
    Looked {
        finding: Finding,
        lasting: u64,
        behind: i64,
    },
    Hook {
        off: usize,
        ok: bool,
    },
    Command {
        by: &'static str,
        command: Command,
    },
    Started,
}

fn finding() -> impl Strategy<Value = Finding> {
    let sentence = String::new;
    let check = || {
        prop_oneof![Just("errors"), Just("errors in platform ios"), Just("errors in platform web")]
    };
    let good = prop_oneof![
        Just(Finding::Pass { sentence: sentence() }),
        Just(Finding::Thin { sentence: sentence() }),
        Just(Finding::Unjudged { sentence: sentence() }),
    ];
    let doubt = prop_oneof![
        Just(Finding::Mismatch { sentence: sentence() }),
        Just(Finding::Invalid { sentence: sentence() }),
        Just(Finding::Blind { sentence: sentence() }),
        Just(Finding::Silent { sentence: sentence() }),
    ];
    let limit = move |check: &str, then, shared| Finding::Limit {
        check: check.to_owned(),
        sentence: sentence(),
        then,
        shared,
    };
    let regression =
        move |check: &str| Finding::Regression { check: check.to_owned(), sentence: sentence() };
    let bad = prop_oneof![
        4 => check().prop_map(regression),
        4 => check().prop_map(move |check| limit(check, LimitAction::Revert, false)),
        4 => check().prop_map(move |check| limit(check, LimitAction::Pause, false)),
        1 => check().prop_map(move |check| limit(check, LimitAction::Pause, true)),
        1 => check().prop_map(move |check| limit(check, LimitAction::StepBack, true)),
    ];
    prop_oneof![30 => good, 4 => doubt, 1 => bad]
}

fn command() -> impl Strategy<Value = Command> {
    let because = String::new;
    let answers = prop_oneof![Just(vec![]), Just(vec!["OPS-1".to_owned()])];
    let groups = prop_oneof![Just(vec![]), Just(vec!["leads".to_owned()])];
    let approve = (answers, groups).prop_map(move |(answers, groups)| Command::Approve {
        because: because(),
        groups,
        answers,
    });
    let newer: RolloutName = "checkout#43".parse().expect("a rollout");
    prop_oneof![
        20 => approve,
        10 => Just(Command::Pause { because: because() }),
        20 => Just(Command::Resume { because: because() }),
        1 => Just(Command::Promote { because: because() }),
        1 => Just(Command::Revert { because: because() }),
        1 => Just(Command::Kill { because: because() }),
        1 => Just(Command::Supersede { by: newer }),
    ]
}

fn chance() -> impl Strategy<Value = Chance> {
    let behind = || prop_oneof![6 => Just(0), 1 => 1..4_i64, 1 => Just(-1)];
    let looked = (finding(), 0..120_u64, behind())
        .prop_map(|(finding, lasting, behind)| Chance::Looked { finding, lasting, behind });
    let commands = (prop_oneof![Just("ci"), Just("jonas")], command())
        .prop_map(|(by, command)| Chance::Command { by, command });
    prop_oneof![
        2 => Just(Chance::Tick),
        2 => Just(Chance::Due),
        8 => behind().prop_map(|behind| Chance::Confirmed { behind }),
        1 => (0..=1_000_000_u32).prop_map(|ppm| Chance::Hand { ppm }),
        30 => looked,
        6 => (0..2_usize, any::<bool>()).prop_map(|(off, ok)| Chance::Hook { off, ok }),
        6 => commands,
        1 => Just(Chance::Started),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let then =
        prop_oneof![Just(GateTimeout::Revert), Just(GateTimeout::Pause), Just(GateTimeout::Pass)];
    let gate = (then, any::<bool>(), any::<bool>()).prop_map(|(then, named, asks)| {
        Step::Gate(Gate {
            approve: if named { vec!["leads".to_owned()] } else { vec![] },
            timeout: Duration::from_secs(3600),
            then,
            asks: if asks { vec!["ticket".to_owned()] } else { vec![] },
        })
    });
    let hook = Step::Hook(Hook {
        name: "warm".to_owned(),
        call: "https://cache.internal/warm".to_owned(),
        body: None,
        timeout: Duration::from_secs(10),
        retries: 0,
    });
    let shift = (1..100_u32, 0..90_u64).prop_map(|(percent, bake)| Step::Shift {
        to: Weight::from_ppm(percent * 10_000).expect("a share"),
        bake: Duration::from_secs(bake),
    });
    prop_oneof![3 => shift, 1 => gate, 1 => Just(hook)]
}

/// Steps that need not rise: the reader refuses such plans, the engine must live with them.
fn plans() -> impl Strategy<Value = Program> {
    let words = (
        prop_oneof![
            Just(OnRegression::Revert),
            Just(OnRegression::Pause),
            Just(OnRegression::RevertSegment)
        ],
        prop_oneof![
            Just(OnDoubt::Wait),
            Just(OnDoubt::Pause),
            Just(OnDoubt::Revert),
            Just(OnDoubt::Advance)
        ],
    );
    let times = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (proptest::collection::vec(step(), 0..6), words, times).prop_map(|(mut steps, words, times)| {
        let mut program = program(super::laws::PLAN);
        steps.push(Step::Shift { to: Weight::FULL, bake: Duration::from_secs(20) });
        program.plan.steps = steps;
        let values = ["ios", "android", "web"].map(str::to_owned);
        program.plan.segments.insert("platform".to_owned(), values.into());
        (program.plan.on_regression, program.plan.on_doubt) = words;
        let (window, give_up, most, all) = times;
        program.plan.window = window.then(|| Window {
            open: "0 9 * * MON-THU".to_owned(),
            length: Duration::from_secs(7 * 3600),
            timezone: "Europe/Berlin".to_owned(),
        });
        program.plan.give_up_after = give_up.then(|| Duration::from_secs(3 * 86_400));
        program.plan.bake_at_most = most.then(|| Duration::from_secs(120));
        if all {
            program.plan.hold_back = Weight::ZERO;
        }
        program
    })
}

fn event(chance: &Chance, state: &State) -> Event {
    let behind = |by: i64| Generation(state.wish.generation.0 - by);
    match chance.clone() {
        Chance::Tick | Chance::Due => Event::Tick,
        Chance::Started => Event::Started { generation: Generation(7) },
        Chance::Confirmed { behind: by } => Event::Confirmed { generation: behind(by) },
        Chance::Hand { ppm } => Event::HandEdit {
            instance: "haproxy-1".to_owned(),
            seen: Weight::from_ppm(ppm).expect("a share"),
        },
        Chance::Looked { finding, lasting, behind: by } => Event::Looked(Look {
            generation: behind(by),
            lasting: Duration::from_secs(lasting),
            waited: Duration::ZERO,
            finding,
            detail: serde_json::Value::Null,
        }),
        Chance::Hook { off, ok } => Event::HookAnswered {
            step: state.entered.saturating_sub(1 + off),
            answer: if ok { Ok(String::new()) } else { Err(String::new()) },
        },
        Chance::Command { by, command } => Event::Command { by: Actor::token(by), command },
    }
}

/// After a tick at what was due, something else is due, later or never, or the rollout is elsewhere.
fn moves_on(play: &Play, at: Timestamp, before: &State) {
    let next = due(&play.program, &play.state);
    let later = next.is_none_or(|next| next > at);
    let moved = play.state.phase != before.phase;
    assert!(later || moved, "due {next:?} after a tick at {at:?}: {before:?}");
}

/// Ticking at whatever is due comes to rest: a scheduler that does so never spins.
fn comes_to_rest(play: &mut Play) {
    for _ in 0..20 {
        match due(&play.program, &play.state) {
            Some(at) if at <= play.now => {
                play.meet(&Event::Tick);
            }
            _ => return,
        }
    }
    panic!("it ticks for ever: {:?}", play.state);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn laws_hold_whatever_happens(
        program in plans(),
        events in proptest::collection::vec((chance(), -3600_i64..7200), 200..260),
    ) {
        let mut play = Play::new(super::laws::PLAN);
        play.program = program;
        play.meet(&Event::Started { generation: Generation(7) });
        for (chance, seconds) in &events {
            // Wall clocks jump, back too.
            let jump = Duration::from_secs(seconds.unsigned_abs());
            play.now = if *seconds < 0 { play.now.minus(jump) } else { play.now.plus(jump) };
            if matches!(chance, Chance::Due) && let Some(at) = due(&play.program, &play.state) {
                play.now = at.min(Timestamp::from_micros(4_000_000_000_000_000)).max(play.now);
            }
            let (before, at) = (play.state.clone(), play.now);
            let met = event(chance, &before);
            play.meet(&met);
            if matches!(met, Event::Tick) {
                moves_on(&play, at, &before);
            }
            comes_to_rest(&mut play);
        }
        let ended = matches!(play.state.phase, Phase::Reverted { .. });
        prop_assert_eq!(ended || matches!(play.state.phase, Phase::Reverting { .. }), play.state.latch > crate::engine::Latch::None);
    }
}

/// The generator reaches what it is for: a run of luck alone would prove nothing.
#[test]
fn chance_visits_every_phase() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let plan = plans().new_tree(&mut runner).expect("a plan").current();
        let events = proptest::collection::vec(chance(), 200..201);
        let mut play = Play::new(super::laws::PLAN);
        play.program = plan;
        seen.insert(play.state.phase.word());
        play.meet(&Event::Started { generation: Generation(7) });
        for chance in events.new_tree(&mut runner).expect("events").current() {
            play.now = play.now.plus(Duration::from_secs(10));
            seen.insert(play.state.phase.word());
            let met = event(&chance, &play.state);
            play.meet(&met);
            seen.extend((!play.state.cuts.is_empty()).then_some("with a segment cut"));
        }
        seen.insert(play.state.phase.word());
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}
