//! Routes, their instances and kills, and what the whole service looks like now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, RolloutSummary};

/// A route: who serves, who gets how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RouteView {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Who moves the traffic: `haproxy`, `pull`, `flag` or `observe`.
    pub splitter: String,
    /// `a` or `b`.
    pub serving_side: String,
    /// What the serving side runs, where known.
    pub serving: Option<String>,
    /// What the idle side runs, where known.
    pub idle: Option<String>,
    /// The idle side's share.
    pub idle_weight_ppm: u32,
    pub generation: i64,
    /// The rollout that holds the route.
    pub holder: Option<String>,
    /// The rollout that completed last and may be taken back.
    pub last_completed: Option<String>,
    pub kill: Option<KillView>,
    /// How far the split has got.
    pub follow: Option<FollowView>,
    pub instances: Vec<InstanceView>,
    pub dashboard: Option<String>,
    pub changed_at: At,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RouteList {
    pub routes: Vec<RouteView>,
}

/// How many of the instances carry the newest split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FollowView {
    pub following: u32,
    pub known: u32,
    /// What the route says there are; 0 where nobody is waited for.
    pub expected: u32,
    pub confirmed: bool,
    /// What is missing, a sentence each; empty once confirmed.
    pub waiting_for: Vec<String>,
}

/// One proxy or program that carries the route's traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    pub node: String,
    /// The generation it carries.
    pub acknowledged: i64,
    /// Whether that is the newest.
    pub follows: bool,
    pub seen_at: At,
}

/// A kill switch that stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KillView {
    pub route: String,
    pub by: String,
    pub because: String,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KillAnswer {
    pub kill: KillView,
    /// Rollouts that go back because of it.
    pub stopped: Vec<String>,
    /// What happened, a sentence.
    pub text: String,
}

/// What a proxy or a program needs so that it follows a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetupAnswer {
    /// To be pasted; what it is starts each part as a comment.
    pub text: String,
}

/// `unkill`, `forget`, revoking a token: done, and what that means, a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoneAnswer {
    pub text: String,
}

/// Three in the morning: what changed lately, what looks ill, what needs a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NowView {
    pub at: At,
    /// One sentence: whether all is well.
    pub headline: String,
    /// Worst first: ill, needs a person, then newest change first.
    pub changed: Vec<NowLine>,
    pub kills: Vec<KillView>,
    /// How far back `changed` goes.
    pub within_seconds: f64,
}

/// One route of [`NowView`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NowLine {
    pub route: String,
    /// The rollout that changed it.
    pub rollout: String,
    pub canary: String,
    pub weight_ppm: u32,
    /// When its share last changed, or its rollout began or ended.
    pub since: At,
    /// A regression, a limit, a doubt or a pause: somebody should look.
    pub ill: bool,
    pub needs_person: bool,
    pub text: String,
    /// The one command that makes it safe.
    pub command: Option<String>,
}

/// A page of rollouts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutPage {
    pub rollouts: Vec<RolloutSummary>,
    /// Send it as `before` for older ones; absent on the last page.
    pub next: Option<i64>,
}
