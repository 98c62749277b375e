//! What sources gave -> the answer of one look.
//!
//! Owns: where the look ends, and every rule that needs both arms: silence, staleness, ambiguity.
//! Does not: fetch anything, or say what a sound series is (`sound`). Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use super::reading::{Failure, Outcome, Reading, Span};
use super::sound::sound;
use crate::domain::{Arm, Timestamp, human};
use crate::engine::{Answer, Ask, Series, Trouble, TroubleKind};

/// Puts the outcomes, one an ask, together.
pub(super) fn assemble(asks: &[Ask], outcomes: &[Outcome], span: Span) -> Answer {
    let mut troubles = Troubles::default();
    for (ask, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(reading) => reading.absent.iter().for_each(|failure| troubles.notice(failure)),
            Err(failure) => troubles.add(ask, failure),
        }
    }
    let pairs = pairs(asks);
    for pair in &pairs {
        stale(pair, outcomes, span.until, &mut troubles);
        ambiguous(asks, pair, outcomes, &mut troubles);
    }
    let (mut series, end) = (Vec::new(), end(outcomes, span));
    for pair in &pairs {
        for arm in pair {
            let told = Told { asks, outcomes, span, end };
            series.extend(told.of(arm, &mut troubles));
        }
    }
    series.sort_by_key(|s| s.ask);
    Answer { series, until: end, troubles: troubles.list }
}

/// Where the look ends: when every target that still reports has reported. Targets are scraped each at a moment of its
/// own; a look that ends anywhere else has a sample of one arm and none of the other, which looks like silence.
/// Nothing new is an end that was there before.
fn end(outcomes: &[Outcome], span: Span) -> Timestamp {
    let (targets, held) = reporting(outcomes, span.until);
    let newest = targets.iter().filter_map(|samples| samples.last().copied());
    let Some(end) = newest.min() else { return span.until };
    let Some(since) = span.since.filter(|since| *since < end) else {
        return span.since.unwrap_or(end);
    };
    let is_told = |samples: &BTreeSet<Timestamp>| {
        samples.range((Bound::Excluded(since), Bound::Included(end))).next().is_some()
    };
    // Where targets come and go all the time, one of them lacks at every look.
    let late = span.until.since(since) > held;
    if late || targets.iter().all(is_told) { end } else { since }
}

/// The instants of the samples of each target that is waited for, and how long a look waits at most.
fn reporting(outcomes: &[Outcome], until: Timestamp) -> (Vec<BTreeSet<Timestamp>>, Duration) {
    let mut targets = BTreeMap::<_, BTreeSet<Timestamp>>::new();
    let mut awaited = Duration::ZERO;
    for reading in outcomes.iter().flatten().filter(|r| !r.awaited.is_zero()) {
        awaited = awaited.max(reading.awaited);
        for found in &reading.series {
            let samples = targets.entry((reading.source.as_str(), found.origin())).or_default();
            samples.extend(found.points.iter().map(|point| point.at).filter(|at| *at <= until));
        }
    }
    let is_late = |at: &Timestamp| until.since(*at) > awaited;
    let reporting = targets.into_values().filter(|s| s.last().is_some_and(|at| !is_late(at)));
    (reporting.collect(), awaited * 2)
}

/// The asks of each check, apart by arm.
fn pairs(asks: &[Ask]) -> Vec<[Vec<usize>; 2]> {
    let checks: BTreeSet<usize> = asks.iter().map(|a| a.check).collect();
    let of = |check, arm| {
        let fits = |&i: &usize| asks[i].check == check && asks[i].arm == arm;
        (0..asks.len()).filter(fits).collect()
    };
    checks.into_iter().map(|c| [of(c, Arm::Baseline), of(c, Arm::Canary)]).collect()
}

fn readings<'o>(asks: &[usize], outcomes: &'o [Outcome]) -> Vec<&'o Reading> {
    asks.iter().filter_map(|&ask| outcomes[ask].as_ref().ok()).collect()
}

fn any_fresh(asks: &[usize], outcomes: &[Outcome], until: Timestamp) -> bool {
    readings(asks, outcomes).iter().any(|r| r.is_fresh(until))
}

