//! Moving traffic: who wishes what, and how proxies, programs and flag clients learn of it.
//!
//! Owns: the one feed of wished splits, the dialects that serve it (pull, HAProxy, OFREP), who has acknowledged what,
//! and when a split counts as confirmed.
//! Does not: decide a weight (`engine`), store anything (`store`; what must be kept leaves as [`FeedEvent`]s), or check
//! tokens (a `ProviderAuth` is given).

mod confirm;
mod feed;
mod instance;

pub use confirm::{Confirmation, SILENT_AFTER};
pub use feed::{Feed, FeedEvent, Flags, Poll, Polled, Wished};
