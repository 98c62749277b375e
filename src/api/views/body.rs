//! What is sent to the API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /api/v1/rollouts`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequestBody {
    pub plan: String,
    /// The newest where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// The step to begin at, like `25%`; the same version must have passed those before it. Absent: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// `POST /api/v1/rollouts/{name}/{pause,resume,approve,promote,revert}`. May be `{}` or empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// `approve`: one to each question of the gate, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
}

/// `POST /api/v1/rollouts/{name}/retry`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// The step to begin at, like `25%`; the same version must have passed those before it. Absent: from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// `POST /api/v1/routes/{name}/kill`. May be `{}` or empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KillBody {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// `POST /api/v1/tokens`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenBody {
    pub name: String,
    /// `viewer`, `provider`, `operator`, `approver` or `admin`.
    pub role: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// `POST /api/v1/observations`: outcomes a program has seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// The sender's own id, up to 200 characters: sent again, it is not counted again.
    pub batch: String,
    pub route: String,
    pub observations: Vec<ObservationBody>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservationBody {
    /// The arm's label, letter by letter as the rollout has it.
    pub arm: String,
    /// `ok` or `failed`.
    pub outcome: String,
    /// How many of these; one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Milliseconds, from 0 up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Numbers by name, each from 0 to 1e15; up to 50 names a route.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
    /// Whose request it was, for checks with `unit: user`. Only a keyed hash of it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Attributes, like `platform: ios`: counted in each of these segments too. Up to 50 values an attribute.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segment: BTreeMap<String, String>,
}

/// What `POST /api/v1/observations` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountedAnswer {
    /// False: this batch was counted before, and nothing changed.
    pub counted: bool,
}