/// One old arm beside a fresh one is that arm's silence, and the judge's affair. Two old ones are a blind source, and
/// so is one that has just come back beside one that has not yet: a source that was away returns target by target.
fn stale(pair: &[Vec<usize>; 2], outcomes: &[Outcome], until: Timestamp, troubles: &mut Troubles) {
    let steady = |arm: &Vec<usize>| readings(arm, outcomes).iter().any(|r| r.is_steady(until));
    if pair.iter().all(|arm| any_fresh(arm, outcomes, until)) || pair.iter().any(steady) {
        return;
    }
    let good: Vec<usize> =
        pair.iter().flatten().copied().filter(|&ask| outcomes[ask].is_ok()).collect();
    let mut readings = readings(&good, outcomes);
    readings.retain(|reading| !reading.is_fresh(until));
    let Some(first) = readings.first() else { return };
    let whats: BTreeSet<&str> = readings.iter().map(|r| r.what.as_str()).collect();
    let whats = whats.into_iter().collect::<Vec<_>>().join(", ");
    let sentence = match readings.iter().filter_map(|r| r.newest()).max() {
        None => format!(
            "{} has no series for {whats}: is the name right, and the arm's label?",
            first.source
        ),
        Some(newest) => format!(
            "{} has had nothing new for {whats} since {} ({} ago): is it still being fed?",
            first.source,
            newest.clock(),
            human(until.since(newest))
        ),
    };
    let failure = Failure::new(TroubleKind::Stale, sentence);
    good.iter().for_each(|&ask| troubles.add(ask, &failure));
}

/// A series that answers for both arms says nothing about either.
fn ambiguous(asks: &[Ask], pair: &[Vec<usize>; 2], outcomes: &[Outcome], troubles: &mut Troubles) {
    for &ours in &pair[0] {
        for &theirs in pair[1].iter().filter(|&&t| asks[t].counter == asks[ours].counter) {
            let (Ok(baseline), Ok(canary)) = (&outcomes[ours], &outcomes[theirs]) else { continue };
            let keys: BTreeSet<&str> = baseline.series.iter().map(|s| s.key.as_str()).collect();
            let Some(both) = canary.series.iter().find(|s| keys.contains(s.key.as_str())) else {
                continue;
            };
            let sentence = format!(
                "{}: `{}` answers for both arms ({} and {}); let the arm's label tell them apart",
                baseline.source, both.key, baseline.what, canary.what
            );
            let failure = Failure::new(TroubleKind::Ambiguous, sentence);
            [ours, theirs].iter().for_each(|&ask| troubles.add(ask, &failure));
        }
    }
}

/// What the outcomes of a look tell.
struct Told<'a> {
    asks: &'a [Ask],
    outcomes: &'a [Outcome],
    span: Span,
    end: Timestamp,
}

impl Told<'_> {
    /// The series of one arm, cut to the look; none when the arm is silent or the ask is spoiled.
    fn of(&self, arm: &[usize], troubles: &mut Troubles) -> Vec<Series> {
        if !any_fresh(arm, self.outcomes, self.span.until) {
            return Vec::new();
        }
        let mut told = Vec::new();
        for &ask in arm {
            let Ok(reading) = &self.outcomes[ask] else { continue };
            // What is read directly has no earlier sample to fall back to.
            let until = if reading.awaited.is_zero() { self.span.until } else { self.end };
            let span = Span { until, ..self.span };
            match sound(ask, self.asks[ask].counter, reading, span) {
                Ok(_) if troubles.spoils(ask) => {}
                Ok(series) => told.extend(series),
                Err(failure) => troubles.add(ask, &failure),
            }
        }
        told
    }
}

/// Troubles, one of each sentence, with all the asks it spoils.
#[derive(Default)]
struct Troubles {
    list: Vec<Trouble>,
}

impl Troubles {
    /// Something people should know that spoils no ask.
    fn notice(&mut self, failure: &Failure) {
        self.entry(failure);
    }

    fn add(&mut self, ask: usize, failure: &Failure) {
        let asks = &mut self.entry(failure).asks;
        if let Err(place) = asks.binary_search(&ask) {
            asks.insert(place, ask);
        }
    }

    fn spoils(&self, ask: usize) -> bool {
        self.list.iter().any(|t| t.asks.contains(&ask))
    }

