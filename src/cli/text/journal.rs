//! Journal lines: when, what, by whom.

use super::Layout;
use crate::api::views::JournalLineView;
use crate::cli::paint::{left, wrap};

/// One line, broken where it is longer than the terminal.
pub fn line(line: &JournalLineView, layout: &Layout) -> String {
    let by = match line.by.as_str() {
        "the judge" | "the engine" => String::new(),
        person if line.text.contains(person) => String::new(),
        person => format!(", by {person}"),
    };
    let text = format!("  {}  {}{by}", layout.time(line.at), line.text);
    wrap(&text, layout.width, "            ")
}

/// The whole journal, oldest first, numbered and with everybody who acted.
pub fn journal(lines: &[JournalLineView], layout: &Layout) -> String {
    let row = |l: &JournalLineView| {
        let head = format!(
            "{:>4}  {}  {}  {}",
            l.seq,
            l.at.0,
            left(&l.kind, 12),
            layout.paint.dim(&left(&l.by, 12)),
        );
        format!("{head}  {}", l.text)
    };
    lines.iter().map(row).collect::<Vec<_>>().join("\n")
}
