//! Whether the process lives, and whether it can do its work. Both answer everybody.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::api::problem::Refusal;

pub async fn alive() -> &'static str {
    "ok\n"
}

/// Ready once every route is fed to those who ask, and the store answers.
pub async fn ready(State(api): State<Api>) -> Response {
    if !api.service.feed().is_loaded() {
        return Refusal::unavailable("starting: routes are being loaded").into_response();
    }
    match api.service.store().kills().await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}
