//! Harm in both arms: rows of sentences, then seeded hours of drifting, diurnal and clustered traffic.

use std::time::Duration;

use super::world::Chance;
use super::{counts, criterion, weight};
use crate::domain::Doubt;
use crate::judge::{
    Criterion, Evidence, Histogram, Judgement, Limit, LimitAction, LimitKind, LookInput, Numbers,
    Pair, Rules, Slower, Verdict, VerdictKind, look,
};

const LOOK: u64 = 10;

/// What every plan gets: twice as often as before, for two minutes.
fn whole_route(then: LimitAction) -> Criterion {
    let limit = Limit {
        kind: LimitKind::AboveBefore(2.0),
        min_requests: 20,
        lasting: Duration::from_secs(120),
        then,
    };
    Criterion { limits: vec![limit], both: true, ..criterion("whole-route", None) }
}

fn input(numbers: Option<Numbers>) -> LookInput {
    LookInput {
        weight: weight(0.25),
        control: true,
        history: false,
        harm: 0.0,
        ahead: Vec::new(),
        lasting: Duration::from_secs(LOOK),
        checks: vec![numbers],
        split: None,
        sticky: false,
    }
}

/// An hour of `before` in looks of 30 s, then `looks` of `after`, 10 s each; the last judgement.
fn play(criterion: &Criterion, before: &Numbers, after: &Numbers, looks: u32) -> Judgement {
    let criteria = [criterion.clone()];
    let mut evidence = Evidence::new(&criteria);
    for _ in 0..120 {
        evidence.learn_over(0, before, Duration::from_secs(30));
    }
    go_on(&criteria, &mut evidence, after, looks)
}

fn go_on(
    criteria: &[Criterion],
    evidence: &mut Evidence,
    numbers: &Numbers,
    looks: u32,
) -> Judgement {
    let mut last = None;
    for _ in 0..looks {
        let (next, judgement) =
            look(&Rules::new(100.0), criteria, evidence, &input(Some(numbers.clone())));
        *evidence = next;
        last = Some(judgement);
    }
    last.expect("at least one look")
}

#[test]
fn the_sentence_names_both_arms_and_the_hour() {
    let before = counts(0, 0, 3, 3000).into();
    let rows: [(Numbers, &str); 2] = [
        (
            counts(2, 250, 6, 750).into(),
            "both arms fail 8x as often as in the hour before the shift: 96 of 12,000 requests against \
             360 of 360,000, limit 2x broken for 2m",
        ),
        (
            counts(0, 250, 8, 750).into(),
            "both arms fail 8x as often as in the hour before the shift: 96 of 12,000 requests against \
             360 of 360,000, limit 2x broken for 2m",
        ),
    ];
    for (after, sentence) in rows {
        let judgement = play(&whole_route(LimitAction::Pause), &before, &after, 12);
        assert_eq!(judgement.sentence(), sentence);
        assert!(matches!(judgement.verdict.doubt(), Some(Doubt::Shared(_))));
    }
}

#[test]
fn slow_requests_and_levels_are_held_to_the_hour_as_well() {
    let slow = |slow| {
        let slower = Slower { than: 0.25, canary: 0, baseline: slow };
        Numbers::Histogram(Histogram {
            canary_requests: 0,
            baseline_requests: 1000,
            slower: vec![slower],
        })
    };
    let gauge = |level| Numbers::Gauge(Pair { canary: level, baseline: level });
    let rows = [
        (
            slow(10),
            slow(50),
            "both arms take over 250 ms 5x as often as in the hour before the shift: \
          600 of 12,000 requests against 1,200 of 120,000, limit 2x broken for 2m",
        ),
        (
            Numbers::Level(24_700.0),
            Numbers::Level(84_000.0),
            "both arms are at 84,000, 3.4x the 24,700 of \
          the hour before the shift, limit 2x broken for 2m",
        ),
        (
            gauge(10.0),
            gauge(21.0),
            "both arms are at 21, 2.1x the 10 of the hour before the shift, limit 2x \
          broken for 2m",
        ),
    ];
    for (before, after, sentence) in rows {
        let check = whole_route(LimitAction::Revert);
        let judgement = play(&check, &before, &after, 12);
        assert_eq!(judgement.sentence(), sentence);
        assert_eq!(judgement.verdict.kind(), VerdictKind::LimitRevert);
        let sooner = play(&check, &before, &after, 11).verdict;
        assert!(!matches!(sooner, Verdict::LimitBroken { .. }), "too soon: {sooner}");
    }
}

