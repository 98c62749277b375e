//! From samples to a look: increments, warm-up, what earns time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::apart::{leave_out, not_heeded};
use super::criteria::{criteria, rules};
use super::increments::take_increments;
use super::sample::{Answer, Ask, Past, Point, Replicas};
use super::state::{Finding, Look, State};
use super::unkept::Unkept;
use crate::domain::{Generation, Timestamp, Weight};
use crate::judge::{
    self, Evidence, Judgement, Kept, LookInput, Pair, Tolerance, Verdict, planning,
};
use crate::plan::{Check, Numbers, Of, Program, Splitter, Unit};

/// Looks dropped after the canary first gets traffic: cold caches are no regression.
const DROPPED_LOOKS: u64 = 2;

/// What the judge remembers of a rollout between looks: bounded, stored with the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub evidence: Evidence,
    /// The end of the last look in the sources' time; `None` before the first read.
    pub until: Option<Timestamp>,
    /// Monotonic time of the reads since then that had nothing new.
    #[serde(default)]
    pub waited: Duration,
    /// The split in force at the end of the last look.
    pub generation: Generation,
    /// Looks since the canary first got traffic, the dropped ones too.
    pub looks: u64,
    /// The share of all requests a step may put at risk, fixed when the arms are first compared: what the baseline
    /// usually fails is known a little by then.
    pub harm: Option<f64>,
    /// The last point of every series, by ask and key.
    pub last: BTreeMap<String, Point>,
    /// Checks whose counters had no whole answer last time: they stand where they stood when this split was in force;
    /// `None` where they were never read.
    pub behind: BTreeMap<usize, Option<Generation>>,
    /// The course of the evidence, for people.
    #[serde(default)]
    pub picture: judge::Picture,
    /// What the last judged look said, for people.
    pub judgement: Option<Judgement>,
    /// Looks that the evidence has taken in, since they are kept.
    #[serde(default)]
    pub judged: u64,
    /// Those of them that are not stored yet: they are no part of what is stored here.
    #[serde(skip)]
    pub unkept: Unkept,
}

impl Memory {
    pub fn new(program: &Program) -> Self {
        Self {
            evidence: Evidence::new(&criteria(&program.plan)),
            until: None,
            waited: Duration::ZERO,
            generation: Generation::default(),
            looks: 0,
            harm: None,
            last: BTreeMap::new(),
            behind: BTreeMap::new(),
            picture: judge::Picture::default(),
            judgement: None,
            judged: 0,
            unkept: Unkept::default(),
        }
    }

    /// Of a new rollout whose route had one before: it starts from what that one learned, at a small weight.
    pub fn start_from(mut self, program: &Program, learned: &Learned) -> Self {
        for (check, item) in program.plan.items().iter().enumerate() {
            if let Some(taught) = learned.get(&item.name()) {
                self.evidence.start_from(check, taught);
            }
        }
        self
    }

    /// What the next rollout of the route starts from.
    pub fn learned(&self, program: &Program) -> Learned {
        let items = program.plan.items();
        let named = items
            .iter()
            .enumerate()
            .filter_map(|(check, item)| Some((item.name(), self.evidence.taught(check)?.clone())));
        named.collect()
    }
}

/// What the baselines of a route's checks taught in its last rollout, by check.
pub type Learned = BTreeMap<String, judge::Baseline>;

/// Takes an answer in. `lasting`: monotonic time since the read before, zero after a restart; `lag`: how long the
/// numbers trail a change of weight. Without a look where there is no canary to look at yet, or the look is dropped.
pub fn weigh(
    program: &Program,
    state: &State,
    memory: &Memory,
    asks: &[Ask],
    answer: &Answer,
    lasting: Duration,
    lag: Duration,
) -> (Memory, Option<Look>) {
    if memory.until.is_some_and(|until| answer.until <= until) {
        // Nothing is new yet, or it was counted before and the commit's answer was lost.
        let waited = memory.waited + lasting.min(program.plan.look * 2);
        return (Memory { waited, ..memory.clone() }, None);
    }
    let mut next = memory.clone();
    next.waited = Duration::ZERO;
    if state.lives > next.evidence.lives() {
        next.evidence.next_life();
    }
    let seen = take_increments(&mut next, asks, answer, state.wish.generation);
    next.until = Some(answer.until);
    next.generation = state.wish.generation;
    let scene = Scene { program, state, memory, asks, answer, lasting, lag };
    if state.first_exposed_at.is_none() {
        if !seen.began {
            scene.learn(&mut next, &seen.checks);
        }
        return (next, None);
    }
    next.looks += 1;
    let dropped = seen.began || scene.is_dropped();
    let look = (!dropped).then(|| scene.judge(&mut next, seen));
    (next, look)
}

