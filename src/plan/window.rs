//! Change windows: when a step up may start, right across changes of daylight saving.
//!
//! Cron lines are matched in naive local time and each match becomes one instant. A local time that spring
//! skips opens at the first instant after the gap; one that autumn repeats opens once, at the first of the two.
//! `for` is real elapsed time. Day of month and day of week, when both are named, are alternatives, as crontab has it.

use std::str::FromStr;
use std::time::Duration;

use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use cron::Schedule;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::Timestamp;

use super::model::Window;
use super::near::nearest;

/// A cron line as one schedule, or two when day of month and day of week are both named.
#[derive(Debug)]
pub(super) struct Openings(Vec<Schedule>);

/// # Errors
/// What to write instead.
pub(super) fn parse_open(text: &str) -> Result<Openings, String> {
    let openings = parse_line(text)?;
    // 31 February: a line that never opens would hold a rollout for ever.
    let year_2024 = DateTime::UNIX_EPOCH.naive_utc() + TimeDelta::days(54 * 365);
    let opens = openings.after(year_2024).next().is_some();
    if opens { Ok(openings) } else { Err("it never opens: there is no such day".to_owned()) }
}

fn parse_line(text: &str) -> Result<Openings, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(wrong_count(text, &fields));
    };
    let any = |field: &str| field.starts_with(['*', '?']);
    // Crontab: both named are alternatives; one that starts with a star only narrows the other.
    let alternatives = !any(day) && !any(weekday);
    let weekday = weekday_names(weekday)?;
    let line = |day: &str, weekday: &str| {
        let line = format!("0 {minute} {hour} {day} {month} {weekday}");
        Schedule::from_str(&line).map_err(|_| {
            format!("not a cron line; {SAMPLE}, fields are minute hour day month weekday")
        })
    };
    if alternatives {
        return Ok(Openings(vec![line(day, "*")?, line("*", &weekday)?]));
    }
    Ok(Openings(vec![line(day, &weekday)?]))
}

const SAMPLE: &str = "write one like `0 9 * * MON-FRI`";

fn wrong_count(text: &str, fields: &[&str]) -> String {
    match fields {
        [_, rest @ ..] if rest.len() == 5 => {
            format!("six fields: leave the seconds out, `{}`", rest.join(" "))
        }
        _ if text.starts_with('@') => format!("short names are not known; {SAMPLE}"),
        _ => format!("{} fields instead of 5; {SAMPLE}", fields.len()),
    }
}

/// Crontab numbers weekdays 0 to 7 with Sunday at both ends; the schedule behind counts from Sunday = 1, so only names go on.
fn weekday_names(field: &str) -> Result<String, String> {
    let parts: Result<Vec<String>, String> = field.split(',').map(weekday_part).collect();
    parts.map(|p| p.join(","))
}

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

fn weekday_part(part: &str) -> Result<String, String> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, step.parse::<usize>().ok().filter(|s| (1..=7).contains(s))),
        None => (part, Some(1)),
    };
    let step = step.ok_or_else(|| format!("`{part}` is no weekday; {SAMPLE}"))?;
    if matches!(range, "*" | "?") && step == 1 {
        return Ok("*".to_owned());
    }
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (day_number(first)?, day_number(last)?),
        None if range == "*" => (0, 6),
        // `2/2` in crontab: from Tuesday on.
        None if part.contains('/') => (day_number(range)?, 6),
        None => (day_number(range)?, day_number(range)?),
    };
    // FRI-MON wraps, and so do 5-7 and SUN-SAT.
    let last = if last < first { last + 7 } else { last };
    let days: Vec<&str> = (first..=last).step_by(step).map(|d| DAYS[d % 7]).collect();
    Ok(days.join(","))
}

fn day_number(text: &str) -> Result<usize, String> {
    let mend =
        || format!("`{text}` is no weekday; write MON to SUN, or 0 to 7 with Sunday as 0 and 7");
    match text.parse::<usize>() {
        Ok(number) if number <= 7 => Ok(number),
        Ok(_) => Err(mend()),
        Err(_) => {
            let upper = text.to_ascii_uppercase();
            let full = |d: &&&str| {
                upper == ***d || FULL_DAYS.iter().any(|f| **f == upper && f.starts_with(**d))
            };
            let found = DAYS.iter().find(full);
            found.and_then(|d| DAYS.iter().position(|x| x == d)).ok_or_else(mend)
        }
    }
}

