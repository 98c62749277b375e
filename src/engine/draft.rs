//! A transition while it is being decided: the next state and what follows from it.
//!
//! Only the helpers every decision shares live here; steps, looks and commands have files of their own.

use std::time::Duration;

use serde_json::json;

use super::state::{Effect, Entry, Latch, Phase, State, Transition, Wish};
use crate::domain::{Actor, Generation, Reason, Timestamp, Weight, reasoned};
use crate::plan::{Program, Splitter};

/// A revert that is not confirmed by then tells people, and goes on trying.
pub(super) const REVERT_ALARM: Duration = Duration::from_secs(60);

pub(super) struct Draft<'a> {
    pub(super) program: &'a Program,
    pub(super) before: &'a State,
    pub(super) next: State,
    pub(super) now: Timestamp,
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    refused: Option<String>,
    /// The numbers of the look that is being met; null where none is.
    pub(super) evidence: serde_json::Value,
}

impl<'a> Draft<'a> {
    pub(super) fn new(program: &'a Program, before: &'a State, now: Timestamp) -> Self {
        Self {
            program,
            before,
            next: before.clone(),
            now,
            entries: Vec::new(),
            effects: Vec::new(),
            refused: None,
            evidence: serde_json::Value::Null,
        }
    }

    pub(super) fn done(self) -> Transition {
        let Self { next, entries, effects, refused, .. } = self;
        Transition { next, entries, effects, refused }
    }

    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        self.refused = Some(why.into());
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn notify(&mut self, text: impl Into<String>, needs_person: bool) {
        self.effect(Effect::Notify { text: text.into(), needs_person });
    }

    /// Writes a journal line: what happened, who caused it, before and after, and the numbers behind it.
    pub(super) fn journal(
        &mut self,
        kind: &str,
        by: Actor,
        text: impl Into<String>,
        numbers: serde_json::Value,
    ) {
        let side = |s: &State| {
            json!({
                "phase": s.phase.word(),
                "weight_ppm": s.wish.weight.ppm(),
                "generation": s.wish.generation,
            })
        };
        let mut detail = json!({ "before": side(self.before), "after": side(&self.next) });
        if !numbers.is_null() {
            detail["numbers"] = numbers;
        }
        let at = self.now.max(self.next.journalled_at);
        self.next.journalled_at = at;
        self.entries.push(Entry { at, by, kind: kind.to_owned(), text: text.into(), detail });
    }

    pub(super) fn note(&mut self, kind: &str, by: Actor, text: impl Into<String>) {
        self.journal(kind, by, text, serde_json::Value::Null);
    }

    /// Commits to another split: the next generation, confirmed by nobody yet.
    pub(super) fn wish(&mut self, weight: Weight) {
        let generation = Generation(self.next.wish.generation.0 + 1);
        self.next.wish = Wish { weight, generation, confirmed_at: None };
        self.next.yields = false;
        if weight > Weight::ZERO && self.next.first_exposed_at.is_none() {
            self.next.first_exposed_at = Some(self.now);
        }
    }

    /// Decides to send everybody back (L1). Who was never sent anywhere need not be called back.
    pub(super) fn revert(&mut self, because: Reason, by: Actor, latch: Latch) {
        self.next.latch = self.next.latch.max(latch);
        if self.next.first_exposed_at.is_none() {
            let text = format!("stopped before anybody was sent over: {because}");
            self.next.phase = Phase::Reverted { because, at: self.now };
            self.note("reverted", by, text);
            // Out of the queue: the route is another rollout's, and stays so.
            if self.before.phase.holds_route() {
                self.effect(Effect::ReleaseRoute);
            }
            return;
        }
        let from = self.next.wish.weight;
        self.wish(Weight::ZERO);
        if self.next.swapped {
            self.next.swapped = false;
            self.effect(Effect::SwapBack);
        }
        let text = format!("{from} → 0 %: {because}");
        self.next.phase = Phase::Reverting { because, since: self.now, alarmed: false };
        self.journal("reverting", by, &text, self.evidence.clone());
        if self.observed() {
            let baseline = &self.program.baseline;
            let told = format!("observed only, put everybody on {baseline} yourself: {text}");
            return self.notify(told, true);
        }
        self.notify(format!("reverting {text}"), false);
    }

