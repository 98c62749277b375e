//! Readings of whole rollouts, and what each look says and earns.

use std::time::Duration;

use super::laws::PLAN;
use super::play::{Play, program};
use crate::engine::{
    Answer, Ask, Event, Finding, Look, Memory, Phase, Point, Series, Trouble, TroubleKind, asks,
    weigh,
};

const LAG: Duration = Duration::from_secs(2);

/// A rollout under way and the counters of one proxy that both arms pass.
struct Watch {
    play: Play,
    memory: Memory,
    asks: Vec<Ask>,
    counters: Vec<f64>,
    lasting: Duration,
}

impl Watch {
    fn new(plan: &str) -> Self {
        let play = Play::new(plan);
        let (memory, asks) = (Memory::new(&play.program), asks(&play.program));
        let counters = vec![100.0; asks.len()];
        Self { play, memory, asks, counters, lasting: Duration::from_secs(10) }
    }

    /// Begun, read once before anybody was exposed, confirmed, and the dropped and warming looks behind it.
    fn warm(plan: &str) -> Self {
        let mut watch = Self::exposed(plan);
        for _ in 0..2 {
            watch.healthy();
        }
        watch
    }

    fn exposed(plan: &str) -> Self {
        let mut watch = Self::new(plan);
        watch.look((0, 0), (1000, 3), None);
        watch.play.line("09:00:00 start");
        watch.play.line("+1s confirmed");
        watch
    }

    /// One look ten seconds later: requests and failures of each arm, the same for every check.
    fn look(
        &mut self,
        canary: (u64, u64),
        baseline: (u64, u64),
        trouble: Option<&[usize]>,
    ) -> Option<Look> {
        self.play.now = self.play.now.plus(Duration::from_secs(10));
        let at = self.play.now;
        let rises = [canary.0, canary.1, baseline.0, baseline.1];
        for (index, counter) in self.counters.iter_mut().enumerate() {
            *counter += rises[index % 4] as f64;
        }
        let spoilt = trouble.unwrap_or_default();
        let whole = (0..self.asks.len()).filter(|ask| !spoilt.contains(ask));
        let series = whole.map(|ask| Series {
            ask,
            key: format!("haproxy-1 backend_{ask}"),
            bound: None,
            points: vec![Point { at, value: self.counters[ask] }],
        });
        let troubles = trouble.iter().map(|asks| Trouble {
            asks: asks.to_vec(),
            kind: TroubleKind::Unreachable,
            sentence: "prom-eu does not answer".to_owned(),
        });
        let answer = Answer { series: series.collect(), until: at, troubles: troubles.collect() };
        self.weigh(&answer)
    }

    fn weigh(&mut self, answer: &Answer) -> Option<Look> {
        let (program, state) = (&self.play.program, &self.play.state);
        let (memory, look) =
            weigh(program, state, &self.memory, &self.asks, answer, self.lasting, LAG);
        let text = serde_json::to_string(&memory).expect("JSON");
        let stored = memory.clone().stored();
        assert_eq!(serde_json::from_str::<Memory>(&text).expect("and back"), stored);
        self.memory = memory;
        if let Some(look) = &look {
            self.play.meet(&Event::Looked(look.clone()));
        }
        look
    }

    /// The canary gets its 1 % of ten thousand requests, and none of them fails.
    fn healthy(&mut self) -> Option<Look> {
        self.look((100, 0), (9_900, 30), None)
    }

    fn earned(&self) -> Duration {
        match &self.play.state.phase {
            Phase::Baking { earned, .. } => *earned,
            other => panic!("{other:?}"),
        }
    }
}

fn kind(look: Option<&Look>) -> &'static str {
    look.map_or("no look", |look| look.finding.kind())
}

#[test]
fn before_anybody_is_exposed_the_baseline_teaches() {
    let mut watch = Watch::new(PLAN);
    assert_eq!(watch.look((0, 0), (1_000_000, 9), None), None);
    // The first read rose by nothing anybody knows.
    let blank = watch.memory.evidence.usual_failures(0).expect("a check");
    assert_eq!(watch.look((0, 0), (100_000, 3_000), None), None);
    let usual = watch.memory.evidence.usual_failures(0).expect("a check");
    assert!(blank < 0.002 && usual > 0.029, "{blank} {usual}");
    assert_eq!(watch.memory.looks, 0);
}

