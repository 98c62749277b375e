//! Readings of histograms, values and levels, and what they come to.

use super::increments::Reader;
use crate::domain::{Arm, Generation, Name, Timestamp};
use crate::engine::look::Seen;
use crate::engine::{Ask, Counter, From, Point, Pushed, Series};
use crate::judge::{Moments, Numbers, Pair};

/// A check of these counters, the canary's asks first.
fn reader(counters: &[Counter], arms: &[Arm]) -> Reader {
    let ask = |arm: &Arm, counter: &Counter| Ask {
        check: 0,
        arm: *arm,
        counter: *counter,
        from: From::Pushed {
            route: Name::new("shop").expect("a name"),
            arm: format!("{arm:?}"),
            what: Pushed::Latency,
            segment: None,
        },
    };
    Reader::of(arms.iter().flat_map(|arm| counters.iter().map(move |c| ask(arm, c))).collect())
}

const ARMS: [Arm; 2] = [Arm::Canary, Arm::Baseline];

/// `ask origin series le=value …`; a value may be several points, `1/5/9`, ten milliseconds apart.
fn buckets(line: &str, at: Timestamp) -> Vec<Series> {
    let words: Vec<&str> = line.split(' ').collect();
    let [ask, origin, series, ..] = words[..] else { panic!("{line}") };
    let point = |(index, value): (usize, &str)| Point {
        at: at.plus(std::time::Duration::from_millis(10 * index as u64)),
        value: value.parse().expect("a value"),
    };
    let bucket = |word: &&str| {
        let (le, values) = word.split_once('=').expect("le=value");
        Series {
            ask: ask.parse().expect("an ask"),
            key: format!("{origin} {series}{{le=\"{le}\"}}"),
            bound: le.parse().ok(),
            points: values.split('/').enumerate().map(point).collect(),
        }
    };
    words[3..].iter().map(bucket).collect()
}

fn read(reader: &mut Reader, lines: &str, spoilt: &[usize]) -> Seen {
    let at = reader.later();
    let lines = lines.split(';').map(str::trim).filter(|line| !line.is_empty());
    let series = lines.flat_map(|line| buckets(line, at)).collect();
    reader.take(series, spoilt)
}

