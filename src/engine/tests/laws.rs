//! A row or more for each law.

use super::play::{Play, shown};
use crate::domain::{Actor, Doubt, Generation};
use crate::engine::{Event, Finding, Look, Phase, decide};
use crate::plan::Program;

pub(super) const PLAN: &str = "
plan: checkout
route:
  split: { pull: { instances: 1 } }
  arm: { label: version }
  count: push
  serves: v412
owner: payments
inputs: [version]
canary: $version
bake: 30s
steps:
  - shift: 1%
  - gate: { approve: leads, timeout: 1h }
  - shift: 50%
  - shift: 100%
";

/// Plays a script and compares where it ends.
#[track_caller]
fn check(script: &str, expect: &str) {
    check_plan(PLAN, script, expect);
}

#[track_caller]
fn check_plan(plan: &str, script: &str, expect: &str) {
    let mut play = Play::new(plan);
    let lines = script.lines().map(str::trim).filter(|l| !l.is_empty());
    let history: Vec<String> =
        lines.flat_map(|l| [vec![l.to_owned()], play.line(l)].concat()).collect();
    let last = history.last().map(|l| l.trim_matches(['[', ']']));
    assert_eq!(last, Some(expect), "\n{}", history.join("\n"));
}

/// The script that leads to a step, so that a row need only say what is special about it.
const BAKING: &str = "09:00:00 start\n+40ms confirmed\nlooks 1 pass\n";
const GATED: &str = "09:00:00 start\n+40ms confirmed\nlooks 3 pass\n";
const COMPLETED: &str =
    "09:00:00 start\n+40ms confirmed\n+1s promote by jonas because hotfix\n+40ms confirmed\n";

#[track_caller]
fn after(before: &str, script: &str, expect: &str) {
    check(&format!("{before}{script}"), expect);
}

#[test]
fn l1_a_decided_revert_is_never_raised_again() {
    let back = "reverting (asked by mia: red) at 0 %?";
    for later in [
        "resume by jonas",
        "promote by jonas",
        "approve by jonas in leads",
        "looks 100 pass",
        "confirmed older",
        "+10d tick",
        "hand haproxy-1 0.5%",
        "start",
    ] {
        after(BAKING, &format!("revert by mia because red\n{later}"), back);
        after(GATED, &format!("revert by mia because red\n{later}"), back);
    }
    after(BAKING, "looks 1 regression", "reverting (errors: fails 3.8x as often) at 0 %?");
    after(BAKING, "kill by mia because red", "reverting (kill switch pulled by mia: red) at 0 %?");
    after(BAKING, "supersede by checkout#43", "reverting (superseded by checkout#43) at 0 %?");
}

#[test]
fn l1_a_revert_is_for_good_once_it_is_done() {
    let done = "reverted (asked by mia: red) at 0 %";
    for later in
        ["start", "resume by jonas", "promote by jonas", "kill by mia", "looks 9 pass", "tick"]
    {
        after(BAKING, &format!("revert by mia because red\n+1s confirmed\n{later}"), done);
    }
}

#[test]
fn l2_a_revert_waits_for_its_confirmation_and_for_nothing_else() {
    let back = "reverting (asked by mia: red) at 0 %?";
    after(BAKING, "revert by mia because red\n+100d tick\n+100d tick\nlooks 99 blind", back);
    // At night, blind, gated and frozen alike.
    let window = format!("{PLAN}window: {{ open: \"0 9 * * MON-THU\", for: 1h, timezone: UTC }}\n");
    let script = format!("{GATED}+9h look blind\nrevert by mia because red\n+1s confirmed");
    check_plan(&window, &script, "reverted (asked by mia: red) at 0 %");
}

#[test]
fn l3_no_gate_no_weight() {
    after(GATED, "looks 999 pass", "gated step 2 at 1 %");
    after(GATED, "approve by ci in leads", "gated step 2 at 1 %");
    after(GATED, "approve by jonas in leads", "shifting step 3 at 50 %?");
    after(
        GATED,
        "pause by jonas\napprove by mia in leads",
        "paused (asked by jonas; was gated step 2) at 1 %",
    );
    after(BAKING, "hand haproxy-1 50%", "baking step 1, 10 s earned at 1 %");
}

#[test]
fn l4_every_step_once() {
    after(GATED, "approve by jonas in leads\napprove by mia in leads", "shifting step 3 at 50 %?");
    after(
        GATED,
        "approve by jonas in leads\n+1s confirmed\nlooks 3 pass",
        "shifting step 4 at 90 %?",
    );
    after(GATED, "promote by jonas", "finishing at 100 %?");
    after(BAKING, "start", "baking step 1, 10 s earned at 1 %");
}

