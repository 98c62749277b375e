//! Windows across changes of daylight saving, in Berlin by hand and in every zone against a slow walk.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use crate::domain::{RolloutName, Timestamp};
use crate::plan::{Window, spread};

fn window(open: &str, length: &str, timezone: &str) -> Window {
    let length = crate::domain::parse_duration(length).expect("a length");
    Window { open: open.to_owned(), length, timezone: timezone.to_owned() }
}

fn utc(text: &str) -> Timestamp {
    let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a time");
    Timestamp::from_utc(at.and_utc())
}

fn shown(at: Option<Timestamp>) -> String {
    let at = at.and_then(Timestamp::utc);
    at.map_or_else(|| "never".to_owned(), |t| t.format("%Y-%m-%d %H:%M").to_string())
}

/// From `now`: the next three openings.
#[track_caller]
fn check(open: &str, now: &str, expect: &str) {
    let window = window(open, "1h", "Europe/Berlin");
    let mut now = Some(utc(now));
    let mut told = Vec::new();
    for _ in 0..3 {
        now = now.and_then(|n| window.next_open(n));
        told.push(shown(now));
    }
    assert_eq!(told.join(", "), expect, "{open}");
}

#[test]
fn weekdays_are_crontabs() {
    // 2026-06-07 is a Sunday; Berlin is two hours ahead.
    check(
        "0 9 * * 1-5",
        "2026-06-07 00:00",
        "2026-06-08 07:00, 2026-06-09 07:00, 2026-06-10 07:00",
    );
    check("0 9 * * 0", "2026-06-07 00:00", "2026-06-07 07:00, 2026-06-14 07:00, 2026-06-21 07:00");
    check("0 9 * * 7", "2026-06-07 00:00", "2026-06-07 07:00, 2026-06-14 07:00, 2026-06-21 07:00");
    check(
        "0 9 * * 5-7",
        "2026-06-07 00:00",
        "2026-06-07 07:00, 2026-06-12 07:00, 2026-06-13 07:00",
    );
    check(
        "0 9 * * FRI-mon",
        "2026-06-08 08:00",
        "2026-06-12 07:00, 2026-06-13 07:00, 2026-06-14 07:00",
    );
    check(
        "0 9 * * MON,Wednesday",
        "2026-06-07 00:00",
        "2026-06-08 07:00, 2026-06-10 07:00, 2026-06-15 07:00",
    );
    check(
        "0 9 * * */2",
        "2026-06-07 08:00",
        "2026-06-09 07:00, 2026-06-11 07:00, 2026-06-13 07:00",
    );
}

#[test]
fn day_of_month_or_day_of_week() {
    check(
        "0 0 13 * FRI",
        "2026-06-09 00:00",
        "2026-06-11 22:00, 2026-06-12 22:00, 2026-06-18 22:00",
    );
    check(
        "0 9 */2 * MON",
        "2026-06-01 00:00",
        "2026-06-01 07:00, 2026-06-15 07:00, 2026-06-29 07:00",
    );
    check("0 0 13 * *", "2026-06-10 00:00", "2026-06-12 22:00, 2026-07-12 22:00, 2026-08-12 22:00");
}

#[test]
fn a_time_lost_in_spring_opens_after_the_gap() {
    // 02:00 to 03:00 does not exist on 2026-03-29.
    check("30 2 * * *", "2026-03-28 12:00", "2026-03-29 01:00, 2026-03-30 00:30, 2026-03-31 00:30");
    check(
        "15,45 2 * * *",
        "2026-03-28 12:00",
        "2026-03-29 01:00, 2026-03-30 00:15, 2026-03-30 00:45",
    );
}

#[test]
fn a_time_repeated_in_autumn_opens_once() {
    // 02:00 to 03:00 comes twice on 2026-10-25: 00:30 and 01:30 UTC are both half past two.
    check("30 2 * * *", "2026-10-24 12:00", "2026-10-25 00:30, 2026-10-26 01:30, 2026-10-27 01:30");
    check(
        "*/30 2 * * *",
        "2026-10-24 12:00",
        "2026-10-25 00:00, 2026-10-25 00:30, 2026-10-26 01:00",
    );
    let window = window("30 2 * * *", "45m", "Europe/Berlin");
    assert!(window.is_open(utc("2026-10-25 01:00")), "still open from the first half past two");
    assert!(!window.is_open(utc("2026-10-25 01:30")), "not open again at the second");
}

