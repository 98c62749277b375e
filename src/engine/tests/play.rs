//! A rollout played from a script: one event a line, each with its time.
//!
//! ```text
//! 09:00:00 start by ana          the route is free; ana asked for the rollout
//! +1s confirmed                  the wish is in force (`confirmed older`: the one before it)
//! looks 60 pass                  sixty looks, one each `look:` of the plan
//! +10s look regression errors "39 of 7,486 failed"
//! +10s look thin "…" lasting 0s
//! hand haproxy-1 0.5%            an instance is seen at another share
//! hook ok "warm" · hook failed "502"
//! approve by jonas in leads because "…" answers "a" "b"
//! due                            the clock goes to the next due instant and ticks
//! ```

use std::time::Duration;

use crate::domain::parse_duration;
use crate::domain::{Actor, Generation, Reason, RolloutName, Side, Timestamp, Weight, human};
use crate::engine::{
    Command, Effect, Event, Finding, Look, Phase, State, Transition, decide, due, initial,
    invariants, transition,
};
use crate::judge::LimitAction;
use crate::plan::{Body, OnRegression, Program, Route, RouteRef, SourceFile, read};

/// A Monday, 00:00 UTC.
const DAY: Timestamp = Timestamp::from_micros(1_772_409_600_000_000);

pub(super) struct Play {
    pub(super) program: Program,
    pub(super) state: State,
    pub(super) now: Timestamp,
}

/// A plan and its route in one file, or the route inline; v413 is to replace v412. One that cuts a segment has three
/// platforms; they are put in afterwards, so that a splitter on which a start refuses them can be played as well.
#[track_caller]
pub(super) fn program(text: &str) -> Program {
    let cuts = text.contains("on_regression: revert segment");
    let lines = text.lines().filter(|l| !l.starts_with("segments:") && !l.ends_with("t segment"));
    let mut program = plain_program(&lines.collect::<Vec<_>>().join("\n"));
    if cuts {
        program.plan.on_regression = OnRegression::RevertSegment;
        let values = ["ios", "android", "web"].map(str::to_owned);
        program.plan.segments.insert("platform".to_owned(), values.into());
    }
    program
}

#[track_caller]
fn plain_program(text: &str) -> Program {
    let read = read(&SourceFile { path: "plan.yaml", bytes: text.as_bytes() });
    let problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    assert!(!read.has_errors(), "{}", problems.join("\n"));
    let mut routes: Vec<Route> = read.documents.iter().filter_map(|d| d.route().cloned()).collect();
    let mut plans = read.documents.iter().filter_map(|d| match &d.body {
        Body::Plan(plan) => Some((**plan).clone()),
        Body::Route(_) => None,
    });
    let plan = plans.next().expect("a plan");
    if let RouteRef::Inline(route) = &plan.route {
        routes.push((**route).clone());
    }
    let route = routes.pop().expect("a route");
    let given = [("version".to_owned(), "v413".to_owned())];
    let inputs = given.into_iter().filter(|(name, _)| plan.inputs.contains(name)).collect();
    crate::plan::program(&plan, &route, &inputs, Side::A, Some("v412"), &[]).expect("a program")
}

impl Play {
    pub(super) fn new(plan: &str) -> Self {
        let state = initial(Actor::token("ci"), 0, DAY);
        Self { program: program(plan), state, now: DAY }
    }

    /// Plays one line and says what it left behind.
    #[track_caller]
    pub(super) fn line(&mut self, line: &str) -> Vec<String> {
        let words = words(line);
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if self.clock(words[0]) {
            words.remove(0);
        }
        let mut said = Vec::new();
        let (times, words) = match words[..] {
            ["looks", times, ..] => (times.parse().expect("a number"), &words[2..]),
            _ => (1, &words[..]),
        };
        for _ in 0..times {
            let event = match line.contains("looks ") {
                true => {
                    self.now = self.now.plus(self.program.plan.look);
                    self.look(words)
                }
                false => self.event(words),
            };
            said.extend(self.meet(&event));
        }
        said.push(format!("[{}]", shown(&self.state)));
        said
    }

    /// Every event of every test is held to the laws that one transition shows.
    #[track_caller]
    pub(super) fn meet(&mut self, event: &Event) -> Vec<String> {
        let met = transition(&self.program, &self.state, event, self.now);
        let broken = invariants(&self.program, &self.state, event, &met.next);
        assert!(broken.is_empty(), "{broken:?}\n{event:?}\n{:?}\n{:?}", self.state, met.next);
        assert_eq!(met, decide(&self.program, &self.state, event, self.now));
        journalled(&self.state, &met);
        stored(&met.next);
        self.state = met.next.clone();
        told(&met)
    }

