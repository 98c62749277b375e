//! Rows: where a rollout stands, and the words people read of it.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::api::views::Group;
use crate::domain::{Actor, Doubt, Generation, Side, Weight};
use crate::engine::{Command, Event, Look, Memory, decide, initial};
use crate::judge::{
    Amount, Before, Counts, Judgement, LimitAction, Reading, Remaining, Thin, Together, Verdict,
};
use crate::plan::{SourceFile, program, read};

const PLAN: &str = "\
plan: checkout
route:
  split: { flag: checkout, unit: user }
  arm: { label: version, baseline: v412, canary: v413 }
  count: push
  dashboard: https://grafana.example/d/x?from=$from&to=$to
owner: payments
bake: 10m
steps:
  - shift: 5%
  - gate: { approve: [leads], timeout: 24h, then: revert, asks: [backup_id] }
  - shift: 25%
  - { shift: 100%, bake: 4h }
return_within: 24h
";
const START: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

/// A rollout that lives through events, one minute apart.
struct Tale {
    stored: Stored,
    facts: Facts,
}

impl Tale {
    fn new() -> Self {
        let found = read(&SourceFile { path: "p.yaml", bytes: PLAN.as_bytes() });
        let plan = found.documents.first().and_then(|d| d.plan());
        let plan = plan.unwrap_or_else(|| panic!("{:?}", found.problems));
        let crate::plan::RouteRef::Inline(route) = &plan.route else { panic!("an inline route") };
        let program =
            program(plan, route, &Default::default(), Side::A, None, &[]).expect("a program");
        let state = initial(Actor::token("ana"), 0, START);
        let memory = Memory::new(&program);
        let name = "checkout#42".parse().expect("a name");
        let stored = Stored {
            name,
            version: 1,
            plan_revision: 3,
            program: Arc::new(program),
            state,
            memory,
        };
        Self { stored, facts: Facts { now: START, ..Facts::default() } }
    }

    /// At 5 %, confirmed.
    fn baking() -> Self {
        Self::new().then(Event::Started { generation: Generation(1) }).confirmed()
    }

    fn then(mut self, event: Event) -> Self {
        self.facts.now = self.facts.now.plus(Duration::from_secs(60));
        let decided = decide(&self.stored.program, &self.stored.state, &event, self.facts.now);
        assert_eq!(decided.refused, None);
        self.stored.state = decided.next;
        for entry in decided.entries {
            let seq = self.facts.journal.len() as i64 + 1;
            let line = JournalLine { seq, entry, prev: String::new(), hash: String::new() };
            self.facts.journal.push(line);
        }
        self
    }

    fn confirmed(self) -> Self {
        let generation = self.stored.state.wish.generation;
        self.then(Event::Confirmed { generation })
    }

    fn told(self, command: Command) -> Self {
        self.then(Event::Command { by: Actor::token("jonas"), command })
    }

    fn looked(self, finding: Finding) -> Self {
        let generation = self.stored.state.wish.generation;
        let lasting = Duration::from_secs(20);
        let detail = serde_json::Value::Null;
        self.then(Event::Looked(Look {
            generation,
            lasting,
            waited: Duration::ZERO,
            finding,
            detail,
        }))
    }

    fn judged(mut self, reading: Reading, log: f64) -> Self {
        let why = Thin::NoCanaryYet;
        let readings = vec![reading];
        let verdict = Verdict::Inconclusive { why };
        let (log_evidence, log_limit) = (Some(log), libm::log(100.0));
        self.stored.memory.judgement =
            Some(Judgement { verdict, readings, log_evidence, log_limit, blamed: Vec::new() });
        self
    }

    fn view(&self) -> RolloutView {
        rollout(&self.stored, &self.facts)
    }
}

