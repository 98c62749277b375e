//! A rollout, as a list shows it and as a person reads it whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, FollowView, JournalLineView, LookView, RecomputedView};

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutSummary {
    pub name: String,
    pub plan: String,
    pub route: String,
    pub owner: String,
    pub canary: String,
    pub baseline: String,
    /// Which heading of `tidegate list` it stands under.
    pub group: Group,
    /// The phase's stable word.
    pub phase: String,
    /// What holds it, in one or two words: `gate`, `blind`, `paused`, `cut`, `window`, `queue`, `thin`, `baking`.
    pub holds: String,
    pub headline: String,
    pub waits_for: Option<String>,
    pub until: Option<At>,
    pub weight_ppm: u32,
    pub doubt: Option<DoubtView>,
    #[serde(default)]
    pub cuts: Vec<CutView>,
    pub started_by: String,
    pub started_at: At,
    pub ended_at: Option<At>,
    /// The one command that helps now.
    pub command: Option<String>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    NeedsYou,
    Stepping,
    Waiting,
    Ended,
}

/// A rollout with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutView {
    /// `checkout#42`
    pub name: String,
    pub plan: String,
    pub revision: u32,
    pub route: String,
    pub owner: String,
    /// The new version.
    pub canary: String,
    /// What the route served before.
    pub baseline: String,
    pub inputs: BTreeMap<String, String>,
    pub group: Group,
    pub phase: PhaseView,
    /// Is it all right: `all well, baking`, `paused: ...`, `reverted at 25 %: ...`.
    pub headline: String,
    /// What ends the wait, a sentence.
    pub waits_for: Option<String>,
    /// Until about when.
    pub until: Option<At>,
    /// Nothing goes on before somebody acts.
    pub needs_person: bool,
    pub progress: Option<ProgressView>,
    /// As it will run.
    pub ladder: Vec<StepView>,
    pub split: SplitView,
    pub checks: Vec<CheckView>,
    /// Of all comparing checks together; absent before the first look, or where none compares.
    pub evidence: Option<EvidenceView>,
    /// What the last look said.
    pub finding: Option<FindingView>,
    pub doubt: Option<DoubtView>,
    /// Why it is paused, reverting or reverted.
    pub reason: Option<ReasonView>,
    /// `none`, `revert` or `kill`; only rises.
    pub latch: String,
    /// Segments that were worse and went back alone.
    #[serde(default)]
    pub cuts: Vec<CutView>,
    pub started_by: String,
    pub started_at: At,
    pub first_exposed_at: Option<At>,
    pub ended_at: Option<At>,
    /// Until when a completed one may be reverted.
    pub return_until: Option<At>,
    /// Set once it reverts.
    pub revert: Option<RevertView>,
    /// What one can do now, most likely first.
    pub actions: Vec<ActionView>,
    /// With `$from` and `$to` filled in.
    pub dashboard: Option<String>,
    /// The newest journal lines, newest first.
    pub recent: Vec<JournalLineView>,
    /// Rises with every change that is stored.
    pub version: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhaseView {
    /// `queued`, `waiting`, `gated`, `calling`, `shifting`, `baking`, `finishing`, `paused`, `reverting`, `completed`,
    /// `reverted`.
    pub word: String,
    /// Position in the ladder, from 0.
    pub step: Option<usize>,
    pub since: Option<At>,
    /// While paused: the word of the phase it goes on in.
    pub was: Option<String>,
    /// `completed` or `reverted`.
    pub ended: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgressView {
    /// Healthy time at the confirmed weight.
    pub earned_seconds: f64,
    pub bake_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Done,
    Current,
    Ahead,
    /// `retry --from` or `promote` left it out.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// `shift`, `gate`, `call`; `finish` is the last share after a hold-back.
    pub kind: String,
    /// `25 %`, `90 % for 4h`, `gate payments-leads`, `call expand`.
    pub label: String,
    /// The canary's share while it bakes.
    pub weight_ppm: Option<u32>,
    pub bake_seconds: Option<f64>,
    /// Who may approve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approve: Vec<String>,
    /// What an approver must answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<String>,
    pub state: StepState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SplitView {
    /// Who moves the traffic: `haproxy`, `pull`, `flag` or `observe`.
    pub splitter: String,
    /// The canary's share as decided.
    pub wish_ppm: u32,
    pub generation: i64,
    /// When everybody who carries traffic had it; absent while somebody is waited for.
    pub confirmed_at: Option<At>,
    /// Absent once the rollout no longer holds the route.
    pub follow: Option<FollowView>,
    /// The canary's share of requests since the step began, 0 to 1; absent without requests.
    pub seen_share: Option<f64>,
}

/// Requests and failures of both arms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CountsView {
    pub canary_requests: u64,
    pub canary_failures: u64,
    pub baseline_requests: u64,
    pub baseline_failures: u64,
    /// Share of failures, 0 to 1; absent without requests.
    pub canary_rate: Option<f64>,
    pub baseline_rate: Option<f64>,
    /// How many times as often the canary fails; absent where it cannot be said.
    pub ratio: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    pub name: String,
    /// As people write it: `1.1x`; absent: limits only.
    pub tolerate: Option<String>,
    /// What its counts are of: `failed`, `users failed`, `over 250 ms`, `mean`, `level`.
    #[serde(default)]
    pub what: String,
    /// Since the step began.
    pub step: CountsView,
    /// Since the harm seems to have begun; absent while nothing points to harm.
    pub since: Option<CountsView>,
    /// Of this check alone, against the canary; absent: limits only.
    pub evidence: Option<EvidenceView>,
    pub promotion: Option<PromotionView>,
    /// How much more than chance the baseline's failures vary; at least 1.
    pub dispersion: f64,
    /// Of a check of both arms together; absent: the arms are compared.
    #[serde(default)]
    pub together: Option<TogetherView>,
    /// 99 % range of the ratio in this step.
    #[serde(default)]
    pub band: Option<BandView>,
    /// The same since the harm began.
    #[serde(default)]
    pub since_band: Option<BandView>,
    /// This step until the harm began; absent where nothing points to harm.
    #[serde(default)]
    pub before: Option<CountsView>,
    /// Means of both arms, of values and levels.
    #[serde(default)]
    pub means: Option<MeansView>,
    /// Of a level: `past` where each look counts, by how the baseline's replicas differed in the two hours before;
    /// `means` of 5 minutes else.
    #[serde(default)]
    pub judged_by: Option<String>,
    /// Whether it shows harm by itself; of all such names at most 5 % are wrong, in expectation.
    #[serde(default)]
    pub blamed: bool,
    /// The failure rate a canary without control is held to, by what the baseline did before.
    #[serde(default)]
    pub held_to: Option<f64>,
    /// The course of its evidence, oldest first, sparse.
    #[serde(default)]
    pub picture: Vec<PointView>,
}

/// A range of a ratio; an absent end is open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BandView {
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// Means of both arms, and of how many events or readings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeansView {
    pub canary: f64,
    pub baseline: f64,
    pub canary_events: u64,
    pub baseline_events: u64,
}

