//! Why: the looks behind a decision, judged again.

use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::present::{self, EXPLAINED, Retold};
use crate::api::problem::{Answer, Refusal};
use crate::api::sent::{Asked, Named};
use crate::api::views::{ErrorView, ExplainView, LooksPage};
use crate::store::Stored;

/// Looks of a page, where no number is asked for and at most.
const PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1000;

/// The evidence in full, look by look, and what each number means
#[utoipa::path(
    get, path = "/api/v1/rollouts/{name}/explain", tag = "rollouts", params(("name" = String, Path)),
    responses((status = 200, body = ExplainView), (status = 404, body = ErrorView))
)]
pub async fn explain(
    State(api): State<Api>,
    Named(name): Named<String>,
) -> Answer<Json<ExplainView>> {
    let stored = api.rollout(&name).await?;
    let facts = api.facts(&stored).await?;
    let end = stored.memory.judged.saturating_add(1);
    let looks = retold(&api, &stored, end.saturating_sub(EXPLAINED)..end).await?;
    Ok(Json(present::explain(&stored, &facts, looks)))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LooksAsked {
    /// Looks after this number.
    after: Option<u64>,
    /// 1 to 1000; 100 where absent.
    limit: Option<u64>,
}

/// What the judge was given look by look, oldest first, and the evidence after each
#[utoipa::path(
    get, path = "/api/v1/rollouts/{name}/looks", tag = "rollouts", params(("name" = String, Path), LooksAsked),
    responses((status = 200, body = LooksPage), (status = 404, body = ErrorView))
)]
pub async fn looks(
    State(api): State<Api>,
    Named(name): Named<String>,
    Asked(asked): Asked<LooksAsked>,
) -> Answer<Json<LooksPage>> {
    let stored = api.rollout(&name).await?;
    let first = asked.after.unwrap_or(0).saturating_add(1);
    let end = first.saturating_add(asked.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE));
    let Retold { looks, recomputed } = retold(&api, &stored, first..end).await?;
    let last = looks.last().map(|look| look.number);
    let next = last.filter(|last| *last < stored.memory.judged);
    Ok(Json(LooksPage { looks, next, recomputed }))
}

/// Judging many looks again takes a while: it must not hold up those who only ask.
async fn retold(api: &Api, stored: &Arc<Stored>, wanted: Range<u64>) -> Answer<Retold> {
    let kept = api.kept_looks(stored).await?;
    let stored = Arc::clone(stored);
    let again = tokio::task::spawn_blocking(move || present::retold(&stored, &kept, wanted)).await;
    again.map_err(|_| Refusal::unavailable("the looks could not be judged again"))
}