fn reading(step: [u64; 4], since: Option<[u64; 4]>) -> Reading {
    let counts = |[cf, cr, bf, br]: [u64; 4]| Counts {
        canary_failures: cf,
        canary_requests: cr,
        baseline_failures: bf,
        baseline_requests: br,
    };
    Reading {
        check: "errors".to_owned(),
        step: counts(step),
        since: since.map(counts),
        log_evidence: Some(libm::log(0.361)),
        margin: Some(0.001),
        log_excluded: Some(0.0),
        remaining: Some(Remaining { requests: 7_311.0, time: Some(Duration::from_secs(60)) }),
        ..Reading::default()
    }
}

fn thin() -> Finding {
    Finding::Thin { sentence: "needs more".to_owned() }
}

fn regression() -> Finding {
    let sentence = "the canary fails 3.8x as often".to_owned();
    Finding::Regression { check: "errors".to_owned(), sentence }
}

fn shared(then: LimitAction) -> Finding {
    let sentence = "both arms fail 3.4x as often as in the hour before the shift: 120 of 24,000 requests against \
                    35 of 24,000, limit 2x broken for 2m";
    let (check, sentence) = ("whole-route".to_owned(), sentence.to_owned());
    Finding::Limit { check, sentence, then, shared: true }
}

#[test]
fn harm_in_both_arms_needs_a_person_and_blames_nobody() {
    stands(
        Tale::baking().looked(shared(LimitAction::Pause)),
        Group::NeedsYou,
        "BOTH versions fail 3.4x as often as in the hour before the shift, paused at 5 %",
        "a person: resume or revert",
        "tidegate resume checkout",
    );
    stands(
        Tale::baking().looked(shared(LimitAction::StepBack)),
        Group::NeedsYou,
        "BOTH versions fail 3.4x as often as in the hour before the shift, stepped back at 0 %",
        "whether the harm recedes; then a person",
        "tidegate resume checkout",
    );
    let tale = Tale::baking().looked(shared(LimitAction::StepBack)).confirmed();
    let receded = (0..12).fold(tale, |tale, _| tale.looked(thin()));
    stands(
        receded,
        Group::NeedsYou,
        "BOTH versions fail 3.4x as often as in the hour before the shift, receded after a step back at 0 %",
        "a person: revert, the canary is the likely cause",
        "tidegate resume checkout",
    );
}

#[test]
fn both_arms_are_shown_beside_the_hour_before() {
    let amount =
        |sum, of, minutes: u64| Amount { of, sum, lasting: Duration::from_secs(60 * minutes) };
    let before = Before { seen: amount(120.0, 100_000.0, 60), most: 0.0014, dispersion: 1.2 };
    let told = |before, since| {
        let together = Together { before, now: amount(129.0, 100_000.0, 10), since };
        let both = Reading {
            check: "whole-route".to_owned(),
            together: Some(together),
            ..reading([0; 4], None)
        };
        let mut tale = Tale::baking().judged(both, 0.0);
        tale.stored.memory.until = Some(START);
        let view = tale.view();
        let check = view.checks.into_iter().find(|c| c.name == "whole-route").expect("a check");
        let both = check.together.expect("of both arms");
        (both.now.unwrap_or_default(), both.before.unwrap_or_default(), both.text)
    };
    let texts =
        |(now, before, text): (String, String, String)| format!("{now} | {before} | {text}");
    assert_eq!(texts(told(Some(before), None)), "0.129 % fail | 0.12 % before | as before");
    let since = Some(amount(408.0, 100_000.0, 6));
    assert_eq!(
        texts(told(Some(before), since)),
        "0.408 % fail | 0.12 % before | 3.4x since 15:54:00 UTC"
    );
    let unarmed = "0.129 % fail |  | not held to anything: too little was seen before the shift";
    assert_eq!(texts(told(None, None)), unarmed);
}

#[track_caller]
fn stands(tale: Tale, group: Group, headline: &str, waits_for: &str, first: &str) {
    let view = tale.view();
    assert_eq!(view.headline, headline);
    assert_eq!(view.group, group);
    assert_eq!(view.waits_for.as_deref().unwrap_or("nothing"), waits_for);
    assert_eq!(view.actions.first().map(|a| a.command.as_str()), Some(first));
    let row = summary((&tale.stored).into(), &tale.facts);
    assert_eq!((row.group, row.command.as_deref()), (group, Some(first)));
}

