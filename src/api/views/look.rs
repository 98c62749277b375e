//! Single looks, and what comes out when they are judged again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::At;

/// One look as it was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LookView {
    /// From 1.
    pub number: u64,
    /// Its end, in the source's time.
    pub at: At,
    pub lasting_seconds: f64,
    /// The canary's share during the look.
    pub weight_ppm: u32,
    pub checks: Vec<LookCheckView>,
    /// Over all checks after this look, natural logarithm; absent where nothing was compared.
    pub log_evidence: Option<f64>,
    /// What it must reach for a regression.
    pub log_limit: f64,
    /// The same in odds: `0.36 : 1`; `limits only` where nothing was compared.
    pub evidence: String,
    /// What the look said.
    pub sentence: String,
}

/// What a look saw of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LookCheckView {
    pub name: String,
    /// False in a warm-up, and in a segment that was cut: limits alone act.
    pub compared: bool,
    /// By kind, as the judge had them: `counts`, `histogram`, `values`, `gauge` or `level`; null where the source could
    /// not say.
    pub numbers: serde_json::Value,
    /// `6/1,061`: failures, or slow ones, of requests; `4.2 of 310`: the mean of events; or a level.
    pub canary: String,
    pub baseline: String,
    /// Of this check alone after this look, natural logarithm.
    pub log_evidence: Option<f64>,
}

/// Looks, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LooksPage {
    pub looks: Vec<LookView>,
    /// `after` of the next page; absent on the last one.
    pub next: Option<u64>,
    pub recomputed: RecomputedView,
}

/// Whether the kept looks, judged again from the first, lead to the evidence there is, bit for bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecomputedView {
    /// `same`, or `none` before the first look. What cannot be told: `gone` (no longer kept), `missing`, `older` (judged
    /// by an earlier version), `many` (too many to do it here). What is wrong: `different`, `unreadable`.
    pub outcome: String,
    /// `recomputed from the kept looks: same bits`
    pub text: String,
}
