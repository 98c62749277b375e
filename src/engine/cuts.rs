//! Sending one segment back while the others go on.
//!
//! Owns: when harm is a segment's own and when everybody's, and what a cut changes.
//! Does not: tell segments apart in traffic; a splitter does, and one that cannot has everybody reverted. What is judged
//! after a cut is `apart`'s.
//! Invariant: one segment at most is cut in a rollout, and it never gets the canary again.

use super::draft::Draft;
use super::state::{Cut, Latch, State};
use crate::domain::{Actor, Override, Reason, Segment, Share, Side, Weight};
use crate::plan::{OnRegression, Program};

/// What the canary's side gets of each segment that was cut; nothing while everybody is on the other one.
pub fn overrides(state: &State, canary: Side) -> Vec<Override> {
    if state.wish.weight == Weight::ZERO {
        return Vec::new();
    }
    let share = match canary {
        Side::A => Share::FULL,
        Side::B => Share::ZERO,
    };
    let told = |cut: &Cut| Override { segment: cut.segment.clone(), share, since: cut.since };
    state.cuts.iter().map(told).collect()
}

/// The segment of the item of this name.
fn blamed(program: &Program, item: &str) -> Option<Segment> {
    program.plan.items().into_iter().find(|i| i.name() == item).and_then(|i| i.segment)
}

impl Draft<'_> {
    /// Evidence of harm, or a broken limit whose word is revert: who goes back?
    pub(super) fn harmed(&mut self, item: &str, because: Reason) {
        let blamed = match self.program.plan.on_regression {
            OnRegression::RevertSegment => blamed(self.program, item),
            OnRegression::Revert | OnRegression::Pause => None,
        };
        match blamed {
            None => self.revert(because, Actor::judge(), Latch::Revert),
            // Its last users are on their way back.
            Some(segment) if self.next.cuts.iter().any(|c| c.segment == segment) => {}
            Some(segment) => match self.why_everybody() {
                None => self.cut(segment, because),
                Some(why) => self.revert(also(because, &why), Actor::judge(), Latch::Revert),
            },
        }
    }

    /// Why harm in one segment alone sends everybody back.
    fn why_everybody(&self) -> Option<String> {
        if let Some(cut) = self.next.cuts.first() {
            return Some(format!("{} was cut before", cut.segment));
        }
        let splitter = &self.program.route.split;
        if !splitter.abilities().segments {
            return Some(format!("{} cannot send one segment back alone", splitter.word()));
        }
        let nobody = self.next.wish.weight == Weight::ZERO;
        let why = if self.next.yields {
            "a split with one segment less would undo the hand's share"
        } else {
            "nobody else has the canary"
        };
        (self.next.yields || nobody).then(|| why.to_owned())
    }

    /// The others keep their share. What baked was another split: its bake is earned again, on evidence that starts
    /// anew as after a person's "go on".
    fn cut(&mut self, segment: Segment, because: Reason) {
        self.send_again();
        self.next.lives += 1;
        let text =
            format!("{segment} → 0 %, the others stay at {}: {because}", self.next.wish.weight);
        let since = self.next.wish.generation;
        self.next.cuts.push(Cut { segment, at: self.now, since, because });
        self.journal("cut", Actor::judge(), &text, self.evidence.clone());
        self.notify(format!("cut {text}"), true);
    }

    /// A split that only took a segment away moves no phase: its line is written here.
    pub(super) fn cut_confirmed(&mut self) {
        let since = |cut: &Cut| (cut.since == self.next.wish.generation).then_some(cut.at);
        if let Some(at) = self.next.cuts.iter().find_map(since) {
            self.in_force(at);
        }
    }

    /// `platform ios`; `None` where nobody was cut.
    pub(super) fn cut_names(&self) -> Option<String> {
        let names: Vec<String> = self.next.cuts.iter().map(|c| c.segment.to_string()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

fn also(because: Reason, why: &str) -> Reason {
    match because {
        Reason::Regression { check, sentence } => {
            Reason::Regression { check, sentence: format!("{sentence}; {why}") }
        }
        other => other,
    }
}
