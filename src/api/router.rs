//! The routers: what is mounted where, under which limits.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{self, Providers};
use super::handlers::{
    admin, commands, events, health, looks, observations, plans, rollouts, routes as r,
};
use super::problem::Refusal;
use super::{Api, LARGEST_BODY, once};
use crate::traffic;

/// Of one request, its body included. A stream has none; an audit reads everything there is.
const TIME: Duration = Duration::from_secs(15);
const AUDIT_TIME: Duration = Duration::from_secs(600);

fn operations() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(admin::whoami))
        .routes(routes!(plans::apply, plans::list))
        .routes(routes!(plans::show))
        .routes(routes!(plans::revisions))
        .routes(routes!(plans::revision))
        .routes(routes!(r::list))
        .routes(routes!(r::show))
        .routes(routes!(r::setup))
        .routes(routes!(r::kill))
        .routes(routes!(r::unkill))
        .routes(routes!(r::forget))
        .routes(routes!(rollouts::start, rollouts::list))
        .routes(routes!(rollouts::show))
        .routes(routes!(rollouts::journal))
        .routes(routes!(looks::explain))
        .routes(routes!(looks::looks))
        .routes(routes!(commands::pause))
        .routes(routes!(commands::resume))
        .routes(routes!(commands::approve))
        .routes(routes!(commands::promote))
        .routes(routes!(commands::revert))
        .routes(routes!(rollouts::retry))
        .routes(routes!(rollouts::now))
        .routes(routes!(events::events))
        .routes(routes!(observations::push))
        .routes(routes!(admin::audit))
        .routes(routes!(admin::list, admin::create))
        .routes(routes!(admin::revoke))
}

/// The OpenAPI 3.1 document of everything under `/api/v1`.
pub fn openapi() -> OpenApi {
    describe(operations().into_openapi())
}

fn describe(mut document: OpenApi) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Tidegate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Progressive rollouts that open step by step and shut by themselves."))
        .build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let mut components = document.components.take().unwrap_or_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let described: OpenApiBuilder = document.into();
    described
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .build()
}

/// What people and programs ask: REST, events, health.
pub fn router(api: Api) -> Router {
    let (operations, document) = operations().split_for_parts();
    let document = Arc::new(describe(document));
    let store = Arc::clone(api.service.store());
    operations
        .route_layer(middleware::from_fn_with_state(api.clone(), once::once))
        .route_layer(middleware::from_fn_with_state(store, auth::guard))
        .route("/api/v1/openapi.json", get(async move || Json(document.as_ref().clone())))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(nothing_here)
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(middleware::from_fn(limit_time))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(api)
}

/// What proxies, programs and flag clients ask, for a listener of its own.
pub fn provider_router(api: Api, providers: Arc<Providers>) -> Router {
    let feed = api.service.feed().clone();
    let push = Router::new()
        .route("/api/v1/observations", post(observations::push_as_provider))
        .with_state((api.clone(), Arc::clone(&providers)));
    let health = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(api.clone());
    traffic::router(feed.clone(), providers.clone())
        .merge(traffic::flag::router(feed, providers))
        .merge(push)
        .merge(health)
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(api, until_stopped))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

async fn nothing_here() -> Refusal {
    Refusal::not_found("nothing is at this path; see /api/v1/openapi.json")
}

async fn limit_time(request: Request, next: Next) -> Response {
    let time = match request.uri().path() {
        "/api/v1/events" => return next.run(request).await,
        "/api/v1/audit" => AUDIT_TIME,
        _ => TIME,
    };
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "not done in time; it may still be: ask with the same idempotency key";
            Refusal::unavailable(detail).into_response()
        }
    }
}

/// Held polls end when the server does: whoever asked keeps what they have and asks again.
async fn until_stopped(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return match tokio::time::timeout(TIME, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Refusal::unavailable("not done in time; ask again").into_response(),
        };
    }
    tokio::select! {
        response = next.run(request) => response,
        () = api.stopped() => {
            let stopping = Refusal::unavailable("the server stops; keep what you have, ask again");
            ([(header::CONNECTION, "close")], stopping).into_response()
        }
    }
}
