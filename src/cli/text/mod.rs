//! What people read in a terminal: views in, text out. Pure.
//!
//! Owns: the layout of every answer, its units and its widths.
//! Does not: ask a server, read a clock, or write to the terminal.

mod course;
mod explain;
mod journal;
mod list;
mod looks;
mod now;
mod progress;
#[cfg(test)]
pub mod sample;
mod show;
#[cfg(test)]
mod tests;

pub use explain::explain;
pub use journal::{journal, line as journal_line};
pub use list::list;
pub use now::now;
pub use progress::progress;
pub use show::show;

use super::paint::Paint;
use crate::api::views::At;
use crate::domain::{Timestamp, Weight};

/// How a text is laid out, and for when.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns.
    pub width: usize,
    pub paint: Paint,
    /// The reader's present: instants of the same day are told without their date.
    pub now: Timestamp,
}

impl Layout {
    /// `14:30:20`, or `Nov 23 14:30` where it is another day.
    fn time(&self, At(at): At) -> String {
        let (Some(then), Some(now)) = (at.utc(), self.now.utc()) else { return "never".to_owned() };
        if then.date_naive() == now.date_naive() {
            then.format("%H:%M:%S").to_string()
        } else {
            then.format("%b %-d %H:%M").to_string()
        }
    }
}

/// Who did something, without how they came in: `tidegate journal` says that.
fn person(by: &str) -> &str {
    by.split(" (").next().unwrap_or(by)
}

/// `24.9 %` of parts per million.
fn share(ppm: u32) -> String {
    Weight::from_ppm(ppm).unwrap_or(Weight::FULL).to_string()
}

/// `3 rollouts`, `1 rollout`.
pub fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
