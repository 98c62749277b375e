//! Many rollouts: what needs a person first.

use super::{Layout, share};
use crate::api::views::{Group, RolloutSummary};
use crate::cli::paint::{cut, shown_width, spread, table};

/// Rows of a group that are told one a line, but for those that need a person: they are all told.
const ROWS: usize = 10;
/// The column of what is told of a rollout, and the one of the command that helps.
const SENTENCE: usize = 3;
const COMMAND: usize = 5;
/// Columns a sentence needs to say anything: with fewer, commands stand on lines of their own.
const LEAST_ROOM: usize = 36;

/// The whole text of `tidegate list`. `all`: leave no row out.
pub fn list(rollouts: &[RolloutSummary], all: bool, layout: &Layout) -> String {
    let when = layout.now.utc().map(|t| t.format("%A %H:%M UTC").to_string()).unwrap_or_default();
    if rollouts.is_empty() {
        let what = "No rollout is in flight, and none ended lately.";
        return spread(what, &layout.paint.dim(&when), layout.width);
    }
    let groups = [Group::NeedsYou, Group::Stepping, Group::Waiting, Group::Ended];
    let groups =
        groups.map(|group| (group, rollouts.iter().filter(|r| r.group == group).collect()));
    let lines = lines(&groups, all, layout);
    let (first, rest) = lines.split_first().map_or(("", &[][..]), |(f, r)| (f.as_str(), r));
    let first = spread(first, &layout.paint.dim(&when), layout.width);
    std::iter::once(first).chain(rest.iter().cloned()).collect::<Vec<_>>().join("\n")
}

/// Headings and rows; the columns of all groups line up.
fn lines(groups: &[(Group, Vec<&RolloutSummary>)], all: bool, layout: &Layout) -> Vec<String> {
    let shown = |group: Group, of: usize| match group {
        Group::NeedsYou => of,
        _ if all => of,
        _ => of.min(ROWS),
    };
    let told = groups.iter().flat_map(|(g, of)| of.iter().take(shown(*g, of.len())));
    let mut rows: Vec<Vec<String>> = told.map(|r| row(r, layout)).collect();
    let commands = make_room(&mut rows, layout.width);
    let rows = table(&rows, "  ");
    let mut rows = rows.lines().zip(commands);
    let mut lines = Vec::new();
    for (group, of) in groups.iter().filter(|(_, of)| !of.is_empty()) {
        let shown = shown(*group, of.len());
        lines.push(heading(*group, of.len(), layout));
        for (row, command) in rows.by_ref().take(shown) {
            lines.push(cut(row, layout.width));
            lines.extend(Some(command).filter(|c| !c.is_empty()).map(|c| format!("      {c}")));
        }
        if of.len() > shown {
            lines.push(format!("  … and {} more: tidegate list --all", of.len() - shown));
        }
    }
    lines
}

/// The sentence gives way, for it can be asked for; a command stays whole. Returns the commands that get their own line.
fn make_room(rows: &mut [Vec<String>], width: usize) -> Vec<String> {
    let mut apart = vec![String::new(); rows.len()];
    if room(rows, width) < LEAST_ROOM {
        let commands = rows.iter_mut().filter_map(|r| r.get_mut(COMMAND));
        apart = commands.map(std::mem::take).collect();
    }
    let room = room(rows, width).max(20);
    rows.iter_mut().filter_map(|r| r.get_mut(SENTENCE)).for_each(|s| *s = cut(s, room));
    apart
}

/// Columns that the others leave to the sentence.
fn room(rows: &[Vec<String>], width: usize) -> usize {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| shown_width(c)).max();
    let others = (0..columns).filter(|i| *i != SENTENCE).map(|i| widest(i).unwrap_or(0) + 3);
    width.saturating_sub(others.sum::<usize>() + 2)
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
    // A rollout that goes on without a segment waits for nothing new.
    if let (Some(waits), false) = (&r.waits_for, r.group == Group::Ended || r.holds == "cut") {
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
        r.name.clone(),
        r.holds.clone(),
        share(r.weight_ppm),
        told,
        when,
        layout.paint.bold(&command),
    ];
    cells.to_vec()
}
