//! Who asks, and what they may.
//!
//! Owns: tokens (made, hashed, found), roles, the one table of which role each operation needs.
//! Does not: authenticate proxies on their own listener ([`Providers`] only answers the question).
//! Invariant: an operation that is not in the table is refused.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::Api;
use super::peer::Peer;
use super::present::role;
use super::problem::{Answer, Refusal};
use crate::domain::Actor;
use crate::store::{Role, Store, StoreError, TokenRow};

/// What an operation does, which decides who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Reads.
    See,
    /// Takes exposure away, or holds it: nobody on duty should lack this.
    Lower,
    /// Exposes users, or changes what will.
    Raise,
    Approve,
    /// Sends observations.
    Push,
    Admin,
}

/// Method, path, what it does. The OpenAPI document is tested to have exactly these.
pub(super) const TABLE: &[(Method, &str, May)] = &[
    (Method::GET, "/api/v1/whoami", May::See),
    (Method::POST, "/api/v1/plans", May::Raise),
    (Method::GET, "/api/v1/plans", May::See),
    (Method::GET, "/api/v1/plans/{name}", May::See),
    (Method::GET, "/api/v1/plans/{name}/revisions", May::See),
    (Method::GET, "/api/v1/plans/{name}/revisions/{revision}", May::See),
    (Method::GET, "/api/v1/routes", May::See),
    (Method::GET, "/api/v1/routes/{name}", May::See),
    (Method::GET, "/api/v1/routes/{name}/setup", May::See),
    (Method::POST, "/api/v1/routes/{name}/kill", May::Lower),
    (Method::POST, "/api/v1/routes/{name}/unkill", May::Raise),
    (Method::DELETE, "/api/v1/routes/{name}/instances/{node}", May::Raise),
    (Method::POST, "/api/v1/rollouts", May::Raise),
    (Method::GET, "/api/v1/rollouts", May::See),
    (Method::GET, "/api/v1/rollouts/{name}", May::See),
    (Method::GET, "/api/v1/rollouts/{name}/journal", May::See),
    (Method::GET, "/api/v1/rollouts/{name}/explain", May::See),
    (Method::GET, "/api/v1/rollouts/{name}/looks", May::See),
    (Method::POST, "/api/v1/rollouts/{name}/pause", May::Lower),
    (Method::POST, "/api/v1/rollouts/{name}/revert", May::Lower),
    (Method::POST, "/api/v1/rollouts/{name}/resume", May::Raise),
    (Method::POST, "/api/v1/rollouts/{name}/promote", May::Raise),
    (Method::POST, "/api/v1/rollouts/{name}/retry", May::Raise),
    (Method::POST, "/api/v1/rollouts/{name}/approve", May::Approve),
    (Method::GET, "/api/v1/now", May::See),
    (Method::GET, "/api/v1/events", May::See),
    (Method::POST, "/api/v1/observations", May::Push),
    (Method::GET, "/api/v1/audit", May::See),
    (Method::GET, "/api/v1/tokens", May::Admin),
    (Method::POST, "/api/v1/tokens", May::Admin),
    (Method::DELETE, "/api/v1/tokens/{name}", May::Admin),
];

impl May {
    /// Who may, the least role first.
    pub(super) fn roles(self) -> &'static [Role] {
        match self {
            Self::See => &[Role::Viewer, Role::Operator, Role::Approver, Role::Admin],
            Self::Lower => &[Role::Operator, Role::Approver, Role::Admin],
            Self::Raise => &[Role::Operator, Role::Admin],
            Self::Approve => &[Role::Approver, Role::Admin],
            Self::Push => &[Role::Provider, Role::Operator, Role::Admin],
            Self::Admin => &[Role::Admin],
        }
    }
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub actor: Actor,
    pub role: Role,
    pub groups: Vec<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Refusal::unauthenticated("nobody was let in"))
    }
}