/// Takes a source's past in, oldest first: what was usual before the first shift. Where the live reads begin stays as it
/// was, and once the canary has been judged the past is over: a first read, which only says where counters stand, is no
/// judgement yet, and comes as soon as the past does.
pub fn learn(program: &Program, memory: &Memory, asks: &[Ask], past: &Past) -> Memory {
    let mut next = memory.clone();
    if memory.judged > 0 {
        return next;
    }
    let mut then = Memory { evidence: memory.evidence.clone(), ..Memory::new(program) };
    for answer in &past.answers {
        let seen = take_increments(&mut then, asks, answer, memory.generation);
        if let Some(until) = then.until.filter(|_| !seen.began) {
            learn_look(&mut then.evidence, &seen.checks, answer.until.since(until));
        }
        then.until = Some(answer.until);
    }
    next.evidence = then.evidence;
    let criteria = criteria(&program.plan);
    for replicas in &past.replicas {
        if let Some(tolerate) = criteria.get(replicas.check).and_then(|c| c.tolerate.as_ref()) {
            learn_replicas(&mut next.evidence, replicas, tolerate);
        }
    }
    next
}

fn learn_replicas(evidence: &mut Evidence, replicas: &Replicas, tolerate: &Tolerance) {
    for pair in &replicas.pairs {
        let pair = pair.map(|[one, others]| Pair { canary: one, baseline: others });
        evidence.learn_replicas(replicas.check, pair.as_ref(), replicas.every, tolerate);
    }
}

/// One look at the baseline alone; `lasting`: what it covers, in the sources' time.
fn learn_look(evidence: &mut Evidence, checks: &[Option<judge::Numbers>], lasting: Duration) {
    for (check, numbers) in checks.iter().enumerate() {
        if let Some(numbers) = numbers {
            evidence.learn_over(check, numbers, lasting);
        }
    }
}

/// The numbers of every check in one look, `None` where a source could not say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) checks: Vec<Option<judge::Numbers>>,
    /// A counter started anew or stood still for a while: requests are missing or from before, so the arms' shares say
    /// nothing.
    pub(super) torn: bool,
    /// A check has only starting points, or none of this split: that it counted nothing says nothing.
    pub(super) began: bool,
}

struct Scene<'a> {
    program: &'a Program,
    state: &'a State,
    memory: &'a Memory,
    asks: &'a [Ask],
    answer: &'a Answer,
    lasting: Duration,
    lag: Duration,
}