#[test]
fn the_first_line_says_what_holds_it_and_what_one_can_do() {
    let person = |because: &str| Command::Pause { because: because.to_owned() };
    stands(
        Tale::new(),
        Group::Waiting,
        "starting",
        "checkout is free",
        "tidegate revert checkout#42",
    );
    let shifting = Tale::new().then(Event::Started { generation: Generation(1) });
    stands(
        shifting,
        Group::Stepping,
        "moving to 5 %",
        "every instance to follow",
        "tidegate pause checkout",
    );
    stands(
        Tale::baking(),
        Group::Stepping,
        "baking, no look yet",
        "bake 0 ms of 10m",
        "tidegate pause checkout",
    );
    stands(
        Tale::baking().looked(thin()),
        Group::Stepping,
        "all well, baking",
        "bake 20 s of 10m",
        "tidegate pause checkout",
    );
    stands(
        Tale::baking().looked(Finding::Blind { sentence: "prom is down".to_owned() }),
        Group::NeedsYou,
        "blind, the weight stays 5 %: prom is down",
        "bake 0 ms of 10m",
        "tidegate pause checkout",
    );
    stands(
        Tale::baking().told(person("lunch")),
        Group::NeedsYou,
        "paused at 5 %: asked by jonas: lunch",
        "a person: resume or revert",
        "tidegate resume checkout",
    );
    stands(
        Tale::baking().looked(regression()),
        Group::Stepping,
        "going back: errors: the canary fails 3.8x as often",
        "every instance to follow",
        "tidegate explain checkout",
    );
    stands(
        Tale::baking().looked(regression()).confirmed(),
        Group::Ended,
        "reverted at 5 %: errors: the canary fails 3.8x as often",
        "nothing",
        "tidegate retry checkout#42",
    );
}

#[test]
fn a_queue_names_who_is_ahead_and_a_kill_who_pulled_it() {
    let mut tale = Tale::new();
    tale.facts.holder = Some("checkout#41".parse().expect("a name"));
    assert_eq!(tale.view().headline, "queued behind checkout#41");
    let route = tale.stored.program.route.name.clone();
    let (by, because) = (Actor::token("ana"), "fire".to_owned());
    tale.facts.kill = Some(Kill { route, by, because, at: START });
    let view = tale.view();
    assert_eq!(view.headline, "queued; checkout is killed");
    assert_eq!(view.actions[0].command, "tidegate unkill checkout");
}

#[test]
fn a_gate_says_who_until_when_and_what_it_asks() {
    let mut tale = Tale::baking();
    for _ in 0..40 {
        if !matches!(tale.stored.state.phase, Phase::Baking { .. }) {
            break;
        }
        tale = tale.looked(Finding::Pass { sentence: "no harm".to_owned() });
    }
    let view = tale.view();
    assert_eq!(view.headline, "waits for approval");
    assert_eq!(view.waits_for.as_deref(), Some("leads to approve; without an answer it reverts"));
    assert_eq!(view.until, view.phase.since.map(|At(at)| At(at.plus(Duration::from_secs(86_400)))));
    assert_eq!(view.actions[0].command, "tidegate approve checkout --answer BACKUP_ID");
    assert!(view.needs_person);
}

#[track_caller]
fn climbs(tale: &Tale, expect: &str) {
    use crate::api::views::StepState::{Ahead, Current, Done, Skipped};
    let step = |step: &crate::api::views::StepView| match step.state {
        Done => step.label.clone(),
        Current => format!("[ {} ]", step.label),
        Ahead => format!("({})", step.label),
        Skipped => format!("-{}-", step.label),
    };
    let ladder: Vec<String> = tale.view().ladder.iter().map(step).collect();
    assert_eq!(ladder.join(" "), expect);
}

