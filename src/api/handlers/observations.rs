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
use crate::store::{Counted, MOST_NAMES, TooMany};
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
    match api.service.store().push(&batch).await? {
        Counted::New => Ok(Json(CountedAnswer { counted: true })),
        Counted::Before => Ok(Json(CountedAnswer { counted: false })),
        Counted::TooMany(what) => {
            Err(Refusal::unprocessable(too_many(batch.route.as_str(), &what)))
        }
    }
}

fn too_many(route: &str, what: &TooMany) -> String {
    let (what, mend) = match what {
        TooMany::Attributes => ("attributes in `segment`".to_owned(), "send those that plans name"),
        TooMany::Values(attribute) => (
            format!("values of `{attribute}` in `segment`"),
            "send a few groups, never an id; what is not sent for seven days is forgotten",
        ),
        TooMany::Numbers => ("names in `values`".to_owned(), "send those that plans name"),
    };
    format!("route `{route}` would have more than {MOST_NAMES} {what}: {mend}")
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
