//! Rows: looks in, the verdict's kind and sentence out.

use std::time::Duration;

use super::{at_half, counts, criterion, ratio, weight};
use crate::judge::kinds::Compared;
use crate::judge::{
    Counts, Criterion, Evidence, Histogram, Judgement, Limit, LimitAction, LimitKind, LookInput,
    Moments, Numbers, Pair, Requests, Rules, Slower, Tolerance, Values, VerdictKind, look,
};

const RULES: Rules = Rules::new(100.0);

/// Plays the looks; the last judgement.
fn play(criteria: &[Criterion], looks: &[LookInput]) -> Judgement {
    let mut evidence = Evidence::new(criteria);
    let mut last = None;
    for input in looks {
        let (next, judgement) = look(&RULES, criteria, &evidence, input);
        evidence = next;
        last = Some(judgement);
    }
    last.expect("at least one look")
}

fn errors() -> Vec<Criterion> {
    vec![criterion("errors", Some(ratio(1.1)))]
}

fn with_limit(limit: Limit) -> Vec<Criterion> {
    vec![Criterion { limits: vec![limit], ..criterion("errors", Some(ratio(1.1))) }]
}

#[track_caller]
fn check(criteria: &[Criterion], looks: &[LookInput], kind: VerdictKind, sentence: &str) {
    let judgement = play(criteria, looks);
    assert_eq!(judgement.verdict.kind(), kind, "{}", judgement.sentence());
    assert_eq!(judgement.sentence(), sentence);
}

fn fine() -> Counts {
    counts(10, 5_000, 10, 5_000)
}

fn bad() -> Counts {
    counts(200, 5_000, 10, 5_000)
}

#[test]
fn harm_is_told_with_its_numbers() {
    let look = |c| LookInput { weight: weight(0.25), ..at_half(c) };
    let looks = [look(counts(9, 1_700, 8, 5_000)), look(counts(30, 5_786, 22, 17_045))];
    let criteria = [criterion("errors", Some(ratio(1.0)))];
    check(
        &criteria,
        &looks,
        VerdictKind::Regression,
        "the canary fails 3.8x as often as the baseline: 39 of 7,486 requests against 30 of 22,045; \
         evidence of harm 452 : 1, limit 100 : 1",
    );
}

#[test]
fn fewer_than_three_failures_never_revert() {
    let input = LookInput { split: None, ..at_half(counts(2, 2, 0, 2_000_000)) };
    let mut evidence = Evidence::new(&errors());
    // A baseline known well lets two failures weigh more than 20 : 1.
    (0..300).for_each(|look| evidence.learn(0, &counts(0, 0, 1_000 + look % 2, 1_000_000).into()));
    let rules = Rules { alpha: 0.05, ..RULES };
    let (after, judgement) = look(&rules, &errors(), &evidence, &input);
    let Compared::Counts(counted) = &after.checks()[0].compared else { panic!("counts") };
    assert!(counted.bets.harm.log_evidence() > judgement.log_limit);
    assert_eq!(judgement.verdict.kind(), VerdictKind::Inconclusive);
}

#[test]
fn health_opens_the_step_only_while_it_lasts() {
    let healthy = vec![at_half(counts(10, 20_000, 10, 20_000)); 10];
    check(&errors(), &healthy, VerdictKind::Pass, "errors at most 1.8x, had to rule out 3x");
    let mut then_ill = healthy;
    then_ill.push(at_half(counts(60, 20_000, 10, 20_000)));
    assert_ne!(play(&errors(), &then_ill).verdict.kind(), VerdictKind::Pass);
}

#[test]
fn thin_data_says_what_it_needs() {
    check(
        &errors(),
        &[at_half(counts(2, 500, 2, 500))],
        VerdictKind::Inconclusive,
        "`errors` needs about 66,000 more canary requests, 21m55s",
    );
}

