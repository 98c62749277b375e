//! Routes: who serves, kill switches, instances.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::find::short;
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::present;
use crate::api::problem::{Answer, Refusal};
use crate::api::sent::{Asked, Named, Sent, words};
use crate::api::views::{
    DoneAnswer, ErrorView, KillAnswer, KillBody, RouteList, RouteView, SetupAnswer,
};
use crate::store::{Kill, RouteRow};
use crate::traffic;

/// Every route
#[utoipa::path(get, path = "/api/v1/routes", tag = "routes", responses((status = 200, body = RouteList)))]
pub async fn list(State(api): State<Api>) -> Answer<Json<RouteList>> {
    let rows = api.service.store().routes().await?;
    let kills = api.service.store().kills().await?;
    Ok(Json(RouteList { routes: rows.iter().map(|row| view(&api, row, &kills)).collect() }))
}

/// A route: who serves, who follows, what holds it
#[utoipa::path(
    get, path = "/api/v1/routes/{name}", tag = "routes", params(("name" = String, Path)),
    responses((status = 200, body = RouteView), (status = 404, body = ErrorView))
)]
pub async fn show(State(api): State<Api>, Named(name): Named<String>) -> Answer<Json<RouteView>> {
    let row = api.route_row(&name).await?;
    let kills = api.service.store().kills().await?;
    Ok(Json(view(&api, &row, &kills)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listener {
    /// Where the proxies reach the provider listener: `http://tidegate.internal:8421`.
    listener: String,
}

/// What to paste so that a proxy or a program follows the route.
#[utoipa::path(
    get, path = "/api/v1/routes/{name}/setup", tag = "routes", params(("name" = String, Path), Listener),
    responses((status = 200, body = SetupAnswer), (status = 404, body = ErrorView))
)]
pub async fn setup(
    State(api): State<Api>,
    Named(name): Named<String>,
    Asked(Listener { listener }): Asked<Listener>,
) -> Answer<Json<SetupAnswer>> {
    let row = api.route_row(&name).await?;
    Ok(Json(SetupAnswer { text: traffic::setup(&row.route, listener.trim_end_matches('/')) }))
}

fn view(api: &Api, row: &RouteRow, kills: &[Kill]) -> RouteView {
    let (feed, name) = (api.service.feed(), &row.route.name);
    let kill = kills.iter().find(|kill| kill.route == *name);
    present::route(row, feed.confirmation(name).as_ref(), &feed.instances(name), kill)
}

/// Pulls the kill switch: nothing raises the route until `unkill`, and what is in flight goes back now
#[utoipa::path(
    post, path = "/api/v1/routes/{name}/kill", tag = "routes", params(("name" = String, Path)),
    request_body = KillBody,
    responses((status = 200, body = KillAnswer), (status = 404, body = ErrorView))
)]
pub async fn kill(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(body): Sent<KillBody>,
) -> Answer<Json<KillAnswer>> {
    let route = api.route_row(&name).await?.route.name;
    let at = api.service.now().wall;
    let kill = Kill { route, by: caller.actor, because: words(body.because)?, at };
    let stopped = api.service.kill(kill.clone()).await?;
    let stopped: Vec<String> = stopped.iter().map(ToString::to_string).collect();
    let what = match stopped.as_slice() {
        [] => "nothing was in flight".to_owned(),
        names => format!("going back now: {}", names.join(", ")),
    };
    let route = &kill.route;
    let text =
        format!("{route} is killed: {what}. `tidegate unkill {route}` lets it be raised again.");
    Ok(Json(KillAnswer { kill: present::kill(&kill), stopped, text }))
}

/// Takes the kill switch away; what it stopped stays stopped
#[utoipa::path(
    post, path = "/api/v1/routes/{name}/unkill", tag = "routes", params(("name" = String, Path)),
    responses((status = 200, body = DoneAnswer), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn unkill(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
) -> Answer<Json<DoneAnswer>> {
    let route = api.route_row(&name).await?.route.name;
    if !api.service.store().unkill(&route).await? {
        return Err(Refusal::refused(format!("no kill switch stands on {route}")));
    }
    tracing::info!(%route, by = %caller.actor, "The kill switch of {route} was taken away");
    let text = format!("{route} may be raised again; a new rollout begins at its first step.");
    Ok(Json(DoneAnswer { text }))
}

/// Stops waiting for an instance that is gone for good
#[utoipa::path(
    delete, path = "/api/v1/routes/{name}/instances/{node}", tag = "routes",
    params(("name" = String, Path), ("node" = String, Path)),
    responses((status = 200, body = DoneAnswer), (status = 404, body = ErrorView))
)]
pub async fn forget(
    State(api): State<Api>,
    caller: Caller,
    Named((name, node)): Named<(String, String)>,
) -> Answer<Json<DoneAnswer>> {
    let route = api.route_row(&name).await?.route.name;
    // The store first: after a crash in between, a forgotten instance must not come back.
    let stored = api.service.store().forget_instance(&route, &node).await?;
    let known = api.service.feed().forget(&route, &node);
    if !stored && !known {
        let node = short(&node);
        return Err(Refusal::not_found(format!("no instance `{node}` follows {route}")));
    }
    tracing::info!(%route, node, by = %caller.actor, "Forgot an instance of {route}");
    Ok(Json(DoneAnswer { text: format!("{node} is no longer waited for on {route}.") }))
}
