//! One look: evidence and numbers in, evidence and a judgement out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Requests};
use super::evidence::{CheckEvidence, Evidence};
use super::mixture::log_sum;
use super::promotion::Gate;
use super::sample_ratio::Wrong;
use super::verdict::{Remaining, Senseless, Thin, Uncompared, Verdict};
use super::{Criterion, LimitAction, Rules, planning};
use crate::domain::Weight;

/// What was seen in one look. A look never spans a change of weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookInput {
    /// In force during the look: the canary's share.
    pub weight: Weight,
    /// False when the canary has all the traffic: limits alone apply.
    pub control: bool,
    /// The excess failure rate that each step still ahead must exclude (harm budget / its weight), nearest first; empty
    /// when nothing is to be opened. A margin is known by its value: one that changes starts its evidence anew.
    pub margins: Vec<f64>,
    /// Monotonic.
    pub lasting: Duration,
    /// Increments of each check, in the order of the criteria; `None` where the source could not say.
    pub checks: Vec<Option<Counts>>,
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
}

/// The numbers of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub check: String,
    /// Counted since the weight in force last changed.
    pub step: Counts,
    /// Counted since harm seems to have begun; `None` while nothing points to harm.
    pub since: Option<Counts>,
    /// Evidence of harm of this check alone, natural logarithm; `None`: limits only.
    pub log_evidence: Option<f64>,
    /// What the next step must exclude, as an excess failure rate.
    pub margin: Option<f64>,
    /// Evidence that it is excluded, natural logarithm; enough from `ln(1/beta)` on.
    pub log_excluded: Option<f64>,
    /// Until it is excluded, if the canary is as good as the baseline; `None` where nothing is to be excluded or no
    /// number of requests would do.
    pub remaining: Option<Remaining>,
    /// How much more than chance the baseline's failures vary; at least 1.
    pub dispersion: f64,
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
    /// The counts of a check, unless they are missing or cannot be.
    pub(super) fn sensible(&self, check: usize) -> Option<Counts> {
        self.checks.get(check).copied().flatten().filter(|counts| !counts.is_senseless())
    }

    /// The margins as gates know them: an excess failure rate is a share. NaN stays NaN, and opens nothing.
    pub(super) fn gates(&self) -> impl Iterator<Item = f64> {
        self.margins.iter().map(|margin| margin.clamp(0.0, 1.0))
    }

    /// Whether somebody could tell, and nobody saw a request in either arm.
    fn is_idle(&self) -> bool {
        let checks = self.checks.iter().flatten().map(Counts::requests);
        let mut told = checks.chain(self.split).peekable();
        told.peek().is_some() && told.all(|seen| seen.is_empty())
    }
}

/// A look with its evidence already taken in.
struct Look<'a> {
    rules: &'a Rules,
    criteria: &'a [Criterion],
    evidence: &'a Evidence,
    input: &'a LookInput,
}