    fn entry(&mut self, failure: &Failure) -> &mut Trouble {
        let same = |t: &Trouble| t.kind == failure.kind && t.sentence == failure.sentence;
        let at = self.list.iter().position(same).unwrap_or_else(|| {
            let Failure { kind, sentence } = failure.clone();
            self.list.push(Trouble { asks: Vec::new(), kind, sentence });
            self.list.len() - 1
        });
        &mut self.list[at]
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::Found;
    use super::*;
    use crate::domain::Name;
    use crate::engine::{Counter, From, Point};

    fn at(second: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(second))
    }

    /// Requests of both arms; a series is `key second=value …`.
    fn outcome(arm: &str, series: &[&str]) -> Outcome {
        let found = |line: &&str| {
            let mut words = line.split(' ');
            let key = words.next().unwrap_or("").to_owned();
            let point = |word: &str| {
                let (second, value) = word.split_once('=')?;
                Some(Point { at: at(second.parse().ok()?), value: value.parse().ok()? })
            };
            Found { key, bound: None, points: words.filter_map(point).collect() }
        };
        Ok(Reading {
            series: series.iter().map(found).collect(),
            source: "Prometheus".into(),
            what: format!("`n{{v=\"{arm}\"}}`"),
            fresh_for: Duration::from_secs(60),
            awaited: Duration::ZERO,
            alive: None,
            absent: Vec::new(),
        })
    }

    fn answer(baseline: Outcome, canary: Outcome, since: Option<u64>) -> Answer {
        let ask = |arm| Ask {
            check: 0,
            arm,
            counter: Counter::Requests,
            from: From::Pushed {
                route: Name::new("r").expect("a name"),
                arm: String::new(),
                what: crate::engine::Pushed::Requests,
                segment: None,
            },
        };
        let asks = [ask(Arm::Baseline), ask(Arm::Canary)];
        let span = Span { since: since.map(at), until: at(1000) };
        assemble(&asks, &[baseline, canary], span)
    }

    #[track_caller]
    fn check(baseline: &[&str], canary: &[&str], since: Option<u64>, expect: &str) {
        let answer = answer(outcome("old", baseline), outcome("new", canary), since);
        let mut told: Vec<String> = Vec::new();
        for series in &answer.series {
            let points = series.points.iter().map(|p| format!("{}={}", p.at.seconds(), p.value));
            let points: Vec<_> = points.collect();
            told.push(format!("{} {} {}", series.ask, series.key, points.join(" ")));
        }
        told.extend(answer.troubles.iter().map(|t| format!("{:?} {:?}", t.kind, t.asks)));
        assert_eq!(told.join("; "), expect, "{:?}", answer.troubles);
    }

    #[test]
    fn a_look_has_the_points_after_since_and_up_to_until() {
        check(
            &["a 980=1 990=2 1000=3 1010=4"],
            &["b 985=1 995=7"],
            Some(990),
            "0 a 1000=3; 1 b 995=7",
        );
        check(&["a 980=1 990=2"], &["b 999=1"], Some(995), "1 b 999=1");
    }

    #[test]
    fn the_first_read_has_the_newest_point_of_each_series() {
        check(&["a 980=1 990=2", "c 700=9"], &["b 995=7"], None, "0 a 990=2; 0 c 700=9; 1 b 995=7");
    }

    #[test]
    fn one_old_arm_is_silent_and_two_are_a_blind_source() {
        check(&["a 999=5"], &["b 930=1"], Some(920), "0 a 999=5");
        check(&["a 999=5"], &[], Some(990), "0 a 999=5");
        check(&["a 900=5"], &["b 930=1"], Some(800), "Stale [0, 1]");
        check(&[], &[], None, "Stale [0, 1]");
    }

    /// Two targets of Prometheus that are scraped every 15 s, read at 1000.
    #[track_caller]
    fn ends(baseline: &[&str], canary: &[&str], since: Option<u64>, expect: u64) -> Answer {
        let scraped = |arm, series| {
            let mut outcome = outcome(arm, series);
            outcome.iter_mut().for_each(|r| r.awaited = Duration::from_secs(30));
            outcome
        };
        let answer = answer(scraped("old", baseline), scraped("new", canary), since);
        assert_eq!(answer.until, at(expect), "{answer:?}");
        answer
    }

