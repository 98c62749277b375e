//! Moving traffic: who wishes what, and how proxies, programs and flag clients learn of it.
//!
//! Owns: the one feed of wished splits, the dialects that serve it (pull, HAProxy, OFREP), who has acknowledged what,
//! and when a split counts as confirmed.
//! Does not: decide a weight (`engine`), store anything (`store`; what must be kept leaves as [`FeedEvent`]s), or check
//! tokens (a `ProviderAuth` is given).

use std::sync::Arc;

use axum::Router;

mod confirm;
mod desk;
mod feed;
pub mod flag;
mod haproxy;
mod instance;
mod observe;
mod pull;
mod setup;
mod split;
#[cfg(test)]
mod testing;

pub use confirm::{Confirmation, SILENT_AFTER};
pub use desk::{HOLD, ProviderAuth};
pub use feed::{Feed, Flags};
pub use haproxy::SCRIPT as HAPROXY_SCRIPT;
pub use setup::setup;
pub use split::{FeedEvent, Poll, Polled, Wished};

/// What proxies and programs poll; for a listener of its own. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`: an instance's address is where its counters are read.
pub fn router(feed: Feed, auth: Arc<dyn ProviderAuth>) -> Router {
    let desk = desk::Desk { feed, auth };
    pull::router(desk.clone()).merge(haproxy::router(desk))
}