#[test]
fn a_look_over_a_change_of_weight_is_dropped() {
    let mut watch = Watch::exposed(PLAN);
    assert_eq!(watch.look((50, 50), (9_950, 30), None), None);
    assert_eq!(watch.memory.evidence.looks(), 0);
    // Read, though: the look after it counts from there.
    watch.look((100, 0), (9_900, 30), None);
    let judged = watch.memory.judgement.as_ref().expect("judged");
    assert_eq!(judged.readings[0].step.canary_requests, 100);
}

#[test]
fn fresh_canaries_are_not_compared_but_their_limits_act() {
    let mut watch = Watch::exposed(PLAN);
    watch.healthy();
    let look = watch.look((1000, 30), (9_000, 30), None).expect("a look");
    assert_eq!((look.finding.kind(), look.lasting), ("thin", Duration::ZERO));
    assert_eq!(look.finding.sentence(), "the canary warms up; not compared yet");
    let mut watch = Watch::exposed(PLAN);
    watch.healthy();
    assert_eq!(kind(watch.look((40, 30), (9_000, 30), None).as_ref()), "limit");
    assert!(matches!(watch.play.state.phase, Phase::Reverting { .. }));
}

#[test]
fn the_plans_warm_up_goes_on_for_as_long_as_it_says() {
    let mut watch = Watch::warm(&format!("{PLAN}warm_up: 1m\n"));
    for _ in 0..3 {
        let look = watch.healthy().expect("a look");
        assert_eq!((look.finding.kind(), look.lasting), ("thin", Duration::ZERO));
    }
    watch.healthy();
    assert!(watch.healthy().is_some_and(|look| !look.lasting.is_zero()));
}

#[test]
fn a_healthy_look_earns_its_time() {
    let mut watch = Watch::warm(PLAN);
    let look = watch.healthy().expect("a look");
    assert_eq!((look.lasting, watch.earned()), (watch.lasting, watch.lasting));
}

#[test]
fn a_look_after_a_restart_counts_and_earns_nothing() {
    let mut watch = Watch::warm(PLAN);
    let looks = watch.memory.evidence.looks();
    watch.lasting = Duration::ZERO;
    let look = watch.look((3_000, 9), (297_000, 900), None).expect("a look");
    assert_eq!((look.lasting, watch.earned()), (Duration::ZERO, Duration::ZERO));
    assert_eq!(watch.memory.evidence.looks(), looks + 1);
    let judged = watch.memory.judgement.as_ref().expect("judged");
    assert_eq!(judged.readings[0].step.canary_requests, 3_100);
}

#[test]
fn nothing_is_earned_while_a_weight_settles_but_harm_acts() {
    let settling = || {
        let mut watch = Watch::warm(PLAN);
        // Sent again, and confirmed in the middle of the next look.
        watch.play.line("hand haproxy-1 0.1%");
        watch.play.line("resume by jonas");
        watch.healthy();
        watch.play.line("confirmed");
        watch
    };
    let mut watch = settling();
    watch.play.state.wish.confirmed_at = Some(watch.play.now.plus(Duration::from_secs(1)));
    // The wrong share is none yet, and no time is earned.
    for canary in [2_000, 0] {
        let look = watch.look((canary, 0), (9_900, 30), None).expect("a look");
        assert_eq!(look.lasting, Duration::ZERO);
        assert!(!["mismatch", "silent"].contains(&look.finding.kind()), "{look:?}");
        watch.play.state.wish.confirmed_at = Some(watch.play.now);
    }
    let mut watch = settling();
    assert_eq!(kind(watch.look((900, 300), (9_900, 30), None).as_ref()), "regression");
    let mut watch = settling();
    assert_eq!(kind(watch.look((900, 600), (9_900, 30), None).as_ref()), "limit");
}

#[test]
fn spoilt_asks_are_blindness_and_earn_nothing() {
    let mut watch = Watch::warm(PLAN);
    for spoilt in [vec![0, 1, 2, 3], vec![0], vec![3]] {
        let look = watch.look((100, 0), (9_900, 30), Some(&spoilt)).expect("a look");
        assert_eq!(look.finding.sentence(), "prom-eu does not answer");
        assert_eq!((look.finding.kind(), watch.earned()), ("blind", Duration::ZERO));
    }
    watch.healthy();
    assert_eq!(watch.earned(), watch.lasting);
}