impl Scene<'_> {
    /// Nobody is on the canary: the baseline's looks teach how its failures cluster.
    fn learn(&self, next: &mut Memory, checks: &[Option<judge::Numbers>]) {
        if let Some(until) = self.memory.until {
            learn_look(&mut next.evidence, checks, self.answer.until.since(until));
        }
    }

    /// The first read has nothing to compare with, and a look over a change of weight belongs to neither: such a look
    /// says nothing, not even doubt.
    fn is_dropped(&self) -> bool {
        self.memory.until.is_none() || self.memory.generation != self.state.wish.generation
    }

    /// Whether the whole look was made at the weight the wish names.
    fn settled(&self) -> bool {
        let began = self.memory.until.unwrap_or_default();
        self.state.wish.confirmed_at.is_some_and(|at| began >= at.plus(self.lag))
    }

    /// Fresh canaries are not compared; their hard limits act.
    fn warming_up(&self) -> bool {
        let since = self.state.first_exposed_at.map(|at| self.answer.until.since(at));
        self.memory.looks < DROPPED_LOOKS || since.is_some_and(|s| s < self.program.plan.warm_up)
    }

    fn judge(&self, next: &mut Memory, seen: Seen) -> Look {
        let mut criteria = criteria(&self.program.plan);
        let (settled, warming) = (self.settled(), self.warming_up());
        if warming {
            criteria.iter_mut().for_each(|c| c.tolerate = None);
        }
        let mut input = self.input(seen, settled && !warming);
        if !warming {
            input.harm = self.harm(next);
            input.ahead = self.ahead();
        }
        let not_heeded = not_heeded(self.program, self.state, &input.checks).filter(|_| settled);
        leave_out(self.program, self.state, self.route_check(), &mut criteria, &mut input);
        let rules = rules(self.program);
        let (evidence, mut judgement) = judge::look(&rules, &criteria, &next.evidence, &input);
        let kept = Kept::new(self.answer.until, &next.evidence, &criteria, input, &judgement);
        // Sticky users come with more requests than one: their split is right even where the requests' is off.
        let sticky = matches!(self.program.route.split, Splitter::Flag { .. });
        if sticky && matches!(judgement.verdict, Verdict::Mismatch { .. }) {
            let input = LookInput { split: None, ..kept.input.clone() };
            judgement = judge::look(&rules, &criteria, &next.evidence, &input).1;
        }
        next.keep(kept);
        next.evidence = evidence;
        let finding = match (self.finding(&judgement, warming), not_heeded) {
            (
                Finding::Pass { .. } | Finding::Thin { .. } | Finding::Unjudged { .. },
                Some(sentence),
            ) => Finding::Mismatch { sentence },
            (finding, _) => finding,
        };
        let earning = settled && !warming;
        let earns = |time| if earning { time } else { Duration::ZERO };
        next.picture.add(self.answer.until, &judgement);
        next.judgement = Some(judgement);
        Look {
            generation: self.state.wish.generation,
            lasting: earns(self.lasting),
            waited: earns(self.waited()),
            finding,
            detail: json!(next.judgement),
        }
    }

    /// No more than its numbers cover: what was counted before was earned before.
    fn waited(&self) -> Duration {
        let covers = self.memory.until.map(|until| self.answer.until.since(until));
        self.memory.waited.min(covers.unwrap_or_default().saturating_sub(self.lasting))
    }

    fn input(&self, seen: Seen, settled: bool) -> LookInput {
        let weight = self.state.wish.weight;
        let observed = matches!(self.program.route.split, Splitter::Observe);
        let split = seen.checks.get(self.route_check()).and_then(Option::as_ref);
        let split = split.and_then(judge::Numbers::counts).map(judge::Counts::requests);
        LookInput {
            weight,
            control: weight < Weight::FULL,
            history: self.program.plan.hold_back == Weight::ZERO,
            harm: 0.0,
            ahead: Vec::new(),
            lasting: self.lasting + self.waited(),
            checks: seen.checks,
            split: split.filter(|_| settled && !observed && !seen.torn),
            // Our flags hash the user, a program the unit, and HAProxy, set up as we print it, the session.
            sticky: !observed,
        }
    }

    /// The check that counts the route's own requests: a check of its own counters may see a part of them.
    fn route_check(&self) -> usize {
        let mut checks = self.program.plan.checks.iter();
        let is_route = |check: &Check| {
            check.numbers == Numbers::Route && check.of == Of::Arms && check.unit == Unit::Request
        };
        checks.position(is_route).unwrap_or(0)
    }

    /// The share of all requests a step may put at risk, fixed the first time.
    fn harm(&self, next: &mut Memory) -> f64 {
        let plan = &self.program.plan;
        let usual = || {
            let stated = self.program.route.traffic.map(|t| t.failures);
            let compared = (0..plan.checks.len()).filter(|c| plan.checks[*c].tolerate.is_some());
            let mut known = compared.filter_map(|check| next.evidence.usual_failures(check));
            stated.or_else(|| known.next()).unwrap_or(0.0)
        };
        let harm = next.harm.unwrap_or_else(|| planning::harm_budget(usual(), plan.harm));
        next.harm = Some(harm);
        harm
    }

    /// The weights of the steps still ahead, and the last share.
    fn ahead(&self) -> Vec<Weight> {
        let steps = self.state.entered..self.program.plan.steps.len();
        let weights = steps.filter_map(|step| self.program.baked_weight(step));
        let mut ahead: Vec<Weight> = weights.chain([Weight::FULL]).collect();
        ahead.dedup();
        ahead
    }

    fn finding(&self, judgement: &Judgement, warming: bool) -> Finding {
        let sentence = judgement.sentence();
        // One without asks tells of a part that is missing, and spoils nothing; a segment, or another route, is judged
        // when it can be.
        let items = self.program.plan.items();
        let counts = |ask: &usize| {
            let item = self.asks.get(*ask).and_then(|ask| items.get(ask.check));
            item.is_none_or(|item| item.segment.is_none() && !matches!(item.check.of, Of::Route(_)))
        };
        let trouble = self.answer.troubles.iter().find(|trouble| trouble.asks.iter().any(counts));
        match (&judgement.verdict, trouble) {
            (Verdict::LimitBroken { check, limit }, _) => {
                let (then, shared) = (limit.then, limit.is_shared());
                Finding::Limit { check: check.clone(), sentence, then, shared }
            }
            (Verdict::Regression { check, .. }, _) => {
                Finding::Regression { check: check.clone(), sentence }
            }
            // A trouble with one source does not hide what another has shown; nothing less gets past it.
            (_, Some(trouble)) => Finding::Blind { sentence: trouble.sentence.clone() },
            (Verdict::Invalid { .. }, None) => Finding::Invalid { sentence },
            (Verdict::Mismatch { .. }, None) => Finding::Mismatch { sentence },
            (Verdict::Silent { .. }, None) => Finding::Silent { sentence },
            (Verdict::Blind { .. }, None) => Finding::Blind { sentence },
            (Verdict::Pass, None) => Finding::Pass { sentence },
            (Verdict::Inconclusive { .. }, None) => Finding::Thin { sentence },
            (Verdict::Unjudged { .. }, None) if warming => {
                Finding::Thin { sentence: "the canary warms up; not compared yet".to_owned() }
            }
            (Verdict::Unjudged { .. }, None) => Finding::Unjudged { sentence },
        }
    }
}
