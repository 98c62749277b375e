//! The split as one small JSON document, for any program that can ask over HTTP.
//!
//! Owns: `GET /pull/v1/splits/{route}` and the document's form.
//! Does not: hold or acknowledge by itself; the feed does.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::desk::{Asking, Desk, Problem};
use super::feed::Wished;
use crate::domain::{Generation, Share, Side, Weight};
use crate::flags::HASH;
use crate::plan::Splitter;

/// A unit belongs to the canary when its bucket is below `canary_ppm`; see [`crate::flags::bucket`].
#[derive(Debug, Serialize)]
struct Document<'a> {
    route: &'a str,
    /// Send it as `have` once the split is in force: that is the acknowledgement.
    generation: Generation,
    sides: [&'a str; 2],
    serving: &'a str,
    /// The second side's share, 0 to 1,000,000.
    share_ppm: Share,
    /// The second side's share to start with when nobody answers.
    settled_ppm: Share,
    /// The idle side's share.
    canary_ppm: Weight,
    baseline: Option<&'a str>,
    canary: Option<&'a str>,
    hash: &'static str,
    salt: &'a str,
    unit: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn of(wished: &'a Wished) -> Self {
        let sides = sides(&wished.splitter);
        Self {
            route: wished.route.as_str(),
            generation: wished.generation,
            sides,
            serving: sides[wished.serving.index()],
            share_ppm: wished.share,
            settled_ppm: wished.settled(),
            canary_ppm: wished.idle_weight(),
            baseline: wished.baseline_label(),
            canary: wished.canary_label(),
            hash: HASH,
            salt: &wished.salt,
            unit: unit(&wished.splitter),
        }
    }
}

fn sides(splitter: &Splitter) -> [&str; 2] {
    match splitter {
        Splitter::Haproxy { sides, .. } => [&sides[0], &sides[1]],
        Splitter::Pull { .. } | Splitter::Flag { .. } | Splitter::Observe => [Side::A, Side::B]
            .map(|side| match side {
                Side::A => "a",
                Side::B => "b",
            }),
    }
}

fn unit(splitter: &Splitter) -> Option<&str> {
    match splitter {
        Splitter::Pull { unit, .. } => unit.as_deref(),
        Splitter::Flag { unit, .. } => Some(unit),
        Splitter::Haproxy { .. } | Splitter::Observe => None,
    }
}

pub(super) fn router(desk: Desk) -> Router {
    Router::new().route("/pull/v1/splits/{route}", get(split)).with_state(desk)
}

async fn split(
    State(desk): State<Desk>,
    Path(route): Path<String>,
    asking: Asking,
) -> Result<Response, Problem> {
    let Some(wished) = desk.ask(&route, asking).await? else {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, axum::Json(Document::of(&wished))).into_response())
}
