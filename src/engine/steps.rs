//! Entering, confirming and passing steps.

use std::time::Duration;

use serde_json::json;

use super::draft::Draft;
use super::state::{Effect, Latch, Phase};
use crate::domain::{Actor, Generation, Reason, Timestamp, Weight, human};
use crate::plan::{GateTimeout, Step, spread};

/// Rollouts that wait for the same opening start within this time of it, each at its own moment.
const SPREAD: Duration = Duration::from_secs(30 * 60);

impl Draft<'_> {
    /// The route is ours.
    pub(super) fn begin(&mut self, generation: Generation) {
        self.next.wish.generation = generation;
        self.next.began_at = Some(self.now);
        let text =
            format!("the route is free: {} → {}", self.program.baseline, self.program.canary);
        self.note("began", Actor::engine(), text);
        self.enter(self.next.begins_at);
        // What the rollout before left behind, a segment that was cut, ends with its split, whatever comes first.
        if self.next.wish.generation == generation {
            self.wish(Weight::ZERO);
        }
    }

    /// Takes a step that was not taken before, or waits until it may be.
    pub(super) fn enter(&mut self, step: usize) {
        match self.program.plan.steps.get(step) {
            None => self.finish(step),
            Some(Step::Shift { to, .. }) => {
                let weight = self.program.baked_weight(step).unwrap_or(*to);
                if self.may_raise(step, weight) {
                    self.next.reached = self.next.reached.max(*to);
                    self.next.entered = step + 1;
                    self.shift(step, weight);
                }
            }
            Some(Step::Gate(gate)) => {
                self.next.entered = step + 1;
                self.next.phase = Phase::Gated { step, since: self.now };
                let who = if gate.approve.is_empty() {
                    "anybody who may approve".to_owned()
                } else {
                    gate.approve.join(", ")
                };
                let text = format!("waits for approval by {who}, for {}", human(gate.timeout));
                self.note("gated", Actor::engine(), &text);
                self.notify(text, true);
            }
            Some(Step::Hook(hook)) => {
                self.next.entered = step + 1;
                self.next.phase = Phase::Calling { step, since: self.now };
                self.note("calling", Actor::engine(), format!("calling hook `{}`", hook.name));
                self.effect(Effect::RunHook { step });
            }
        }
    }

    fn shift(&mut self, step: usize, weight: Weight) {
        let from = self.next.wish.weight;
        self.wish(weight);
        self.next.phase = Phase::Shifting { step, next: step + 1, since: self.now };
        self.note("shift", Actor::engine(), format!("{from} → {weight}"));
    }

    /// The last share. Everything before it has passed.
    fn finish(&mut self, step: usize) {
        let last =
            if self.next.reached == Weight::FULL { Weight::FULL } else { self.next.wish.weight };
        if last == self.next.wish.weight && self.next.wish.confirmed_at.is_some() {
            return self.completed();
        }
        if self.may_raise(step, last) {
            self.raise_to_the_end(last, Actor::engine());
        }
    }

    pub(super) fn raise_to_the_end(&mut self, last: Weight, by: Actor) {
        let from = self.next.wish.weight;
        self.wish(last);
        self.next.phase = Phase::Finishing { since: self.now };
        self.note("shift", by, format!("{from} → {last}, the last share"));
    }

    pub(super) fn completed(&mut self) {
        let return_until = self.now.plus(self.program.plan.return_within);
        self.next.phase = Phase::Completed { at: self.now, return_until };
        let (canary, cut) = (&self.program.canary, self.cut_names());
        let text = match &cut {
            _ if self.observed() => {
                format!("observed only: we would have given everybody {canary}")
            }
            Some(cut) => {
                format!("everybody but {cut} is on {canary}; the next rollout puts them on it too")
            }
            None => format!("everybody is on {canary}"),
        };
        if self.next.wish.weight == Weight::FULL {
            self.next.swapped = true;
            self.effect(Effect::SwapSides);
        }
        self.note("completed", Actor::engine(), &text);
        self.effect(Effect::ReleaseRoute);
        self.notify(format!("completed: {text}"), cut.is_some());
    }

    /// Whether a raise may happen now; outside the plan's window it waits instead.
    fn may_raise(&mut self, step: usize, weight: Weight) -> bool {
        let Some(window) = &self.program.plan.window else { return true };
        if weight <= self.next.wish.weight || window.is_open(self.now) {
            return true;
        }
        let until = window.next_open(self.now).unwrap_or(Timestamp::from_micros(i64::MAX));
        let until = until.plus(self.spread(window.length));
        let from = self.last_shift_before(step);
        self.next.phase = Phase::Waiting { step, from, until };
        self.note(
            "waiting",
            Actor::engine(),
            format!("waits for the window; going on about {until}"),
        );
        false
    }

    /// The shift whose weight is in force while `step` waits.
    fn last_shift_before(&self, step: usize) -> Option<usize> {
        if self.next.wish.weight == Weight::ZERO {
            return None;
        }
        (0..step)
            .rev()
            .find(|s| matches!(self.program.plan.steps.get(*s), Some(Step::Shift { .. })))
    }

    /// The same for the same rollout after a restart; never more than an eighth of the opening.
    fn spread(&self, length: Duration) -> Duration {
        let within = SPREAD.min(length / 8);
        let (plan, at) = (&self.program.plan.name, self.next.started_at.micros());
        spread(&format!("{plan}/{at}"), within)
    }

    /// Everybody who carries traffic follows the wish.
    pub(super) fn confirmed(&mut self, generation: Generation) {
        if generation != self.next.wish.generation || self.next.wish.confirmed_at.is_some() {
            return;
        }
        self.next.wish.confirmed_at = Some(self.now);
        match self.next.phase.clone() {
            Phase::Shifting { step, next, since } => {
                self.next.phase = self.baking(step, next);
                self.in_force(since);
            }
            Phase::Paused { because, since: paused, was } => match *was {
                Phase::Shifting { step, next, since } => {
                    let was = Box::new(self.baking(step, next));
                    self.next.phase = Phase::Paused { because, since: paused, was };
                    self.in_force(since);
                }
                Phase::Finishing { since } => self.in_force(since),
                _ => self.cut_confirmed(),
            },
            Phase::Finishing { since } => {
                self.in_force(since);
                self.completed();
            }
            _ => self.cut_confirmed(),
        }
    }

    fn baking(&self, step: usize, next: usize) -> Phase {
        Phase::Baking { step, next, earned: Duration::ZERO, since: self.now }
    }

    pub(super) fn in_force(&mut self, since: Timestamp) {
        let took = self.now.since(since);
        let mut weight = self.next.wish.weight.to_string();
        if let Some(cut) = self.cut_names() {
            weight.push_str(&format!(" without {cut}"));
        }
        let text = if self.observed() {
            format!("{weight} is what we would have sent; nobody was moved")
        } else {
            format!("{weight} in force after {} ms", took.as_millis())
        };
        self.journal(
            "confirmed",
            Actor::engine(),
            text,
            json!({ "took_us": took.as_micros() as u64 }),
        );
    }

    pub(super) fn hook_answered(&mut self, step: usize, answer: &Result<String, String>) {
        if !matches!(self.next.phase, Phase::Calling { step: called, .. } if called == step) {
            return;
        }
        let name = match self.program.plan.steps.get(step) {
            Some(Step::Hook(hook)) => hook.name.clone(),
            _ => return,
        };
        match answer {
            Ok(said) => {
                self.note("called", Actor::engine(), format!("hook `{name}` succeeded: {said}"));
                self.enter(step + 1);
            }
            Err(detail) => {
                let because = Reason::HookFailed { hook: name, detail: detail.clone() };
                self.pause(because, Actor::engine());
            }
        }
    }

    /// Limits of time: `give_up`, gates, windows.
    pub(super) fn time_passed(&mut self) {
        if let Some(after) = self.program.plan.give_up_after
            && self.next.began_at.is_some_and(|began| self.now.since(began) >= after)
        {
            let because = Reason::GaveUp { after };
            return self.revert(because, Actor::engine(), Latch::Revert);
        }
        match self.next.phase.clone() {
            Phase::Gated { step, since } => self.gate_waits(step, since),
            Phase::Waiting { step, from, until } if self.now >= until => {
                self.window_opens(step, from);
            }
            _ => {}
        }
    }

    fn gate_waits(&mut self, step: usize, since: Timestamp) {
        let Some(Step::Gate(gate)) = self.program.plan.steps.get(step) else { return };
        if self.now.since(since) < gate.timeout {
            return;
        }
        let because = Reason::GateTimedOut { step, after: gate.timeout };
        match gate.then {
            GateTimeout::Revert => {
                self.revert(because, Actor::engine(), Latch::Revert);
            }
            GateTimeout::Pause => self.pause(because, Actor::engine()),
            GateTimeout::Pass => {
                self.note("gate-passed", Actor::engine(), format!("{because}: the plan says pass"));
                self.enter(step + 1);
            }
        }
    }

    /// After a night the bake before the step is earned again: what was healthy at six may not be at nine.
    fn window_opens(&mut self, step: usize, from: Option<usize>) {
        match from {
            Some(from) if self.program.plan.window.as_ref().is_none_or(|w| w.is_open(self.now)) => {
                self.next.phase = Phase::Baking {
                    step: from,
                    next: step,
                    earned: Duration::ZERO,
                    since: self.now,
                };
                self.note(
                    "window-open",
                    Actor::engine(),
                    "the window is open: the bake is earned again first",
                );
            }
            _ => self.enter(step),
        }
    }
}
