//! What this project promises about its judge, held against what was measured.

use crate::many::Summary;

/// Chance of ever calling a harmless canary a regression.
const ALPHA: f64 = 0.01;
/// Of chance, that a count may be above its expectation.
const ERRORS: f64 = 2.0;

#[derive(Default)]
pub struct Targets {
    lines: Vec<Line>,
}

struct Line {
    what: String,
    measured: f64,
    most: f64,
    validity: bool,
}

impl Targets {
    /// A harmless canary: reverted not significantly more often than alpha. A promise that must hold.
    pub fn harmless(&mut self, what: String, summary: &Summary) {
        let n = summary.rollouts as f64;
        let most = ALPHA + ERRORS * (ALPHA * (1.0 - ALPHA) / n).sqrt();
        let measured = summary.percent().value;
        self.lines.push(Line { what, measured, most: 100.0 * most, validity: true });
    }

    /// An aim.
    pub fn at_most(&mut self, what: String, measured: f64, most: f64) {
        self.lines.push(Line { what, measured, most, validity: false });
    }

    /// Prints them all; false when a promise is broken.
    #[must_use]
    pub fn print(&self) -> bool {
        crate::table::title("Targets");
        self.print_worst_harmless();
        for line in self.lines.iter().filter(|line| !line.validity || !line.reached()) {
            let mark = if line.reached() { "reached    " } else { "NOT REACHED" };
            println!("{mark} {:>8.2} <= {:<6.2} {}", line.measured, line.most, line.what);
        }
        self.lines.iter().filter(|line| line.validity).all(Line::reached)
    }

    fn print_worst_harmless(&self) {
        let harmless = self.lines.iter().filter(|line| line.validity);
        let count = harmless.clone().count();
        if let Some(worst) = harmless.max_by(|a, b| a.measured.total_cmp(&b.measured)) {
            let mark = if worst.reached() { "reached    " } else { "NOT REACHED" };
            println!(
                "{mark} {:>8.2} <= {:<6.2} % harmless canaries reverted, worst of {count} worlds: {}",
                worst.measured, worst.most, worst.what
            );
        }
    }
}

impl Line {
    fn reached(&self) -> bool {
        self.measured <= self.most
    }
}