#[test]
fn l5_only_the_split_in_force_counts() {
    check("start\nconfirmed older", "shifting step 1 at 1 %?");
    after(
        GATED,
        "approve by jonas in leads\nconfirmed older\nlooks 9 pass",
        "shifting step 3 at 50 %?",
    );
    let mut play = Play::new(PLAN);
    for line in BAKING.lines() {
        play.line(line);
    }
    let look = |generation| {
        Event::Looked(Look {
            generation: Generation(generation),
            lasting: play.program.plan.look,
            waited: std::time::Duration::ZERO,
            finding: Finding::Pass { sentence: String::new() },
            detail: serde_json::Value::Null,
        })
    };
    let (older, now) = (look(7), look(8));
    play.meet(&older);
    assert_eq!(shown(&play.state), "baking step 1, 10 s earned at 1 %");
    play.meet(&now);
    assert_eq!(shown(&play.state), "baking step 1, 20 s earned at 1 %");
}

#[test]
fn l6_only_watched_time_is_earned() {
    let ten = "baking step 1, 10 s earned at 1 %";
    after(BAKING, "+30d tick", ten);
    after(BAKING, "looks 99 blind", ten);
    after(BAKING, "looks 99 invalid", ten);
    after(BAKING, "looks 99 mismatch", ten);
    after(BAKING, "looks 20 silent", ten);
    after(BAKING, "+1h look pass lasting 0s", ten);
    // A process that slept has watched two looks at most.
    after(BAKING, "+1h look thin lasting 1h", "baking step 1, 30 s earned at 1 %");
    after(BAKING, "pause by jonas\nlooks 99 pass\nresume by jonas", ten);
    // The look that is under way when the pause ends: four of its ten seconds were baked.
    let four = "baking step 1, 14 s earned at 1 %";
    after(BAKING, "pause by jonas\n+6s resume by jonas\n+4s look pass", four);
    check("start\nlooks 99 pass", "shifting step 1 at 1 %?");
    // Nothing is passed by a look that watched nothing, however short the bake.
    let short = PLAN.replace("bake: 30s", "bake: 0s");
    let at_once = "start\nconfirmed\nlook pass lasting 0s";
    check_plan(&short, at_once, "baking step 1, 0 ms earned at 1 %");
    check_plan(&short, "start\nconfirmed\nlook pass", "gated step 2 at 1 %");
    // Earned, and not passed: it waits for evidence.
    after(BAKING, "looks 2 thin", "baking step 1, 30 s earned at 1 %");
}

/// A hand lowered the canary in the night; sent again and never confirmed, the morning's bake earns nothing.
#[test]
fn l6_an_unconfirmed_weight_earns_nothing() {
    let plan = PLAN.replace("  - gate: { approve: leads, timeout: 1h }\n", "")
        + "window: { open: \"0 9 * * MON-THU\", for: 1h, timezone: UTC }\n";
    let night =
        "09:59:50 start\n+1s confirmed\nlooks 3 pass\nhand haproxy-1 0.1%\nresume by jonas\n";
    let waits = "baking step 1, 0 ms earned at 1 %?";
    check_plan(&plan, &format!("{night}due\nlooks 9 pass"), waits);
    let script = format!("{night}due\nlooks 9 pass\nconfirmed\nlooks 3 pass");
    check_plan(&plan, &script, "shifting step 2 at 50 %?");
}

#[test]
fn l7_the_first_reason_stays() {
    let first = "reverting (errors: fails 3.8x as often) at 0 %?";
    for later in
        ["revert by mia because red", "kill by mia", "supersede by checkout#43", "looks 60 silent"]
    {
        after(BAKING, &format!("looks 1 regression\n{later}"), first);
    }
}

#[test]
fn l8_danger_is_seen_everywhere() {
    let back = "reverting (errors: fails 3.8x as often) at 0 %?";
    after("", "start\nlooks 1 regression", back);
    after(BAKING, "looks 1 regression", back);
    after(BAKING, "look regression lasting 0s", back);
    after(GATED, "looks 1 regression", back);
    after(BAKING, "pause by jonas\nlooks 1 regression", back);
    after(GATED, "promote by jonas\nlooks 1 regression", back);
    let limit = "reverting (errors: 61 % failed) at 0 %?";
    after(GATED, "pause by jonas\nlooks 1 limit errors revert", limit);
    after(
        BAKING,
        "looks 1 limit errors pause",
        "paused (errors: 61 % failed; was baking step 1, 10 s earned) at 1 %",
    );
    let silent = "reverting (the canary was silent for 5m while the baseline was not) at 0 %?";
    after(GATED, "looks 30 silent", silent);
    after(BAKING, "pause by jonas\nlooks 30 silent", silent);
}

#[test]
fn l9_every_doubt_has_its_name_and_does_nothing_by_itself() {
    let rows = [
        ("thin", Some("thin")),
        ("blind", Some("blind")),
        ("invalid", Some("blind")),
        ("mismatch", Some("blind")),
        ("silent", Some("silent")),
        ("pass", None),
        ("unjudged", None),
    ];
    for (finding, doubt) in rows {
        let mut play = Play::new(PLAN);
        for line in ["start", "confirmed", &format!("looks 2 {finding}")] {
            play.line(line);
        }
        assert_eq!(play.state.doubt.as_ref().map(Doubt::word), doubt, "{finding}");
        assert!(matches!(play.state.phase, Phase::Baking { .. }), "{finding}");
    }
    after(
        BAKING,
        "looks 29 silent\nlooks 1 thin\nlooks 29 silent",
        "baking step 1, 20 s earned at 1 %",
    );
}