#[test]
fn no_traffic_is_thin_and_changes_nothing() {
    let evidence = Evidence::new(&errors());
    let lasting = Duration::ZERO;
    let empty = LookInput { weight: weight(0.0), lasting, ..at_half(Counts::default()) };
    let (next, judgement) = look(&RULES, &errors(), &evidence, &empty);
    assert_eq!(judgement.sentence(), "no traffic in either arm");
    assert_eq!(judgement.verdict.kind(), VerdictKind::Inconclusive);
    assert_eq!(next, evidence);
}

#[test]
fn a_silent_canary_is_not_no_traffic() {
    check(
        &errors(),
        &[at_half(counts(0, 0, 3, 400))],
        VerdictKind::Silent,
        "the canary is silent: about 200 requests were due, none came while the baseline served 400",
    );
}

#[test]
fn a_wrong_share_holds_a_healthy_canary() {
    check(
        &errors(),
        &vec![at_half(counts(10, 10_000, 30, 30_000)); 10],
        VerdictKind::Mismatch,
        "the canary gets 25 % of 400,000 requests instead of 50 %: beyond chance",
    );
}

#[test]
fn senseless_numbers_are_named_and_not_counted() {
    let evidence = Evidence::new(&errors());
    let (next, judgement) = look(&RULES, &errors(), &evidence, &at_half(counts(9, 8, 0, 8)));
    assert_eq!(judgement.verdict.kind(), VerdictKind::Invalid);
    assert_eq!(judgement.sentence(), "`errors` counts more failures than requests; not counted");
    assert_eq!(next.looks(), 0);
    check(
        &[criterion("memory", Some(ratio(1.2)))],
        &[only(Numbers::Gauge(Pair { canary: f64::NAN, baseline: 1.0 }))],
        VerdictKind::Invalid,
        "`memory` has numbers that cannot be; not counted",
    );
    let silent_baseline = at_half(counts(3, 400, 0, 0));
    check(
        &errors(),
        &[silent_baseline],
        VerdictKind::Invalid,
        "the baseline is silent while the canary served 400 requests",
    );
}

#[test]
fn a_check_without_numbers_never_passes() {
    let mut looks = vec![at_half(counts(10, 20_000, 10, 20_000)); 10];
    looks.push(LookInput { checks: vec![None], ..looks[0].clone() });
    check(&errors(), &looks, VerdictKind::Blind, "no numbers for `errors` in this look");
    looks.push(LookInput { checks: Vec::new(), ..looks[0].clone() });
    assert_eq!(play(&errors(), &looks).verdict.kind(), VerdictKind::Blind);
}

#[test]
fn a_canary_never_seen_never_passes() {
    let unseen = at_half(counts(0, 0, 3, 4));
    let looks = [LookInput { ahead: Vec::new(), ..unseen }];
    check(&errors(), &looks, VerdictKind::Inconclusive, "no canary request at this weight yet");
}

#[test]
fn with_nothing_to_open_a_seen_canary_passes() {
    let looks = [LookInput { ahead: Vec::new(), ..at_half(counts(0, 4, 0, 4)) }];
    assert_eq!(play(&errors(), &looks).verdict.kind(), VerdictKind::Pass);
}

#[test]
fn senseless_margins_open_nothing() {
    for margin in [f64::NAN, -1.0] {
        let looks = vec![LookInput { harm: margin, ..at_half(counts(10, 20_000, 10, 20_000)) }; 10];
        assert_eq!(play(&errors(), &looks).verdict.kind(), VerdictKind::Inconclusive, "{margin}");
    }
}

#[test]
fn without_a_comparing_check_nothing_is_judged() {
    let limits_only = [criterion("errors", None)];
    let sentence = "unjudged: no check compares the arms";
    check(&limits_only, &[at_half(bad())], VerdictKind::Unjudged, sentence);
    check(
        &[],
        &[LookInput { checks: Vec::new(), ..at_half(fine()) }],
        VerdictKind::Unjudged,
        sentence,
    );
}

