//! Changes as they happen, as server-sent events.
//!
//! Events are hints with their data: `change` is one, `missed` says that some were lost and the state must be read
//! anew. An id is the change's time: a client that comes back with `Last-Event-ID` gets the journal lines it missed
//! where it follows one rollout, and `missed` where it follows all.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::problem::Answer;
use crate::api::sent::Asked;
use crate::api::views::{At, ChangeView};
use crate::domain::{RolloutName, Timestamp};
use crate::scheduler::Change;
use crate::store::JournalLine;

/// A comment this often keeps proxies in between from hanging up.
const HEARTBEAT: Duration = Duration::from_secs(15);
const MISSED: &str = "changes were missed; read the state anew";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Following {
    /// Only this one: `checkout#42`, or `checkout` for the one in flight.
    rollout: Option<String>,
    /// False leaves out looks that changed nothing but numbers.
    looks: Option<bool>,
}

/// Changes as they happen (server-sent events; `event: change`, data as `ChangeView`)
#[utoipa::path(
    get, path = "/api/v1/events", tag = "rollouts",
    params(Following, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen")),
    responses((status = 200, content_type = "text/event-stream", body = ChangeView))
)]
pub async fn events(
    State(api): State<Api>,
    headers: HeaderMap,
    Asked(following): Asked<Following>,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    // Subscribed before the journal is read: nothing falls between the two.
    let changes = BroadcastStream::new(api.service.changes());
    let only = match &following.rollout {
        Some(text) => Some(api.rollout_name(text).await?),
        None => None,
    };
    let since = last_seen(&headers);
    let missed = missed(&api, only.as_ref(), since).await?;
    let looks = following.looks.unwrap_or(true);
    let news = changes.filter_map(move |change| {
        let event = match change {
            Ok(change) => wanted(&change, only.as_ref(), looks).then(|| event(&view(&change))),
            Err(_lagged) => Some(Event::default().event("missed").data(MISSED)),
        };
        std::future::ready(event)
    });
    let hello = stream::iter([Event::default().comment("tidegate")]);
    let all = hello.chain(stream::iter(missed)).chain(news).map(Ok);
    let stopped = api.stopped();
    Ok(Sse::new(all.take_until(stopped)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn wanted(change: &Change, only: Option<&RolloutName>, looks: bool) -> bool {
    only.is_none_or(|name| change.rollout == *name) && (looks || change.kind != "look")
}

fn last_seen(headers: &HeaderMap) -> Option<Timestamp> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    id.parse().ok().map(Timestamp::from_micros)
}

async fn missed(
    api: &Api,
    only: Option<&RolloutName>,
    since: Option<Timestamp>,
) -> Answer<Vec<Event>> {
    let Some(since) = since else { return Ok(Vec::new()) };
    let Some(name) = only else {
        return Ok(vec![Event::default().event("missed").data(MISSED)]);
    };
    let Some(stored) = api.service.show(name).await? else { return Ok(Vec::new()) };
    let route = stored.program.route.name.to_string();
    let lines = api.whole_journal(name).await?;
    let newer = lines.iter().filter(|line| line.entry.at > since);
    Ok(newer.map(|line| event(&from_line(name, &route, line))).collect())
}

fn view(change: &Change) -> ChangeView {
    ChangeView {
        rollout: change.rollout.to_string(),
        route: change.route.to_string(),
        kind: change.kind.clone(),
        text: change.text.clone(),
        at: At(change.at),
        phase: change.phase.to_owned(),
    }
}

fn from_line(name: &RolloutName, route: &str, line: &JournalLine) -> ChangeView {
    let after = line.entry.detail.get("after").and_then(|after| after.get("phase"));
    ChangeView {
        rollout: name.to_string(),
        route: route.to_owned(),
        kind: line.entry.kind.clone(),
        text: line.entry.text.clone(),
        at: At(line.entry.at),
        phase: after.and_then(serde_json::Value::as_str).unwrap_or_default().to_owned(),
    }
}

fn event(change: &ChangeView) -> Event {
    // JSON has no raw line breaks, so one data line holds it.
    let data = serde_json::to_string(change).unwrap_or_default();
    Event::default().event("change").id(change.at.0.micros().to_string()).data(data)
}