#[test]
fn l10_a_look_that_says_nothing_new_is_not_journalled() {
    let mut play = Play::new(PLAN);
    for line in ["start", "confirmed"] {
        play.line(line);
    }
    let lines = |play: &mut Play, line: &str| play.line(line).len() - 1;
    assert_eq!(lines(&mut play, "looks 1 thin"), 1);
    assert_eq!(lines(&mut play, "looks 1 thin \"other words\""), 0);
    assert_eq!(lines(&mut play, "looks 1 mismatch"), 2);
    assert_eq!(lines(&mut play, "tick"), 0);
    assert_eq!(lines(&mut play, "confirmed"), 0);
}

#[test]
fn l10_a_line_says_who_why_and_from_where_to_where() {
    let mut play = Play::new(PLAN);
    for line in BAKING.lines() {
        play.line(line);
    }
    let event = Event::Looked(Look {
        generation: play.state.wish.generation,
        lasting: play.program.plan.look,
        waited: std::time::Duration::ZERO,
        finding: Finding::Regression { check: "errors".into(), sentence: "fails 3.8x".into() },
        detail: serde_json::json!({ "log_evidence": 4.7 }),
    });
    let met = decide(&play.program, &play.state, &event, play.now);
    let [entry] = &met.entries[..] else { panic!("{:?}", met.entries) };
    assert_eq!((entry.kind.as_str(), &entry.by), ("reverting", &Actor::judge()));
    assert_eq!(entry.text, "1 % → 0 %: errors: fails 3.8x");
    let expect = serde_json::json!({
        "before": { "phase": "baking", "weight_ppm": 10_000, "generation": 8 },
        "after": { "phase": "reverting", "weight_ppm": 0, "generation": 9 },
        "numbers": { "log_evidence": 4.7 },
    });
    assert_eq!(entry.detail, expect);
}

#[test]
fn l10_the_journals_times_never_fall() {
    let mut play = Play::new(PLAN);
    play.line("09:00:00 start");
    let started = play.state.journalled_at;
    play.line("08:00:00 pause by jonas");
    assert_eq!(play.state.journalled_at, started);
    play.line("09:30:00 resume by jonas");
    assert!(play.state.journalled_at > started);
}

#[test]
fn l12_a_hand_that_lowers_wins() {
    let paused = "paused (a hand at haproxy-1 lowered the canary to 0.1 % (the wish is 1 %); was baking step 1, 10 s earned) at 1 %";
    after(BAKING, "hand haproxy-1 0.1%", paused);
    after(BAKING, "pause by jonas\nhand haproxy-1 0.1%", paused);
    after(BAKING, "hand haproxy-1 0.1%\nlooks 99 pass", paused);
    after(BAKING, "hand haproxy-1 0.1%\nresume by jonas", "shifting step 1 at 1 %?");
    after(BAKING, "hand haproxy-1 1%", "baking step 1, 10 s earned at 1 %");
}

/// Its share stands until a person goes on, even where the pause has got a graver reason.
#[test]
fn l12_the_hands_share_stands_until_a_person_goes_on() {
    let mut play = Play::new(&format!("{PLAN}on_regression: pause\n"));
    for line in BAKING.lines().chain(["hand haproxy-1 0.1%", "looks 2 regression"]) {
        play.line(line);
    }
    assert!(play.state.yields);
    play.line("resume by jonas");
    assert_eq!(
        (play.state.yields, shown(&play.state)),
        (false, "shifting step 1 at 1 %?".to_owned())
    );
}

/// What is stored with the rollout decides alike for ever.
#[test]
fn l13_the_plan_comes_back_as_it_was() {
    let play = Play::new(PLAN);
    let text = serde_json::to_string(&play.program).expect("JSON");
    let again: Program = serde_json::from_str(&text).expect("and back");
    assert_eq!(again, play.program);
}

#[test]
fn a_completed_rollout_is_taken_back_in_its_time_alone() {
    after(COMPLETED, "+23h revert by mia because red", "reverting (asked by mia: red) at 0 %?");
    after(COMPLETED, "+25h revert by mia because red", "completed at 100 %");
    after(COMPLETED, "looks 9 regression", "completed at 100 %");
}

#[test]
fn thin_data_in_doubt_begins_anew_whatever_paused_it() {
    let plan = format!("{PLAN}on_regression: pause\nbake_at_most: 1m\non_doubt: pause\n");
    let script = format!("{BAKING}looks 5 thin\nlooks 1 regression\nresume by jonas\nlooks 1 thin");
    check_plan(&plan, &script, "baking step 1, 10 s earned at 1 %");
}

#[test]
fn a_hook_called_twice_counts_once() {
    let plan =
        PLAN.replace("  - gate:", "  - { hook: warm, call: \"https://x.internal\" }\n  - gate:");
    let script = format!("{GATED}pause by jonas\nresume by jonas\nhook ok warm\nhook ok warm");
    check_plan(&plan, &script, "gated step 3 at 1 %");
}
