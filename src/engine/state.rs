//! Where a rollout is, what happened to it, and what follows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Actor, Doubt, Generation, Reason, RolloutName, Segment, Timestamp, Weight};
use crate::judge::LimitAction;

/// Everything a rollout is, besides its program and its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub phase: Phase,
    /// Only rises. A new try is a new rollout.
    pub latch: Latch,
    pub wish: Wish,
    /// The highest weight a step entered in order allows (L3).
    pub reached: Weight,
    /// Steps before this index were entered; none is entered again (L4).
    pub entered: usize,
    /// A person let it skip the rest: the only way around L4.
    pub promoted_by: Option<Actor>,
    /// The first step it takes: above 0 where `retry --from` skips what the same version passed before.
    pub begins_at: usize,
    pub started_by: Actor,
    pub started_at: Timestamp,
    /// When the route became its own: waiting in the queue is not being half-way.
    pub began_at: Option<Timestamp>,
    pub first_exposed_at: Option<Timestamp>,
    /// The kind and sentence of the last finding: a change of kind is journalled, a repetition is not.
    pub finding: Option<Finding>,
    /// What keeps us from knowing, now.
    pub doubt: Option<Doubt>,
    /// How long the canary has been silent while the baseline was not.
    pub silent: Duration,
    /// A hand lowered the canary: its share stands until a person sends the rollout on, whatever else happens (L12).
    pub yields: bool,
    /// How often a person sent it on after a regression: evidence starts again, at half of alpha from then on.
    pub lives: u32,
    /// The time of the last journal line: the journal's times never fall, whatever the wall clock does.
    pub journalled_at: Timestamp,
    /// The last step back from harm that both arms share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stepped_back: Option<SteppedBack>,
    /// Whether the sides are swapped: it completed, and has not been taken back.
    pub swapped: bool,
    /// Segments that were worse and went back alone. Only grows: none gets this canary again.
    #[serde(default)]
    pub cuts: Vec<Cut>,
}

/// A segment that is kept on the baseline while the others go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    pub segment: Segment,
    pub at: Timestamp,
    /// The first split without it.
    pub since: Generation,
    pub because: Reason,
}

/// Both arms were worse than before the shift, and the weight was lowered to see whether that recedes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteppedBack {
    /// The check that showed the harm.
    pub check: String,
    /// What a person's resume goes up to again.
    pub from: Weight,
    /// So far: each goes one step further down than the one before.
    pub times: u32,
    /// How long no look has shown the harm at the lower weight.
    pub receded_for: Duration,
    /// Whether the harm receded; `None` while nobody knows.
    pub receded: Option<bool>,
    /// Until a person sends the rollout on.
    pub stands: bool,
}

/// The split a rollout wants; repeated to the proxies for ever, so sending it twice is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub weight: Weight,
    pub generation: Generation,
    /// When everybody who carries traffic had acknowledged this generation.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Latch {
    #[default]
    None,
    Revert,
    Kill,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// Another rollout has the route.
    Queued,
    /// The next step is a shift and the plan's window is closed. `from`: the shift whose bake is earned again first.
    Waiting {
        step: usize,
        from: Option<usize>,
        until: Timestamp,
    },
    /// Somebody must approve.
    Gated {
        step: usize,
        since: Timestamp,
    },
    /// A call must succeed.
    Calling {
        step: usize,
        since: Timestamp,
    },
    /// The wish is committed; not every instance that carries traffic has acknowledged it. `next`: the step after its bake.
    Shifting {
        step: usize,
        next: usize,
        since: Timestamp,
    },
    /// The weight is confirmed. The step may pass once enough healthy time is earned. `since`: also the end of a pause.
    Baking {
        step: usize,
        next: usize,
        earned: Duration,
        since: Timestamp,
    },
    /// Every step passed: the last share is being moved.
    Finishing {
        since: Timestamp,
    },
    Paused {
        because: Reason,
        since: Timestamp,
        was: Box<Phase>,
    },
    /// `alarmed`: people were told that it takes too long.
    Reverting {
        because: Reason,
        since: Timestamp,
        alarmed: bool,
    },
    Completed {
        at: Timestamp,
        return_until: Timestamp,
    },
    Reverted {
        because: Reason,
        at: Timestamp,
    },
}

/// What one look says, reduced to what the engine decides on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// Evidence of harm crossed the limit.
    Regression { check: String, sentence: String },
    /// A plain limit was broken for long enough.
    Limit {
        check: String,
        sentence: String,
        then: LimitAction,
        /// Of both arms against the hour before the shift.
        #[serde(default)]
        shared: bool,
    },
    /// The share really observed is not the wish.
    Mismatch { sentence: String },
    /// Numbers that cannot be.
    Invalid { sentence: String },
    /// The source did not say.
    Blind { sentence: String },
    /// The canary should have been getting requests and was not, for this look.
    Silent { sentence: String },
    /// Every comparing check excludes more harm than the next step may do.
    Pass { sentence: String },
    /// Nothing against, not enough for.
    Thin { sentence: String },
    /// No check compares: earned time alone decides.
    Unjudged { sentence: String },
}

