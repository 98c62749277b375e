//! Three in the morning: is Tidegate well, what changed, what looks ill, what makes it safe.

use std::time::Duration;

use super::{Layout, counted, share};
use crate::api::views::{KillView, NowLine, NowView};
use crate::cli::paint::{table, wrap};
use crate::domain::human;

/// The whole text of `tidegate now`.
pub fn now(view: &NowView, layout: &Layout) -> String {
    let within = human(Duration::from_secs_f64(view.within_seconds.clamp(0.0, 1e9)));
    let ill = view.changed.iter().filter(|l| l.ill).count();
    let looks = match ill {
        0 => "none looks ill".to_owned(),
        n => layout.paint.red(&format!("{n} look{} ill", if n == 1 { "s" } else { "" })),
    };
    let first = format!(
        "{} UTC  {} {} changed in the last {within}, {looks}.",
        layout.time(view.at),
        sentence(&view.headline),
        counted(view.changed.len(), "route"),
    );
    let mut lines = vec![wrap(&first, layout.width, "  ")];
    let rows: Vec<Vec<String>> = view.changed.iter().map(|l| row(l, layout)).collect();
    if !rows.is_empty() {
        lines.push(table(&rows, "  "));
    }
    lines.extend(view.kills.iter().map(|k| kill(k, layout)));
    lines.join("\n")
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
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
    let because = if kill.because.is_empty() { String::new() } else { format!(": {}", kill.because) };
    let text = format!(
        "  killed   {} since {} UTC by {}{because}   tidegate unkill {}",
        kill.route,
        layout.time(kill.at),
        kill.by,
        kill.route
    );
    wrap(&text, layout.width, "    ")
}
