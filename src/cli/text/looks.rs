//! A decision look by look, in columns, and whether it comes out the same again.

use super::Layout;
use crate::api::views::{ExplainView, LookView};
use crate::cli::paint::{left, shown_width, wrap};

const INDENT: &str = "    ";
const COLUMNS: usize = 3;

pub(super) fn lines(view: &ExplainView, layout: &Layout) -> Vec<String> {
    let mut lines = Vec::new();
    if !view.looks.is_empty() {
        lines.push(layout.paint.dim(&head(view)));
        lines.extend(columns(&cells(view, layout), layout.width));
    }
    if let Some(recomputed) = &view.recomputed {
        let text = wrap(&format!("{INDENT}{}", recomputed.text), layout.width, INDENT);
        let wrong = matches!(recomputed.outcome.as_str(), "different" | "unreadable");
        lines.push(if wrong { layout.paint.red(&text) } else { text });
    }
    lines
}

fn head(view: &ExplainView) -> String {
    let rollout = &view.rollout;
    let of = view.looks_of.as_ref().map_or_else(String::new, |check| {
        format!("{check} on {}, on {}, ", rollout.canary, rollout.baseline)
    });
    format!("  look by look: {of}evidence of harm")
}

/// One a look, all of one width.
fn cells(view: &ExplainView, layout: &Layout) -> Vec<String> {
    let row = |look: &LookView| {
        let check = look.checks.iter().find(|check| Some(&check.name) == view.looks_of.as_ref());
        let [canary, baseline] =
            check.map_or_else(Default::default, |c| [c.canary.clone(), c.baseline.clone()]);
        [layout.time(look.at), canary, baseline, look.evidence.clone()]
    };
    let rows: Vec<[String; 4]> = view.looks.iter().map(row).collect();
    let widths: Vec<usize> = (0..4)
        .map(|column| rows.iter().map(|row| shown_width(&row[column])).max().unwrap_or(0))
        .collect();
    let cell = |row: &[String; 4]| {
        let parts = row.iter().zip(&widths).enumerate().filter(|(_, (_, width))| **width > 0);
        let parts = parts.map(|(column, (text, width))| {
            // Odds end together.
            if column == 3 { format!("{text:>width$}") } else { left(text, *width) }
        });
        parts.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(cell).collect()
}

/// Down first, then to the right.
fn columns(cells: &[String], width: usize) -> Vec<String> {
    let each = cells.iter().map(|cell| shown_width(cell)).max().unwrap_or(0) + INDENT.len();
    let rows = cells.len().div_ceil((width / each).clamp(1, COLUMNS));
    let line = |row: usize| {
        let in_row = cells.iter().skip(row).step_by(rows);
        in_row.map(|cell| format!("{INDENT}{cell}")).collect::<String>()
    };
    (0..rows).map(line).collect()
}
