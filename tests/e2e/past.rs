//! A Prometheus that has scraped for longer than the test runs.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tidegate::clock::{Clock, SystemClock};

use crate::prometheus::find;

const EVERY: Duration = Duration::from_secs(5);
/// Scraping begins anew so long after the last sample: what is written must not be newer than what is scraped.
const GAP: Duration = Duration::from_secs(10);

/// Writes what v1 at `target` would have counted at this rate, requests a second and the share that fails, as blocks
/// for a Prometheus in `dir`.
pub fn record(dir: &Path, target: &str, past: Duration, (rate, failing): (u32, f64)) {
    let samples = past.as_secs() / EVERY.as_secs();
    if samples == 0 {
        return;
    }
    let end = SystemClock::default().wall().minus(GAP).micros() / 1_000_000;
    let mut text = String::from("# TYPE http_requests counter\n");
    for (code, part) in [(200, 1.0 - failing), (500, failing)] {
        let series = format!("version=\"v1\",code=\"{code}\",instance=\"{target}\",job=\"shop\"");
        for sample in 0..=samples {
            let seconds = sample * EVERY.as_secs();
            let count = (f64::from(rate) * part * seconds as f64).round();
            let at = end as u64 - (past.as_secs() - seconds);
            writeln!(text, "http_requests_total{{{series}}} {count} {at}").expect("a string");
        }
    }
    text.push_str("# EOF\n");
    let file = dir.join("past.om");
    std::fs::write(&file, text).expect("a written file");
    let mut promtool = Command::new(find("promtool", "TIDEGATE_TEST_PROMTOOL"));
    promtool.args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"]);
    let made = promtool.arg(&file).arg(dir.join("data")).output().expect("promtool runs");
    assert!(made.status.success(), "{made:?}");
}
