//! How a forecast is written: one table, and what is unwise about the plan.

use std::time::Duration;

use crate::domain::human;
use crate::judge::words::{about, times};

use super::lint::{Finding, warn};
use super::planning::{FAULTS, FaultForecast, Forecast, Instead, StepForecast};

impl Forecast {
    /// A head and one line a step, in aligned columns.
    pub fn table(&self) -> Vec<String> {
        let mut rows = vec![self.head()];
        rows.extend(self.steps.iter().enumerate().map(|(at, step)| row(step, at == 0)));
        aligned(&rows)
    }

    /// `a healthy version takes about 2h50m`.
    pub fn summary(&self) -> String {
        let doubts = self.steps.iter().any(|step| step.in_doubt);
        match self.takes_seconds {
            Some(seconds) if doubts => {
                format!("a healthy version is let through in doubt after about {}", rough(seconds))
            }
            Some(seconds) => format!("a healthy version takes about {}", rough(seconds)),
            None => "a healthy version never gets through".to_owned(),
        }
    }

    fn head(&self) -> [String; 5] {
        let [mild, severe] = FAULTS.map(times);
        let (rate, failures) = (self.traffic.requests_per_second, self.traffic.failures * 100.0);
        [
            format!("at {rate} requests/s and {} % failures", trimmed(failures)),
            "opens when ruled out".to_owned(),
            "takes about".to_owned(),
            "sees from".to_owned(),
            format!("a {mild} / {severe} fault is reverted in"),
        ]
    }

    /// What is unwise, with the table under the first of it. `written` is the plan's own harm budget.
    pub(super) fn findings(&self, written: Option<f64>) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.long(written).into_iter().chain(self.thin()).collect();
        if let Some(first) = findings.first_mut() {
            first.notes = self.table();
        }
        findings
    }

    fn long(&self, written: Option<f64>) -> Option<Finding> {
        if !self.is_long() {
            return None;
        }
        let (subject, budget) = match written {
            Some(harm) => ("harm", format!("`harm: {}`", points(harm))),
            None => ("", format!("no `harm`: by default {} here", points(self.harm))),
        };
        let mend = match &self.instead {
            Some(instead) => instead.to_string(),
            None => "no larger `harm` mends this: more traffic, or `on_doubt: advance`".to_owned(),
        };
        Some(warn(subject, format!("{budget}, and {}", self.summary()), &mend))
    }

    /// The steps that see catastrophes alone, at the first of them.
    fn thin(&self) -> Option<Finding> {
        let blind: Vec<&StepForecast> = self.blind().collect();
        let first = blind.first()?;
        let sees = match first.sees {
            Some(worsening) => {
                format!("nothing milder than {} the usual failures", times(worsening))
            }
            None => "not even a failure of everything".to_owned(),
        };
        let lasting = first.takes_seconds.map_or("ever".to_owned(), rough);
        let many = match blind.len() {
            1 => format!("the {} step", first.weight),
            many => format!("{many} steps"),
        };
        let message = format!(
            "{many} can only see catastrophes: {sees} shows in {lasting} at {}",
            first.weight
        );
        let mend = "a larger share or a longer `bake` sees more";
        Some(warn(&format!("steps.{}", first.step), message, mend))
    }
}

impl std::fmt::Display for Instead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rules_out: Vec<String> = self.rules_out.iter().copied().map(times).collect();
        let (harm, takes) = (points(self.harm), rough(self.takes_seconds));
        let rules_out = rules_out.join(", ");
        write!(f, "`harm: {harm}` rules out {rules_out} instead and takes about {takes}")
    }
}

fn row(step: &StepForecast, first: bool) -> [String; 5] {
    let takes = match step.takes_seconds {
        Some(seconds) if step.in_doubt => format!("{}, in doubt", rough(seconds)),
        Some(seconds) => rough(seconds),
        None => "never opens".to_owned(),
    };
    [
        format!("  {}", step.weight),
        step.rules_out.map_or("time alone".to_owned(), times),
        takes,
        step.sees.map_or("nothing".to_owned(), times),
        faults(&step.faults, if first { " extra failures" } else { "" }),
    ]
}

/// `61m / 7m (16 / 9)`.
fn faults(faults: &[FaultForecast], what: &str) -> String {
    let each = |told: &dyn Fn(&FaultForecast) -> String| {
        faults.iter().map(told).collect::<Vec<_>>().join(" / ")
    };
    if faults.iter().all(|fault| fault.reverted_in_seconds.is_none()) {
        return "never".to_owned();
    }
    let times = each(&|fault| fault.reverted_in_seconds.map_or("never".to_owned(), rough));
    let extra = each(&|fault| fault.extra_failures.map_or("-".to_owned(), about));
    format!("{times} ({extra}{what})")
}

/// Columns three spaces apart; the last one is ragged.
fn aligned(rows: &[[String; 5]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..4).map(|column| width(column).unwrap_or(0) + 3).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths.iter().chain([&0]));
        cells.map(|(cell, width)| format!("{cell:<width$}")).collect::<String>()
    };
    rows.iter().map(line).collect()
}

/// An estimate: no finer than its size deserves.
fn rough(seconds: u64) -> String {
    let unit = match seconds {
        0..120 => 1,
        120..7200 => 60,
        7200..172_800 => 600,
        _ => 3600,
    };
    human(Duration::from_secs((seconds + unit / 2) / unit * unit))
}

fn points(harm: f64) -> String {
    format!("{}pp", trimmed(harm * 100.0))
}

/// At most four decimals, as percentages have.
fn trimmed(x: f64) -> String {
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