#[test]
fn without_control_limits_alone_apply() {
    let full = |c| LookInput { weight: weight(1.0), control: false, ..at_half(c) };
    let sentence = "no control: the canary has all the traffic, limits alone apply";
    check(
        &with_limit(Limit::half_fails()),
        &[full(counts(90, 200, 0, 0))],
        VerdictKind::Unjudged,
        sentence,
    );
    check(
        &with_limit(Limit::half_fails()),
        &[full(counts(150, 200, 0, 0))],
        VerdictKind::LimitRevert,
        "75 % of the canary's requests failed (150 of 200), limit 50 % broken for 10 s",
    );
}

#[test]
fn a_limit_without_numbers_did_not_hold() {
    let input = LookInput {
        weight: weight(1.0),
        control: false,
        checks: vec![None],
        ..at_half(counts(1, 200, 0, 0))
    };
    let sentence = "no numbers for `errors` in this look";
    check(&with_limit(Limit::half_fails()), &[input], VerdictKind::Blind, sentence);
}

#[test]
fn a_canary_taken_to_zero_is_not_silent() {
    let silent = at_half(counts(0, 0, 3, 400));
    let off = LookInput { weight: weight(0.0), ..silent.clone() };
    let judgement = play(&errors(), &[silent, off]);
    assert_eq!(judgement.verdict.kind(), VerdictKind::Inconclusive, "{}", judgement.sentence());
}

#[test]
fn empty_looks_take_their_time() {
    let criteria = errors();
    let busy = at_half(counts(2, 500, 2, 500));
    let once = play(&criteria, std::slice::from_ref(&busy));
    let empty = at_half(Counts::default());
    let slower = play(&criteria, &[empty, busy]);
    let minutes = |judgement: &Judgement| judgement.readings[0].remaining.and_then(|r| r.time);
    let (once, slower) = (minutes(&once).expect("a time"), minutes(&slower).expect("a time"));
    assert!((slower.as_secs_f64() / once.as_secs_f64() - 2.0).abs() < 1e-6, "{once:?} {slower:?}");
}

#[test]
fn a_limit_waits_for_its_time_and_its_requests() {
    let limit = Limit {
        kind: LimitKind::ErrorsAbove(0.02),
        min_requests: 100,
        lasting: Duration::from_secs(30),
        then: LimitAction::Pause,
    };
    let (over, few, under) =
        (counts(30, 1_000, 30, 1_000), counts(5, 90, 2, 90), counts(1, 1_000, 1, 1_000));
    let kind = |looks: &[Counts]| {
        let looks: Vec<LookInput> = looks.iter().copied().map(at_half).collect();
        play(&with_limit(limit.clone()), &looks).verdict.kind()
    };
    assert_eq!(kind(&[over, over]), VerdictKind::Inconclusive);
    assert_eq!(kind(&[over, over, over]), VerdictKind::LimitPause);
    // A look with too few requests says nothing: it ends no streak and triggers nothing.
    assert_eq!(kind(&[over, over, few]), VerdictKind::Inconclusive);
    assert_eq!(kind(&[over, over, few, over]), VerdictKind::LimitPause);
    assert_eq!(kind(&[over, over, under, over]), VerdictKind::Inconclusive);
}

#[test]
fn danger_comes_before_doubt_and_a_reverting_limit_first() {
    use VerdictKind::*;
    let pause = Limit { then: LimitAction::Pause, ..Limit::half_fails() };
    let all_fail = counts(5_000, 5_000, 10, 5_000);
    let wrong_share = |c: Counts| LookInput {
        split: Some(Requests { canary: 1, baseline: 99_999 }),
        ..at_half(c)
    };
    let senseless_requests = |c: Counts| LookInput {
        split: Some(Requests { canary: u64::MAX, baseline: 1 }),
        ..at_half(c)
    };
    let rows = [
        (with_limit(Limit::half_fails()), at_half(all_fail), LimitRevert),
        (with_limit(pause.clone()), at_half(all_fail), Regression),
        (with_limit(pause), wrong_share(counts(60, 100, 60, 100)), LimitPause),
        (errors(), senseless_requests(bad()), Regression),
        (errors(), senseless_requests(fine()), Invalid),
        (errors(), wrong_share(bad()), Regression),
        (errors(), wrong_share(fine()), Mismatch),
    ];
    for (criteria, input, expect) in rows {
        let judgement = play(&criteria, &[input]);
        assert_eq!(judgement.verdict.kind(), expect, "{}", judgement.sentence());
    }
}