#[test]
fn the_length_is_elapsed_time() {
    let window = window("0 22 * * *", "7h", "Europe/Berlin");
    let rows = [
        ("2026-03-28 22:00", "2026-03-29 04:00"), // 06:00 on the clock: an hour was lost
        ("2026-10-24 21:00", "2026-10-25 03:00"), // 04:00: an hour came twice
        ("2026-06-01 21:00", "2026-06-02 03:00"),
    ];
    for (now, expect) in rows {
        assert_eq!(shown(window.closes(utc(now))), expect);
    }
}

#[test]
fn the_end_of_the_calendar_is_never() {
    let window = window("0 9 * * *", "1h", "UTC");
    assert_eq!(window.next_open(utc("2101-01-01 00:00")), None);
    // The last two are the ends of what chrono can hold.
    for edge in [i64::MIN, i64::MAX, 0, -8_334_601_228_800_000_000, 8_210_266_876_799_999_999] {
        let at = Timestamp::from_micros(edge);
        assert!(window.next_open(at).is_none_or(|next| next > at));
        assert!(!window.is_open(at));
    }
}

#[test]
fn bad_lines_say_what_to_write() {
    let rows = [
        ("0 9 * *", "4 fields instead of 5"),
        ("0 0 9 * * MON", "six fields: leave the seconds out, `0 9 * * MON`"),
        ("@daily", "short names are not known"),
        ("0 25 * * *", "not a cron line"),
        ("61 9 * * *", "not a cron line"),
        ("0 9 * * 8", "`8` is no weekday"),
        ("0 9 * * MON/0", "is no weekday"),
        ("0 9 * * MONDAYS", "is no weekday"),
        ("0 9 31 2 *", "it never opens"),
        ("0 9 * * 99999999999999999999999", "is no weekday"),
        ("0 9 L * *", "not a cron line"),
        ("", "0 fields"),
    ];
    for (line, expect) in rows {
        let told = crate::plan::window::parse_open(line).map(|_| ()).expect_err(line);
        assert!(told.contains(expect), "{line}: {told}");
    }
}

/// Instants at which some zone changes its offset by so much, each kind once.
fn transitions() -> Vec<(Tz, DateTime<Utc>)> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let start = DateTime::from_timestamp(1_704_067_200, 0).expect("2024");
    for zone in TZ_VARIANTS {
        let offset = |at: DateTime<Utc>| {
            zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
        };
        let (mut day, mut old) = (start, offset(start));
        for _ in 0..7 * 366 {
            let next = day + TimeDelta::days(1);
            let new = offset(next);
            if new != old && seen.insert((day, old, new)) {
                let minute = (0..=1440).map(|m| day + TimeDelta::minutes(m));
                found.extend(
                    minute.skip_while(|at| offset(*at) == old).take(1).map(|at| (zone, at)),
                );
            }
            (day, old) = (next, new);
        }
    }
    found
}

/// Walks every minute and opens where the clock shows a wanted time for the first time, or has just jumped over one.
fn slow_walk(
    zone: Tz,
    around: DateTime<Utc>,
    wanted: impl Fn(NaiveTime) -> bool,
) -> Vec<DateTime<Utc>> {
    let mut seen = BTreeSet::new();
    let mut opened = Vec::new();
    let minute = TimeDelta::minutes(1);
    let mut at = around - TimeDelta::hours(12);
    let mut last = local(zone, at) - minute;
    while at < around + TimeDelta::hours(12) {
        let now = local(zone, at);
        let mut shown = last.min(now - minute) + minute;
        let mut opens = false;
        while shown <= now {
            opens |= seen.insert(shown) && wanted(shown.time());
            shown += minute;
        }
        if opens {
            opened.push(at);
        }
        (last, at) = (now, at + minute);
    }
    opened
}

fn local(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    zone.from_utc_datetime(&at.naive_utc()).naive_local()
}

#[test]
fn every_change_of_every_zone_is_walked_right() {
    let transitions = transitions();
    assert!(transitions.len() > 100, "{}", transitions.len());
    type Wanted = fn(NaiveTime) -> bool;
    let lines: [(&str, Wanted); 2] = [
        ("*/15 0-4 * * *", |t| t.hour() < 5 && t.minute().is_multiple_of(15)),
        ("0 0,23 * * *", |t| t.minute() == 0 && (t.hour() == 0 || t.hour() == 23)),
    ];
    for (zone, change) in transitions {
        for (line, wanted) in lines {
            check_change(&window(line, "1m", zone.name()), zone, change, wanted);
        }
    }
}

