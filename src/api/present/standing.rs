//! The first line: is it all right, what does it wait for, until about when, does it need a person.

use std::time::Duration;

use super::cuts::{but, stands_without};
use super::{Facts, Row};
use crate::api::views::{CheckView, Group, ProgressView};
use crate::domain::{Doubt, Reason, Timestamp, human};
use crate::engine::{Finding, Phase};
use crate::plan::{GateTimeout, Program, Splitter, Step};

pub(super) struct Standing {
    pub headline: String,
    /// One or two words for lists.
    pub holds: &'static str,
    pub waits_for: Option<String>,
    pub until: Option<Timestamp>,
    pub needs_person: bool,
    pub group: Group,
}

impl Standing {
    fn new(group: Group, holds: &'static str, headline: impl Into<String>) -> Self {
        let headline = headline.into();
        let needs_person = group == Group::NeedsYou;
        Self { headline, holds, waits_for: None, until: None, needs_person, group }
    }

    fn waits_for(mut self, what: impl Into<String>, until: Option<Timestamp>) -> Self {
        (self.waits_for, self.until) = (Some(what.into()), until);
        self
    }
}

/// `checks`: without them (in lists) a bake says less of what it waits for.
pub(super) fn standing(row: Row<'_>, checks: &[CheckView], facts: &Facts) -> Standing {
    stands_without(whole(row, checks, facts), row.state, facts.now)
}

fn whole(row: Row<'_>, checks: &[CheckView], facts: &Facts) -> Standing {
    let Row { program, state, .. } = row;
    match &state.phase {
        Phase::Queued => queued(program, facts),
        Phase::Waiting { until, .. } => {
            Standing::new(Group::Waiting, "window", "all well, waiting")
                .waits_for("the plan's window opens", Some(*until))
        }
        Phase::Gated { step, since } => gated(program, *step, *since),
        Phase::Calling { step, .. } => calling(program, *step),
        Phase::Shifting { .. } => {
            let headline = format!("moving to {}", state.wish.weight);
            moving(Standing::new(Group::Stepping, "shifting", headline), facts)
        }
        Phase::Finishing { .. } => {
            moving(Standing::new(Group::Stepping, "finishing", "moving the last share"), facts)
        }
        Phase::Baking { .. } => baking(row, checks, facts),
        Phase::Paused { because: Reason::Shared { check, sentence }, .. } => {
            shared(row, check, sentence)
        }
        Phase::Paused { because, .. } => {
            let headline = format!("paused at {}: {because}", state.wish.weight);
            Standing::new(Group::NeedsYou, "paused", headline).waits_for(mend(because), None)
        }
        Phase::Reverting { because, alarmed, .. } => reverting(because, *alarmed, facts),
        Phase::Completed { at, .. } => {
            let whose = match program.route.split {
                Splitter::Observe => "observed only, every step passed for".to_owned(),
                _ => format!("everybody{} is on", but(state)),
            };
            let headline = format!("completed {}: {whose} {}", at.clock(), program.canary);
            Standing::new(Group::Ended, "completed", headline)
        }
        Phase::Reverted { because, .. } => {
            let at =
                super::revert::from(&facts.journal).map_or(String::new(), |w| format!(" at {w}"));
            Standing::new(Group::Ended, "reverted", format!("reverted{at}: {because}"))
        }
    }
}

pub(super) fn progress(program: &Program, phase: &Phase) -> Option<ProgressView> {
    let (earned, bake) = bake(program, super::ladder::going(phase))?;
    Some(ProgressView { earned_seconds: earned.as_secs_f64(), bake_seconds: bake.as_secs_f64() })
}

fn bake(program: &Program, phase: &Phase) -> Option<(Duration, Duration)> {
    let Phase::Baking { step, earned, .. } = phase else { return None };
    Some((*earned, program.bake(*step)?))
}

fn queued(program: &Program, facts: &Facts) -> Standing {
    let route = &program.route.name;
    let (standing, what) = match (&facts.kill, &facts.holder) {
        (Some(kill), _) => (
            Standing::new(Group::NeedsYou, "killed", format!("queued; {route} is killed")),
            format!("{route} was killed by {}: `tidegate unkill {route}`", kill.by),
        ),
        (None, Some(holder)) => (
            Standing::new(Group::Waiting, "queue", format!("queued behind {holder}")),
            format!("{holder} ends"),
        ),
        (None, None) => {
            (Standing::new(Group::Waiting, "queue", "starting"), format!("{route} is free"))
        }
    };
    standing.waits_for(what, None)
}

fn gated(program: &Program, step: usize, since: Timestamp) -> Standing {
    let standing = Standing::new(Group::NeedsYou, "gate", "waits for approval");
    let Some(Step::Gate(gate)) = program.plan.steps.get(step) else { return standing };
    let who = match gate.approve.as_slice() {
        [] => "anybody who may approve".to_owned(),
        named => named.join(" or "),
    };
    let then = match gate.then {
        GateTimeout::Revert => "reverts",
        GateTimeout::Pause => "pauses",
        GateTimeout::Pass => "goes on",
    };
    let until = since.plus(gate.timeout);
    standing.waits_for(format!("{who} to approve; without an answer it {then}"), Some(until))
}

