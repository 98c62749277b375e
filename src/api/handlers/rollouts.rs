//! Rollouts: started, listed, shown.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::present::{self, Facts, Row};
use crate::api::problem::{Answer, Refusal};
use crate::api::sent::{self, Asked, Named, Sent};
use crate::api::views::{
    ErrorView, JournalPage, NowView, RetryBody, RolloutPage, RolloutView, StartAnswer,
    StartRequestBody,
};
use crate::domain::Weight;
use crate::scheduler::StartRequest;
use crate::store::{Kill, ListFilter, Stored};

/// Rows of a page, where none is asked for and at most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 500;

/// Starts a plan
#[utoipa::path(
    post, path = "/api/v1/rollouts", tag = "rollouts", request_body = StartRequestBody,
    responses(
        (status = 201, body = StartAnswer), (status = 404, body = ErrorView),
        (status = 409, body = ErrorView, description = "The route is busy or killed"),
        (status = 422, body = ErrorView, description = "Inputs are missing or unknown"),
    )
)]
pub async fn start(
    State(api): State<Api>,
    caller: Caller,
    Sent(body): Sent<StartRequestBody>,
) -> Answer<(StatusCode, Json<StartAnswer>)> {
    let from = body.from.as_deref().map(Weight::parse_percent).transpose();
    let request = StartRequest {
        plan: sent::name("plan", &body.plan)?,
        revision: body.revision,
        inputs: body.inputs,
        by: caller.actor,
        from: from.map_err(|e| Refusal::unprocessable(e.to_string()))?,
        because: sent::words(body.because)?,
    };
    started(&api, request).await
}

/// Starts the same version again, from the step named if it passed those before
#[utoipa::path(
    post, path = "/api/v1/rollouts/{name}/retry", tag = "rollouts", params(("name" = String, Path)),
    request_body = RetryBody,
    responses((status = 201, body = StartAnswer), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(body): Sent<RetryBody>,
) -> Answer<(StatusCode, Json<StartAnswer>)> {
    let before = api.rollout(&name).await?;
    let from = body.from.as_deref().map(Weight::parse_percent).transpose();
    let request = StartRequest {
        plan: before.name.plan.clone(),
        revision: Some(before.plan_revision),
        inputs: before.program.inputs.clone(),
        by: caller.actor,
        from: from.map_err(|e| Refusal::unprocessable(e.to_string()))?,
        because: sent::words(body.because)?,
    };
    started(&api, request).await
}

async fn started(api: &Api, request: StartRequest) -> Answer<(StatusCode, Json<StartAnswer>)> {
    let stored = api.service.start(request).await?;
    let holder = api.holder(&stored.program.route.name).await?;
    let behind = holder.filter(|holder| *holder != stored.name).map(|holder| holder.to_string());
    let text = present::start_text(&stored, behind.as_deref());
    let rollout = view(api, &stored).await?;
    Ok((StatusCode::CREATED, Json(StartAnswer { rollout, text })))
}

pub(super) async fn view(api: &Api, stored: &Stored) -> Answer<RolloutView> {
    Ok(present::rollout(stored, &api.facts(stored).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    plan: Option<String>,
    route: Option<String>,
    /// A phase's word: `baking`, `paused`, ...
    phase: Option<String>,
    /// Only those not at an end.
    #[serde(default)]
    live: bool,
    /// `next` of the page before.
    before: Option<i64>,
    /// 1 to 500; 50 where absent.
    limit: Option<u32>,
}

/// Rollouts, newest first
#[utoipa::path(
    get, path = "/api/v1/rollouts", tag = "rollouts", params(Listing),
    responses((status = 200, body = RolloutPage))
)]
pub async fn list(
    State(api): State<Api>,
    Asked(listing): Asked<Listing>,
) -> Answer<Json<RolloutPage>> {
    let limit = listing.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let named = |what, text: Option<&str>| text.map(|text| sent::name(what, text)).transpose();
    let filter = ListFilter {
        plan: named("plan", listing.plan.as_deref())?,
        route: named("route", listing.route.as_deref())?,
        phase: listing.phase,
        live: listing.live,
        before: listing.before,
        limit: limit + 1,
    };
    let mut rows = api.service.store().list(&filter).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    let kills = api.service.store().kills().await?;
    let mut rollouts = Vec::with_capacity(rows.len());
    for row in rows {
        let row = api.newest(row).await?;
        let facts = queue_facts(&api, Row::from(&row), &kills).await?;
        rollouts.push(present::summary(Row::from(&row), &facts));
    }
    Ok(Json(RolloutPage { rollouts, next }))
}

async fn queue_facts(api: &Api, row: Row<'_>, kills: &[Kill]) -> Answer<Facts> {
    let holder = match row.state.phase {
        crate::engine::Phase::Queued => api.holder(&row.program.route.name).await?,
        _ => None,
    };
    Ok(api.known(row, kills, holder))
}

/// A rollout with its newest numbers: `checkout#42`, or `checkout` for the one in flight, else the last
#[utoipa::path(
    get, path = "/api/v1/rollouts/{name}", tag = "rollouts", params(("name" = String, Path)),
    responses((status = 200, body = RolloutView), (status = 404, body = ErrorView))
)]
pub async fn show(State(api): State<Api>, Named(name): Named<String>) -> Answer<Json<RolloutView>> {
    let stored = api.rollout(&name).await?;
    Ok(Json(view(&api, &stored).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Lines after this number.
    after: Option<i64>,
    /// 1 to 500; 50 where absent.
    limit: Option<u32>,
}

/// The journal, oldest line first
#[utoipa::path(
    get, path = "/api/v1/rollouts/{name}/journal", tag = "rollouts", params(("name" = String, Path), Paging),
    responses((status = 200, body = JournalPage), (status = 404, body = ErrorView))
)]
pub async fn journal(
    State(api): State<Api>,
    Named(name): Named<String>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<JournalPage>> {
    let name = api.rollout(&name).await?.name.clone();
    let limit = paging.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let after = paging.after.unwrap_or(0).max(0);
    let lines = api.service.store().journal(&name, after, limit).await?;
    let full = lines.len() == limit as usize;
    let next = lines.last().filter(|_| full).map(|line| line.seq);
    Ok(Json(JournalPage { lines: lines.iter().map(present::line).collect(), next }))
}

/// What changed in the last 6 hours, what looks ill, what needs a person
#[utoipa::path(get, path = "/api/v1/now", tag = "rollouts", responses((status = 200, body = NowView)))]
pub async fn now(State(api): State<Api>) -> Answer<Json<NowView>> {
    let store = api.service.store();
    let kills = store.kills().await?;
    let filter = ListFilter { live: true, limit: LARGEST_PAGE, ..Default::default() };
    let mut rows = store.list(&filter).await?;
    let recent = store.list(&ListFilter { live: false, ..filter }).await?;
    rows.extend(recent.into_iter().filter(|row| row.state.phase.is_end()));
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        let row = api.newest(row).await?;
        let facts = queue_facts(&api, Row::from(&row), &kills).await?;
        known.push((row, facts));
    }
    let rows: Vec<_> = known.iter().map(|(row, facts)| (Row::from(row), facts.clone())).collect();
    Ok(Json(present::now(&rows, &kills, api.service.now().wall)))
}
