//! What a person tells a rollout; answered after the commit.

use axum::Json;
use axum::extract::State;

use super::rollouts::view;
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::problem::Answer;
use crate::api::sent::{Named, Sent};
use crate::api::views::{CommandBody, ErrorView, RolloutView};
use crate::engine::Command;

async fn command(
    api: &Api,
    caller: Caller,
    name: &str,
    command: Command,
) -> Answer<Json<RolloutView>> {
    let name = api.rollout_name(name).await?;
    let stored = api.service.command(&name, caller.actor, command).await?;
    Ok(Json(view(api, &stored).await?))
}

/// Holds the weight; the judge goes on looking
#[utoipa::path(
    post, path = "/api/v1/rollouts/{name}/pause", tag = "commands", params(("name" = String, Path)),
    request_body = CommandBody,
    responses((status = 200, body = RolloutView), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn pause(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(CommandBody { because, .. }): Sent<CommandBody>,
) -> Answer<Json<RolloutView>> {
    command(&api, caller, &name, Command::Pause { because }).await
}

/// Goes on where it was paused
#[utoipa::path(
    post, path = "/api/v1/rollouts/{name}/resume", tag = "commands", params(("name" = String, Path)),
    request_body = CommandBody,
    responses((status = 200, body = RolloutView), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(CommandBody { because, .. }): Sent<CommandBody>,
) -> Answer<Json<RolloutView>> {
    command(&api, caller, &name, Command::Resume { because }).await
}

/// Lets it through its gate; who started it may not
#[utoipa::path(
    post, path = "/api/v1/rollouts/{name}/approve", tag = "commands", params(("name" = String, Path)),
    request_body = CommandBody,
    responses((status = 200, body = RolloutView), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn approve(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(CommandBody { because, answers }): Sent<CommandBody>,
) -> Answer<Json<RolloutView>> {
    let groups = caller.groups.clone();
    command(&api, caller, &name, Command::Approve { because, groups, answers }).await
}

/// Skips what is left: everybody to the new version
#[utoipa::path(
    post, path = "/api/v1/rollouts/{name}/promote", tag = "commands", params(("name" = String, Path)),
    request_body = CommandBody,
    responses((status = 200, body = RolloutView), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn promote(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(CommandBody { because, .. }): Sent<CommandBody>,
) -> Answer<Json<RolloutView>> {
    command(&api, caller, &name, Command::Promote { because }).await
}

/// Everybody back, in flight or after completion
#[utoipa::path(
    post, path = "/api/v1/rollouts/{name}/revert", tag = "commands", params(("name" = String, Path)),
    request_body = CommandBody,
    responses((status = 200, body = RolloutView), (status = 404, body = ErrorView), (status = 409, body = ErrorView))
)]
pub async fn revert(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Sent(CommandBody { because, .. }): Sent<CommandBody>,
) -> Answer<Json<RolloutView>> {
    command(&api, caller, &name, Command::Revert { because }).await
}