/// Its source had nothing at first, as a Prometheus that was started a moment ago: no request counted is no "no traffic".
#[test]
fn a_check_that_is_counted_for_the_first_time_makes_no_look() {
    let mut watch = Watch::new(PLAN);
    watch.play.line("09:00:00 start");
    watch.play.line("+1s confirmed");
    for _ in 0..2 {
        watch.look((0, 0), (0, 0), Some(&[0, 1, 2, 3]));
    }
    let first = watch.look((100, 0), (9_900, 30), None);
    assert_eq!(kind(first.as_ref()), "no look", "{first:?}");
    assert_ne!(kind(watch.look((100, 0), (9_900, 30), None).as_ref()), "no look");
}

#[test]
fn a_trouble_does_not_hide_harm() {
    let two =
        format!("{PLAN}checks:\n  errors: {{ tolerate: 1.1x }}\n  other: {{ tolerate: 1.1x }}\n");
    let mut watch = Watch::warm(&two);
    let look = watch.look((900, 600), (9_900, 30), Some(&[4, 5, 6, 7]));
    assert_eq!(kind(look.as_ref()), "limit");
}

/// Its proxy is restarted again and again: the requests that are missing are no wrong split.
#[test]
fn a_restart_of_what_counts_is_no_mismatch() {
    let shares = |restarts: bool| {
        let mut watch = Watch::warm(PLAN);
        let kinds = (0..40).map(|_| {
            if restarts {
                watch.counters[0] = 0.0;
            }
            kind(watch.look((50, 0), (9_900, 30), None).as_ref())
        });
        kinds.collect::<Vec<_>>().contains(&"mismatch")
    };
    assert!(shares(false));
    assert!(!shares(true));
}

/// Prometheus has something new less often than we look; the look that has it covers the time since the one before.
#[test]
fn time_without_news_is_earned_with_the_next() {
    let mut watch = Watch::warm(PLAN);
    let stale = Answer { series: Vec::new(), until: watch.play.now, troubles: Vec::new() };
    assert_eq!(watch.weigh(&stale), None);
    watch.play.now = watch.play.now.plus(Duration::from_secs(10));
    assert_eq!(watch.earned(), Duration::ZERO);
    let look = watch.healthy().expect("a look");
    assert_eq!(
        (look.lasting, look.waited, watch.earned()),
        (watch.lasting, watch.lasting, 2 * watch.lasting)
    );
    let look = watch.healthy().expect("a look");
    assert_eq!((look.waited, watch.earned()), (Duration::ZERO, 3 * watch.lasting));
}

/// A commit's answer was lost: what it earned must not be earned again.
#[test]
fn what_was_counted_before_is_not_earned_twice() {
    let mut watch = Watch::warm(PLAN);
    watch.healthy();
    let counted = Answer { series: Vec::new(), until: watch.play.now, troubles: Vec::new() };
    assert_eq!(watch.weigh(&counted), None);
    let look = watch.healthy().expect("a look");
    assert_eq!((look.waited, watch.earned()), (Duration::ZERO, 2 * watch.lasting));
}

/// The proxy keeps a user on a side: one who clicks a lot is no wrong split.
#[test]
fn a_busy_user_is_no_mismatch() {
    let mut watch = Watch::warm(PLAN);
    for _ in 0..200 {
        assert_ne!(kind(watch.look((130, 0), (9_870, 30), None).as_ref()), "mismatch");
    }
}

#[test]
fn a_failing_canary_is_found() {
    let mut watch = Watch::warm(PLAN);
    let kinds: Vec<_> =
        (0..6).map(|_| kind(watch.look((100, 5), (9_900, 30), None).as_ref())).collect();
    assert!(kinds.contains(&"regression"), "{kinds:?}");
    assert!(matches!(watch.play.state.phase, Phase::Reverting { .. }));
}

