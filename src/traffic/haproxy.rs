//! HAProxy, which asks by the script we ship.
//!
//! Owns: the text dialect, the script, and the configuration to paste.
//! Does not: reach into HAProxy: it asks, so we need no credential of any proxy.

use std::hash::Hasher;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::desk::{Asking, Desk, Problem};
use super::split::Wished;

/// For HAProxy 2.6 and newer, built with Lua.
pub const SCRIPT: &str = include_str!("haproxy/tidegate.lua");

#[derive(Debug, Deserialize)]
struct Which {
    #[serde(default)]
    route: String,
}

pub(super) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/haproxy/v1/splits", get(split))
        .route("/haproxy/v1/tidegate.lua", get(|| async { text(SCRIPT.to_owned()) }))
        .with_state(desk)
}

async fn split(
    State(desk): State<Desk>,
    Query(which): Query<Which>,
    asking: Asking,
) -> Result<Response, Problem> {
    let split = desk.ask(&which.route, asking).await?;
    Ok(split
        .map_or_else(|| StatusCode::NOT_MODIFIED.into_response(), |wished| text(lines(&wished))))
}

/// Its generation, then the route with the second side's share now and at a start without us, in parts per million.
fn lines(wished: &Wished) -> String {
    let Wished { route, generation, share, .. } = wished;
    format!("{generation}\n{route} {} {}\n", share.ppm(), wished.settled().ppm())
}

fn text(body: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain"), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

/// What to paste, once: no release changes it.
pub(super) fn setup(route: &str, sides: &[String; 2], base_url: &str) -> String {
    let [a, b] = sides;
    let seed = seed(route);
    format!(
        "\
# Route `{route}` behind HAProxy 2.6 or newer (built with Lua). Once; releases change nothing here.
#
#   curl -o /etc/haproxy/tidegate.lua {base_url}/haproxy/v1/tidegate.lua
#   mkdir -p /var/lib/haproxy/tidegate && cd /var/lib/haproxy/tidegate
#   echo '{route} 0' >> splits.map && chown -R haproxy: .     # 0: {a} serves now; 1000000 if {b} does
global
  setenv TIDEGATE_URL {base_url}
  setenv TIDEGATE_TOKEN change-me                             # tidegate token add haproxy --role provider
  setenv TIDEGATE_MAP /var/lib/haproxy/tidegate/splits.map
  setenv TIDEGATE_ROUTES \"{route}\"                           # all that this HAProxy carries: \"checkout search\"
  setenv TIDEGATE_METRICS_PORT 8405
  setenv TIDEGATE_CHROOT /var/lib/haproxy                     # as in your `chroot` line; without one leave it out
  lua-load /etc/haproxy/tidegate.lua

# Your frontend, with these lines in it. A user stays on a side by the cookie `session`: put your own key there.
frontend {route}
  bind :8080
  http-request set-var(txn.tidegate) req.cook(session),xxh32({seed}),mod(1000000) if {{ req.cook(session) -m found }}
  http-request set-var(txn.tidegate) rand(1000000) unless {{ req.cook(session) -m found }}
  http-request set-var(txn.share) str({route}),map_str_int(/var/lib/haproxy/tidegate/splits.map)
  use_backend {b} if {{ var(txn.share) -m found }} {{ var(txn.tidegate),sub(txn.share) lt 0 }}
  default_backend {a}
# The backends {a} and {b} are yours: two places to run a version, one of them idle between releases.

# Requests and failures of either side, read by Tidegate (and by nobody else: bind it to an inner address).
frontend tidegate_metrics
  bind :8405
  mode http
  http-request use-service prometheus-exporter if {{ path /metrics }}
"
    )
}

/// So that two routes draw their users independently; any number does, as long as it stays.
fn seed(route: &str) -> u32 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.write(route.as_bytes());
    u32::try_from(hasher.finish() >> 33).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{OneToken, feed_of, get, shop};
    use super::*;
    use crate::domain::Side;

    const ASK: &str = "/haproxy/v1/splits?route=shop&node=a&boot=1&wait=0";

    #[tokio::test]
    async fn the_script_is_told_a_split_in_two_lines() {
        let feed = feed_of(Wished { serving: Side::B, ..shop(7, 75) });
        let router = router(Desk { feed, auth: Arc::new(OneToken) });
        let first = get(&router, &format!("{ASK}&have=&share=0&settled=0")).await;
        assert_eq!(first, "200\ntext/plain\n7\nshop 750000 1000000\n");
        let again = format!("{ASK}&have=7&share=750000&settled=1000000");
        assert_eq!(get(&router, &again).await, "304\n-\n");
        let unsettled = format!("{ASK}&have=7&share=750000&settled=0");
        assert_eq!(get(&router, &unsettled).await, first, "a restart would serve the old side");
    }

    #[tokio::test]
    async fn the_script_itself_needs_no_token() {
        let router = router(Desk { feed: feed_of(shop(1, 0)), auth: Arc::new(OneToken) });
        let answer = get(&router, "/haproxy/v1/tidegate.lua").await;
        assert!(answer.starts_with("200\ntext/plain\n-- Tidegate for HAProxy"));
    }
}
