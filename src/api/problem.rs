//! Every way a request can be refused, as RFC 9457 problem details.
//!
//! Owns: status, stable word and sentence of each refusal.
//! Invariant: whatever goes wrong, the answer is `application/problem+json` and says what to do instead.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::views::{ErrorView, ProblemView};
use crate::scheduler::{ApplyError, StartError};
use crate::store::StoreError;

/// After this many seconds a caller may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
const TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub kind: &'static str,
    pub detail: String,
    pub problems: Vec<ProblemView>,
}

pub type Answer<T> = Result<T, Refusal>;

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), problems: Vec::new() }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// No token, or one that is unknown or revoked.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// It cannot be done where things stand now.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    pub fn method_not_allowed() -> Self {
        let detail = "this path knows other methods; see /api/v1/openapi.json";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
    }

    /// The text that was sent has errors; nothing was stored.
    pub fn invalid_plan(problems: Vec<ProblemView>) -> Self {
        let errors = problems.iter().filter(|p| p.severity == "error").count();
        let detail = match errors {
            1 => "1 error, nothing was stored".to_owned(),
            n => format!("{n} errors, nothing was stored"),
        };
        let new = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-plan", detail);
        Self { problems, ..new }
    }

    /// It was understood and can never work as asked.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", detail)
    }
}

impl From<StoreError> for Refusal {
    /// The cause is for the log; a caller is told what it means for them.
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Taken { .. }) {
            return Self::conflict(error.to_string());
        }
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "Could not answer a request");
        match error {
            StoreError::Corrupt { .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "corrupt",
                format!("{error}; `tidegate audit verify` and a backup can help"),
            ),
            _ => Self::unavailable(format!("{error}; try again")),
        }
    }
}

impl From<ApplyError> for Refusal {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::NotFound(_) => Self::not_found(error.to_string()),
            ApplyError::Refused(why) => Self::refused(why),
            ApplyError::Busy => Self::unavailable(error.to_string()),
            ApplyError::Store(error) => error.into(),
        }
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        match error {
            StartError::NoPlan(_) | StartError::NoRoute(_) => Self::not_found(text),
            StartError::Inputs(_) => Self::unprocessable(text),
            StartError::Busy { .. } => Self::new(StatusCode::CONFLICT, "busy", text),
            StartError::Killed(_) => Self::new(StatusCode::CONFLICT, "killed", text),
            StartError::NoRetry(_) => Self::refused(text),
            StartError::Store(error) => error.into(),
            StartError::Supersede(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, kind, detail, problems } = self;
        let view = ErrorView {
            kind: format!("/problems/{kind}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail,
            problems,
        };
        let body = serde_json::to_string(&view).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, TYPE)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