#[test]
fn the_ladder_is_shown_as_it_runs() {
    let promote = || Command::Promote { because: String::new() };
    climbs(&Tale::new(), "(5 %) (gate leads) (25 %) (90 % for 4h) (100 %)");
    climbs(&Tale::baking(), "[ 5 % ] (gate leads) (25 %) (90 % for 4h) (100 %)");
    let paused = Tale::baking().told(Command::Pause { because: String::new() });
    climbs(&paused, "[ 5 % ] (gate leads) (25 %) (90 % for 4h) (100 %)");
    let promoted = Tale::baking().told(promote());
    climbs(&promoted, "5 % -gate leads- -25 %- -90 % for 4h- [ 100 % ]");
    climbs(&promoted.confirmed(), "5 % -gate leads- -25 %- -90 % for 4h- 100 %");
    let reverted = Tale::baking().looked(regression()).confirmed();
    climbs(&reverted, "[ 5 % ] (gate leads) (25 %) (90 % for 4h) (100 %)");
}

#[test]
fn a_bake_says_what_its_checks_must_still_rule_out_and_until_when() {
    let tale = Tale::baking().looked(thin()).judged(reading([40, 26_100, 95, 78_500], None), 0.0);
    let view = tale.view();
    let waits = view.waits_for.expect("a wait");
    assert_eq!(
        waits,
        "bake 20 s of 10m; errors must rule out 1.8x (today at most 2.6x): about 7,400 more canary requests, 60 s"
    );
    assert_eq!(view.until, Some(At(tale.facts.now.plus(Duration::from_secs(580)))));
    let check = &view.checks[0];
    assert_eq!(check.tolerate.as_deref(), Some("1.1x"));
    assert_eq!(check.evidence.as_ref().map(|e| e.text.as_str()), Some("0.36 : 1"));
    let seen = view.split.seen_share.expect("a share");
    assert!((seen - 26_100.0 / 104_600.0).abs() < 1e-12);
}

#[test]
fn a_revert_is_told_with_what_it_cost() {
    let counts = reading([97, 52_398, 198, 157_526], Some([39, 7_486, 30, 22_045]));
    let tale = Tale::baking().judged(counts, libm::log(111.2)).looked(regression()).confirmed();
    let revert = tale.view().revert.expect("its account");
    assert_eq!((revert.by.as_str(), revert.from_ppm), ("the judge", 50_000));
    assert_eq!(revert.check.as_deref(), Some("errors"));
    assert_eq!(revert.took_ms, Some(60_000.0));
    assert!(revert.extra_failures.is_some_and(|extra| (extra - 28.81).abs() < 0.01));
    assert_eq!(
        revert.sentences,
        [
            "Since the harm began: 39 of 7,486 requests failed on v413, 30 of 22,045 on v412: 3.8x (99 % range 1.5 to 10)",
            "Before, in this step: 58 of 44,912 on v413, 168 of 135,481 on v412: 1x",
            "Evidence 111 : 1, limit 100 : 1",
            "Hurt: about 29 requests more than v412 would have failed",
            "v413 stays off until someone starts it",
        ]
    );
}

#[test]
fn a_revert_without_evidence_claims_none() {
    let because = "colour".to_owned();
    let tale = Tale::baking().told(Command::Revert { because }).confirmed();
    let revert = tale.view().revert.expect("its account");
    assert_eq!((revert.by.as_str(), revert.counts, revert.extra_failures), ("jonas", None, None));
    assert_eq!(revert.sentences, ["v413 stays off until someone starts it"]);
}

#[test]
fn the_dashboard_is_opened_at_the_right_time() {
    let view = Tale::baking().view();
    let expect = "https://grafana.example/d/x?from=1763999400000&to=1764000120000";
    assert_eq!(view.dashboard.as_deref(), Some(expect));
}

