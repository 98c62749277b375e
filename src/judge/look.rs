//! One look: evidence and numbers in, evidence and a judgement out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Requests};
use super::evidence::{CheckEvidence, Evidence};
use super::gauge::{By, GaugeEvidence, Pair};
use super::kinds::{Compared, value_margin};
use super::mixture::log_sum;
use super::numbers::Numbers;
use super::sample_ratio::Wrong;
use super::shared::Together;
use super::values::ValuesEvidence;
use super::verdict::{Held, Means, Remaining, Senseless, Thin, Uncompared, Verdict, What};
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

/// The numbers of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub check: String,
    /// What the counts below are of.
    #[serde(default)]
    pub what: What,
    /// Counted since the weight in force last changed.
    pub step: Counts,
    /// Counted since harm seems to have begun; `None` while nothing points to harm.
    pub since: Option<Counts>,
    /// Of values and levels, instead of counts.
    #[serde(default)]
    pub means: Option<Means>,
    /// Of levels: what their noise is judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
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
    /// The failure rate a canary without control is held to, by what the baseline did before; `None` with a control.
    #[serde(default)]
    pub held_to: Option<f64>,
    /// Of a check of both arms together: how they stand against the hour before the shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
}

impl Reading {
    /// What was counted in this step before harm began; `None` where nothing points to harm, or it began earlier.
    pub fn before(&self) -> Option<Counts> {
        let (step, since) = (self.step, self.since?);
        let before = Counts {
            canary_requests: step.canary_requests.checked_sub(since.canary_requests)?,
            canary_failures: step.canary_failures.checked_sub(since.canary_failures)?,
            baseline_requests: step.baseline_requests.checked_sub(since.baseline_requests)?,
            baseline_failures: step.baseline_failures.checked_sub(since.baseline_failures)?,
        };
        Some(before).filter(|counts| !counts.is_empty())
    }

    /// How many times the baseline's failures the margin is, and how many times the canary's can be at most by this
    /// step's range; `None` where nothing is to be ruled out or the baseline has no failures.
    fn ruled_out(&self) -> Option<(f64, Option<f64>)> {
        let base = self.step.baseline_rate().filter(|rate| *rate > 0.0)?;
        let high = super::band(&self.step, self.dispersion).and_then(|band| band.high);
        Some(((base + self.margin?) / base, high))
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            check: String::new(),
            what: What::default(),
            step: Counts::default(),
            since: None,
            means: None,
            by: None,
            log_evidence: None,
            margin: None,
            log_excluded: None,
            remaining: None,
            dispersion: 1.0,
            held_to: None,
            together: None,
        }
    }
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

    fn read(&self, criterion: &Criterion, evidence: &CheckEvidence) -> Reading {
        let compares = criterion.tolerate.is_some();
        let mut reading = Reading {
            check: criterion.name.clone(),
            log_evidence: compares.then(|| evidence.compared.log_harm(self.rules)),
            ..Reading::default()
        };
        match &evidence.compared {
            Compared::Counts(counts) => {
                reading.what = if criterion.users { What::FailedUsers } else { What::Failed };
                reading.step = counts.step.counts;
                reading.since = counts.since();
                reading.held_to = counts.bets.held_to();
                let margin = self.input.margins(0.0).next();
                let margin = margin.filter(|_| !criterion.may_miss);
                let gate = margin.map(|margin| (margin, counts.gates.log_excluded(margin)));
                let baseline = &counts.bets.baseline;
                reading.dispersion = baseline.dispersion();
                self.opening(&mut reading, evidence, gate.filter(|_| compares), baseline.rate());
            }
            Compared::Histogram(histogram) => {
                let opens = compares && !criterion.may_miss && !self.input.ahead.is_empty();
                // Before its bounds are chosen and its baseline is known it has excluded nothing.
                reading.log_excluded = opens.then_some(0.0);
                let Some(told) = histogram.told(self.rules) else { return reading };
                reading.what = What::SlowerThan(told.than);
                reading.step = told.step;
                reading.since = told.since;
                reading.held_to = told.held_to;
                reading.dispersion = told.dispersion;
                let gate = histogram.gate(self.input).filter(|_| opens);
                self.opening(&mut reading, evidence, gate, told.rate);
            }
            Compared::Values(values) => {
                reading.what = What::Mean;
                reading.step = values.step().counts;
                reading.means = means_of(values);
                let ahead = self.input.ahead.first().filter(|_| compares && !criterion.may_miss);
                reading.margin = ahead.map(|next| value_margin(*next));
                reading.log_excluded =
                    reading.margin.map(|margin| values.log_excluded(margin).unwrap_or(0.0));
                let missing = reading.margin.map(|margin| values.missing(margin, self.rules.beta));
                reading.remaining = missing.and_then(|events| remaining(evidence, events));
            }
            Compared::Gauge(gauge) => {
                reading.what = What::Level;
                reading.means = levels_of(gauge);
                reading.by = gauge.by();
            }
            Compared::Shared(shared) => {
                let together = shared.together();
                reading.what = shared.what();
                reading.step = shared.step().counts;
                reading.dispersion = together.before.map_or(1.0, |before| before.dispersion);
                reading.together = Some(together);
            }
        }
        reading
    }

    /// What opens the next step, and about how much is still missing.
    fn opening(
        &self,
        reading: &mut Reading,
        evidence: &CheckEvidence,
        gate: Option<(f64, f64)>,
        rate: f64,
    ) {
        let Some((margin, log_excluded)) = gate else { return };
        reading.margin = Some(margin);
        reading.log_excluded = Some(log_excluded);
        let missing = (libm::log(1.0 / self.rules.beta) - log_excluded).max(0.0);
        let weight = self.input.weight.fraction();
        let information = planning::health_information(rate, weight, margin);
        let requests = planning::requests_for(missing, information, reading.dispersion);
        reading.remaining = remaining(evidence, requests);
    }
}

/// So many canary requests more, and how long they take at this weight's pace; `None` where no number would do.
fn remaining(evidence: &CheckEvidence, requests: f64) -> Option<Remaining> {
    let pace = evidence.compared.canary_pace();
    let time = pace.and_then(|pace| Duration::try_from_secs_f64(requests / pace).ok());
    requests.is_finite().then_some(Remaining { requests, time })
}

fn means_of(values: &ValuesEvidence) -> Option<Means> {
    let step = values.step().counts;
    Some(Means {
        canary: values.canary_mean()?,
        baseline: values.baseline_mean()?,
        canary_events: step.canary_requests,
        baseline_events: step.baseline_requests,
    })
}

fn levels_of(gauge: &GaugeEvidence) -> Option<Means> {
    let (Pair { canary, baseline }, seen) = gauge.last()?;
    Some(Means { canary, baseline, canary_events: seen, baseline_events: seen })
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
