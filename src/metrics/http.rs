//! One bounded GET, and what went wrong with it in words people can act on.

use std::error::Error;
use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode, Url, header};

use super::reading::Failure;
use crate::domain::{Timestamp, human};
use crate::engine::TroubleKind;

/// More than any exposition or answer we have seen; a source that sends more is broken.
const LONGEST_BODY: usize = 32 << 20;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Page {
    pub status: StatusCode,
    /// The sender's clock, to a second.
    pub date: Option<Timestamp>,
    pub text: String,
}

/// A client that follows nobody elsewhere: sources are inside, a proxy's or login page is no answer of theirs.
///
/// # Errors
/// What the TLS set-up lacks.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Refused when somebody did it before: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = reqwest::redirect::Policy::none();
    reqwest::Client::builder().redirect(redirects).no_proxy().build()
}

/// Sends and reads it whole, within `timeout`. `source` begins the sentence of a failure.
pub(super) async fn get(
    request: RequestBuilder,
    source: &str,
    timeout: Duration,
) -> Result<Page, Failure> {
    let all = async { read(request.send().await?).await };
    match tokio::time::timeout(timeout, all).await {
        Ok(Ok(Some(page))) => Ok(page),
        Ok(Ok(None)) => {
            Err(Failure::new(TroubleKind::Malformed, format!("{source} sent more than 32 MiB")))
        }
        Ok(Err(error)) if error.is_builder() => {
            let told = format!(
                "{source} is no address ({}): write one like http://host:port/metrics",
                cause(&error)
            );
            Err(Failure::new(TroubleKind::Refused, told))
        }
        Ok(Err(error)) => {
            let told = format!("{source} cannot be reached ({}): is it running?", cause(&error));
            Err(Failure::new(TroubleKind::Unreachable, told))
        }
        Err(_) => Err(slow(source, timeout)),
    }
}

pub(super) fn slow(source: &str, timeout: Duration) -> Failure {
    let sentence = format!("{source} did not answer within {}: is it overloaded?", human(timeout));
    Failure::new(TroubleKind::Slow, sentence)
}

/// A page whose status is not 2xx, with the sender's own words.
pub(super) fn refused(source: &str, status: StatusCode, said: &str) -> Failure {
    let said = said.trim();
    let said = match said.char_indices().nth(300) {
        Some((end, _)) => &said[..end],
        None => said,
    };
    let colon = if said.is_empty() { "" } else { ": " };
    let told = format!("{source} answered {status}{colon}{said}");
    match status {
        // Itself or a proxy before it, and likely another way in a moment.
        s if s.is_server_error() => Failure::new(TroubleKind::Unreachable, told),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::new(TroubleKind::Refused, format!("{told} (is its token right?)"))
        }
        s if s.is_redirection() => Failure::new(
            TroubleKind::Refused,
            format!("{told} (a redirect is not followed: name the address it points to)"),
        ),
        _ => Failure::new(TroubleKind::Refused, told),
    }
}

/// An address without what is secret in it.
pub(super) fn shown(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

async fn read(mut response: Response) -> Result<Option<Page>, reqwest::Error> {
    let status = response.status();
    let date = response.headers().get(header::DATE).and_then(|d| d.to_str().ok());
    let date = date.and_then(|d| chrono::DateTime::parse_from_rfc2822(d).ok());
    let date = date.map(|d| Timestamp::from_utc(d.to_utc()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    // What is no UTF-8 becomes a sign no parser takes for a name or a number.
    let text = String::from_utf8(body)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    Ok(Some(Page { status, date, text }))
}

/// The innermost cause is the one that helps: "connection refused", "certificate expired".
fn cause(error: &reqwest::Error) -> &dyn Error {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}
