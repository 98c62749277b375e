//! Tokens and the audit.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::find::short;
use crate::api::Api;
use crate::api::auth::{self, Caller};
use crate::api::present;
use crate::api::problem::{Answer, Refusal};
use crate::api::sent::{Named, Sent};
use crate::api::views::{
    AuditAnswer, DoneAnswer, ErrorView, NewTokenAnswer, NewTokenBody, TokenView, WhoAmI,
};
use crate::domain::{ActorKind, Name};
use crate::store::{Role, StoreError, TokenRow, chain};

/// Groups a token may have, and characters of one.
const MOST_GROUPS: usize = 50;

/// Who the server takes you for
#[utoipa::path(get, path = "/api/v1/whoami", tag = "admin", responses((status = 200, body = WhoAmI), (status = 401, body = ErrorView)))]
pub async fn whoami(caller: Caller) -> Json<WhoAmI> {
    Json(WhoAmI {
        local: caller.actor.kind == ActorKind::Local,
        name: caller.actor.name,
        role: present::role(caller.role).to_owned(),
        groups: caller.groups,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Checks the hash chain of every journal
#[utoipa::path(get, path = "/api/v1/audit", tag = "admin", responses((status = 200, body = AuditAnswer)))]
pub async fn audit(State(api): State<Api>) -> Answer<Json<AuditAnswer>> {
    let ends = api.service.store().journals().await?;
    let (mut lines, mut broken) = (0, Vec::new());
    for end in &ends {
        match api.whole_journal(&end.name).await {
            Ok(journal) => {
                lines += journal.len() as u64;
                broken.extend(chain::verify_to(end, &journal).err());
            }
            // Whoever changed it left no line that can be read: the others are told of all the same.
            Err(error @ StoreError::Corrupt { .. }) => {
                broken.push(format!("{}: {error}", end.name))
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (intact, journals) = (broken.is_empty(), ends.len() as u64);
    Ok(Json(AuditAnswer { intact, journals, lines, broken }))
}

/// Every token there is or was; never its text
#[utoipa::path(get, path = "/api/v1/tokens", tag = "admin", responses((status = 200, body = Vec<TokenView>)))]
pub async fn list(State(api): State<Api>) -> Answer<Json<Vec<TokenView>>> {
    let rows = api.service.store().tokens().await?;
    Ok(Json(rows.iter().map(present::token).collect()))
}

/// Makes a token; its text is shown this once
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "admin", request_body = NewTokenBody,
    responses((status = 201, body = NewTokenAnswer), (status = 409, body = ErrorView), (status = 422, body = ErrorView))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Sent(body): Sent<NewTokenBody>,
) -> Answer<(StatusCode, Json<NewTokenAnswer>)> {
    // The journal names people by it: nobody is called `the judge`.
    let name = Name::new(&body.name).map_err(|e| Refusal::unprocessable(e.to_string()))?;
    let fits = |group: &String| Name::new(group).is_ok();
    if body.groups.len() > MOST_GROUPS || !body.groups.iter().all(fits) {
        let detail = format!("at most {MOST_GROUPS} groups, each written like a name");
        return Err(Refusal::unprocessable(detail));
    }
    let row = TokenRow {
        name: name.to_string(),
        hash: [0; 32],
        role: role(&body.role)?,
        groups: body.groups,
        created: api.service.now().wall,
        revoked: None,
    };
    let (token, row) = auth::mint(&**api.service.store(), row).await?;
    tracing::info!(token = row.name, by = %caller.actor, "Made a token");
    Ok((StatusCode::CREATED, Json(NewTokenAnswer { token, view: present::token(&row) })))
}

fn role(word: &str) -> Answer<Role> {
    const ROLES: [Role; 5] =
        [Role::Viewer, Role::Provider, Role::Operator, Role::Approver, Role::Admin];
    ROLES.into_iter().find(|role| present::role(*role) == word).ok_or_else(|| {
        let word = short(word);
        Refusal::unprocessable(format!(
            "`{word}` is no role: viewer, provider, operator, approver or admin"
        ))
    })
}

/// Takes a token's rights away, at once
#[utoipa::path(
    delete, path = "/api/v1/tokens/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 200, body = DoneAnswer), (status = 404, body = ErrorView))
)]
pub async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
) -> Answer<Json<DoneAnswer>> {
    let at = api.service.now().wall;
    if !api.service.store().revoke_token(&name, at).await? {
        let name = short(&name);
        return Err(Refusal::not_found(format!("no token `{name}` is in force")));
    }
    api.known.forget();
    tracing::info!(token = name, by = %caller.actor, "Revoked a token");
    Ok(Json(DoneAnswer { text: format!("{name} may do nothing from now on.") }))
}
