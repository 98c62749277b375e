//! Instants and lengths of time as people write and read them.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A wall-clock instant in microseconds since 1970 UTC. May jump; order by it, never earn a bake with it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds since 1970 as Prometheus writes them.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Saturates instead of overflowing.
    pub fn plus(self, length: Duration) -> Self {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// Saturates instead of overflowing.
    pub fn minus(self, length: Duration) -> Self {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// `None` outside the years chrono knows.
    pub fn utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }

    pub fn from_utc(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros())
    }

    /// `14:30:20.412`, in UTC.
    pub fn clock(self) -> String {
        self.utc().map_or_else(|| "?".to_owned(), |t| t.format("%H:%M:%S%.3f").to_string())
    }
}

/// RFC 3339 with milliseconds, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.utc() {
            Some(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
            None => write!(f, "{} µs", self.0),
        }
    }
}

/// Reads `90s`, `1h30m`, `250ms`. A bare number has no unit and is refused.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
    let mend = "write one like `90s`, `10m`, `1h30m` or `7d`";
    let text = text.trim();
    if text.is_empty() || text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("`{text}` has no unit; {mend}"));
    }
    match humantime::parse_duration(text) {
        Ok(length) if length > LONGEST => Err(format!("`{text}` is longer than ten years")),
        Ok(length) => Ok(length),
        Err(_) => Err(format!("`{text}` is not a length of time; {mend}")),
    }
}

/// A length of time in at most two units: `41 ms`, `70 s`, `4m10s`, `2h`, `3d 4h`.
pub fn human(length: Duration) -> String {
    let ms = length.as_millis();
    let s = length.as_secs();
    let two = |big: u64, unit: &str, small: u64, fine: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{fine}"),
    };
    match s {
        0 => format!("{ms} ms"),
        1..=9 if !ms.is_multiple_of(1000) => format!("{:.1} s", length.as_secs_f64()),
        1..=119 => format!("{s} s"),
        120..=7199 => two(s / 60, "m", s % 60, "s"),
        7200..=172_799 => two(s / 3600, "h", s % 3600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_their_unit() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert!(parse_duration("10").is_err_and(|e| e.contains("no unit")));
        assert!(parse_duration("-5m").is_err());
        assert!(parse_duration("999999999999d").is_err());
    }

    #[test]
    fn lengths_are_written_in_at_most_two_units() {
        let secs = Duration::from_secs;
        let rows = [(41, "41 s"), (250, "4m10s"), (600, "10m"), (7200, "2h"), (187_200, "2d4h")];
        for (s, expect) in rows {
            assert_eq!(human(secs(s)), expect);
        }
        assert_eq!(human(Duration::from_millis(41)), "41 ms");
        assert_eq!(human(Duration::from_millis(1500)), "1.5 s");
    }
}