    #[test]
    fn a_look_ends_when_every_target_has_reported() {
        let (a, b) = ("a 961=1 976=2 991=3", "b 970=1 985=2");
        let both = ends(&[a], &[b], Some(970), 985);
        let told: Vec<_> = both.series.iter().map(|s| s.points.len()).collect();
        assert_eq!(told, [1, 1], "{both:?}");
        ends(&[a], &[b], Some(985), 985);
        ends(&[a, "a2 980=7"], &["b 970=1 977=2 985=3"], Some(970), 980);
        ends(&[a], &[b], None, 985);
    }

    #[test]
    fn a_look_has_a_sample_of_every_target() {
        // Since is no moment of theirs: a look ended otherwise before.
        ends(&["a 961=1 976=2"], &["b 970=1 985=2"], Some(971), 971);
        ends(&["a 961=1 976=2 991=3"], &["b 970=1 985=2"], Some(971), 985);
        ends(&["a 961=1 976=2"], &["b 970=1"], Some(975), 975);
        ends(&["a 961=1 976=2"], &["b 970=1 985=2"], Some(977), 977);
        ends(&["a 961=1 990=2"], &["b 985=1"], Some(986), 986);
        ends(&["a 961=1 980=2"], &["b 975=1 992=2"], Some(975), 975);
        ends(&["a 961=1 980=2"], &["b 915=1 992=2"], Some(930), 980);
    }

    #[test]
    fn a_target_that_is_gone_is_not_waited_for() {
        ends(&["a 961=1 976=2 991=3"], &["b 965=1"], Some(976), 991);
        ends(&["a 900=1"], &["b 901=1"], Some(980), 1000);
    }

    #[test]
    fn a_source_that_returns_target_by_target_is_blind_until_both_are_back() {
        let told = ends(&["a 900=1 998=9"], &["b 901=1"], Some(997), 998);
        assert_eq!(told.troubles[0].kind, TroubleKind::Stale, "{told:?}");
        assert!(told.troubles[0].sentence.contains("`n{v=\"new\"}` since"), "{told:?}");
        let told = ends(&["a 900=1 960=2 975=3 990=4"], &["b 901=1"], Some(975), 990);
        assert_eq!(told.troubles, [], "this long after it is the canary's silence");
    }

    #[test]
    fn staleness_says_what_was_looked_for() {
        let told = answer(outcome("old", &[]), outcome("new", &[]), None);
        assert_eq!(
            told.troubles[0].sentence,
            "Prometheus has no series for `n{v=\"new\"}`, `n{v=\"old\"}`: \
             is the name right, and the arm's label?"
        );
        let told = answer(outcome("old", &["a 900=1"]), outcome("new", &[]), None);
        assert!(told.troubles[0].sentence.contains("since 00:15:00.000 (100 s ago)"));
    }

    #[test]
    fn a_series_of_both_arms_is_ambiguous() {
        check(&["a 999=5"], &["a 999=5"], Some(990), "Ambiguous [0, 1]");
        check(&["a 999=5", "b 999=1"], &["c 999=2", "b 999=1"], None, "Ambiguous [0, 1]");
    }

    #[test]
    fn what_is_no_count_is_named() {
        for odd in ["NaN", "inf", "-inf", "-1"] {
            let series = format!("a 995=1 999={odd}");
            check(&[&series], &["b 999=1"], Some(990), "1 b 999=1; NotANumber [0]");
        }
        check(&["a 985=NaN 999=1"], &["b 999=1"], Some(990), "0 a 999=1; 1 b 999=1");
    }

    #[test]
    fn a_failure_spoils_its_asks_and_an_absence_none() {
        let failure = Failure::new(TroubleKind::Unreachable, "it is gone");
        let both = answer(Err(failure.clone()), Err(failure.clone()), Some(990));
        assert_eq!((both.troubles.len(), &both.troubles[0].asks), (1, &vec![0, 1]));
        let mut partly = outcome("new", &["b 999=1"]);
        partly.iter_mut().for_each(|r| r.absent.push(failure.clone()));
        let told = answer(outcome("old", &["a 999=1"]), partly, Some(990));
        assert_eq!((told.series.len(), told.troubles.len()), (2, 1));
        assert!(told.troubles[0].asks.is_empty());
    }
}