impl Look<'_> {
    fn judge(&self) -> Judgement {
        let readings: Vec<Reading> = self.checks().map(|(_, c, e)| self.read(c, e)).collect();
        Judgement {
            verdict: self.verdict(&readings),
            log_evidence: self.log_evidence(),
            log_limit: self.evidence.log_limit(self.rules),
            readings,
        }
    }

    /// The order is policy. A limit that reverts comes first, for a plan may only pause on a regression; danger comes
    /// before doubt, and doubt about the numbers before what they seem to say.
    fn verdict(&self, readings: &[Reading]) -> Verdict {
        self.broken(LimitAction::Revert)
            .or_else(|| self.regression())
            .or_else(|| self.broken(LimitAction::Pause))
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

    fn broken(&self, then: LimitAction) -> Option<Verdict> {
        self.checks().find_map(|(index, criterion, evidence)| {
            let counts = self.input.sensible(index)?;
            let mut limits = criterion.limits.iter().zip(&evidence.limits);
            let limit = limits.find_map(|(limit, streak)| {
                streak.verdict(limit, &counts).filter(|broken| broken.then == then)
            })?;
            Some(Verdict::LimitBroken { check: criterion.name.clone(), limit })
        })
    }

    /// Equal-weighted average over the comparing checks: valid under any dependence between them.
    fn log_evidence(&self) -> Option<f64> {
        let logs: Vec<f64> =
            self.comparing().map(|(_, _, evidence)| self.counted(evidence)).collect();
        (!logs.is_empty()).then(|| log_sum(&logs) - libm::log(logs.len() as f64))
    }

    /// A check whose canary had fewer failures than the least that count cannot speak of harm, only against it.
    fn counted(&self, evidence: &CheckEvidence) -> f64 {
        let enough = evidence.life.canary_failures >= self.rules.min_failures;
        let log = evidence.harm.log_evidence();
        if enough { log } else { log.min(0.0) }
    }

    fn regression(&self) -> Option<Verdict> {
        let log_evidence = self.log_evidence()?;
        let log_limit = self.evidence.log_limit(self.rules);
        if log_evidence < log_limit {
            return None;
        }
        let (_, criterion, evidence) =
            self.comparing().max_by(|a, b| self.counted(a.2).total_cmp(&self.counted(b.2)))?;
        let counts = evidence.shown(self.rules.min_failures);
        Some(Verdict::Regression { check: criterion.name.clone(), counts, log_evidence, log_limit })
    }

    fn senseless(&self) -> Option<Verdict> {
        let named = self.criteria.iter().zip(&self.input.checks);
        let counts = named
            .filter(|(_, counts)| counts.is_some_and(|counts| counts.is_senseless()))
            .map(|(criterion, _)| Senseless::Counts { check: criterion.name.clone() })
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
        (!self.input.control).then_some(Verdict::Unjudged { why: Uncompared::NoControl })
    }

    /// A limit that saw no numbers did not hold, and a comparison without them compared nothing.
    fn blind(&self) -> Option<Verdict> {
        let votes = |c: &Criterion| c.tolerate.is_some() || !c.limits.is_empty();
        self.checks()
            .find(|(index, criterion, _)| votes(criterion) && self.input.sensible(*index).is_none())
            .map(|(_, criterion, _)| Verdict::Blind { check: criterion.name.clone() })
    }

    /// `None` when every comparing check excludes what the nearest step must exclude.
    fn thin(&self, readings: &[Reading]) -> Option<Verdict> {
        if self.comparing().any(|(_, _, evidence)| evidence.step.counts.canary_requests == 0) {
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

    fn read(&self, criterion: &Criterion, evidence: &CheckEvidence) -> Reading {
        let compares = criterion.tolerate.is_some();
        let margin = self.input.gates().next().filter(|_| compares);
        let log_excluded =
            margin.map(|margin| evidence.gate(margin).map_or(0.0, Gate::log_evidence));
        Reading {
            check: criterion.name.clone(),
            step: evidence.step.counts,
            since: Some(evidence.onset.since().counts).filter(|counts| !counts.is_empty()),
            log_evidence: compares.then(|| evidence.harm.log_evidence()),
            margin,
            log_excluded,
            remaining: margin
                .zip(log_excluded)
                .and_then(|(m, log)| self.remaining(evidence, m, log)),
            dispersion: evidence.baseline.dispersion(),
        }
    }

    fn remaining(
        &self,
        evidence: &CheckEvidence,
        margin: f64,
        log_excluded: f64,
    ) -> Option<Remaining> {
        let missing = (libm::log(1.0 / self.rules.beta) - log_excluded).max(0.0);
        let baseline = &evidence.baseline;
        let weight = self.input.weight.fraction();
        let requests = planning::requests_for(
            missing,
            planning::health_information(baseline.rate(), weight, margin),
            baseline.dispersion(),
        );
        let time = evidence
            .canary_pace()
            .and_then(|pace| Duration::try_from_secs_f64(requests / pace).ok());
        requests.is_finite().then_some(Remaining { requests, time })
    }
}

impl CheckEvidence {
    /// What a sentence about harm should count: since the onset, if that alone shows it.
    fn shown(&self, min_failures: u64) -> Counts {
        let since = self.onset.since().counts;
        let worse = since.ratio().is_none_or(|ratio| ratio > 1.0);
        if since.canary_failures >= min_failures && worse { since } else { self.life }
    }
}

impl Judgement {
    /// What people read, with its numbers.
    pub fn sentence(&self) -> String {
        self.verdict.to_string()
    }
}
