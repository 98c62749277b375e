//! What a person asks for, and a hand at the proxy.

use std::time::Duration;

use super::draft::Draft;
use super::state::{Command, Effect, Latch, Phase};
use crate::domain::{Actor, Reason, Timestamp, Weight, reasoned};
use crate::plan::{Gate, Step};

impl Draft<'_> {
    /// Commands to a live rollout, but for those that send traffic back.
    pub(super) fn command(&mut self, by: &Actor, command: &Command) {
        match command {
            Command::Pause { because } => {
                if matches!(self.next.phase, Phase::Paused { .. }) {
                    return self.refuse("it is paused already");
                }
                let because = Reason::Person { by: by.clone(), because: because.clone() };
                self.pause(because, by.clone());
            }
            Command::Resume { because } => self.resume(by, because),
            Command::Approve { because, groups, answers } => {
                self.approve(by, because, groups, answers);
            }
            Command::Promote { because } => self.promote(by, because),
            // Decided before any other command: see `transition`.
            Command::Revert { .. } | Command::Kill { .. } | Command::Supersede { .. } => {}
        }
    }

    /// A completed rollout accepts only the way back, and only for a while.
    pub(super) fn take_back(&mut self, until: Timestamp, by: &Actor, command: &Command) {
        let (because, latch) = match command {
            Command::Revert { because } => {
                (Reason::Person { by: by.clone(), because: because.clone() }, Latch::Revert)
            }
            Command::Kill { because } => {
                (Reason::Kill { by: by.clone(), because: because.clone() }, Latch::Kill)
            }
            _ => return self.refuse("it is completed; only `revert` is possible now"),
        };
        if self.now > until {
            let text = format!(
                "it completed, and could be taken back until {until}; start a rollout of the old version"
            );
            return self.refuse(text);
        }
        self.revert(because, by.clone(), latch);
    }

    fn resume(&mut self, by: &Actor, because: &str) {
        let Phase::Paused { because: paused, was, .. } = self.next.phase.clone() else {
            return self.refuse("it is not paused");
        };
        self.goes_on_after(&paused);
        self.next.phase = *was;
        let up = self.step_up_again();
        if self.next.yields {
            self.send_again();
        }
        let most = self.program.plan.bake_at_most;
        match &mut self.next.phase {
            // Whoever approves has their whole time again, and so has thin data.
            Phase::Gated { since, .. } => *since = self.now,
            Phase::Baking { earned, since, .. } => {
                *since = self.now;
                if most.is_some_and(|most| *earned >= most) {
                    *earned = Duration::ZERO;
                }
            }
            // An answer that came meanwhile was not heard.
            &mut Phase::Calling { step, .. } => self.effect(Effect::RunHook { step }),
            _ => {}
        }
        let up = up.map_or(String::new(), |weight| format!(", up to {weight} again"));
        self.note("resumed", by.clone(), reasoned(&format!("resumed by {by}{up}"), because));
        // The last share may have been confirmed meanwhile.
        if matches!(self.next.phase, Phase::Finishing { .. })
            && self.next.wish.confirmed_at.is_some()
        {
            self.completed();
        }
    }

    /// What the judge has seen stays on record; evidence starts again at half of alpha.
    fn goes_on_after(&mut self, paused: &Reason) {
        // What receded is over: there is nothing to go on in spite of.
        let receded =
            self.next.stepped_back.as_ref().is_some_and(|b| b.stands && b.receded == Some(true));
        let in_spite = match paused {
            Reason::Regression { .. } => true,
            Reason::Shared { .. } => !receded,
            _ => false,
        };
        if in_spite {
            self.next.lives += 1;
        }
    }

    /// Another split of the same weight: a hand's is over, or a segment is cut. Its bake is earned anew.
    pub(super) fn send_again(&mut self) {
        self.wish(self.next.wish.weight);
        let going = match &mut self.next.phase {
            Phase::Paused { was, .. } => was.as_mut(),
            phase => phase,
        };
        match going {
            &mut (Phase::Baking { step, next, .. } | Phase::Shifting { step, next, .. }) => {
                *going = Phase::Shifting { step, next, since: self.now };
            }
            Phase::Finishing { since } => *since = self.now,
            _ => {}
        }
    }

    fn approve(&mut self, by: &Actor, because: &str, groups: &[String], answers: &[String]) {
        let step = match self.next.phase {
            Phase::Gated { step, .. } => step,
            Phase::Paused { .. } => return self.refuse("it is paused; resume it first"),
            _ => return self.refuse("it does not wait for an approval"),
        };
        let Some(Step::Gate(gate)) = self.program.plan.steps.get(step) else { return };
        if let Some(why) = may_not_approve(gate, by, groups, answers, &self.next.started_by) {
            return self.refuse(why);
        }
        let text = reasoned(&format!("approved by {by}"), because);
        let answers: Vec<_> = gate.asks.iter().zip(answers).collect();
        self.journal("approved", by.clone(), text, serde_json::json!({ "answers": answers }));
        self.enter(step + 1);
    }

    /// Skips what is left: the one way around L4, and the journal names who.
    fn promote(&mut self, by: &Actor, because: &str) {
        if matches!(self.next.phase, Phase::Finishing { .. }) {
            return self.refuse("it is on its last step already");
        }
        if let Phase::Paused { because: paused, .. } = self.next.phase.clone() {
            self.goes_on_after(&paused);
        }
        self.end_step_back();
        let skipped = self.program.plan.steps.len().saturating_sub(self.next.entered);
        self.next.promoted_by = Some(by.clone());
        self.next.reached = Weight::FULL;
        let text = reasoned(&format!("promoted by {by}, skipping {skipped} steps"), because);
        self.raise_to_the_end(Weight::FULL, by.clone());
        self.note("promoted", by.clone(), text);
    }

    /// A hand that lowered the canary wins and pauses; one that raised it was undone by the feed, and is told (L12).
    pub(super) fn hand_edit(&mut self, instance: &str, seen: Weight) {
        let wish = self.next.wish.weight;
        if seen > wish {
            let text =
                format!("a hand at {instance} raised the canary to {seen}; set back to {wish}");
            self.note("hand-edit-undone", Actor::engine(), &text);
            return self.notify(text, false);
        }
        if seen == wish {
            return;
        }
        let because = Reason::HandEdit { instance: instance.to_owned(), seen, wish };
        if matches!(self.next.phase, Phase::Paused { .. }) {
            self.note("hand-edit", Actor::engine(), because.to_string());
        }
        self.next.yields = true;
        self.pause(because, Actor::engine());
    }
}

/// Why this person's approval does not count, if it does not.
fn may_not_approve(
    gate: &Gate,
    by: &Actor,
    groups: &[String],
    answers: &[String],
    author: &Actor,
) -> Option<String> {
    let named = |who: &String| *who == by.name || groups.contains(who);
    // By name: at the local socket or by token, it is the same person.
    if by.name == author.name {
        return Some("who started a rollout may not approve it".to_owned());
    }
    if !gate.approve.is_empty() && !gate.approve.iter().any(named) {
        return Some(format!("this gate is for {}", gate.approve.join(", ")));
    }
    let blank = answers.iter().any(|answer| answer.trim().is_empty());
    if gate.asks.len() != answers.len() || blank {
        return Some(match gate.asks.join(", ") {
            asks if asks.is_empty() => "this gate asks nothing; leave --answer out".to_owned(),
            asks => format!("this gate asks for {asks}; give one --answer each"),
        });
    }
    None
}