    fn clock(&mut self, word: &str) -> bool {
        if let Some(length) = word.strip_prefix('+') {
            self.now = self.now.plus(parse_duration(length).expect("a length"));
        } else if word == "due" {
            self.now = due(&self.program, &self.state).expect("something due").max(self.now);
            return false;
        } else if let [h, m, s] = word.split(':').collect::<Vec<_>>()[..] {
            let number = |text: &str| text.parse::<u64>().expect("a clock time");
            let seconds = number(h) * 3600 + number(m) * 60 + number(s);
            let midnight = self.now.since(DAY).as_secs() / 86_400 * 86_400;
            self.now = DAY.plus(Duration::from_secs(midnight + seconds));
        } else {
            return false;
        }
        true
    }

    fn event(&mut self, words: &[&str]) -> Event {
        let after = |word: &str| words.iter().position(|w| *w == word).map(|i| &words[i + 1..]);
        let next = |word: &str| after(word).and_then(|rest| rest.first()).copied();
        let by = Actor::token(next("by").unwrap_or("jonas"));
        let because = next("because").unwrap_or_default().to_owned();
        let wish = self.state.wish.generation.0;
        let command = match words {
            ["start", ..] if self.state.phase != Phase::Queued => {
                return Event::Started { generation: Generation(7) };
            }
            ["start", ..] => {
                self.state.started_by = Actor::token(next("by").unwrap_or("ci"));
                if !words.contains(&"queued") {
                    self.state.started_at = self.now;
                }
                self.state.begins_at = next("from").map_or(0, |n| n.parse().expect("a step"));
                self.state.entered = self.state.begins_at;
                return Event::Started { generation: Generation(7) };
            }
            ["tick" | "due"] => return Event::Tick,
            ["confirmed"] => return Event::Confirmed { generation: Generation(wish) },
            ["confirmed", "older"] => {
                return Event::Confirmed { generation: Generation(wish - 1) };
            }
            ["look", rest @ ..] => return self.look(rest),
            ["hand", instance, seen] => {
                let seen = Weight::parse_percent(seen).expect("a share");
                return Event::HandEdit { instance: (*instance).to_owned(), seen };
            }
            ["hook", answer, said] => {
                let step = match calling(&self.state.phase) {
                    Phase::Calling { step, .. } => *step,
                    _ => self.state.entered.saturating_sub(1),
                };
                let said = (*said).to_owned();
                let answer = if *answer == "ok" { Ok(said) } else { Err(said) };
                return Event::HookAnswered { step, answer };
            }
            ["pause", ..] => Command::Pause { because },
            ["resume", ..] => Command::Resume { because },
            ["promote", ..] => Command::Promote { because },
            ["revert", ..] => Command::Revert { because },
            ["kill", ..] => Command::Kill { because },
            ["supersede", ..] => Command::Supersede { by: newer(next("by")) },
            ["approve", ..] => {
                let groups = next("in").map(|g| g.split(',').map(str::to_owned).collect());
                let answers = after("answers").unwrap_or_default();
                Command::Approve {
                    because,
                    groups: groups.unwrap_or_default(),
                    answers: answers.iter().map(|a| (*a).to_owned()).collect(),
                }
            }
            _ => panic!("no such event: {words:?}"),
        };
        Event::Command { by, command }
    }

    fn look(&self, words: &[&str]) -> Event {
        let cut = words.iter().position(|w| *w == "lasting");
        let (words, lasting) = words.split_at(cut.unwrap_or(words.len()));
        let text = |at: usize, usual: &str| (*words.get(at).unwrap_or(&usual)).to_owned();
        let finding = match words[0] {
            "pass" => Finding::Pass { sentence: text(1, "no harm") },
            "thin" => Finding::Thin { sentence: text(1, "too few requests") },
            "unjudged" => Finding::Unjudged { sentence: text(1, "nothing compares") },
            "blind" => Finding::Blind { sentence: text(1, "prom-eu does not answer") },
            "invalid" => Finding::Invalid { sentence: text(1, "more failures than requests") },
            "mismatch" => Finding::Mismatch { sentence: text(1, "3 % instead of 5 %") },
            "silent" => Finding::Silent { sentence: text(1, "none of 40 requests came") },
            "regression" => Finding::Regression {
                check: text(1, "errors"),
                sentence: text(2, "fails 3.8x as often"),
            },
            "limit" => Finding::Limit {
                check: text(1, "errors"),
                then: then(words[2]),
                sentence: text(3, "61 % failed"),
                shared: false,
            },
            "shared" => Finding::Limit {
                check: text(1, "whole-route"),
                then: then(words[2]),
                sentence: text(3, "both arms fail 3.4x as often as in the hour before the shift"),
                shared: true,
            },
            other => panic!("no such look: {other}"),
        };
        let lasting = lasting.get(1).map(|length| parse_duration(length).expect("a length"));
        Event::Looked(Look {
            generation: self.state.wish.generation,
            lasting: lasting.unwrap_or(self.program.plan.look),
            waited: Duration::ZERO,
            finding,
            detail: serde_json::Value::Null,
        })
    }
}