#[test]
fn without_an_hour_nothing_is_armed_and_the_reading_says_so() {
    let criteria = [whole_route(LimitAction::Pause)];
    let mut evidence = Evidence::new(&criteria);
    let bad = counts(100, 200, 100, 200).into();
    let judgement = go_on(&criteria, &mut evidence, &bad, 60);
    let together = judgement.readings[0].together.expect("of both arms");
    assert_eq!((together.before, together.ratio()), (None, None));
    assert!(!matches!(judgement.verdict, Verdict::LimitBroken { .. }));
    // What is not armed is not missed either.
    let blind = look(&Rules::new(100.0), &criteria, &evidence, &input(None)).1;
    assert_ne!(blind.verdict.kind(), VerdictKind::Blind);
}

#[test]
fn an_armed_check_without_numbers_is_blind() {
    let criteria = [whole_route(LimitAction::Pause)];
    let mut evidence = Evidence::new(&criteria);
    let usual = Numbers::from(counts(0, 0, 10, 1000));
    for _ in 0..20 {
        evidence.learn_over(0, &usual, Duration::from_secs(30));
    }
    go_on(&criteria, &mut evidence, &usual, 1);
    let judgement = look(&Rules::new(100.0), &criteria, &evidence, &input(None)).1;
    assert_eq!(judgement.verdict.kind(), VerdictKind::Blind);
}

#[test]
fn harm_that_is_over_is_over_soon_and_counted_from_then() {
    let criteria = [whole_route(LimitAction::StepBack)];
    let mut evidence = Evidence::new(&criteria);
    let usual = Numbers::from(counts(0, 250, 10, 750));
    for _ in 0..120 {
        evidence.learn_over(0, &usual, Duration::from_secs(30));
    }
    let harm = go_on(&criteria, &mut evidence, &counts(15, 250, 45, 750).into(), 60);
    assert_eq!(harm.verdict.kind(), VerdictKind::LimitPause);
    let since = harm.readings[0].together.expect("both").since.expect("harm");
    assert_eq!((since.of, since.lasting), (60_000.0, Duration::from_secs(600)));
    let over = go_on(&criteria, &mut evidence, &usual, 12);
    assert!(!matches!(over.verdict, Verdict::LimitBroken { .. }), "{}", over.sentence());
    assert_eq!(over.readings[0].together.expect("both").since, None);
}

#[test]
fn a_person_who_goes_on_is_told_again_of_what_is_worse_alone() {
    let criteria = [whole_route(LimitAction::Pause)];
    let mut evidence = Evidence::new(&criteria);
    let usual = Numbers::from(counts(0, 0, 10, 1000));
    for _ in 0..120 {
        evidence.learn_over(0, &usual, Duration::from_secs(30));
    }
    let harm = counts(0, 0, 40, 1000).into();
    let told = |judgement: Judgement| matches!(judgement.verdict, Verdict::LimitBroken { .. });
    assert!(told(go_on(&criteria, &mut evidence, &harm, 30)));
    evidence.next_life();
    assert!(!told(go_on(&criteria, &mut evidence, &harm, 300)));
    assert!(told(go_on(&criteria, &mut evidence, &counts(0, 0, 120, 1000).into(), 30)));
}

#[test]
fn ten_failures_more_are_the_least_harm() {
    let check = whole_route(LimitAction::Pause);
    let before = counts(0, 0, 0, 3000).into();
    // None in 360,000, then one a look: the tenth counts.
    for (looks, broken) in [(9, false), (12, true)] {
        let judgement = play(&check, &before, &counts(0, 250, 1, 750).into(), looks);
        assert_eq!(matches!(judgement.verdict, Verdict::LimitBroken { .. }), broken, "{looks}");
    }
}

/// Both arms of a route, an hour before the shift and four after it. Times are seconds since the shift.
#[derive(Clone, Copy)]
struct Route {
    base_rate: f64,
    requests_per_second: f64,
    cluster: f64,
    traffic: fn(f64) -> f64,
    weather: fn(f64) -> f64,
}

impl Route {
    fn quiet(base_rate: f64, requests_per_second: f64) -> Self {
        Self { base_rate, requests_per_second, cluster: 1.0, traffic: |_| 1.0, weather: |_| 1.0 }
    }

    /// Seconds after the shift at which harm is told, within `hours`.
    fn alarm(&self, seed: u64, hours: u64) -> Option<u64> {
        let mut chance = Chance::new(seed);
        let criteria = [whole_route(LimitAction::Pause)];
        let mut evidence = Evidence::new(&criteria);
        for at in 0..120 {
            let at = f64::from(at) * 30.0 - 3600.0;
            evidence.learn_over(0, &self.look(at, 30.0, &mut chance), Duration::from_secs(30));
        }
        (0..hours * 3600 / LOOK).find_map(|at| {
            let numbers = self.look((at * LOOK) as f64, LOOK as f64, &mut chance);
            let (next, judgement) =
                look(&Rules::new(1000.0), &criteria, &evidence, &input(Some(numbers)));
            evidence = next;
            let broken = matches!(judgement.verdict, Verdict::LimitBroken { .. });
            broken.then_some((at + 1) * LOOK)
        })
    }

