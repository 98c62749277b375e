//! What is judged and what is told once a segment is cut.

use std::time::Duration;

use super::laws::PLAN;
use super::play::Play;
use crate::domain::{Arm, Generation, Override, Reason, Segment, Side, Timestamp, Weight};
use crate::engine::apart::{Judged, judged_items, leave_out};
use crate::engine::{
    Answer, Ask, Counter, Cut, Event, From, Memory, Point, Pushed, Series, State, criteria,
    invariants, overrides, weigh,
};
use crate::judge::{
    self, Counts, Criterion, Histogram, LookInput, Moments, Requests, Slower, Values, Verdict,
};
use crate::plan::{Numbers, Of};

const CUT: &str = "on_regression: revert segment\n";
const BAKING: [&str; 3] = ["start", "confirmed", "looks 1 pass"];
const IOS: &str = "+1s look regression \"errors in platform ios\"";

fn segment(attribute: &str, value: &str) -> Segment {
    Segment { attribute: attribute.to_owned(), value: value.to_owned() }
}

/// With the one check that compares: the items are everybody, ios, android and web.
fn played(lines: &[&str]) -> Play {
    let mut play = Play::new(&format!("{PLAN}{CUT}"));
    play.program.plan.checks.retain(|check| check.of == Of::Arms);
    for line in BAKING.iter().chain(lines) {
        play.line(line);
    }
    play
}

/// Items with how each is judged, those judged as counted left out.
#[track_caller]
fn check(play: &Play, expect: &[&str]) {
    let items = play.program.plan.items();
    let judged = judged_items(&play.program, &play.state);
    assert_eq!(items.len(), judged.len());
    let told = items.iter().zip(judged).filter_map(|(item, judged)| match judged {
        Judged::AsCounted => None,
        Judged::Not => Some(format!("{}: not", item.name())),
        Judged::Without(parts) => {
            let parts: Vec<String> = parts.iter().map(|i| items[*i].name()).collect();
            Some(format!("{}: without {}", item.name(), parts.join(", ")))
        }
    });
    assert_eq!(told.collect::<Vec<_>>(), expect);
}

#[test]
fn without_a_cut_everything_is_judged_as_counted() {
    check(&played(&[]), &[]);
}

#[test]
fn everybody_is_judged_without_the_segment_that_is_on_one_arm_alone() {
    let ios = ["errors: without errors in platform ios", "errors in platform ios: not"];
    check(&played(&[IOS]), &ios);
}

#[test]
fn a_segment_across_the_cut_is_judged_no_more() {
    let mut play = played(&[]);
    play.program.plan.segments.insert("region".to_owned(), vec!["eu".to_owned()]);
    play.line(IOS);
    let expect = [
        "errors: without errors in platform ios",
        "errors in platform ios: not",
        "errors in region eu: not",
    ];
    check(&play, &expect);
}

#[test]
fn a_level_is_no_sum_of_its_parts_and_a_plain_limit_compares_nothing() {
    let mut play = played(&[]);
    let mut limited = play.program.plan.checks[0].clone();
    (limited.name, limited.tolerate) = ("crashes".parse().expect("a name"), None);
    play.program.plan.checks.push(limited);
    play.line(IOS);
    let ios = ["errors: without errors in platform ios", "errors in platform ios: not"];
    check(&play, &ios);
    let source = crate::plan::SourceRef::Push;
    play.program.plan.checks[0].numbers = Numbers::Gauge { source, query: "queue".to_owned() };
    check(&play, &["errors: not", "errors in platform ios: not"]);
}

fn of_counts(canary: (u64, u64), baseline: (u64, u64)) -> judge::Numbers {
    judge::Numbers::Counts(Counts {
        canary_requests: canary.0,
        canary_failures: canary.1,
        baseline_requests: baseline.0,
        baseline_failures: baseline.1,
    })
}

/// A look after the cut of ios: everybody, ios, android, web.
fn left_out(
    all: Option<judge::Numbers>,
    ios: Option<judge::Numbers>,
) -> (Vec<Criterion>, LookInput) {
    let Play { program, state, .. } = played(&[IOS]);
    let mut criteria = criteria(&program.plan);
    let mut input = LookInput {
        weight: state.wish.weight,
        control: true,
        history: false,
        harm: 0.0,
        ahead: Vec::new(),
        lasting: Duration::from_secs(10),
        checks: vec![all, ios, None, None],
        split: Some(Requests { canary: 10, baseline: 1000 }),
        sticky: true,
    };
    leave_out(&program, &state, 0, &mut criteria, &mut input);
    (criteria, input)
}

