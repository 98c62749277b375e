//! Progress where nothing can be drawn over: one line a change.

use super::{Layout, share};
use crate::api::views::RolloutView;

/// What the rollout is doing, without what changes by itself from look to look.
pub fn progress(view: &RolloutView, layout: &Layout) -> String {
    let waits = match (&view.waits_for, view.until) {
        (_, _) if view.phase.ended => String::new(),
        (Some(what), Some(at)) => {
            format!("; waits for: {what}, about {} UTC", layout.time(at))
        }
        (Some(what), None) => format!("; waits for: {what}"),
        (None, _) => String::new(),
    };
    format!(
        "{} UTC  {}  {} at {}: {}{waits}",
        layout.now.clock(),
        view.name,
        view.canary,
        share(view.split.wish_ppm),
        view.headline
    )
}
