//! Plans, their revisions, and what applying or starting one answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, ProblemView, RolloutView};

/// A plan's newest revision, or one of its revisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    pub name: String,
    pub revision: u32,
    pub route: String,
    pub owner: String,
    /// What a start must give.
    pub inputs: Vec<String>,
    /// In words: `1 % for 10m`, `gate: payments-leads`.
    pub steps: Vec<String>,
    /// Names of its checks.
    pub checks: Vec<String>,
    pub applied_by: String,
    pub applied_at: At,
    /// The YAML as it was sent; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanList {
    pub plans: Vec<PlanView>,
}

/// One document of the file that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AppliedView {
    /// `plan` or `route`.
    pub kind: String,
    pub name: String,
    /// Of a plan.
    pub revision: Option<u32>,
    /// `created`, `changed`, `unchanged`, or `held`: a rollout holds the route, whose definition stays until that ends.
    pub outcome: String,
    /// `outcome` as a sentence.
    pub text: String,
}

/// `POST /api/v1/plans`. With `?dry_run=true` nothing is stored and `applied` is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyAnswer {
    pub dry_run: bool,
    pub applied: Vec<AppliedView>,
    /// Warnings; with an error the answer is a problem (422) and nothing is stored.
    pub problems: Vec<ProblemView>,
}

/// `POST /api/v1/rollouts` and `.../retry`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StartAnswer {
    pub rollout: RolloutView,
    /// A sentence: started, waits behind `checkout#41`, or supersedes it.
    pub text: String,
}
