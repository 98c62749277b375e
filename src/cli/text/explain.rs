//! Why: the story, how the verdicts changed, and what the words mean.

use super::{Layout, course, journal, looks, show};
use crate::api::views::ExplainView;
use crate::cli::paint::{left, wrap};

/// The whole text of `tidegate explain`.
pub fn explain(view: &ExplainView, layout: &Layout) -> String {
    let rollout = &view.rollout;
    let mut lines = vec![format!(
        "{} {}   ({})",
        layout.paint.bold(&rollout.name),
        rollout.headline,
        show::begun(rollout, layout)
    )];
    lines.extend(view.story.iter().map(|s| wrap(&format!("  {s}"), layout.width, "  ")));
    if !view.verdicts.is_empty() {
        lines.push(layout.paint.dim("  verdicts, as they changed (UTC)"));
        lines.extend(view.verdicts.iter().map(|l| format!("  {}", journal::line(l, layout))));
    }
    lines.extend(course::lines(rollout, layout));
    lines.extend(looks::lines(view, layout));
    if !view.terms.is_empty() {
        lines.push(layout.paint.dim("  words"));
        let widest = view.terms.iter().map(|t| t.term.chars().count()).max().unwrap_or(0);
        let indent = " ".repeat(widest + 6);
        lines.extend(view.terms.iter().map(|t| {
            let text = format!("    {}  {}", left(&t.term, widest), t.meaning);
            wrap(&text, layout.width, &indent)
        }));
    }
    let commands: Vec<&str> = rollout.actions.iter().map(|a| a.command.as_str()).collect();
    if !commands.is_empty() {
        lines.push(layout.paint.dim(&format!("  you may: {}", commands.join(" · "))));
    }
    lines.join("\n")
}
