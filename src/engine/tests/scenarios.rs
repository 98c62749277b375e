//! Scenario files: a plan, a timeline, and beneath each event what it left in the journal.
//!
//! `TIDEGATE_RECORD=1 cargo test scenarios` writes what happens now; read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use super::play::Play;

#[test]
fn every_scenario_goes_as_recorded() {
    let record = std::env::var_os("TIDEGATE_RECORD").is_some();
    let files = files();
    assert!(files.len() >= 20, "the scenarios are missing");
    for file in files {
        let text = fs::read_to_string(&file).expect("a scenario");
        let played = play(&text);
        if record {
            fs::write(&file, &played).expect("recorded");
        }
        let differs = text.lines().zip(played.lines()).position(|(a, b)| a != b);
        let same = record || text == played;
        assert!(same, "{}, line {differs:?}\n{played}", file.display());
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/scenarios");
    let entries = fs::read_dir(folder).expect("the folder of scenarios");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The same file with what happens now beneath each event.
fn play(text: &str) -> String {
    let (plan, timeline) = text.split_once("\n===\n").expect("a plan, ===, and a timeline");
    let mut play = Play::new(plan);
    let mut lines = vec![format!("{plan}\n===")];
    for line in timeline.lines().filter(|l| !l.starts_with("    ")) {
        lines.push(line.to_owned());
        if !line.is_empty() && !line.starts_with('#') {
            lines.extend(play.line(line).into_iter().map(|said| format!("    {said}")));
        }
    }
    lines.join("\n") + "\n"
}