#[test]
fn a_canary_without_points_is_silent_and_reverted_after_a_while() {
    let mut watch = Watch::warm(PLAN);
    let mut silent = 0;
    while !matches!(watch.play.state.phase, Phase::Reverting { .. }) {
        let look = watch.look((0, 0), (10_000, 30), None).expect("a look");
        silent += u64::from(matches!(look.finding, Finding::Silent { .. }));
        assert!(silent <= 30, "{look:?}");
    }
    assert_eq!(silent, 30);
}

#[test]
fn no_traffic_in_either_arm_is_thin() {
    let mut watch = Watch::warm(PLAN);
    for _ in 0..60 {
        let look = watch.look((0, 0), (0, 0), None).expect("a look");
        assert_eq!(look.finding, Finding::Thin { sentence: "no traffic in either arm".to_owned() });
    }
    assert_eq!(watch.play.state.silent, Duration::ZERO);
}

#[test]
fn margins_are_the_harm_over_each_weight_ahead() {
    let plan = format!("{PLAN}harm: 0.2pp\n");
    let mut watch = Watch::warm(&plan);
    watch.healthy();
    let margin =
        |watch: &Watch| watch.memory.judgement.as_ref().expect("judged").readings[0].margin;
    assert_eq!(watch.memory.harm, Some(0.002));
    assert_eq!(margin(&watch), Some(0.002 / 0.5));
    watch.play.state.entered = 3;
    watch.healthy();
    assert_eq!(margin(&watch), Some(0.002 / 0.9));
    watch.play.state.entered = 4;
    watch.healthy();
    assert_eq!(margin(&watch), Some(0.002));
}

#[test]
fn the_harm_is_fixed_once_the_baseline_is_known_a_little() {
    let mut watch = Watch::exposed(PLAN);
    watch.healthy();
    watch.look((100, 3), (9_900, 297), None);
    assert_eq!(watch.memory.harm, None);
    watch.look((100, 3), (9_900, 297), None);
    let harm = watch.memory.harm.expect("fixed");
    assert!((0.005..0.0065).contains(&harm), "20 % of 3 %: {harm}");
    watch.look((100, 90), (9_900, 9_000), None);
    assert_eq!(watch.memory.harm, Some(harm));
}

#[test]
fn without_a_control_limits_alone_decide() {
    let plan = format!("{PLAN}hold_back: 0%\n");
    let mut watch = Watch::warm(&plan);
    watch.play.line("promote by jonas");
    watch.healthy();
    let look = watch.look((10_000, 100), (0, 0), None).expect("a look");
    assert_eq!(look.finding.kind(), "unjudged");
    let look = watch.look((10_000, 6_000), (0, 0), None).expect("a look");
    assert_eq!(look.finding.kind(), "limit");
}

#[test]
fn a_second_life_begins_without_the_evidence_of_the_first() {
    let mut watch = Watch::warm(&format!("{PLAN}on_regression: pause\n"));
    while !matches!(watch.play.state.phase, Phase::Paused { .. }) {
        watch.look((100, 2), (9_900, 30), None);
    }
    assert_eq!(kind(watch.look((100, 2), (9_900, 30), None).as_ref()), "regression");
    watch.play.line("resume by jonas");
    let look = watch.look((100, 2), (9_900, 30), None);
    assert_ne!(kind(look.as_ref()), "regression");
    assert_eq!(watch.memory.evidence.lives(), 1);
    let judged = watch.memory.judgement.as_ref().expect("judged");
    assert!((judged.log_limit - 200_f64.ln()).abs() < 1e-9);
}

#[test]
fn what_is_remembered_of_five_checks_is_small() {
    let checks: String = (0..5).map(|i| format!("  check-{i}: {{ tolerate: 1.1x }}\n")).collect();
    let mut watch = Watch::warm(&format!("{PLAN}checks:\n{checks}"));
    for look in 0..40 {
        watch.look((100 + look, look % 3), (9_900 - look, 30 + look), None);
    }
    let bytes = serde_json::to_vec(&watch.memory).expect("JSON").len();
    assert!(bytes < 14 * 1024, "{bytes}");
}

#[test]
fn asks_name_the_arms_as_the_plan_labels_them() {
    let program = program(PLAN);
    let text = format!("{:?}", asks(&program));
    assert!(text.contains("v412") && text.contains("v413"), "{text}");
}