/// One point of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PointView {
    pub at: At,
    /// Evidence of harm, base-10 logarithm of the odds.
    pub log10_odds: f64,
    /// How many times as often the canary failed in its step until then, with the 99 % range.
    pub ratio: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// Both arms together against the hour before the shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TogetherView {
    /// `0.129 % fail`; absent before the first look.
    pub now: Option<String>,
    /// `0.120 % before`; absent where too little was seen before the shift.
    pub before: Option<String>,
    /// How many times the hour before, since harm began or since the weight changed.
    pub ratio: Option<f64>,
    /// Whether both arms are beyond the limit.
    pub worse: bool,
    /// `as before`, `3.4x since 03:06 UTC`, `not held to anything: …`.
    pub text: String,
}

/// Odds that the canary is worse than tolerated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    pub odds: f64,
    /// At these the rollout reverts.
    pub limit: f64,
    /// `0.36 : 1`
    pub text: String,
    /// `100 : 1`
    pub limit_text: String,
    /// 0 to 1 and above: the logarithm of the odds over that of the limit, for a bar; 0 where odds are below 1.
    pub towards_limit: f64,
}

/// What must be ruled out before the next step opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PromotionView {
    /// The excess share of failures to exclude, 0 to 1.
    pub must_exclude: f64,
    /// The same as a ratio to the baseline, like 1.8; absent without baseline failures.
    pub must_exclude_ratio: Option<f64>,
    /// Odds that it is excluded, and what they must reach.
    pub odds: f64,
    pub needed: f64,
    pub met: bool,
    /// About how many canary requests are missing, if the canary is healthy.
    pub requests_to_go: Option<f64>,
    pub seconds_to_go: Option<f64>,
    /// `errors must rule out 1.8x: about 7,400 more canary requests, 60 s`
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// `regression`, `limit`, `mismatch`, `invalid`, `blind`, `silent`, `pass`, `thin` or `unjudged`.
    pub kind: String,
    pub check: Option<String>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoubtView {
    /// `thin`, `blind`, `silent` or `shared`.
    pub word: String,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// `regression`, `silence`, `doubted`, `person`, `kill`, `superseded`, `gate_timed_out`, `hook_failed`, `gave_up`,
    /// `hand_edit`, `mismatch` or `violation`.
    pub word: String,
    pub sentence: String,
}

/// A segment that is kept on the baseline while the others go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CutView {
    pub attribute: String,
    pub value: String,
    pub since: At,
    /// Why: the check and what it saw.
    pub sentence: String,
}

/// A revert, told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevertView {
    /// Who decided: `the judge`, a person's name, ...
    pub by: String,
    pub decided_at: At,
    /// Absent while it is under way.
    pub in_force_at: Option<At>,
    pub took_ms: Option<f64>,
    /// The canary's share when it was decided.
    pub from_ppm: u32,
    /// The check that showed harm.
    pub check: Option<String>,
    /// Since the harm began; absent where a person or a time-out decided and nothing points to harm.
    pub counts: Option<CountsView>,
    /// 99 % range of their ratio.
    #[serde(default)]
    pub band: Option<BandView>,
    /// What the canary failed more than the baseline would have; never below 0.
    pub extra_failures: Option<f64>,
    /// `Since the harm began: 39 of 7,486 requests failed on v413, 30 of 22,045 on v412.`
    pub sentences: Vec<String>,
}

/// Something one can do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// `pause`, `resume`, `approve`, `promote`, `revert`, `retry`, `unkill`, `forget`, `explain`.
    pub name: String,
    /// Ready to paste.
    pub command: String,
    /// What it does, a short sentence.
    pub text: String,
}

/// The evidence in full, and what each number means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplainView {
    pub rollout: RolloutView,
    /// In plain words, one paragraph each: what was decided, by whom, on what.
    pub story: Vec<String>,
    /// The verdicts in the order they changed, oldest first.
    pub verdicts: Vec<JournalLineView>,
    /// The last looks there were, oldest first; none where they cannot be judged again.
    #[serde(default)]
    pub looks: Vec<LookView>,
    /// The check that they are best told by.
    pub looks_of: Option<String>,
    pub recomputed: Option<RecomputedView>,
    pub terms: Vec<TermView>,
}

/// What one number or word means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TermView {
    pub term: String,
    pub meaning: String,
}
