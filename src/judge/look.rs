//! One look: evidence and numbers in, evidence and a judgement out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Requests};
use super::evidence::{CheckEvidence, Evidence};
use super::kinds::Compared;
use super::mixture::log_sum;
use super::numbers::Numbers;
use super::reading::{Reading, levels_of, means_of};
use super::sample_ratio::Wrong;
use super::verdict::{Held, Means, Senseless, Thin, Uncompared, Verdict, What};
use super::words::times;
use super::{Criterion, LimitAction, Rules, planning};
use crate::domain::Weight;

/// Of the checks that are blamed, at most this part is blamed falsely, in expectation.
const FALSELY_BLAMED: f64 = 0.05;

/// What was seen in one look. A look never spans a change of weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookInput {
    /// In force during the look: the canary's share.
    pub weight: Weight,
    /// False when the canary has all the traffic: limits and absolute tolerances alone apply.
    pub control: bool,
    /// Without a control the canary is held to what the baseline did before.
    pub history: bool,
    /// The share of all requests that a step may put at risk, 0 to 1.
    pub harm: f64,
    /// The weights still ahead, nearest first: each step must exclude an excess of `harm` over its weight. Empty when
    /// nothing is to be opened. A margin is known by its value: one that changes starts its evidence anew.
    pub ahead: Vec<Weight>,
    /// Monotonic.
    pub lasting: Duration,
    /// Increments of each check, in the order of the criteria; `None` where the source could not say.
    pub checks: Vec<Option<Numbers>>,
    /// Requests of the route itself; `None` where they cannot be told.
    pub split: Option<Requests>,
    /// Whether users keep their arm: then requests come in clusters, and their shares may be off by more.
    pub sticky: bool,
}

/// What one look says, and what the numbers are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    /// One a criterion, in order.
    pub readings: Vec<Reading>,
    /// Of all comparing checks together, natural logarithm; `None` when none compares.
    pub log_evidence: Option<f64>,
    pub log_limit: f64,
    /// Checks that show harm by themselves, the worst first; at most 5 % of such names are wrong, in expectation.
    #[serde(default)]
    pub blamed: Vec<String>,
}

/// Takes one look in. Total: whatever the numbers, there is an answer.
pub fn look(
    rules: &Rules,
    criteria: &[Criterion],
    evidence: &Evidence,
    input: &LookInput,
) -> (Evidence, Judgement) {
    let mut next = evidence.clone();
    next.take(rules, criteria, input);
    let judgement = Look { rules, criteria, evidence: &next, input }.judge();
    (next, judgement)
}

impl LookInput {
    /// The numbers of a check, unless they are missing or cannot be.
    pub(super) fn sensible(&self, check: usize) -> Option<&Numbers> {
        self.checks.get(check)?.as_ref().filter(|numbers| !numbers.is_senseless())
    }

    /// The excess rate that each step ahead must exclude, nearest first, where a step may do at least the harm `least`.
    pub(super) fn margins(&self, least: f64) -> impl Iterator<Item = f64> + Clone {
        let harm = self.harm.max(least);
        self.ahead.iter().map(move |next| planning::margin(harm, *next))
    }

    /// Whether somebody could tell, and nobody saw a request in either arm.
    fn is_idle(&self) -> bool {
        let checks = self.checks.iter().flatten().filter_map(Numbers::requests);
        let mut told = checks.chain(self.split).peekable();
        told.peek().is_some() && told.all(|seen| seen.is_empty())
    }
}

/// A look with its evidence already taken in.
pub(super) struct Look<'a> {
    pub(super) rules: &'a Rules,
    criteria: &'a [Criterion],
    evidence: &'a Evidence,
    pub(super) input: &'a LookInput,
}