#[test]
fn what_everybody_did_is_compared_less_the_cut() {
    let all = of_counts((700, 9), (9_300, 60));
    let (criteria, input) = left_out(Some(all.clone()), Some(of_counts((10, 5), (3_000, 40))));
    let compares: Vec<bool> = criteria.iter().map(|c| c.tolerate.is_some()).collect();
    assert_eq!(compares, [true, false, true, true]);
    assert_eq!(input.checks[0], Some(of_counts((690, 4), (6_300, 20))));
    assert_eq!(input.split, Some(Requests { canary: 690, baseline: 6_300 }), "as wished again");
    // Read a moment later, the part has more than the whole had.
    let (_, input) = left_out(Some(all.clone()), Some(of_counts((701, 9), (9_000, 61))));
    assert_eq!(input.checks[0], Some(of_counts((0, 0), (300, 0))));
    for (all, ios) in [(Some(all.clone()), None), (None, Some(all))] {
        let (_, input) = left_out(all, ios);
        assert_eq!((&input.checks[0], input.split), (&None, None), "blind, and no split to tell");
    }
}

fn slower(requests: (u64, u64), bounds: &[(f64, u64, u64)]) -> judge::Numbers {
    judge::Numbers::Histogram(Histogram {
        canary_requests: requests.0,
        baseline_requests: requests.1,
        slower: bounds
            .iter()
            .map(|&(than, canary, baseline)| Slower { than, canary, baseline })
            .collect(),
    })
}

#[test]
fn histograms_and_values_are_less_the_cut_too() {
    let all = slower((100, 900), &[(0.1, 50, 500), (0.5, 10, 90)]);
    let ios = slower((20, 300), &[(0.1, 20, 100), (0.5, 9, 10)]);
    let (_, input) = left_out(Some(all.clone()), Some(ios));
    assert_eq!(input.checks[0], Some(slower((80, 600), &[(0.1, 30, 400), (0.5, 1, 80)])));
    let (_, input) = left_out(Some(all.clone()), Some(slower((20, 300), &[(0.1, 20, 100)])));
    assert_eq!(input.checks[0], None, "how many of ios took more than 0.5 s nobody knows");
    let (_, input) = left_out(Some(all.clone()), Some(slower((0, 0), &[])));
    assert_eq!(input.checks[0], Some(all));
    let values = |events, sum, squares| {
        let moments = Moments { events, sum, squares };
        judge::Numbers::Values(Values { canary: moments, baseline: moments })
    };
    let (_, input) = left_out(Some(values(5, 15.0, 55.0)), Some(values(2, 3.0, 5.0)));
    assert_eq!(input.checks[0], Some(values(3, 12.0, 50.0)));
    let (_, input) = left_out(Some(values(5, 15.0, 55.0)), Some(values(5, 15.0, 55.0)));
    assert_eq!(input.checks[0], Some(values(0, 0.0, 0.0)));
}

/// Evidence starts anew at half of alpha, as after a person's "go on".
#[test]
fn a_cut_is_a_new_split_of_the_same_weight_and_a_new_life() {
    let before = played(&[]).state;
    let after = played(&[IOS]).state;
    assert_eq!(after.lives, before.lives + 1);
    assert_eq!(after.wish.weight, before.wish.weight);
    assert_eq!(after.wish.generation.0, before.wish.generation.0 + 1);
    let [cut] = &after.cuts[..] else { panic!("{:?}", after.cuts) };
    assert_eq!(
        (cut.segment.to_string().as_str(), cut.since),
        ("platform ios", after.wish.generation)
    );
}

#[track_caller]
fn check_overrides(lines: &[&str], canary: Side, share: Option<Weight>) {
    let state = played(lines).state;
    let told = share.map(|share| Override {
        segment: segment("platform", "ios"),
        share,
        since: Generation(9),
    });
    assert_eq!(overrides(&state, canary), Vec::from_iter(told), "{lines:?}");
}

#[test]
fn a_cut_segment_has_the_baselines_side_as_long_as_others_have_the_canarys() {
    check_overrides(&[], Side::B, None);
    check_overrides(&[IOS], Side::B, Some(Weight::ZERO));
    check_overrides(&[IOS], Side::A, Some(Weight::FULL));
    let promoted = [IOS, "confirmed", "promote by jonas", "confirmed"];
    check_overrides(&promoted, Side::B, Some(Weight::ZERO));
    check_overrides(&[IOS, "confirmed", "revert by jonas"], Side::B, None);
}

/// A state of an older version has no cuts, and reads.
#[test]
fn a_state_from_before_there_were_cuts_has_none() {
    let mut json = serde_json::to_value(played(&[]).state).expect("JSON");
    json.as_object_mut().expect("an object").remove("cuts");
    assert_eq!(serde_json::from_value::<State>(json).expect("a state").cuts, []);
}

#[track_caller]
fn broken(mutate: impl FnOnce(&mut State), expect: &str) {
    let play = played(&[IOS]);
    let mut after = play.state.clone();
    mutate(&mut after);
    let broken = invariants(&play.program, &play.state, &Event::Tick, &after);
    assert_eq!(broken.first().map(String::as_str), Some(expect));
}

fn another(state: &State) -> Cut {
    Cut {
        segment: segment("platform", "web"),
        at: Timestamp::default(),
        since: state.wish.generation,
        because: Reason::GaveUp { after: Duration::ZERO },
    }
}

