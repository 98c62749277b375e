//! Many rollouts: what needs a person first.

use super::{Layout, share};
use crate::api::views::{Group, RolloutSummary};
use crate::cli::paint::{cut, left, spread, table};

/// Rows of a group that are told one a line, but for those that need a person: they are all told.
const ROWS: usize = 10;

/// The whole text of `tidegate list`. `all`: leave no row out.
pub fn list(rollouts: &[RolloutSummary], all: bool, layout: &Layout) -> String {
    let when = layout.now.utc().map(|t| t.format("%A %H:%M UTC").to_string()).unwrap_or_default();
    if rollouts.is_empty() {
        let what = "No rollout is in flight, and none ended lately.";
        return spread(what, &layout.paint.dim(&when), layout.width);
    }
    let groups = [Group::NeedsYou, Group::Stepping, Group::Waiting, Group::Ended];
    let blocks = groups.into_iter().filter_map(|g| block(g, rollouts, all, layout));
    let text = blocks.collect::<Vec<_>>().join("\n");
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let first = spread(first, &layout.paint.dim(&when), layout.width);
    if rest.is_empty() { first } else { format!("{first}\n{rest}") }
}

fn block(group: Group, rollouts: &[RolloutSummary], all: bool, layout: &Layout) -> Option<String> {
    let of: Vec<&RolloutSummary> = rollouts.iter().filter(|r| r.group == group).collect();
    if of.is_empty() {
        return None;
    }
    let shown = if all || group == Group::NeedsYou { of.len() } else { ROWS };
    let rows: Vec<Vec<String>> = of.iter().take(shown).map(|r| row(r, layout)).collect();
    let rows = table(&rows, "  ");
    let mut lines = vec![heading(group, of.len(), layout)];
    lines.extend(rows.lines().map(|l| cut(l, layout.width)));
    if of.len() > shown {
        lines.push(format!("  … and {} more: tidegate list --all", of.len() - shown));
    }
    Some(lines.join("\n"))
}

fn heading(group: Group, count: usize, layout: &Layout) -> String {
    let paint = layout.paint;
    match group {
        Group::NeedsYou => paint.yellow(&format!("NEEDS YOU {count}")),
        Group::Stepping => paint.bold(&format!("STEPPING {count}")),
        Group::Waiting => paint.bold(&format!("WAITING {count}")),
        Group::Ended => paint.dim(&format!("ENDED {count}")),
    }
}

fn row(r: &RolloutSummary, layout: &Layout) -> Vec<String> {
    let mut told = r.headline.clone();
    if let (Some(waits), false) = (&r.waits_for, r.group == Group::Ended) {
        told = waits.clone();
    }
    let when = match (r.ended_at, r.until) {
        (Some(at), _) => format!("{} UTC", layout.time(at)),
        (None, Some(at)) => format!("about {} UTC", layout.time(at)),
        (None, None) => String::new(),
    };
    let command = match r.group {
        Group::NeedsYou => r.command.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let cells = [
        left(&r.name, 12),
        r.holds.clone(),
        share(r.weight_ppm),
        cut(&told, 60),
        when,
        layout.paint.bold(&command),
    ];
    cells.to_vec()
}
