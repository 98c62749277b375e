//! Where polls come in, whatever the dialect.
//!
//! Owns: who may ask, what a question must hold, how long it is held, and the answers that are no split.
//! Does not: format a split; each dialect does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::feed::Feed;
use super::observe;
use super::split::{Poll, Polled, Wished};
use crate::domain::{Generation, Name, Share};

/// A poll is held this long at most, then answered 304.
pub const HOLD: Duration = Duration::from_secs(20);

/// Who may ask. Supplied by the API, which knows the tokens.
#[async_trait]
pub trait ProviderAuth: Send + Sync {
    /// `token`: as the caller sent it, `None` where none came. A refused poll acknowledges nothing.
    async fn allows(&self, token: Option<&str>) -> bool;
}

/// What every dialect's handlers share.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) feed: Feed,
    pub(super) auth: Arc<dyn ProviderAuth>,
}

/// The query of a poll; the same in all dialects.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Question {
    #[serde(default)]
    node: String,
    #[serde(default)]
    boot: String,
    have: Option<String>,
    share: Option<String>,
    settled: Option<String>,
    metrics_port: Option<String>,
    wait: Option<String>,
}

/// A poll as it arrived.
pub(super) struct Asking {
    question: Question,
    token: Option<String>,
    peer: Option<SocketAddr>,
}

/// An answer that is no split, as RFC 9457 has it.
#[derive(Debug)]
pub(super) struct Problem(pub(super) StatusCode, pub(super) String);

impl Desk {
    /// Holds the poll until there is a split to tell; `Ok(None)` where there is nothing new.
    pub(super) async fn ask(&self, route: &str, asking: Asking) -> Result<Option<Wished>, Problem> {
        if !self.auth.allows(asking.token.as_deref()).await {
            return Err(Problem(
                StatusCode::UNAUTHORIZED,
                "send a token of the role provider".into(),
            ));
        }
        if !self.feed.is_loaded() {
            return Err(Problem(StatusCode::SERVICE_UNAVAILABLE, "starting; ask again".into()));
        }
        let unknown = || Problem(StatusCode::NOT_FOUND, format!("there is no route `{route}`"));
        let name = Name::new(route).map_err(|_| unknown())?;
        if self.feed.wished(&name).is_some_and(|wished| !observe::is_told(&wished)) {
            let detail = format!("`{route}` is observed: somebody else moves its traffic");
            return Err(Problem(StatusCode::CONFLICT, detail));
        }
        let hold = asking.hold()?;
        match self.feed.poll(asking.poll(name)?, hold).await {
            Polled::Split(wished) => Ok(Some(*wished)),
            Polled::Unchanged => Ok(None),
            Polled::Unknown => Err(unknown()),
        }
    }
}

impl Asking {
    fn poll(self, route: Name) -> Result<Poll, Problem> {
        let metrics = self.metrics()?;
        let Question { node, boot, have, share, settled, .. } = self.question;
        Ok(Poll {
            route,
            node: word("node", node)?,
            boot: word("boot", boot)?,
            have: number("have", have.as_deref())?.map(Generation),
            share: number("share", share.as_deref())?.map(ppm).transpose()?,
            settled: number("settled", settled.as_deref())?.map(ppm).transpose()?,
            metrics,
        })
    }

    fn hold(&self) -> Result<Duration, Problem> {
        let seconds = number("wait", self.question.wait.as_deref())?;
        Ok(seconds.map_or(HOLD, Duration::from_secs).min(HOLD))
    }

    /// Only the port is the caller's word: nobody can have us read from another host.
    fn metrics(&self) -> Result<Option<String>, Problem> {
        let port: Option<u16> = number("metrics_port", self.question.metrics_port.as_deref())?;
        let at = port.zip(self.peer).map(|(port, peer)| SocketAddr::new(peer.ip(), port));
        Ok(at.map(|at| format!("http://{at}/metrics")))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri).map_err(|e| bad(e.body_text()))?;
        let Query(question) = query;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
        Ok(Self { question, token: token(&parts.headers), peer })
    }
}

/// From `Authorization: Bearer …` or `X-API-Key`.
pub(super) fn token(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    bearer.or_else(|| text("x-api-key")).map(str::to_owned)
}

fn word(what: &str, text: String) -> Result<String, Problem> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(text)
        .ok_or_else(|| bad(format!("`{what}` must be 1 to 200 printable characters")))
}

/// Scripts send an empty text for what they do not know.
fn number<T: std::str::FromStr>(what: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let text = text.filter(|text| !text.is_empty());
    let number = text.map(str::parse).transpose();
    number.map_err(|_| bad(format!("`{what}` is not a number that fits")))
}

fn ppm(value: u32) -> Result<Share, Problem> {
    Share::from_ppm(value).ok_or_else(|| bad("a share is 0 to 1000000 parts per million".into()))
}

fn bad(detail: String) -> Problem {
    Problem(StatusCode::BAD_REQUEST, detail)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, detail) = self;
        let title = status.canonical_reason().unwrap_or_default();
        let fields = [("title", title.into()), ("detail", detail.into())];
        let mut body = BTreeMap::<_, serde_json::Value>::from(fields);
        body.insert("status", status.as_u16().into());
        let json = serde_json::to_string(&body).unwrap_or_default();
        let headers = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::RETRY_AFTER, "1"),
        ];
        match status {
            StatusCode::SERVICE_UNAVAILABLE => (status, headers, json).into_response(),
            _ => (status, [headers[0].clone(), headers[1].clone()], json).into_response(),
        }
    }
}