    /// Whether somebody else moves the traffic: then every weight here is what we would have done.
    pub(super) fn observed(&self) -> bool {
        self.program.route.split == Splitter::Observe
    }

    /// Weight 0 is in force everywhere.
    pub(super) fn reverted(&mut self) {
        let Phase::Reverting { because, since, .. } = self.before.phase.clone() else { return };
        self.next.wish.confirmed_at = Some(self.now);
        let took = self.now.since(since);
        let baseline = &self.program.baseline;
        let text = if self.observed() {
            format!(
                "observed only: we would have put everybody on {baseline} again, and moved nobody"
            )
        } else {
            format!("everybody is on {baseline} again, in force after {} ms", took.as_millis())
        };
        self.next.phase = Phase::Reverted { because, at: self.now };
        self.journal(
            "reverted",
            Actor::engine(),
            text,
            json!({ "took_us": took.as_micros() as u64 }),
        );
        self.effect(Effect::ReleaseRoute);
        if self.program.plan.after_revert.is_some() {
            self.effect(Effect::RunAfterRevert);
        }
    }

    pub(super) fn after_revert_answered(&mut self, answer: &Result<String, String>) {
        let text = match answer {
            Ok(said) => format!("after_revert succeeded: {said}"),
            Err(detail) => format!("after_revert failed: {detail}"),
        };
        self.note("after-revert", Actor::engine(), &text);
        if answer.is_err() {
            self.notify(text, true);
        }
    }

    /// Stops moving; the split stays where it is and the judge goes on looking. A paused rollout changes its reason for
    /// a graver one alone: evidence stays high at every look, and two reasons that take turns would call people at each.
    pub(super) fn pause(&mut self, because: Reason, by: Actor) {
        let was = match &self.next.phase {
            Phase::Paused { because: standing, .. } if gravity(&because) <= gravity(standing) => {
                return;
            }
            Phase::Paused { was, .. } => was.clone(),
            phase => Box::new(phase.clone()),
        };
        let text = format!("paused at {}: {because}", self.next.wish.weight);
        self.next.phase = Phase::Paused { because, since: self.now, was };
        let person = by.is_person();
        self.journal("paused", by, &text, self.evidence.clone());
        if !person {
            self.notify(text, true);
        }
    }

    /// The latch only rises.
    pub(super) fn raise_latch(&mut self, to: Latch, by: &Actor, because: &str) {
        if self.next.latch >= to {
            return self.refuse("the kill switch is pulled already");
        }
        self.next.latch = to;
        self.note("killed", by.clone(), reasoned(&format!("kill switch pulled by {by}"), because));
    }

    pub(super) fn alarm_late_revert(&mut self) {
        let Phase::Reverting { because, since, alarmed: false } = &self.before.phase else {
            return;
        };
        if self.now.since(*since) < REVERT_ALARM {
            return;
        }
        let (because, since) = (because.clone(), *since);
        self.next.phase = Phase::Reverting { because, since, alarmed: true };
        let text = "the revert is not confirmed by every instance yet; still trying";
        self.note("revert-late", Actor::engine(), text);
        self.notify(text, true);
    }
}

pub(super) fn gravity(reason: &Reason) -> u8 {
    match reason {
        Reason::Violation { .. } => 4,
        Reason::Regression { .. } | Reason::Silence { .. } => 3,
        Reason::HandEdit { .. } | Reason::Shared { .. } => 2,
        Reason::Doubted { .. }
        | Reason::GateTimedOut { .. }
        | Reason::HookFailed { .. }
        | Reason::GaveUp { .. }
        | Reason::Mismatch { .. } => 1,
        Reason::Person { .. } | Reason::Kill { .. } | Reason::Superseded { .. } => 0,
    }
}