#[test]
fn many_checks_share_one_alpha_and_the_worst_is_blamed() {
    let named = |name| criterion(name, Some(ratio(1.1)));
    let criteria = [named("errors"), named("timeouts")];
    let both = |a: crate::judge::Counts, b: crate::judge::Counts| LookInput {
        checks: vec![Some(a.into()), Some(b.into())],
        ..at_half(a)
    };
    let judgement = play(&criteria, &[both(fine(), counts(60, 5_000, 10, 5_000))]);
    assert!(
        matches!(&judgement.verdict, crate::judge::Verdict::Regression { check, .. } if check == "timeouts"),
        "{}",
        judgement.sentence()
    );
    let single = judgement.readings[1].log_evidence.expect("compares");
    let average = judgement.log_evidence.expect("compares");
    assert!((average - (single - std::f64::consts::LN_2)).abs() < 0.01, "{average} of {single}");
}

#[test]
fn all_that_show_harm_are_named_worst_first() {
    let criteria = ["errors", "timeouts", "fine"].map(|name| criterion(name, Some(ratio(1.1))));
    let bad = |failures| Some(counts(failures, 5_000, 10, 5_000).into());
    let checks = vec![bad(60), bad(90), bad(10)];
    let judgement = play(&criteria, &[LookInput { checks, ..at_half(fine()) }]);
    assert_eq!(judgement.blamed, ["timeouts", "errors"]);
    assert_eq!(
        play(&criteria, &[LookInput { checks: vec![bad(10); 3], ..at_half(fine()) }]).blamed,
        [""; 0]
    );
}

#[test]
fn a_check_of_small_weight_needs_more() {
    let light = Criterion { weight: 0.01, ..criterion("in ios", Some(ratio(1.1))) };
    let criteria = [Criterion { weight: 0.99, ..criterion("errors", Some(ratio(1.1))) }, light];
    let checks = vec![Some(fine().into()), Some(counts(60, 5_000, 10, 5_000).into())];
    let judgement = play(&criteria, &[LookInput { checks, ..at_half(fine()) }]);
    let (one, all) = (judgement.readings[1].log_evidence, judgement.log_evidence);
    let lost = one.zip(all).map(|(one, all)| one - all).expect("compares");
    assert!((lost - libm::log(100.0)).abs() < 0.1, "{lost}");
}

/// "No more than 0.5 % whatever the baseline does": it needs no control.
#[test]
fn an_absolute_tolerance_holds_without_a_control() {
    let slo = Tolerance { ratio: 0.0, delta: 0.005 };
    let look = |failures| LookInput { control: false, ..at_half(counts(failures, 10_000, 0, 0)) };
    let judge =
        |failures| play(&[criterion("errors", Some(slo))], &[look(failures), look(failures)]);
    assert_eq!(judge(120).verdict.kind(), VerdictKind::Regression);
    assert_eq!(judge(40).verdict.kind(), VerdictKind::Unjudged);
}

#[test]
fn all_comparing_checks_must_pass() {
    let criteria = [criterion("errors", Some(ratio(1.1))), criterion("timeouts", Some(ratio(1.1)))];
    let good = counts(10, 20_000, 10, 20_000);
    let looks = |second: Option<crate::judge::Counts>| {
        let checks = vec![Some(good.into()), second.map(Into::into)];
        vec![LookInput { checks, ..at_half(good) }; 10]
    };
    assert_eq!(play(&criteria, &looks(Some(good))).verdict.kind(), VerdictKind::Pass);
    let thin = play(&criteria, &looks(Some(counts(0, 20, 0, 20))));
    assert!(thin.sentence().starts_with("`timeouts` needs about"), "{}", thin.sentence());
}

