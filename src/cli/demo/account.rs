//! What the demo shows while it runs, and what it tells at its end.

use std::time::Duration;

use super::Scene;
use crate::api::views::RolloutView;
use crate::cli::exit::Exit;
use crate::cli::text::{self, Layout};
use crate::domain::human;
use crate::judge::words::thousands;

/// Lines of a rollout that fit twice into a small terminal.
const CARD: usize = 9;

pub fn card(scene: &Scene, layout: &Layout) -> String {
    let shown = text::show(&scene.view, layout);
    let mut lines: Vec<String> = shown.lines().take(CARD).map(str::to_owned).collect();
    if scene.shop.is_broken() && !scene.view.phase.ended {
        lines.push(layout.paint.yellow("  v2 has broken: it fails 6 % of requests more"));
    }
    lines.join("\n")
}

/// What was decided, when, on what evidence, how many users were hurt, and how long the way back took.
pub fn account(scenes: &[Scene], took: Duration) -> String {
    let requests: u64 = scenes.iter().map(|s| s.shop.served()).sum();
    let mut lines = vec![
        String::new(),
        format!("That took {}, and {} requests.", human(took), thousands(requests)),
    ];
    lines.extend(scenes.iter().flat_map(ending));
    lines.push(
        "Everything but the shop and its users was real: engine, judge, store, flag service. \
         Next: README.md, and plans/ for examples."
            .to_owned(),
    );
    lines.join("\n")
}

fn ending(scene: &Scene) -> Vec<String> {
    let view = &scene.view;
    let mut lines = vec![format!("\n{}: {} → {}", view.name, view.baseline, view.canary)];
    match (&view.revert, view.phase.word.as_str()) {
        (Some(revert), _) => {
            lines.push(format!(
                "  decided    reverted {}",
                view.headline.trim_start_matches("reverted ")
            ));
            lines.push(format!(
                "  when       {} UTC, by {}",
                revert.decided_at.0.clock(),
                revert.by
            ));
            lines.extend(revert.sentences.iter().map(|s| format!("  evidence   {s}")));
            if let Some(ms) = revert.took_ms {
                lines.push(format!("  way back   in force {ms:.0} ms after the decision"));
            }
            lines.push(hurt(scene, revert.extra_failures));
        }
        (None, "completed") => lines.extend(completed(view)),
        (None, word) => lines.push(format!("  it is still {word}")),
    }
    lines
}

fn completed(view: &RolloutView) -> Vec<String> {
    let mut lines = vec![format!("  decided    completed: everybody is on {}", view.canary)];
    if let Some(at) = view.ended_at {
        lines.push(format!("  when       {} UTC", at.0.clock()));
    }
    if let Some(evidence) = &view.evidence {
        let (odds, limit) = (&evidence.text, &evidence.limit_text);
        lines.push(format!(
            "  evidence   of harm {odds} at the end; it would have gone back at {limit}"
        ));
    }
    lines.push("  hurt       nobody".to_owned());
    lines
}

fn hurt(scene: &Scene, estimate: Option<f64>) -> String {
    let estimate =
        estimate.map_or(String::new(), |n| format!("; estimated from the counts: {n:.0}"));
    let hurt = thousands(scene.shop.hurt());
    format!("  hurt       {hurt} requests failed by the fault, as only the shop knows{estimate}")
}

/// The demo is a story with a known end; another one is told, and is an exit code of its own.
pub fn exit(scenes: &[Scene]) -> Exit {
    let as_told = |s: &Scene| {
        let end = if s.shop.is_broken() { "reverted" } else { "completed" };
        s.view.phase.word == end
    };
    if scenes.iter().all(as_told) { Exit::Done } else { Exit::Reverted }
}
