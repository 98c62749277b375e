//! Talking to a Tidegate server: over the Unix socket of its own host, or over HTTP with a token.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Global;
use super::failure::{Failure, Refusal};
use super::files::PlanFile;
use crate::api::views::ApplyAnswer;
use crate::config;

/// A server that is there takes a connection at once.
const CONNECT: Duration = Duration::from_secs(5);
/// Of one answer, but for streams.
const ANSWER: Duration = Duration::from_secs(30);
/// A write whose answer was lost is sent again under the same key: it is done once.
const TRIES: u32 = 3;

#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// As people know it: the URL or the socket's path.
    at: String,
    token: Option<String>,
}

impl Client {
    /// Where the command line says; else the local socket if somebody listens there; else the usual port.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        if let Some(server) = &global.server {
            return Self::tcp(server, global.token.clone());
        }
        let socket = global.data.clone().unwrap_or_else(config::usual_data).join(config::SOCKET);
        if listens(&socket) {
            return Self::socket(&socket, global.token.clone());
        }
        if global.data.is_some() {
            return Err(Failure::Unreachable {
                at: socket.display().to_string(),
                mend: "start one with `tidegate serve --data DIR`, or give --server URL".to_owned(),
                source: None,
            });
        }
        Self::tcp(&format!("http://{}", config::API), global.token.clone())
    }

    pub fn tcp(server: &str, token: Option<String>) -> Result<Self, Failure> {
        let base = base(server)?;
        let builder = reqwest::Client::builder();
        // What runs on this host is never behind a proxy.
        let builder = if is_loopback(&base) { builder.no_proxy() } else { builder };
        Self::build(builder, base, server.trim_end_matches('/').to_owned(), token)
    }

    pub fn socket(path: &Path, token: Option<String>) -> Result<Self, Failure> {
        let at = path.display().to_string();
        let builder = reqwest::Client::builder().unix_socket(path);
        Self::build(builder, base("http://localhost")?, at, token)
    }

    fn build(
        builder: reqwest::ClientBuilder,
        base: Url,
        at: String,
        token: Option<String>,
    ) -> Result<Self, Failure> {
        let http = builder.connect_timeout(CONNECT).build();
        let http = http.map_err(|e| Failure::Strange { at: at.clone(), detail: chain(&e) })?;
        Ok(Self { http, base, at, token })
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, path).query(query).timeout(ANSWER);
        self.answer(self.send(request).await?).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let key = uuid::Uuid::new_v4().to_string();
        let request = || {
            let request = self.request(Method::POST, path).timeout(ANSWER);
            request.header("idempotency-key", &key).json(body)
        };
        for _ in 1..TRIES {
            match request().send().await {
                Ok(response) => return self.answer(checked(response).await?).await,
                Err(error) if error.is_connect() => return Err(self.unreachable(error)),
                Err(error) => tracing::debug!(%error, "No answer, sending it again"),
            }
        }
        self.answer(self.send(request()).await?).await
    }

    /// Plans and routes, a file each; a plan may name the route of a file before it.
    pub async fn apply(&self, file: &PlanFile, dry_run: bool) -> Result<ApplyAnswer, Failure> {
        let query = [("path", file.path.clone()), ("dry_run", dry_run.to_string())];
        let request = self.request(Method::POST, &["plans"]).query(&query).timeout(ANSWER);
        let request = request.header("content-type", "application/yaml").body(file.bytes.clone());
        self.answer(self.send(request).await?).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        let request = self.request(Method::DELETE, path).timeout(ANSWER);
        self.answer(self.send(request).await?).await
    }

    /// An answer that does not end by itself.
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path).query(query);
        self.send(request.header("accept", "text/event-stream")).await
    }

    pub fn unreachable(&self, error: reqwest::Error) -> Failure {
        let refused = error.is_connect() || error.is_timeout();
        let mend = if refused {
            "start one with `tidegate serve`, or say where it is with --server URL"
        } else {
            "the connection broke: what was asked may or may not have been done; look with `tidegate list`"
        };
        Failure::Unreachable {
            at: self.at.clone(),
            mend: mend.to_owned(),
            source: Some(Box::new(Cause(innermost(&error)))),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|e| self.unreachable(e))?;
        checked(response).await
    }

    async fn answer<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let status = response.status();
        let body = response.bytes().await.map_err(|e| self.unreachable(e))?;
        // Nothing to say is said as nothing; JSON calls that null.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|error| Failure::Strange {
            at: self.at.clone(),
            detail: format!("{status} with {error}"),
        })
    }
}

/// An answer that says yes.
async fn checked(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let at = response.url().to_string();
    let body = response.text().await.unwrap_or_default();
    let refusal: Option<Refusal> = serde_json::from_str(&body).ok();
    match refusal {
        Some(refusal) if status.is_client_error() => {
            Err(Failure::Refused(Box::new(Refusal { status: status.as_u16(), ..refusal })))
        }
        Some(refusal) => Err(Failure::Strange {
            at,
            detail: format!("{} {} {}", status.as_u16(), refusal.title, refusal.detail),
        }),
        None if status == StatusCode::UNAUTHORIZED => {
            Err(Failure::Refused(Box::new(Refusal { status: 401, ..Refusal::default() })))
        }
        None => Err(Failure::Strange { at, detail: status.to_string() }),
    }
}

fn base(server: &str) -> Result<Url, Failure> {
    let mend = "write one like http://127.0.0.1:8420 or https://tidegate.example";
    let url = Url::parse(server).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    url.ok_or_else(|| Failure::usage(format!("--server `{server}` is no address"), mend))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A socket file may be left over from a server that was killed.
fn listens(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// What really happened, without the layers that say no more than that something did.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn chain(error: &dyn Error) -> String {
    let below = error.source().map(|s| format!(": {}", chain(s)));
    format!("{error}{}", below.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        assert!(base("http://127.0.0.1:8420").is_ok());
        for bad in ["127.0.0.1:8420", "ftp://x", "", "http://"] {
            let told = base(bad).map(|_| ()).map_err(|e| e.exit().code());
            assert_eq!(told, Err(1), "{bad}");
        }
    }

    #[test]
    fn this_host_is_known_by_all_its_names() {
        let rows = [
            ("http://localhost:1", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:8420", true),
            ("https://tidegate.example", false),
        ];
        for (url, expect) in rows {
            assert_eq!(base(url).is_ok_and(|u| is_loopback(&u)), expect, "{url}");
        }
    }
}