#[test]
fn a_second_life_starts_anew_at_twice_the_limit() {
    let (mut evidence, judgement) =
        look(&RULES, &errors(), &Evidence::new(&errors()), &at_half(bad()));
    assert_eq!(judgement.verdict.kind(), VerdictKind::Regression);
    evidence.next_life();
    let (after, judgement) = look(&RULES, &errors(), &evidence, &at_half(fine()));
    assert_ne!(judgement.verdict.kind(), VerdictKind::Regression);
    assert!((judgement.log_limit - libm::log(200.0)).abs() < 1e-12);
    let (_, judgement) = look(&RULES, &errors(), &after, &at_half(bad()));
    assert!(judgement.sentence().ends_with("limit 200 : 1"), "{}", judgement.sentence());
}

#[test]
fn a_new_weight_begins_a_new_tally_and_keeps_the_evidence() {
    let (evidence, before) = look(&RULES, &errors(), &Evidence::new(&errors()), &at_half(fine()));
    let thinner = LookInput { weight: weight(0.4), ..at_half(counts(1, 400, 1, 600)) };
    let (_, after) = look(&RULES, &errors(), &evidence, &thinner);
    assert_eq!(before.readings[0].step, fine());
    assert_eq!(after.readings[0].step, counts(1, 400, 1, 600));
    assert_ne!(after.log_evidence, Some(0.0));
}

fn only(numbers: Numbers) -> LookInput {
    LookInput { checks: vec![Some(numbers)], split: None, ..at_half(Counts::default()) }
}

/// 10,000 requests in either arm, so many of them slower than 250 ms.
fn slow(canary: u64, baseline: u64) -> LookInput {
    let at = |than, part: u64| Slower { than, canary: canary / part, baseline: baseline / part };
    let slower = vec![at(0.1, 1), at(0.25, 1), at(1.0, 10)];
    only(Numbers::Histogram(Histogram {
        canary_requests: 10_000,
        baseline_requests: 10_000,
        slower,
    }))
}

/// Values with a deviation of half their mean.
fn arm(events: u64, mean: f64) -> Moments {
    let n = events as f64;
    Moments { events, sum: n * mean, squares: n * mean * mean * 1.25 }
}

fn values(canary: f64, baseline: f64) -> LookInput {
    only(Numbers::Values(Values { canary: arm(400, canary), baseline: arm(400, baseline) }))
}

#[test]
fn every_kind_of_harm_is_told_in_its_own_terms() {
    let users = Criterion { users: true, ..criterion("crashes", Some(ratio(1.0))) };
    let level = |canary| {
        let pair = Pair { canary, baseline: 100.0 };
        LookInput { lasting: Duration::from_secs(300), ..only(Numbers::Gauge(pair)) }
    };
    let rows = [
        (
            users,
            vec![only(counts(39, 7_486, 30, 22_045).into())],
            "the canary fails users 3.8x as often as the baseline: 39 of 7,486 users against 30 of 22,045; ",
        ),
        (
            criterion("latency", Some(ratio(1.5))),
            vec![slow(100, 100), slow(400, 100)],
            "the canary takes over 250 ms 4x as often as the baseline: 400 of 10,000 requests against 100 of 10,000; ",
        ),
        (
            criterion("basket", Some(ratio(1.1))),
            vec![values(20.0, 20.0), values(40.0, 20.0), values(40.0, 20.0)],
            "the canary's mean is 33.3 against 20 of the baseline, of 1,200 and 1,200 events; ",
        ),
        (
            criterion("memory", Some(ratio(1.2))),
            (0..20).map(|look| level(200.0 + f64::from(look % 3))).collect(),
            "the canary's level is 201 against 100 of the baseline, of ",
        ),
    ];
    for (criterion, looks, start) in rows {
        let judgement = play(&[criterion], &looks);
        assert_eq!(judgement.verdict.kind(), VerdictKind::Regression, "{}", judgement.sentence());
        assert!(judgement.sentence().starts_with(start), "{}", judgement.sentence());
    }
}