/// One look at the numbers, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The split it was made at; a look at an older one earns nothing.
    pub generation: Generation,
    /// Monotonic time that may be earned: zero after a restart, in a warm-up, or while a weight settles.
    pub lasting: Duration,
    /// The same of the reads before it that had nothing new: its numbers cover that time as well.
    pub waited: Duration,
    pub finding: Finding,
    /// The numbers behind it, for the journal.
    pub detail: serde_json::Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The route is this rollout's: begin. `generation` is the route's now.
    Started {
        generation: Generation,
    },
    /// Time passed: windows, time-outs, `give_up`.
    Tick,
    /// Every instance that counts carries this generation.
    Confirmed {
        generation: Generation,
    },
    /// An instance carries another split than it was told: said once, and again when that changes.
    HandEdit {
        instance: String,
        seen: Weight,
    },
    Looked(Look),
    /// `Err` only after the last retry.
    HookAnswered {
        step: usize,
        answer: Result<String, String>,
    },
    /// A source could not tell what was before: the rollout goes on without. `detail`: which, and why.
    NoHistory {
        detail: String,
    },
    /// `after_revert` was called; decides nothing.
    AfterRevertAnswered {
        answer: Result<String, String>,
    },
    Command {
        by: Actor,
        command: Command,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    Pause {
        because: String,
    },
    Resume {
        because: String,
    },
    /// `groups`: what the approver belongs to, as their token says.
    Approve {
        because: String,
        groups: Vec<String>,
        #[serde(default)]
        answers: Vec<String>,
    },
    Promote {
        because: String,
    },
    Revert {
        because: String,
    },
    Kill {
        because: String,
    },
    /// A newer rollout asked for the route.
    Supersede {
        by: RolloutName,
    },
}

/// What must be done once the transition is stored. Doing one twice or late is harmless.
/// The split itself is no effect: it is the wish, stored with the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Call the hook of this step, and answer with [`Event::HookAnswered`].
    RunHook { step: usize },
    /// Call `after_revert`; its answer is journalled and decides nothing.
    RunAfterRevert,
    /// Tell people.
    Notify { text: String, needs_person: bool },
    /// The canary's side serves from now on.
    SwapSides,
    /// The serving side is the old one again.
    SwapBack,
    /// The route is free for the next rollout.
    ReleaseRoute,
}

/// One line of the journal, before the store numbers and chains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub by: Actor,
    /// A stable word for programs: `started`, `shift`, `confirmed`, `verdict`, `paused`, `reverting`, ...
    pub kind: String,
    /// A sentence for people.
    pub text: String,
    /// Numbers behind it, as JSON: evidence, before and after.
    pub detail: serde_json::Value,
}

#[derive(Clone, Debug, PartialEq)]
#[must_use = "a transition that is not stored did not happen"]
pub struct Transition {
    pub next: State,
    pub entries: Vec<Entry>,
    pub effects: Vec<Effect>,
    /// Why a command changed nothing, and what to do instead.
    pub refused: Option<String>,
}

impl Phase {
    /// A stable word for lists, filters and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting { .. } => "waiting",
            Self::Gated { .. } => "gated",
            Self::Calling { .. } => "calling",
            Self::Shifting { .. } => "shifting",
            Self::Baking { .. } => "baking",
            Self::Finishing { .. } => "finishing",
            Self::Paused { .. } => "paused",
            Self::Reverting { .. } => "reverting",
            Self::Completed { .. } => "completed",
            Self::Reverted { .. } => "reverted",
        }
    }

    /// Nothing moves by itself any more; a completed one may still be taken back.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Reverted { .. })
    }

    /// Whether the route is this rollout's while it is here.
    pub fn holds_route(&self) -> bool {
        !self.is_end() && !matches!(self, Self::Queued)
    }
}

impl Finding {
    /// A stable word; a change of it is journalled.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Regression { .. } => "regression",
            Self::Limit { .. } => "limit",
            Self::Mismatch { .. } => "mismatch",
            Self::Invalid { .. } => "invalid",
            Self::Blind { .. } => "blind",
            Self::Silent { .. } => "silent",
            Self::Pass { .. } => "pass",
            Self::Thin { .. } => "thin",
            Self::Unjudged { .. } => "unjudged",
        }
    }

    pub fn sentence(&self) -> &str {
        match self {
            Self::Regression { sentence, .. }
            | Self::Limit { sentence, .. }
            | Self::Mismatch { sentence }
            | Self::Invalid { sentence }
            | Self::Blind { sentence }
            | Self::Silent { sentence }
            | Self::Pass { sentence }
            | Self::Thin { sentence }
            | Self::Unjudged { sentence } => sentence,
        }
    }
}