    fn look(&self, at: f64, seconds: f64, chance: &mut Chance) -> Numbers {
        let requests = self.requests_per_second * seconds * (self.traffic)(at);
        let n = chance.poisson(requests);
        let failures =
            chance.clusters(n as f64 * self.base_rate * (self.weather)(at), self.cluster);
        counts(0, 0, failures.min(n), n).into()
    }

    /// Routes alarmed of `routes`, in four hours each.
    fn false_alarms(&self, routes: u64) -> usize {
        (0..routes).filter(|seed| self.alarm(*seed, 4).is_some()).count()
    }

    /// Seconds until harm that begins with the shift is told: the median and the slowest of `routes`.
    #[track_caller]
    fn delays(&self, routes: u64) -> (u64, u64) {
        let mut delays: Vec<u64> =
            (0..routes).map(|seed| self.alarm(seed, 1).expect("found")).collect();
        delays.sort_unstable();
        (delays[delays.len() / 2], delays[delays.len() - 1])
    }
}

fn after_shift(at: f64, times: f64) -> f64 {
    if at < 0.0 { 1.0 } else { times }
}

fn sine(at: f64, hours: f64) -> f64 {
    libm::sin(at / (hours * 3600.0) * std::f64::consts::TAU)
}

#[test]
fn ordinary_hours_are_no_harm() {
    let quiet = Route::quiet(0.01, 100.0);
    let worlds = [
        ("quiet", quiet),
        ("thin", Route::quiet(0.005, 2.0)),
        ("clusters of 3", Route { cluster: 3.0, ..quiet }),
        ("clusters of 30", Route { cluster: 30.0, ..quiet }),
        ("traffic x4", Route { traffic: |at| 1.0 + 0.75 * (at / 3600.0).max(0.0), ..quiet }),
        ("a morning", Route { traffic: |at| 1.0 + 0.6 * sine(at, 24.0), ..quiet }),
        ("30 % drift", Route { weather: |at| 1.0 + 0.3 * (at / 14_400.0).max(0.0), ..quiet }),
        ("waves of 30 %", Route { weather: |at| 1.0 + 0.3 * sine(at, 0.7), ..quiet }),
        ("a rise by half", Route { weather: |at| after_shift(at, 1.5), ..quiet }),
        (
            "half a minute x20",
            Route { weather: |at| if (600.0..630.0).contains(&at) { 20.0 } else { 1.0 }, ..quiet },
        ),
    ];
    for (name, world) in worlds {
        assert_eq!(world.false_alarms(12), 0, "{name}");
    }
}

#[test]
fn harm_in_both_arms_is_told_within_minutes() {
    let quiet = Route::quiet(0.01, 100.0);
    let rows: [(&str, Route, u64, u64); 4] = [
        ("x2.5", Route { weather: |at| after_shift(at, 2.5), ..quiet }, 180, 600),
        ("x5", Route { weather: |at| after_shift(at, 5.0), ..quiet }, 120, 150),
        (
            "x5, thin",
            Route { weather: |at| after_shift(at, 5.0), ..Route::quiet(0.01, 10.0) },
            200,
            600,
        ),
        (
            "x20 for five minutes",
            Route { weather: |at| if (0.0..300.0).contains(&at) { 20.0 } else { 1.0 }, ..quiet },
            120,
            130,
        ),
    ];
    for (name, world, median, slowest) in rows {
        let got = world.delays(30);
        assert!(got.0 <= median && got.1 <= slowest, "{name}: {got:?}");
    }
}

#[test]
fn nothing_a_level_does_is_not_a_number() {
    let extremes = [0.0, -1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE];
    for before in extremes {
        for after in extremes {
            let check = whole_route(LimitAction::Pause);
            let judgement = play(&check, &Numbers::Level(before), &Numbers::Level(after), 15);
            comes_back(&judgement);
        }
    }
}

#[test]
fn nothing_that_is_counted_is_not_a_number() {
    const MOST: u64 = 1 << 53;
    let extremes = [
        counts(0, 0, 0, 0),
        counts(0, 0, 0, MOST),
        counts(0, 0, MOST, MOST),
        counts(MOST, MOST, 1, MOST),
        counts(1, 1, 0, 0),
    ];
    for before in extremes {
        for after in extremes {
            let check = whole_route(LimitAction::Pause);
            comes_back(&play(&check, &before.into(), &after.into(), 15));
        }
    }
}

/// What is no number is stored as nothing, and would not be read again.
#[track_caller]
fn comes_back(judgement: &Judgement) {
    let text = serde_json::to_string(judgement).expect("JSON");
    assert_eq!(serde_json::from_str::<Judgement>(&text).expect("and back"), *judgement);
}