#[track_caller]
fn check_change(window: &Window, zone: Tz, change: DateTime<Utc>, wanted: fn(NaiveTime) -> bool) {
    // The walk starts earlier: it must know what was shown before.
    let from = change - TimeDelta::hours(6);
    let until = change + TimeDelta::hours(6);
    let walked = slow_walk(zone, change, wanted);
    check_openness(window, change, &walked);
    let walked: Vec<_> = walked.into_iter().filter(|t| *t > from && *t < until).collect();
    let mut opened = Vec::new();
    let mut now = Timestamp::from_utc(from);
    while let Some(next) = window.next_open(now).filter(|n| *n < Timestamp::from_utc(until)) {
        assert!(next > now && window.is_open(next), "{window:?} {next}");
        assert!(!window.is_open(next.plus(Duration::from_secs(60))) || opens_at(window, next, 60));
        opened.push(next.utc().expect("a time"));
        now = next;
    }
    assert_eq!(opened, walked, "{window:?} around {change}");
}

/// The same openings, held open for 40 minutes: open at an instant if and only if one began that lately.
#[track_caller]
fn check_openness(window: &Window, change: DateTime<Utc>, walked: &[DateTime<Utc>]) {
    let window = Window { length: Duration::from_secs(2400), ..window.clone() };
    for quarter in -12..12 {
        let at = change + TimeDelta::minutes(15 * quarter);
        let expect = walked.iter().any(|w| *w <= at && at - *w < TimeDelta::minutes(40));
        assert_eq!(window.is_open(Timestamp::from_utc(at)), expect, "{window:?} at {at}");
    }
}

fn opens_at(window: &Window, at: Timestamp, seconds: u64) -> bool {
    window.next_open(at) == Some(at.plus(Duration::from_secs(seconds)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// The cron crate must not be given a line that it panics on.
    #[test]
    fn any_line_is_read_or_refused(
        fields in proptest::collection::vec("(\\*|\\?|[0-9]{1,3}|[0-9]{1,2}-[0-9]{1,2}|MON|FRI-tue|JAN)(/[0-9]{1,2}|,[0-9]{1,2})?", 5),
    ) {
        let _ = crate::plan::window::parse_open(&fields.join(" "));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Closed means closed until the next opening; open means open until it closes.
    #[test]
    fn openings_and_closings_agree(
        zone in 0..TZ_VARIANTS.len(),
        seconds in 1_704_067_200_i64..1_924_991_999,
        minute in 0..60_u32,
        hours in "(\\*|[0-9]|1[0-9]-2[0-3])",
        days in "(\\*|1|13|28-31)",
        weekdays in "(\\*|MON-THU|0|5-7|SUN,WED)",
        length in 60_u64..200_000,
        part in 0.0..1.0_f64,
    ) {
        let window = Window {
            open: format!("{minute} {hours} {days} * {weekdays}"),
            length: Duration::from_secs(length),
            timezone: TZ_VARIANTS[zone].name().to_owned(),
        };
        let now = Timestamp::from_micros(seconds * 1_000_000);
        let next = window.next_open(now).expect("it opens again");
        prop_assert!(next > now);
        prop_assert!(window.is_open(next));
        prop_assert!(window.closes(next) == Some(next.plus(window.length)));
        match window.closes(now) {
            Some(closes) => {
                let between = now.plus(closes.since(now).mul_f64(part * 0.999_999));
                prop_assert!(closes > now && window.is_open(between));
            }
            None => {
                let between = now.plus(next.since(now).mul_f64(part * 0.999_999));
                prop_assert!(!window.is_open(between), "{between} before {next}");
            }
        }
    }
}

#[test]
fn waiting_rollouts_are_spread_evenly_and_the_same_each_time() {
    let within = Duration::from_secs(1800);
    let name =
        |i: u32| RolloutName { plan: crate::domain::Name::new("p").expect("a name"), number: i };
    let delays: Vec<Duration> = (1..=1000).map(|i| spread(&name(i).to_string(), within)).collect();
    assert_eq!(delays[41], spread(&name(42).to_string(), within));
    for third in 0..3_u64 {
        let range = Duration::from_secs(third * 600)..Duration::from_secs((third + 1) * 600);
        let count = delays.iter().filter(|d| range.contains(d)).count();
        assert!((270..400).contains(&count), "{count} in the third {third}");
    }
    assert_eq!(spread("shop#1", Duration::ZERO), Duration::ZERO);
}
