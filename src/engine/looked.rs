//! What a look at the numbers does to a rollout.

use std::time::Duration;

use super::draft::Draft;
use super::state::{Finding, Latch, Look, Phase};
use crate::domain::{Actor, Doubt, Reason, Timestamp};
use crate::judge::LimitAction;
use crate::plan::{OnDoubt, OnRegression};

impl Draft<'_> {
    pub(super) fn looked(&mut self, look: &Look) {
        self.evidence = look.detail.clone();
        self.remember(look);
        self.watch_step_back(look);
        match &look.finding {
            Finding::Regression { check, sentence } => {
                let because =
                    Reason::Regression { check: check.clone(), sentence: sentence.clone() };
                match self.program.plan.on_regression {
                    OnRegression::Pause => self.pause(because, Actor::judge()),
                    OnRegression::Revert | OnRegression::RevertSegment => {
                        self.harmed(check, because);
                    }
                }
            }
            Finding::Limit { check, sentence, then, shared } => {
                let (check, sentence) = (check.clone(), sentence.clone());
                let because = match shared {
                    true => Reason::Shared { check: check.clone(), sentence },
                    false => Reason::Regression { check: check.clone(), sentence },
                };
                match then {
                    LimitAction::Revert => self.harmed(&check, because),
                    LimitAction::Pause => self.pause(because, Actor::judge()),
                    LimitAction::StepBack => self.step_back(because, check),
                }
            }
            Finding::Silent { .. } => self.silence(look),
            // Doubt: the weight stays, nothing is earned, nothing is reverted.
            Finding::Blind { .. } | Finding::Invalid { .. } => {}
            Finding::Mismatch { .. } => self.next.silent = Duration::ZERO,
            Finding::Pass { .. } | Finding::Unjudged { .. } => self.healthy(look, true),
            Finding::Thin { .. } => self.healthy(look, false),
        }
    }

    /// A look is journalled when it says something else than the one before.
    fn remember(&mut self, look: &Look) {
        let finding = &look.finding;
        let before = self.next.finding.as_ref().map(Finding::kind);
        self.next.doubt = doubt(finding);
        self.next.finding = Some(finding.clone());
        // A regression is journalled as the revert or pause it causes.
        let told_below = matches!(finding, Finding::Regression { .. } | Finding::Limit { .. });
        if before != Some(finding.kind()) && !told_below {
            let text = format!("{}: {}", finding.kind(), finding.sentence());
            self.journal("verdict", Actor::judge(), text, look.detail.clone());
            if matches!(
                finding,
                Finding::Blind { .. }
                    | Finding::Invalid { .. }
                    | Finding::Mismatch { .. }
                    | Finding::Silent { .. }
            ) {
                self.notify(finding.sentence(), false);
            }
        }
    }

    fn silence(&mut self, look: &Look) {
        self.next.silent += self.watched(look);
        if self.next.silent >= self.program.plan.silence_revert_after {
            let because = Reason::Silence { lasted: self.next.silent };
            self.revert(because, Actor::judge(), Latch::Revert);
        }
    }

    /// Two beats at most: a process that slept has not watched.
    pub(super) fn watched(&self, look: &Look) -> Duration {
        look.lasting.min(self.program.plan.look * 2) + look.waited
    }

    /// A look that began in a pause earns only what follows it. A wall clock that was set back says nothing of that.
    fn since_unless_set_back(&self, since: Timestamp) -> Duration {
        if self.now < since { Duration::MAX } else { self.now.since(since) }
    }

    /// Nothing speaks against the canary: the time is earned, if it was spent at the confirmed weight (L6).
    fn healthy(&mut self, look: &Look, passes: bool) {
        self.next.silent = Duration::ZERO;
        let Phase::Baking { step, next, earned, since } = self.next.phase else { return };
        if look.generation != self.next.wish.generation || self.next.wish.confirmed_at.is_none() {
            return;
        }
        let earned = earned + self.watched(look).min(self.since_unless_set_back(since));
        self.next.phase = Phase::Baking { step, next, earned, since };
        let Some(bake) = self.program.bake(step) else { return };
        if look.lasting.is_zero() || earned < bake {
            return;
        }
        if passes {
            let text = format!("{}: {}", self.next.wish.weight, look.finding.sentence());
            self.journal("passed", Actor::judge(), text, look.detail.clone());
            self.enter(next);
        } else if self.program.plan.bake_at_most.is_some_and(|most| earned >= most) {
            self.doubted(next, look);
        }
    }

    /// Thin data for too long: the plan says what then.
    fn doubted(&mut self, next: usize, look: &Look) {
        let doubt = Doubt::Thin(look.finding.sentence().to_owned());
        match self.program.plan.on_doubt {
            OnDoubt::Wait => {}
            OnDoubt::Pause => self.pause(Reason::Doubted { doubt }, Actor::judge()),
            OnDoubt::Revert => {
                self.revert(Reason::Doubted { doubt }, Actor::judge(), Latch::Revert);
            }
            OnDoubt::Advance => {
                let text = format!("{doubt}; the plan says advance");
                self.journal("passed-in-doubt", Actor::judge(), text, look.detail.clone());
                self.enter(next);
            }
        }
    }
}

fn doubt(finding: &Finding) -> Option<Doubt> {
    let sentence = || finding.sentence().to_owned();
    match finding {
        Finding::Thin { .. } => Some(Doubt::Thin(sentence())),
        Finding::Blind { .. } | Finding::Invalid { .. } | Finding::Mismatch { .. } => {
            Some(Doubt::Blind(sentence()))
        }
        Finding::Silent { .. } => Some(Doubt::Silent(sentence())),
        Finding::Limit { shared: true, .. } => Some(Doubt::Shared(sentence())),
        Finding::Regression { .. }
        | Finding::Limit { .. }
        | Finding::Pass { .. }
        | Finding::Unjudged { .. } => None,
    }
}