fn then(word: &str) -> LimitAction {
    match word {
        "pause" => LimitAction::Pause,
        "step-back" => LimitAction::StepBack,
        _ => LimitAction::Revert,
    }
}

fn newer(name: Option<&str>) -> RolloutName {
    name.unwrap_or("checkout#43").parse().expect("a rollout")
}

fn calling(phase: &Phase) -> &Phase {
    match phase {
        Phase::Paused { was, .. } => was,
        phase => phase,
    }
}

/// L10: what changes is journalled, at times that never fall.
#[track_caller]
fn journalled(before: &State, met: &Transition) {
    let changed = before.phase.word() != met.next.phase.word()
        || before.wish.weight != met.next.wish.weight
        || before.latch != met.next.latch
        || before.cuts != met.next.cuts
        || before.promoted_by != met.next.promoted_by;
    assert!(!changed || !met.entries.is_empty(), "L10: {before:?} → {:?}", met.next);
    let mut last = before.journalled_at;
    for entry in &met.entries {
        assert!(entry.at >= last, "the journal's times fall: {entry:?}");
        last = entry.at;
    }
    assert_eq!(met.next.journalled_at, last);
    let untouched = State { journalled_at: before.journalled_at, ..met.next.clone() };
    assert!(met.refused.is_none() || untouched == *before, "refused, and changed");
}

/// What is stored comes back the same.
#[track_caller]
fn stored(state: &State) {
    let text = serde_json::to_string(state).expect("a state is JSON");
    assert_eq!(serde_json::from_str::<State>(&text).expect("and back"), *state);
}

fn told(met: &Transition) -> Vec<String> {
    let mut said: Vec<String> =
        met.entries.iter().map(|e| format!("{} | {} | {}", e.kind, e.by, e.text)).collect();
    said.extend(met.effects.iter().map(|effect| match effect {
        Effect::RunHook { step } => format!("→ run hook of step {}", step + 1),
        Effect::RunAfterRevert => "→ run after_revert".to_owned(),
        Effect::Notify { needs_person: true, text } => format!("→ call a person: {text}"),
        Effect::Notify { needs_person: false, text } => format!("→ tell: {text}"),
        Effect::SwapSides => "→ swap sides".to_owned(),
        Effect::SwapBack => "→ swap back".to_owned(),
        Effect::ReleaseRoute => "→ release the route".to_owned(),
    }));
    said.extend(met.refused.iter().map(|why| format!("refused: {why}")));
    said
}

/// Where a rollout is, in one line.
pub(super) fn shown(state: &State) -> String {
    let confirmed = if state.wish.confirmed_at.is_some() { "" } else { "?" };
    let cut = state.cuts.iter().map(|cut| format!(" without {}", cut.segment)).collect::<String>();
    format!("{} at {}{cut}{confirmed}", phase(&state.phase), state.wish.weight)
}

fn phase(of: &Phase) -> String {
    match of {
        Phase::Baking { step, earned, .. } => {
            format!("baking step {}, {} earned", step + 1, human(*earned))
        }
        Phase::Waiting { step, .. } | Phase::Gated { step, .. } => {
            format!("{} step {}", of.word(), step + 1)
        }
        Phase::Calling { step, .. } | Phase::Shifting { step, .. } => {
            format!("{} step {}", of.word(), step + 1)
        }
        Phase::Paused { because, was, .. } => {
            format!("paused ({}; was {})", short(because), phase(was))
        }
        Phase::Reverting { because, .. } | Phase::Reverted { because, .. } => {
            format!("{} ({})", of.word(), short(because))
        }
        Phase::Queued | Phase::Finishing { .. } | Phase::Completed { .. } => of.word().to_owned(),
    }
}

fn short(reason: &Reason) -> String {
    reason.to_string()
}

/// Words, and `"several words"` as one.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