#[test]
fn an_observed_route_is_never_said_to_be_moved() {
    let mut tale = Tale::new();
    let mut program = (*tale.stored.program).clone();
    program.route.split = crate::plan::Splitter::Observe;
    tale.stored.program = Arc::new(program);
    let back = Command::Revert { because: String::new() };
    let tale =
        tale.then(Event::Started { generation: Generation(1) }).confirmed().told(back).confirmed();
    let told: Vec<&str> = tale.facts.journal.iter().map(|l| l.entry.text.as_str()).collect();
    let told = told.join("\n");
    assert!(told.contains("5 % is what we would have sent; nobody was moved"), "{told}");
    assert!(told.ends_with("would have put everybody on v412 again, and moved nobody"), "{told}");
    assert!(!told.contains("in force"), "{told}");
}

#[test]
fn three_in_the_morning_the_ill_come_first() {
    let now_of = |tales: &[&Tale], kills: &[Kill]| {
        let rows: Vec<_> = tales.iter().map(|t| ((&t.stored).into(), t.facts.clone())).collect();
        now(&rows, kills, START.plus(Duration::from_secs(600)))
    };
    assert_eq!(
        now_of(&[], &[]).headline,
        "Tidegate is well. nothing changed in the last 6 h, nothing looks ill."
    );
    let well = Tale::baking().looked(thin());
    let mut blind = Tale::baking().looked(Finding::Blind { sentence: "prom is down".to_owned() });
    let mut program = (*blind.stored.program).clone();
    program.route.name = crate::domain::Name::new("search").expect("a name");
    blind.stored.program = Arc::new(program);
    let view = now_of(&[&well, &blind], &[]);
    assert_eq!(view.headline, "Tidegate is well. 2 routes changed in the last 6 h, 1 looks ill.");
    let routes: Vec<&str> = view.changed.iter().map(|l| l.route.as_str()).collect();
    assert_eq!(routes, ["search", "checkout"]);
    assert_eq!(view.changed[0].command.as_deref(), Some("tidegate revert checkout"));
    let queued = Tale::new();
    let view = now_of(&[&well, &queued], &[]);
    assert_eq!(view.changed.len(), 1, "one line a route");
    assert_eq!(
        view.changed[0].weight_ppm,
        well.stored.state.wish.weight.ppm(),
        "the one with users on it"
    );
    let back = Tale::baking().told(Command::Revert { because: String::new() }).confirmed();
    assert_eq!(now_of(&[&back], &[]).changed[0].command, None, "safe already");
    let old = Tale::baking().told(Command::Revert { because: String::new() }).confirmed();
    let rows: [(Row<'_>, Facts); 1] = [((&old.stored).into(), old.facts.clone())];
    assert!(now(&rows, &[], START.plus(Duration::from_secs(7 * 3600))).changed.is_empty());
}

#[test]
fn tolerances_are_written_as_plans_write_them() {
    let level = crate::plan::Numbers::Values { name: "basket".to_owned() };
    let counts = crate::plan::Numbers::Route;
    let rows = [
        (1.1, 0.0, &counts, "1.1x"),
        (1.0, 0.0005, &counts, "0.05pp"),
        (1.1, 0.0005, &counts, "1.1x + 0.05pp"),
        (1.0, 0.0, &counts, "1x"),
        (0.0, 0.005, &counts, "0.5 %"),
        (1.0, 20.0, &level, "20"),
        (1.1, 20.0, &level, "1.1x + 20"),
    ];
    for (ratio, delta, of, expect) in rows {
        assert_eq!(numbers::tolerance(crate::judge::Tolerance { ratio, delta }, of), expect);
    }
}

#[test]
fn no_number_is_one_that_json_does_not_have() {
    let wild = |log| {
        let reading = Reading {
            log_evidence: Some(log),
            log_excluded: Some(log),
            dispersion: f64::INFINITY,
            remaining: None,
            ..reading([0, 0, 0, 0], None)
        };
        let view = Tale::baking().judged(reading, log).view();
        let json = serde_json::to_string(&view).expect("JSON");
        let back: RolloutView = serde_json::from_str(&json).expect("the same view");
        assert_eq!(back, view);
    };
    for log in [f64::INFINITY, f64::NEG_INFINITY, 900.0, -900.0, 0.0] {
        wild(log);
    }
}

#[test]
fn a_doubt_is_shown_by_its_word() {
    let doubt = doubt(&Doubt::Silent("no request".to_owned()));
    assert_eq!((doubt.word.as_str(), doubt.detail.as_str()), ("silent", "no request"));
    assert_eq!(Weight::FULL.ppm(), 1_000_000);
}

#[test]
fn instants_survive_json_even_beyond_all_calendars() {
    for micros in [0, 1_764_000_000_123_456, -1, i64::MAX] {
        let at = At(Timestamp::from_micros(micros));
        let json = serde_json::to_string(&at).expect("JSON");
        let back: At = serde_json::from_str(&json).expect("an instant");
        assert_eq!(back, at, "{json}");
    }
    assert!(serde_json::from_str::<At>("\"yesterday\"").is_err());
}

/// Harm in one segment, of a plan that cuts it.
fn cut() -> Tale {
    let mut tale = Tale::baking();
    let program = Arc::make_mut(&mut tale.stored.program);
    program.plan.on_regression = crate::plan::OnRegression::RevertSegment;
    program.plan.segments.insert("platform".to_owned(), vec!["ios".to_owned()]);
    let sentence = "the canary fails 3.8x as often".to_owned();
    tale.looked(Finding::Regression { check: "errors in platform ios".to_owned(), sentence })
}

#[test]
fn a_segment_that_was_cut_asks_for_a_person_and_waits_for_none() {
    let ios = "platform ios at 0 % since 16:03";
    let waits = "every instance to follow";
    let explain = "tidegate explain checkout";
    let moving = format!("{ios}, others 5 %: moving to 5 %");
    stands(cut(), Group::NeedsYou, &moving, waits, explain);
    let pass = || Finding::Pass { sentence: "no harm".to_owned() };
    let well = cut().confirmed().looked(pass());
    assert!(!well.view().needs_person);
    assert_eq!(summary((&well.stored).into(), &well.facts).holds, "cut");
    stands(
        well,
        Group::NeedsYou,
        &format!("{ios}, others 5 % and well"),
        "bake 20 s of 10m",
        explain,
    );
    let because = "lunch".to_owned();
    let paused = cut().confirmed().told(Command::Pause { because });
    assert!(paused.view().needs_person);
    let headline = format!("paused at 5 %: asked by jonas: lunch; {ios}");
    let (wait, resume) = ("a person: resume or revert", "tidegate resume checkout");
    stands(paused, Group::NeedsYou, &headline, wait, resume);
}

#[test]
fn a_cut_says_since_when_and_why() {
    let tale = cut().confirmed();
    let [cut] = &tale.view().cuts[..] else { panic!("{:?}", tale.view().cuts) };
    assert_eq!((cut.attribute.as_str(), cut.value.as_str()), ("platform", "ios"));
    assert_eq!(cut.sentence, "errors in platform ios: the canary fails 3.8x as often");
    let told = explain(&tale.stored, &tale.facts, super::looks::retold(&tale.stored, &[], 0..0));
    let story = told.story.join("\n");
    assert!(
        story.contains("platform ios is kept on v412 since 2025-11-24T16:03:00.000Z: errors"),
        "{story}"
    );
    assert!(told.verdicts.iter().any(|line| line.kind == "cut"));
}

#[test]
fn after_a_cut_not_everybody_has_the_new_version() {
    let because = "ios later".to_owned();
    let tale = cut().confirmed().told(Command::Promote { because }).confirmed();
    let view = tale.view();
    assert!(
        view.headline.ends_with(": everybody but platform ios is on v413"),
        "{}",
        view.headline
    );
    assert_eq!(view.group, Group::Ended);
    let because = "not without ios".to_owned();
    let back = cut().confirmed().told(Command::Revert { because });
    assert_eq!(back.view().headline, "going back: asked by jonas: not without ios");
}