const FULL_DAYS: [&str; 7] =
    ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"];

/// # Errors
/// The nearest zone's name.
pub(super) fn parse_zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| {
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        match nearest(text, zones) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write an IANA zone like `Europe/Berlin` or `UTC`".to_owned(),
        }
    })
}

impl Openings {
    /// Local times strictly after `start`, rising, each once.
    fn after(&self, start: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let start = start.and_utc();
        let mut lines: Vec<_> = self.0.iter().map(|s| s.after(&start).peekable()).collect();
        std::iter::from_fn(move || {
            let next = lines.iter_mut().filter_map(|l| l.peek().copied()).min()?;
            for line in &mut lines {
                while line.next_if_eq(&next).is_some() {}
            }
            Some(next.naive_utc())
        })
    }

    /// The last local time at or before `end`.
    fn last_until(&self, end: NaiveDateTime) -> Option<NaiveDateTime> {
        let end = end.and_utc().checked_add_signed(TimeDelta::seconds(1))?;
        self.0.iter().filter_map(|s| s.after(&end).next_back()).max().map(|t| t.naive_utc())
    }
}

impl Window {
    /// Whether a step up may start at `now`. A window that cannot be read is closed.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.closes(now).is_some()
    }

    /// The next instant after `now` at which it opens (again); `None` when never, or past the year 2100.
    pub fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        let (openings, zone) = self.read()?;
        let local = local(zone, now)?.naive_local();
        let instants = openings.after(local).filter_map(|t| first_instant(zone, t));
        instants.map(Timestamp::from_utc).find(|at| *at > now)
    }

    /// When the opening that `now` falls into ends, a later one that overlaps it aside; `None` when it is closed.
    pub fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.last_open(now)?.plus(self.length);
        (ends > now).then_some(ends)
    }

    fn last_open(&self, now: Timestamp) -> Option<Timestamp> {
        let (openings, zone) = self.read()?;
        let at = local(zone, now)?;
        let mut local = at.naive_local();
        // In the second pass of a repeated hour, later local times have been seen already.
        if let MappedLocalTime::Ambiguous(first, second) = zone.from_local_datetime(&local)
            && at == second
        {
            local = local.checked_add_signed(second.signed_duration_since(first))?;
        }
        loop {
            let opened = openings.last_until(local)?;
            match first_instant(zone, opened).map(Timestamp::from_utc) {
                Some(instant) if instant <= now => return Some(instant),
                _ => local = opened.checked_sub_signed(TimeDelta::seconds(1))?,
            }
        }
    }

    fn read(&self) -> Option<(Openings, Tz)> {
        Some((parse_line(&self.open).ok()?, parse_zone(&self.timezone).ok()?))
    }
}

/// `None` in years that no calendar here knows: adding an offset there would overflow.
fn local(zone: Tz, now: Timestamp) -> Option<DateTime<Tz>> {
    let at = now.utc().filter(|at| (1970..=2200).contains(&at.year()))?;
    Some(zone.from_utc_datetime(&at.naive_utc()))
}

/// The one instant a local time opens at: the first of two, or the end of the gap it fell into.
fn first_instant(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.to_utc()),
        MappedLocalTime::None => after_gap(zone, local),
    }
}

/// Zones change by less than a day around a gap (Samoa once lost a whole one), always on a whole second.
fn after_gap(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let near = local.and_utc();
    let mut before = near.checked_sub_signed(TimeDelta::hours(36))?;
    let mut after = near.checked_add_signed(TimeDelta::hours(36))?;
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let old = offset(before);
    while after - before > TimeDelta::seconds(1) {
        let middle = before + (after - before) / 2;
        let middle = middle - TimeDelta::nanoseconds(i64::from(middle.timestamp_subsec_nanos()));
        if offset(middle) == old { before = middle } else { after = middle }
    }
    Some(after)
}

/// How long one of many rollouts that wait for the same opening holds back: spread evenly over `within`, the
/// same for the same rollout whenever it is asked.
pub fn spread(rollout: &str, within: Duration) -> Duration {
    let hash = xxh3_64(rollout.as_bytes());
    let nanos = (within.as_nanos().saturating_mul(u128::from(hash))) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