fn calling(program: &Program, step: usize) -> Standing {
    let name = match program.plan.steps.get(step) {
        Some(Step::Hook(hook)) => hook.name.as_str(),
        _ => "?",
    };
    let headline = format!("calling hook `{name}`");
    Standing::new(Group::Stepping, "calling", headline)
        .waits_for(format!("hook `{name}` to succeed"), None)
}

fn moving(standing: Standing, facts: &Facts) -> Standing {
    let missing = facts.confirmation.as_ref().map(|c| c.waiting_for.join("; "));
    let missing = missing.filter(|text| !text.is_empty());
    standing.waits_for(missing.unwrap_or_else(|| "every instance to follow".to_owned()), None)
}

fn reverting(because: &Reason, alarmed: bool, facts: &Facts) -> Standing {
    let group = if alarmed { Group::NeedsYou } else { Group::Stepping };
    moving(Standing::new(group, "reverting", format!("going back: {because}")), facts)
}

/// Nobody can tell from the arms whether the canary is the cause; a step back may have.
fn shared(row: Row<'_>, check: &str, sentence: &str) -> Standing {
    let told = sentence.split(": ").next().unwrap_or(sentence);
    let told = told.replacen("both arms", "BOTH versions", 1);
    let whose = check.strip_prefix("used-by-").map_or(String::new(), |name| format!("{name}: "));
    let back = row.state.stepped_back.as_ref().filter(|back| back.stands);
    let (how, what) = match back.map(|back| back.receded) {
        None => ("paused", "a person: resume or revert"),
        Some(None) => ("stepped back", "whether the harm recedes; then a person"),
        Some(Some(true)) => {
            ("receded after a step back", "a person: revert, the canary is the likely cause")
        }
        Some(Some(false)) => ("did not recede", "a person: look elsewhere, then resume or revert"),
    };
    let headline = format!("{whose}{told}, {how} at {}", row.state.wish.weight);
    Standing::new(Group::NeedsYou, "shared", headline).waits_for(what, None)
}

fn mend(because: &Reason) -> &'static str {
    match because {
        Reason::HandEdit { .. } => "a person: set the proxy back, then resume; or revert",
        Reason::HookFailed { .. } => "a person: resume calls the hook again; or revert",
        _ => "a person: resume or revert",
    }
}

fn baking(row: Row<'_>, checks: &[CheckView], facts: &Facts) -> Standing {
    let Row { program, state, .. } = row;
    let (earned, bake) = bake(program, &state.phase).unwrap_or_default();
    let left = bake.saturating_sub(earned);
    let standing = health(row, left.is_zero());
    let missing = checks.iter().filter_map(|c| c.promotion.as_ref()).filter(|p| !p.met);
    let mut parts = vec![format!("bake {} of {}", human(earned), human(bake))];
    let mut wait = Some(left);
    for promotion in missing {
        parts.push(promotion.text.clone());
        let needs = promotion.seconds_to_go.and_then(|s| Duration::try_from_secs_f64(s).ok());
        wait = wait.zip(needs).map(|(a, b)| a.max(b));
    }
    // What blocks a bake has no end anybody could foresee.
    let earns = matches!(state.doubt, None | Some(Doubt::Thin(_)));
    let until = wait.filter(|w| earns && !w.is_zero()).map(|w| facts.now.plus(w));
    standing.waits_for(parts.join("; "), until)
}

fn health(row: Row<'_>, baked: bool) -> Standing {
    let state = row.state;
    match (&state.doubt, &state.finding) {
        (Some(Doubt::Blind(detail)), _) => {
            let headline = format!("blind, the weight stays {}: {detail}", state.wish.weight);
            Standing::new(Group::NeedsYou, "blind", headline)
        }
        (Some(Doubt::Silent(detail)), _) => {
            Standing::new(Group::Stepping, "silent", format!("silent: {detail}"))
        }
        (Some(Doubt::Shared(detail)), _) => {
            Standing::new(Group::NeedsYou, "shared", format!("both arms are worse: {detail}"))
        }
        (Some(Doubt::Thin(detail)), _) if baked => Standing::new(
            Group::Waiting,
            "thin",
            format!("nothing against it, not enough for it: {detail}"),
        ),
        (_, Some(Finding::Unjudged { .. })) => {
            Standing::new(Group::Stepping, "baking", "baking, unjudged: no check compares")
        }
        (_, None) => Standing::new(Group::Stepping, "baking", "baking, no look yet"),
        _ => Standing::new(Group::Stepping, "baking", "all well, baking"),
    }
}