/// `canary/baseline requests, bound:canary/baseline slower …`, `-` for none; `!` torn, `?` began.
fn told(seen: &Seen) -> String {
    let marks = [(seen.torn, "!"), (seen.began, "?")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    let Some(Numbers::Histogram(h)) = &seen.checks[0] else {
        assert_eq!(seen.checks[0], None);
        return format!("-{marks}");
    };
    let slower = h.slower.iter().map(|s| format!(" {}:{}/{}", s.than, s.canary, s.baseline));
    let slower: String = slower.collect();
    format!("{}/{}{slower}{marks}", h.canary_requests, h.baseline_requests)
}

/// What the last of several readings comes to.
#[track_caller]
fn check(readings: &[&str], expect: &str) {
    let mut reader = reader(&[Counter::Buckets], &ARMS);
    let seen = readings.iter().map(|lines| told(&read(&mut reader, lines, &[])));
    let seen: Vec<String> = seen.collect();
    assert_eq!(seen.last().map(String::as_str), Some(expect), "{seen:?}");
}

const FIRST: &str = "0 c h 0.1=10 1=50 +Inf=100; 1 b h 0.1=100 1=500 +Inf=1000";

#[test]
fn requests_slower_than_each_bound_are_counted() {
    check(&[FIRST], "0/0?");
    check(
        &[FIRST, "0 c h 0.1=15 1=70 +Inf=130; 1 b h 0.1=150 1=690 +Inf=1300"],
        "30/300 0.1:25/250 1:10/110",
    );
    check(
        &[FIRST, "0 c h 0.1=12/15 1=60/70 +Inf=110/130; 1 b h 0.1=150 1=690 +Inf=1300"],
        "30/300 0.1:25/250 1:10/110",
    );
    check(&[FIRST, FIRST], "0/0");
}

#[test]
fn a_bound_counts_where_both_arms_have_it() {
    let first = "0 c h 0.1=0 0.5=0 +Inf=0; 1 b h 0.1=0 1=0 +Inf=0";
    check(&[first, "0 c h 0.1=4 0.5=8 +Inf=9; 1 b h 0.1=5 1=6 +Inf=9"], "9/9 0.1:5/4");
    // An arm without requests has none that were slow, whatever its bounds.
    check(&[first, "1 b h 0.1=5 1=6 +Inf=9"], "0/9 0.1:0/4 1:0/3");
    check(&[first, "0 c h 0.1=0 0.5=0 +Inf=0; 1 b h 0.1=5 1=6 +Inf=9"], "0/9 0.1:0/4 1:0/3");
}

/// Two programs of one arm, one of them with other bounds: what it served would be slower than every bound it lacks.
#[test]
fn a_bound_counts_where_every_busy_histogram_has_it() {
    let first = "0 c h 1=0 +Inf=0; 1 b1 h 0.1=0 1=0 +Inf=0; 1 b2 h 1=0 2=0 +Inf=0";
    let canary = "0 c h 1=3 +Inf=4;";
    check(
        &[first, &format!("{canary} 1 b1 h 0.1=1 1=5 +Inf=6; 1 b2 h 1=7 2=8 +Inf=9")],
        "4/15 1:1/3",
    );
    let idle = format!("{canary} 1 b1 h 0.1=1 1=5 +Inf=6; 1 b2 h 1=0 2=0 +Inf=0");
    check(&[first, &idle], "4/6 1:1/1");
}

#[test]
fn a_histogram_is_born_from_zero_on_a_known_process() {
    let born =
        "0 c h 0.1=10 1=50 +Inf=100; 0 c other 0.1=1 1=2 +Inf=4; 1 b h 0.1=100 1=500 +Inf=1000";
    check(&[FIRST, born], "4/0 0.1:3/0 1:2/0");
    check(&[FIRST, &born.replace("c other", "c2 other")], "0/0");
}

/// All buckets are one program's: one that has grown past its old value restarted as well.
#[test]
fn a_restart_is_of_the_whole_histogram() {
    let baseline = "1 b h 0.1=100 1=500 +Inf=1000";
    check(&[FIRST, &format!("0 c h 0.1=3 1=60 +Inf=210; {baseline}")], "210/0 0.1:207/0 1:150/0!");
    check(
        &[FIRST, &format!("0 c h 0.1=12/1/2 1=52/2/3 +Inf=102/4/6; {baseline}")],
        "8/0 0.1:4/0 1:3/0!",
    );
}

#[test]
fn other_bounds_after_a_restart_count_from_nothing() {
    let baseline = "1 b h 0.1=100 1=500 +Inf=1000";
    check(&[FIRST, &format!("0 c h 0.2=5 1=6 +Inf=9; {baseline}")], "9/0 0.2:4/0 1:3/0!");
}

#[test]
fn a_bound_that_was_away_counts_again_beside_the_others() {
    let all = |c: &str| format!("{c}; 1 b h 0.1=100 1=500 +Inf=1000");
    let away = all("0 c h 1=55 +Inf=110");
    let back = all("0 c h 0.1=30 1=60 +Inf=120");
    let then = all("0 c h 0.1=31 1=62 +Inf=130");
    check(&[FIRST, &away], "10/0 1:5/0");
    check(&[FIRST, &away, &back], "10/0 1:5/0");
    check(&[FIRST, &away, &back, &then], "10/0 0.1:9/0 1:8/0");
    // So does one that no restart explains.
    check(&[FIRST, &all("0 c h 0.1=10 0.2=40 1=50 +Inf=101")], "1/0 0.1:1/0 1:1/0");
}

#[test]
fn buckets_that_make_no_histogram_spoil_their_check() {
    check(&[FIRST, "0 c h 0.1=11 1=51; 1 b h 0.1=100 1=500 +Inf=1000"], "-");
    let untrue = "0 c h 0.1=90 1=60 +Inf=200; 1 b h 0.1=100 1=500 +Inf=1000";
    check(&[FIRST, untrue], "-");
    // Programs count without a lock: a request may be in one bucket and not yet in the next.
    let torn = "0 c h 0.1=61 1=99 +Inf=150; 1 b h 0.1=100 1=500 +Inf=1000";
    check(&[FIRST, torn], "50/0 0.1:1/0 1:1/0");
    let nan = "0 c h 0.1=NaN 1=51 +Inf=101; 1 b h 0.1=100 1=500 +Inf=1000";
    check(&[FIRST, nan], "1/0 1:0/0");
}

#[test]
fn a_gap_is_covered_by_the_look_that_ends_it() {
    let mut reader = reader(&[Counter::Buckets], &ARMS);
    read(&mut reader, FIRST, &[]);
    assert_eq!(told(&read(&mut reader, "1 b h 0.1=110 1=550 +Inf=1100", &[0])), "-");
    let after = "0 c h 0.1=15 1=70 +Inf=130; 1 b h 0.1=150 1=690 +Inf=1300";
    assert_eq!(told(&read(&mut reader, after, &[])), "30/300 0.1:25/250 1:10/110!");
    read(&mut reader, "", &[1]);
    reader.generation = Generation(9);
    let later = "0 c h 0.1=16 1=80 +Inf=150; 1 b h 0.1=160 1=700 +Inf=1400";
    assert_eq!(told(&read(&mut reader, later, &[])), "0/0!?", "over a change of weight");
}

/// One series an ask, a point each.
fn plain(reader: &mut Reader, values: &[(usize, f64)], spoilt: &[usize]) -> Option<Numbers> {
    let at = reader.later();
    let series = values.iter().map(|(ask, value)| Series {
        ask: *ask,
        key: "p s".to_owned(),
        bound: None,
        points: vec![Point { at, value: *value }],
    });
    reader.take(series.collect(), spoilt).checks[0].clone()
}

#[test]
fn values_are_events_sums_and_squares() {
    let mut reader = reader(&[Counter::Events, Counter::Sum, Counter::Squares], &ARMS);
    let old = [(0, 10.0), (1, 100.0), (2, 1000.0), (3, 5.0), (4, 50.0), (5, 500.0)];
    plain(&mut reader, &old, &[]);
    let new = [(0, 12.0), (1, 107.5), (2, 1040.0), (3, 6.0), (4, 60.0), (5, 599.999)];
    let Some(Numbers::Values(v)) = plain(&mut reader, &new, &[]) else { panic!("no values") };
    assert_eq!(v.canary, Moments { events: 2, sum: 7.5, squares: 40.0 });
    // A single event of 10: rounding has made its square a hair too small.
    assert_eq!(v.baseline, Moments { events: 1, sum: 10.0, squares: 100.0 });
}

#[test]
fn levels_are_the_newest_of_each_arm() {
    let mut levels = reader(&[Counter::Level], &ARMS);
    let pair = |canary, baseline| Some(Numbers::Gauge(Pair { canary, baseline }));
    assert_eq!(plain(&mut levels, &[(0, 7.0), (1, 5.0)], &[]), pair(7.0, 5.0));
    assert_eq!(plain(&mut levels, &[(0, -3.0), (1, 5.0)], &[]), pair(-3.0, 5.0));
    assert_eq!(plain(&mut levels, &[(0, 7.0)], &[]), None, "one arm alone");
    assert_eq!(plain(&mut levels, &[(0, 7.0), (0, 8.0), (1, 5.0)], &[]), None, "which of two?");
    assert_eq!(plain(&mut levels, &[(1, 5.0)], &[0]), None);
    assert_eq!(plain(&mut levels, &[(0, f64::NAN), (1, 5.0)], &[]), None);
    // No gap to cover, and nothing that a change of weight could mix.
    levels.generation = Generation(9);
    assert_eq!(plain(&mut levels, &[(0, 7.0), (1, 5.0)], &[]), pair(7.0, 5.0));
    let mut shared = reader(&[Counter::Level], &[Arm::Baseline]);
    assert_eq!(plain(&mut shared, &[(0, 2.0)], &[]), Some(Numbers::Level(2.0)));
    assert_eq!(plain(&mut shared, &[], &[]), None);
}