impl Look<'_> {
    fn judge(&self) -> Judgement {
        let readings: Vec<Reading> = self.checks().map(|(_, c, e)| self.read(c, e)).collect();
        Judgement {
            verdict: self.verdict(&readings),
            log_evidence: self.log_evidence(),
            log_limit: self.evidence.log_limit(self.rules),
            blamed: self.blamed(),
            readings,
        }
    }

    /// The order is policy. A limit that reverts comes first, for a plan may only pause on a regression; danger comes
    /// before doubt, and doubt about the numbers before what they seem to say.
    fn verdict(&self, readings: &[Reading]) -> Verdict {
        self.broken(|then| then == LimitAction::Revert)
            .or_else(|| self.regression())
            .or_else(|| self.broken(|then| then != LimitAction::Revert))
            .or_else(|| self.senseless())
            .or_else(|| self.split())
            .or_else(|| self.blind())
            .or_else(|| self.uncompared())
            .or_else(|| self.thin(readings))
            .unwrap_or(Verdict::Pass)
    }

    fn checks(&self) -> impl Iterator<Item = (usize, &Criterion, &CheckEvidence)> {
        let pairs = self.criteria.iter().zip(self.evidence.checks());
        pairs.enumerate().map(|(index, (criterion, evidence))| (index, criterion, evidence))
    }

    fn comparing(&self) -> impl Iterator<Item = (usize, &Criterion, &CheckEvidence)> {
        self.checks().filter(|(_, criterion, _)| criterion.tolerate.is_some())
    }

    fn broken(&self, then: fn(LimitAction) -> bool) -> Option<Verdict> {
        self.checks().find_map(|(index, criterion, evidence)| {
            let numbers = self.input.sensible(index)?;
            let limit = evidence.broken(criterion, numbers, |limit| then(limit.then))?;
            Some(Verdict::LimitBroken { check: criterion.name.clone(), limit })
        })
    }

    /// Weighted average over the comparing checks: valid under any dependence between them.
    fn log_evidence(&self) -> Option<f64> {
        let all: f64 = self.comparing().map(|(_, criterion, _)| criterion.weight).sum();
        let logs: Vec<f64> = self.comparing().map(|(_, c, e)| self.part(c, e)).collect();
        (!logs.is_empty()).then(|| log_sum(&logs) - libm::log(all))
    }

    /// What a check brings into the average.
    fn part(&self, criterion: &Criterion, evidence: &CheckEvidence) -> f64 {
        libm::log(criterion.weight) + evidence.compared.log_harm(self.rules)
    }

    fn regression(&self) -> Option<Verdict> {
        let log_evidence = self.log_evidence()?;
        let log_limit = self.evidence.log_limit(self.rules);
        if log_evidence < log_limit {
            return None;
        }
        let (_, criterion, evidence) = self.worst()?;
        let Harm { what, counts, means } = self.harm(criterion, evidence);
        let (check, held) = (criterion.name.clone(), self.held(criterion, evidence));
        Some(Verdict::Regression { check, what, counts, means, held, log_evidence, log_limit })
    }

    /// What a canary is held to that is not compared with the baseline of the same look.
    fn held(&self, criterion: &Criterion, evidence: &CheckEvidence) -> Option<Held> {
        let tolerate = criterion.tolerate.filter(|null| null.ratio <= 0.0);
        let by_plan = tolerate.map(|null| Held { to: null.delta, by_history: false });
        let before = match &evidence.compared {
            Compared::Counts(counts) => counts.bets.held_to(),
            Compared::Histogram(histogram) => histogram.told(self.rules)?.held_to,
            _ => return None,
        };
        let by_history = before.filter(|_| !self.input.control);
        by_plan.or(by_history.map(|to| Held { to, by_history: true }))
    }

    /// Whether any check goes on without a control.
    fn by_history(&self) -> bool {
        let mut held = self.comparing().filter_map(|(_, c, e)| self.held(c, e));
        held.any(|held| held.by_history)
    }

    /// Whose harm it is: of the check with the most evidence, everybody's or the segment's that differs most.
    ///
    /// Weights are left out: they say how soon a check may stop a rollout, not what is the matter. Within the check the
    /// dispersion is left out as well: a segment has few failures to learn it from, and the divisor of all would be less.
    fn worst(&self) -> Option<(usize, &Criterion, &CheckEvidence)> {
        let own = |e: &CheckEvidence| e.compared.log_harm(self.rules);
        let undivided = |e: &CheckEvidence| e.compared.log_undivided(self.rules);
        let (_, worst, _) = self.comparing().max_by(|a, b| own(a.2).total_cmp(&own(b.2)))?;
        let same = self.comparing().filter(|(_, criterion, _)| criterion.whole() == worst.whole());
        same.max_by(|a, b| undivided(a.2).total_cmp(&undivided(b.2)))
    }

    /// What a sentence about harm speaks of.
    fn harm(&self, criterion: &Criterion, evidence: &CheckEvidence) -> Harm {
        let what = if criterion.users { What::FailedUsers } else { What::Failed };
        match &evidence.compared {
            Compared::Counts(counts) => {
                Harm { what, counts: counts.shown(self.rules), means: None }
            }
            Compared::Histogram(histogram) => {
                let told = histogram.told(self.rules);
                let what = What::SlowerThan(told.map_or(0.0, |told| told.than));
                let counts = told.map(|told| told.since.unwrap_or(told.step)).unwrap_or_default();
                Harm { what, counts, means: None }
            }
            Compared::Values(values) => {
                Harm { what: What::Mean, counts: Counts::default(), means: means_of(values) }
            }
            Compared::Gauge(gauge) => {
                Harm { what: What::Level, counts: Counts::default(), means: levels_of(gauge) }
            }
            Compared::Shared(shared) => {
                Harm { what: shared.what(), counts: shared.step().counts, means: None }
            }
        }
    }

    /// The checks that show harm by themselves, the false among them at most 5 % in expectation (e-BH of Wang and
    /// Ramdas, 2022: the largest k checks whose evidence is at least K / (k * 5 %)).
    fn blamed(&self) -> Vec<String> {
        let mut sorted: Vec<(f64, &str)> = self
            .comparing()
            .map(|(_, c, e)| (e.compared.log_harm(self.rules), c.name.as_str()))
            .collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let all = sorted.len() as f64;
        let enough = |k: usize| libm::log(all / (k as f64 * FALSELY_BLAMED));
        let blamed = (1..=sorted.len()).rev().find(|&k| sorted[k - 1].0 >= enough(k)).unwrap_or(0);
        sorted.iter().take(blamed).map(|(_, name)| (*name).to_owned()).collect()
    }

    fn senseless(&self) -> Option<Verdict> {
        let named = self.criteria.iter().zip(&self.input.checks);
        let counts = named
            .filter_map(|(criterion, numbers)| Some((criterion, numbers.as_ref()?)))
            .filter(|(_, numbers)| numbers.is_senseless())
            .map(|(criterion, numbers)| match numbers {
                Numbers::Counts(_) => Senseless::Counts { check: criterion.name.clone() },
                _ => Senseless::Numbers { check: criterion.name.clone() },
            })
            .next();
        let requests =
            || self.input.split.filter(Requests::is_senseless).map(|_| Senseless::Requests);
        counts.or_else(requests).map(|why| Verdict::Invalid { why })
    }

    fn split(&self) -> Option<Verdict> {
        let two_arms = self.input.control && self.input.weight > Weight::ZERO;
        let seen = self.input.split.filter(|seen| two_arms && !seen.is_empty())?;
        Some(match self.evidence.split().wrong(seen)? {
            Wrong::Silent { awaited, baseline } => Verdict::Silent { awaited, baseline },
            Wrong::Off { expected, seen, requests } => {
                Verdict::Mismatch { expected, seen, requests }
            }
            Wrong::BaselineSilent { canary } => {
                Verdict::Invalid { why: Senseless::BaselineSilent { canary_requests: canary } }
            }
        })
    }

    fn uncompared(&self) -> Option<Verdict> {
        if self.comparing().next().is_none() {
            return Some(Verdict::Unjudged { why: Uncompared::NoCheck });
        }
        if self.input.is_idle() {
            return Some(Verdict::Inconclusive { why: Thin::NoTraffic });
        }
        let why = if self.by_history() { Uncompared::History } else { Uncompared::NoControl };
        (!self.input.control).then_some(Verdict::Unjudged { why })
    }

    /// A limit that saw no numbers did not hold, and a comparison without them compared nothing.
    fn blind(&self) -> Option<Verdict> {
        let votes = |c: &Criterion| !c.may_miss && (c.tolerate.is_some() || !c.limits.is_empty());
        self.checks()
            .filter(|(_, criterion, evidence)| votes(criterion) && !evidence.is_unarmed(criterion))
            .find(|(index, _, _)| self.input.sensible(*index).is_none())
            .map(|(_, criterion, _)| Verdict::Blind { check: criterion.name.clone() })
    }

    /// `None` when every comparing check excludes what the nearest step must exclude.
    fn thin(&self, readings: &[Reading]) -> Option<Verdict> {
        let none = |c: &Criterion, e: &CheckEvidence| {
            let votes = !c.may_miss && e.compared.has_gate();
            votes && e.compared.step().counts.canary_requests == 0
        };
        if self.comparing().any(|(_, criterion, evidence)| none(criterion, evidence)) {
            return Some(Verdict::Inconclusive { why: Thin::NoCanaryYet });
        }
        let enough = libm::log(1.0 / self.rules.beta);
        let needs = |r: &Reading| r.remaining.map_or(f64::INFINITY, |remaining| remaining.requests);
        let furthest = readings
            .iter()
            .filter(|reading| reading.log_excluded.is_some_and(|log| log < enough))
            .max_by(|a, b| needs(a).total_cmp(&needs(b)))?;
        let why = Thin::Needs { check: furthest.check.clone(), remaining: furthest.remaining };
        Some(Verdict::Inconclusive { why })
    }
}

/// What a sentence about harm speaks of.
struct Harm {
    what: What,
    counts: Counts,
    means: Option<Means>,
}

impl Judgement {
    /// What people read, with its numbers.
    pub fn sentence(&self) -> String {
        match &self.verdict {
            Verdict::Pass => self.passed().unwrap_or_else(|| self.verdict.to_string()),
            verdict => verdict.to_string(),
        }
    }

    /// `at most 2.4x, had to rule out 2.7x`, of the check that came nearest to not passing.
    fn passed(&self) -> Option<String> {
        let asked = self.readings.iter().filter(|reading| reading.log_excluded.is_some());
        let log = |reading: &Reading| reading.log_excluded.unwrap_or(f64::INFINITY);
        let nearest = asked.min_by(|a, b| log(a).total_cmp(&log(b)))?;
        let (ruled_out, high) = nearest.ruled_out()?;
        let check = &nearest.check;
        // The range is at 99 %, a gate at 95 %: the one may reach further than the other.
        let most = high.filter(|high| *high < ruled_out);
        Some(match most {
            Some(most) => {
                format!("{check} at most {}, had to rule out {}", times(most), times(ruled_out))
            }
            None => format!("{check} has ruled out {}", times(ruled_out)),
        })
    }
}
