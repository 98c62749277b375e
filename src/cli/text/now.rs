//! Three in the morning: is Tidegate well, what changed, what looks ill, what makes it safe.

use super::{Layout, share};
use crate::api::views::{KillView, NowLine, NowView};
use crate::cli::paint::{table, wrap};

/// The whole text of `tidegate now`.
pub fn now(view: &NowView, layout: &Layout) -> String {
    let ill = view.changed.iter().any(|l| l.ill);
    let headline =
        if ill { layout.paint.red(&view.headline) } else { layout.paint.bold(&view.headline) };
    let mut lines =
        vec![wrap(&format!("{} UTC  {headline}", layout.time(view.at)), layout.width, "  ")];
    let rows: Vec<Vec<String>> = view.changed.iter().map(|l| row(l, layout)).collect();
    if !rows.is_empty() {
        lines.push(table(&rows, "  "));
    }
    lines.extend(view.kills.iter().map(|k| kill(k, layout)));
    lines.join("\n")
}

fn row(line: &NowLine, layout: &Layout) -> Vec<String> {
    let text = if line.ill { layout.paint.red(&line.text) } else { line.text.clone() };
    vec![
        line.route.clone(),
        share(line.weight_ppm),
        format!("{} since {}", line.canary, layout.time(line.since)),
        text,
        layout.paint.bold(line.command.as_deref().unwrap_or_default()),
    ]
}

fn kill(kill: &KillView, layout: &Layout) -> String {
    let because =
        if kill.because.is_empty() { String::new() } else { format!(": {}", kill.because) };
    let text = format!(
        "  killed   {} since {} UTC by {}{because}   tidegate unkill {}",
        kill.route,
        layout.time(kill.at),
        kill.by,
        kill.route
    );
    wrap(&text, layout.width, "    ")
}