#[test]
fn l11_a_cut_segment_stays_cut_and_alone() {
    broken(|s| s.cuts.clear(), "L11: a segment that was cut came back");
    broken(|s| s.cuts[0] = another(s), "L11: a segment that was cut came back");
    broken(|s| s.cuts.push(another(s)), "L11: a second segment was cut alone");
    let play = played(&[]);
    let mut after = play.state.clone();
    after.cuts.push(another(&after));
    let broken = invariants(&play.program, &play.state, &Event::Tick, &after);
    assert_eq!(broken, ["L5: a segment was cut under an old generation"]);
}

/// A rollout that begins with a gate must not leave a segment where the rollout before it cut it: on the side that is
/// idle now.
#[test]
fn whatever_comes_first_begins_a_split_of_its_own() {
    let gated = PLAN.replace("  - shift: 1%\n", "");
    for plan in [PLAN, gated.as_str()] {
        let mut play = Play::new(plan);
        play.line("start");
        assert_eq!(
            (play.state.wish.generation, play.state.wish.confirmed_at),
            (Generation(8), None)
        );
    }
}

/// Looks at everybody, ios, android and web, item by item.
struct Counted {
    play: Play,
    memory: Memory,
    asks: Vec<Ask>,
    counters: Vec<f64>,
}

impl Counted {
    /// ios was cut, and both dropped looks are past.
    fn after_the_cut() -> Self {
        let play = played(&[IOS, "+1s confirmed"]);
        let kinds = [Arm::Canary, Arm::Baseline]
            .map(|arm| [(arm, Counter::Requests), (arm, Counter::Failures)]);
        let asks: Vec<Ask> = (0..play.program.plan.items().len())
            .flat_map(|check| {
                kinds.concat().into_iter().map(move |(arm, counter)| (check, arm, counter))
            })
            .map(|(check, arm, counter)| {
                let (route, label) = ("checkout".parse().expect("a name"), format!("{arm:?}"));
                let from =
                    From::Pushed { route, arm: label, what: Pushed::Requests, segment: None };
                Ask { check, arm, counter, from }
            })
            .collect();
        let counters = vec![0.0; asks.len()];
        let mut counted = Self { memory: Memory::new(&play.program), play, asks, counters };
        for _ in 0..4 {
            counted.look([100, 0, 9_900, 30], [0, 0, 3_000, 0]);
        }
        counted
    }

    /// Canary requests and failures, then the baseline's: of all, and of ios; the others share the rest.
    fn look(&mut self, all: [u64; 4], ios: [u64; 4]) -> &'static str {
        self.play.now = self.play.now.plus(Duration::from_secs(10));
        let at = self.play.now;
        let rest: Vec<u64> = all.iter().zip(ios).map(|(all, ios)| (all - ios) / 2).collect();
        let rises = [&all[..], &ios[..], &rest[..], &rest[..]].concat();
        self.counters.iter_mut().zip(rises).for_each(|(counter, by)| *counter += by as f64);
        let series = self.counters.iter().enumerate().map(|(ask, value)| Series {
            ask,
            key: "shop requests".to_owned(),
            bound: None,
            points: vec![Point { at, value: *value }],
        });
        let answer = Answer { series: series.collect(), until: at, troubles: Vec::new() };
        let (program, state) = (&self.play.program, &self.play.state);
        let (lasting, lag) = (Duration::from_secs(10), Duration::ZERO);
        let (memory, look) = weigh(program, state, &self.memory, &self.asks, &answer, lasting, lag);
        self.memory = memory;
        look.map_or("no look", |look| look.finding.kind())
    }
}

/// On the baseline ios fails a fifth of the time, or never, by nature; beside it nobody would see what v413 does to the
/// others, or it would seem to do what it does not.
#[test]
fn the_others_are_compared_without_what_a_cut_segment_does_by_nature() {
    let mut counted = Counted::after_the_cut();
    let ios = [0, 0, 3_000, 600];
    let sick: Vec<_> = (0..30).map(|_| counted.look([100, 4, 9_900, 620], ios)).collect();
    assert!(sick.contains(&"regression"), "{sick:?}");
    let finding = counted.memory.judgement.map(|judgement| judgement.verdict);
    assert!(matches!(finding, Some(Verdict::Regression { check, .. }) if check == "errors"));

    let mut counted = Counted::after_the_cut();
    let well: Vec<_> =
        (0..100).map(|_| counted.look([100, 6, 9_900, 414], [0, 0, 3_000, 0])).collect();
    assert!(!well.contains(&"regression"), "{well:?}");
}

#[test]
fn a_program_that_does_not_heed_the_cut_is_a_mismatch() {
    let mut counted = Counted::after_the_cut();
    assert_eq!(counted.look([105, 0, 9_900, 30], [5, 0, 3_000, 9]), "thin", "stragglers");
    assert_eq!(counted.look([140, 0, 9_900, 30], [40, 0, 3_000, 9]), "mismatch");
    assert_eq!(counted.look([100, 0, 9_900, 30], [0, 0, 3_000, 9]), "thin");
}