/// Lets a request through to its handler if the table says so.
pub async fn guard(State(store): State<Arc<dyn Store>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&*store, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(store: &dyn Store, request: &Parts) -> Answer<Caller> {
    let caller = caller(store, request).await?;
    let path = request.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    let may = TABLE.iter().find(|(m, p, _)| m == method && *p == path);
    let Some((_, _, may)) = may else { return Err(Refusal::method_not_allowed()) };
    if may.roles().contains(&caller.role) {
        return Ok(caller);
    }
    let needed: Vec<&str> = may.roles().iter().map(|r| role(*r)).collect();
    Err(Refusal::forbidden(format!(
        "{} has the role {}; this needs {}",
        caller.actor,
        role(caller.role),
        needed.join(" or ")
    )))
}

async fn caller(store: &dyn Store, request: &Parts) -> Answer<Caller> {
    // Only the local socket's listener puts a peer here, and it has checked who that is.
    if let Some(Peer { user }) = request.extensions.get::<Peer>() {
        let actor = Actor::local(user.as_str());
        return Ok(Caller { actor, role: Role::Admin, groups: Vec::new() });
    }
    let Some(token) = bearer(&request.headers) else {
        let detail = "send a token: `Authorization: Bearer tg_…`; `tidegate token add` makes one";
        return Err(Refusal::unauthenticated(detail));
    };
    match store.token(&hash(token)).await? {
        Some(TokenRow { name, role, groups, revoked: None, .. }) => {
            Ok(Caller { actor: Actor::token(name), role, groups })
        }
        _ => Err(Refusal::unauthenticated("this token is unknown or revoked")),
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A token's text: 244 random bits, so a fast hash is safe and nothing can be guessed.
pub fn new_token() -> String {
    format!("tg_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What is kept of a token. It is looked up by this: how long that takes tells nothing of the token itself.
pub fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// Makes and stores a token; its text is returned once.
///
/// # Errors
/// When the store does not take it.
pub async fn mint(store: &dyn Store, row: TokenRow) -> Result<(String, TokenRow), StoreError> {
    let text = new_token();
    let row = TokenRow { hash: hash(&text), ..row };
    store.add_token(&row).await?;
    Ok((text, row))
}

/// Tokens that were found good, so that a flag's evaluation asks no store. This process is the only one that revokes.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<RwLock<KnownNow>>);

#[derive(Debug, Default)]
struct KnownNow {
    /// Rises with every revocation: what was looked up before it is not kept.
    epoch: u64,
    good: HashSet<[u8; 32]>,
}

impl Known {
    fn look(&self, hash: &[u8; 32]) -> (u64, bool) {
        let now = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (now.epoch, now.good.contains(hash))
    }

    fn keep(&self, epoch: u64, hash: [u8; 32]) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if now.epoch == epoch {
            now.good.insert(hash);
        }
    }

    /// After a token was revoked.
    pub(super) fn forget(&self) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        now.epoch += 1;
        now.good.clear();
    }
}

/// Whether proxies, programs and flag clients may ask, for the provider listener.
#[derive(Debug)]
pub struct Providers {
    store: Arc<dyn Store>,
    known: Known,
    /// Everybody may: for a trial on one's own host.
    open: bool,
}

impl Providers {
    pub fn new(api: &Api, open: bool) -> Self {
        Self { store: Arc::clone(api.service.store()), known: api.known.clone(), open }
    }

    async fn find(&self, hash: &[u8; 32]) -> bool {
        match self.store.token(hash).await {
            Ok(Some(row)) => row.revoked.is_none() && May::Push.roles().contains(&row.role),
            Ok(None) => false,
            Err(error) => {
                tracing::error!(%error, "Could not check a provider's token, refused it");
                false
            }
        }
    }
}

#[async_trait]
impl crate::traffic::ProviderAuth for Providers {
    async fn allows(&self, token: Option<&str>) -> bool {
        if self.open {
            return true;
        }
        let Some(token) = token else { return false };
        let hash = hash(token);
        let (epoch, good) = self.known.look(&hash);
        if good {
            return true;
        }
        let found = self.find(&hash).await;
        if found {
            self.known.keep(epoch, hash);
        }
        found
    }
}
