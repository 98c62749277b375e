//! A step back: less weight, to see whether harm that both arms share recedes.
//!
//! No comparison of the arms can tell whether the canary is its cause; taking traffic from it can. The rollout waits at
//! the lower weight for a person, and tells which of both it was.

use std::time::Duration;

use super::draft::{Draft, gravity};
use super::state::{Finding, Look, Phase, SteppedBack};
use crate::domain::{Actor, Reason, Weight, human};
use crate::plan::Step;

/// Harm that is still there after so long at the lower weight has another cause, or one that a step cannot show.
const RECEDES_WITHIN: Duration = Duration::from_secs(10 * 60);

impl Draft<'_> {
    /// Lowers the weight to that of an earlier step and waits for a person. Where nothing can be lowered, or a hand or a
    /// graver reason holds it, it pauses.
    pub(super) fn step_back(&mut self, because: Reason, check: String) {
        let last = self.next.stepped_back.as_ref();
        let stands = last.filter(|back| back.stands);
        // While the question is open a lower weight would only blur the answer, and after a no it tells nothing.
        if stands.is_some_and(|back| back.receded != Some(true)) {
            return;
        }
        let times = last.map_or(1, |back| back.times.saturating_add(1));
        let from = stands.map_or(self.next.wish.weight, |back| back.from);
        let to = self.below(from, times);
        if to >= self.next.wish.weight || self.observed() || self.is_held() {
            return self.pause(because, Actor::judge());
        }
        let text = format!("{} → {to}: {because}; does the harm recede?", self.next.wish.weight);
        self.wish(to);
        let (receded_for, receded) = (Duration::ZERO, None);
        self.next.stepped_back =
            Some(SteppedBack { check, from, times, receded_for, receded, stands: true });
        let was = Box::new(self.shifted_anew());
        self.next.phase = Phase::Paused { because, since: self.now, was };
        self.journal("stepped-back", Actor::judge(), &text, self.evidence.clone());
        self.notify(format!("stepped back {text}"), true);
    }

    /// A hand's split stands, and so does what a graver reason paused.
    fn is_held(&self) -> bool {
        let graver =
            matches!(&self.next.phase, Phase::Paused { because, .. } if gravity(because) > 2);
        self.next.yields || graver
    }

    /// The weight that is `times` steps below `from`, of those that were entered; 0 before the first.
    fn below(&self, from: Weight, times: u32) -> Weight {
        let entered = 0..self.next.entered.min(self.program.plan.steps.len());
        let mut weights: Vec<Weight> = entered
            .filter(|step| matches!(self.program.plan.steps[*step], Step::Shift { .. }))
            .filter_map(|step| self.program.baked_weight(step))
            .filter(|weight| *weight < from)
            .collect();
        weights.sort_unstable();
        weights.dedup();
        let at = weights.len().checked_sub(times as usize);
        at.and_then(|at| weights.get(at).copied()).unwrap_or(Weight::ZERO)
    }

    /// Where it goes on: a bake begins anew with the weight that is being sent.
    fn shifted_anew(&self) -> Phase {
        let was = match &self.next.phase {
            Phase::Paused { was, .. } => (**was).clone(),
            phase => phase.clone(),
        };
        match was {
            Phase::Baking { step, next, .. } | Phase::Shifting { step, next, .. } => {
                Phase::Shifting { step, next, since: self.now }
            }
            Phase::Finishing { .. } => Phase::Finishing { since: self.now },
            was => was,
        }
    }

    /// A person sent it on: up again to where it came from, which is no new step (L3, L4).
    pub(super) fn step_up_again(&mut self) -> Option<Weight> {
        let from = self.end_step_back()?;
        self.wish(from);
        self.next.phase = self.shifted_anew();
        Some(from)
    }

    /// The weight a step back that stands came from.
    pub(super) fn end_step_back(&mut self) -> Option<Weight> {
        let back = self.next.stepped_back.as_mut().filter(|back| back.stands)?;
        back.stands = false;
        Some(back.from)
    }

    /// Looks go on at the lower weight until they say whether the harm receded.
    pub(super) fn watch_step_back(&mut self, look: &Look) {
        let watched = self.watched(look);
        let wish = self.next.wish;
        let Some(confirmed) = wish.confirmed_at.filter(|_| look.generation == wish.generation)
        else {
            return;
        };
        let Some(back) = self.next.stepped_back.as_mut() else { return };
        if !back.stands || back.receded.is_some() {
            return;
        }
        let harm = match &look.finding {
            Finding::Limit { check, shared, .. } => *shared || *check == back.check,
            _ => false,
        };
        match look.finding {
            _ if harm => back.receded_for = Duration::ZERO,
            // Nobody saw whether it is gone.
            Finding::Blind { .. } | Finding::Invalid { .. } => return,
            _ => back.receded_for += watched,
        }
        let check = back.check.clone();
        let receded_for = back.receded_for;
        let receded = receded_for >= self.limit_lasting(&check);
        if !harm && receded {
            self.answer_step_back(true);
        } else if harm && self.now.since(confirmed) >= RECEDES_WITHIN {
            self.answer_step_back(false);
        }
    }

    fn limit_lasting(&self, check: &str) -> Duration {
        let check = self.program.plan.checks.iter().find(|c| *c.name.as_str() == *check);
        let limits = check.map(|check| check.limits.iter().map(|limit| limit.lasting));
        limits.and_then(Iterator::max).unwrap_or_default().max(self.program.plan.look)
    }

    fn answer_step_back(&mut self, receded: bool) {
        let Some(back) = self.next.stepped_back.as_mut() else { return };
        back.receded = Some(receded);
        let (check, weight) = (back.check.clone(), self.next.wish.weight);
        let (kind, text) = match receded {
            true => (
                "receded",
                format!(
                    "{check}: receded after the step back to {weight}: the canary is the likely cause"
                ),
            ),
            false => {
                let within = human(RECEDES_WITHIN);
                let text =
                    format!("{check}: did not recede within {within} at {weight}: look elsewhere");
                ("not-receded", text)
            }
        };
        self.journal(kind, Actor::judge(), &text, self.evidence.clone());
        self.notify(text, true);
    }
}