/// The baseline of the look is no part of such a sentence.
#[test]
fn a_canary_alone_is_told_what_it_is_held_to() {
    let criteria = [criterion("errors", Some(ratio(1.0)))];
    let alone = |failures| LookInput {
        weight: weight(1.0),
        control: false,
        history: true,
        ..at_half(counts(failures, 10_000, 0, 0))
    };
    let before = || vec![at_half(counts(10, 10_000, 10, 10_000)); 10];
    let then = |failures| [before(), vec![alone(failures)]].concat();
    check(
        &criteria,
        &then(10),
        VerdictKind::Unjudged,
        "no control: the canary has all the traffic, held to what the baseline did before",
    );
    let harm = play(&criteria, &then(90)).sentence();
    let start = "0.9 % of the canary's requests failed (90 of 10,000), held to 0.";
    assert!(
        harm.starts_with(start) && harm.contains("by what the baseline did before; "),
        "{harm}"
    );
    let slo = [criterion("errors", Some(Tolerance { ratio: 0.0, delta: 0.005 }))];
    let harm = play(&slo, &[at_half(counts(200, 10_000, 190, 10_000))]).sentence();
    let start = "2 % of the canary's requests failed (200 of 10,000), held to 0.5 % by the plan; ";
    assert!(harm.starts_with(start), "{harm}");
}

/// What is foretold is about what it takes.
#[test]
fn values_say_what_they_need() {
    let criteria = [criterion("basket", Some(ratio(1.1)))];
    let thin = || only(Numbers::Values(Values { canary: arm(20, 20.0), baseline: arm(60, 20.0) }));
    let first = play(&criteria, &[thin(), thin(), thin(), thin()]);
    let sentence = first.sentence();
    assert!(sentence.starts_with("`basket` needs about "), "{sentence}");
    let foretold = first.readings[0].remaining.expect("an estimate").requests;
    let passes =
        |looks: &usize| play(&criteria, &vec![thin(); *looks]).verdict.kind() == VerdictKind::Pass;
    let needed = 20.0 * ((4..200).find(passes).expect("a pass") - 4) as f64;
    assert!((0.5..2.0).contains(&(foretold / needed)), "{foretold} foretold, {needed} needed");
}

/// Else the bound would be one that just happens to look bad in this look.
#[test]
fn bounds_are_not_betted_on_with_the_look_that_chose_them() {
    let judgement = play(&[criterion("latency", Some(ratio(1.5)))], &[slow(9_000, 100)]);
    assert_eq!(judgement.log_evidence, Some(0.0));
}

#[test]
fn latency_without_a_bound_never_passes() {
    let requests = Histogram { canary_requests: 9_000, baseline_requests: 9_000, slower: vec![] };
    let judgement =
        play(&[criterion("latency", Some(ratio(1.5)))], &[only(Numbers::Histogram(requests))]);
    assert_eq!(judgement.sentence(), "`latency` has not ruled out enough harm yet");
}

/// A scrape after a gap is no neighbour of the last one.
#[test]
fn a_missing_level_counts_as_time() {
    let criteria = [criterion("memory", Some(ratio(1.2)))];
    let pair = Numbers::Gauge(Pair { canary: 1.0, baseline: 1.0 });
    let half_a_minute = Duration::from_secs(30);
    let look_at =
        |numbers| LookInput { lasting: half_a_minute, checks: vec![numbers], ..only(pair.clone()) };
    let (evidence, _) =
        look(&RULES, &criteria, &Evidence::new(&criteria), &look_at(Some(pair.clone())));
    let (after, _) = look(&RULES, &criteria, &evidence, &look_at(None));
    assert_ne!(after.checks(), evidence.checks());
}
