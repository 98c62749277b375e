//! Segments that went back alone: which, since when and why.

use super::standing::Standing;
use crate::api::views::{At, CutView, Group};
use crate::domain::{Timestamp, Weight};
use crate::engine::{Cut, State};

pub(super) fn cuts(state: &State) -> Vec<CutView> {
    state.cuts.iter().map(cut).collect()
}

fn cut(cut: &Cut) -> CutView {
    CutView {
        attribute: cut.segment.attribute.clone(),
        value: cut.segment.value.clone(),
        since: At(cut.at),
        sentence: cut.because.to_string(),
    }
}

/// A rollout on its way asks for a person too once it goes on without somebody: it may end so. Nothing waits for that
/// person, so whatever else it waits for stays named.
pub(super) fn stands_without(standing: Standing, state: &State, now: Timestamp) -> Standing {
    let going_back = state.wish.weight == Weight::ZERO;
    let cut = state.cuts.first().filter(|_| !going_back && !state.phase.is_end());
    let Some(cut) = cut else { return standing };
    let (told, weight) = (told(cut, now), state.wish.weight);
    let headline = standing.headline;
    if standing.group == Group::NeedsYou {
        return Standing { headline: format!("{headline}; {told}"), ..standing };
    }
    let headline = match headline.strip_prefix("all well") {
        Some("" | ", baking") => format!("{told}, others {weight} and well"),
        _ => format!("{told}, others {weight}: {headline}"),
    };
    Standing { headline, group: Group::NeedsYou, holds: "cut", ..standing }
}

/// `platform ios at 0 % since 06:12`, with its day once that is another.
fn told(cut: &Cut, now: Timestamp) -> String {
    let (at, today) = (cut.at.utc(), now.utc().map(|t| t.date_naive()));
    let form = if at.map(|t| t.date_naive()) == today { "%H:%M" } else { "%b %-d %H:%M" };
    let since = at.map_or_else(|| "?".to_owned(), |t| t.format(form).to_string());
    format!("{} at 0 % since {since}", cut.segment)
}

/// What becomes of an end that is not everybody's: ` but platform ios`.
pub(super) fn but(state: &State) -> String {
    let names: Vec<String> = state.cuts.iter().map(|c| c.segment.to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" but {}", names.join(", ")) }
}
