//! Outcomes that programs send, counted once a batch.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

use crate::api::Api;
use crate::api::auth::{Providers, bearer};
use crate::api::problem::{Answer, Refusal};
use crate::api::sent::Sent;
use crate::api::views::{BatchBody, CountedAnswer, ErrorView};
use crate::metrics::{Batch, fold};
use crate::traffic::ProviderAuth;

/// Adds a batch of outcomes to the counters of a route; answered once it is stored
#[utoipa::path(
    post, path = "/api/v1/observations", tag = "observations", request_body = BatchBody,
    responses((status = 200, body = CountedAnswer), (status = 404, body = ErrorView), (status = 422, body = ErrorView))
)]
pub async fn push(State(api): State<Api>, Sent(batch): Sent<Batch>) -> Answer<Json<CountedAnswer>> {
    let batch = fold(&batch, api.service.now().wall).map_err(Refusal::unprocessable)?;
    // The feed knows every route; asking the store each time would cost more than the counting.
    if api.service.feed().wished(&batch.route).is_none() {
        api.route_row(batch.route.as_str()).await?;
    }
    let counted = api.service.store().push(&batch).await?;
    Ok(Json(CountedAnswer { counted }))
}

/// The same on the provider listener, whose rule about tokens it follows.
pub async fn push_as_provider(
    State((api, providers)): State<(Api, std::sync::Arc<Providers>)>,
    headers: HeaderMap,
    batch: Sent<Batch>,
) -> Answer<Json<CountedAnswer>> {
    if !providers.allows(bearer(&headers)).await {
        return Err(Refusal::unauthenticated("send a token of the role provider"));
    }
    push(State(api), batch).await
}
