//! What a plan will do at a stated traffic, before it runs: how long, what it rules out, what a fault costs where.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Weight;
use crate::judge::planning::{Outlook, Reaction, Stage, harm_budget, margin};
use crate::judge::{Rules, Tolerance};

use super::model::{Check, Numbers, OnDoubt, Plan, Route, Step, Traffic};

/// The worsenings that a forecast follows.
pub const FAULTS: [f64; 2] = [5.0, 20.0];
/// A step that sees nothing milder than this sees catastrophes only.
const CATASTROPHE: f64 = 10.0;
/// Beyond the bakes, a healthy version should not take longer than this.
const LONG_SECONDS: u64 = 86_400;
/// What a suggested budget comes down to: half a working day.
const SHORT_SECONDS: u64 = 4 * 3600;
/// Budgets to suggest, shares of all requests.
const BUDGETS: [f64; 7] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
/// No rate is planned with less than this: nobody knows of a service that it never fails.
const LEAST_FAILURES: f64 = 1e-6;
/// Longer is for ever.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// What to expect of a plan's ladder. Times and failures are means for independent failures, good to about a quarter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    pub traffic: Traffic,
    /// The share of all requests, 0 to 1, that a step may put at risk.
    pub harm: f64,
    /// The shifts, in order.
    pub steps: Vec<StepForecast>,
    /// The ladder as a whole for a healthy version, gates and windows not counted; `None`: it never ends.
    pub takes_seconds: Option<u64>,
    /// Where that is long: a `harm` to write instead.
    pub instead: Option<Instead>,
}

/// What to expect at one weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepForecast {
    /// Index into the plan's steps.
    pub step: usize,
    /// The canary's share while it bakes.
    pub weight: Weight,
    pub bake_seconds: u64,
    /// What must be ruled out before the next step opens, a multiple of the usual failures; `None` where nothing is
    /// compared.
    pub rules_out: Option<f64>,
    /// The bake included, for a healthy version; `None`: it never opens.
    pub takes_seconds: Option<u64>,
    /// `on_doubt: advance` opens the next step before that is ruled out.
    pub in_doubt: bool,
    /// The smallest worsening that is reverted in that time, a multiple of the usual failures; `None`: none.
    pub sees: Option<f64>,
    /// One each of [`FAULTS`].
    pub faults: Vec<FaultForecast>,
}

/// What a fault that shows at this weight costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultForecast {
    /// A multiple of the usual failures.
    pub worsening: f64,
    /// `None`: never, or not within ten years.
    pub reverted_in_seconds: Option<u64>,
    /// Until then, beyond what the baseline would have failed.
    pub extra_failures: Option<f64>,
}

/// Another harm budget, and what it would come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instead {
    /// A share of all requests, 0 to 1.
    pub harm: f64,
    /// Of each step, as [`StepForecast::rules_out`].
    pub rules_out: Vec<f64>,
    pub takes_seconds: u64,
}

/// What `plan` will do on `route` at `traffic`. `None` where no check compares the route's own numbers: traffic says
/// nothing of other counters.
pub fn forecast(plan: &Plan, route: &Route, traffic: Traffic) -> Option<Forecast> {
    let planner = Planner::new(plan, route, traffic)?;
    let harm = harm_budget(traffic.failures, plan.harm);
    let steps = planner.steps(harm);
    let takes_seconds = total(&steps);
    let instead = is_long(&steps).then(|| planner.instead(harm)).flatten();
    Some(Forecast { traffic, harm, steps, takes_seconds, instead })
}

impl Forecast {
    /// Whether evidence keeps a healthy version for more than a day beyond its bakes, or the plan goes on without it.
    pub fn is_long(&self) -> bool {
        is_long(&self.steps)
    }

    /// Whether lint warns of it.
    pub fn is_unwise(&self) -> bool {
        self.is_long() || self.blind().next().is_some()
    }

    /// The steps that tell nothing milder than a catastrophe from chance while they last.
    pub fn blind(&self) -> impl Iterator<Item = &StepForecast> {
        let compared = self.steps.iter().filter(|step| step.rules_out.is_some());
        compared.filter(|step| step.sees.is_none_or(|worsening| worsening >= CATASTROPHE))
    }
}

/// A plan's shifts with what it is judged by.
struct Planner<'a> {
    plan: &'a Plan,
    outlook: Outlook,
    /// Index, weight and bake of each.
    shifts: Vec<(usize, Weight, Duration)>,
}

impl<'a> Planner<'a> {
    fn new(plan: &'a Plan, route: &Route, traffic: Traffic) -> Option<Self> {
        let tolerate = tolerated(plan, route)?;
        let shifts: Vec<_> = plan.steps.iter().enumerate().filter_map(shift(plan)).collect();
        let bakes: f64 = shifts.iter().map(|(_, _, bake)| bake.as_secs_f64()).sum();
        let look_seconds = plan.look.as_secs_f64().max(1.0);
        let shipped = Rules::new(bakes / look_seconds);
        // Evidence is averaged over the comparing checks, so one alone must show that many times as much.
        let compare = plan.checks.iter().filter(|check| check.tolerate.is_some()).count().max(1);
        let outlook = Outlook {
            base_rate: traffic.failures.clamp(LEAST_FAILURES, 1.0),
            requests_per_second: traffic.requests_per_second,
            look_seconds,
            tolerate,
            rules: Rules { alpha: shipped.alpha / compare as f64, ..shipped },
        };
        Some(Self { plan, outlook, shifts })
    }

    fn steps(&self, harm: f64) -> Vec<StepForecast> {
        let stages = self.stages(harm);
        let lasting = self.outlook.climb(&stages);
        let rows = self.shifts.iter().zip(&stages).zip(lasting).enumerate();
        rows.map(|(at, ((&(step, weight, bake), stage), seconds))| StepForecast {
            step,
            weight,
            bake_seconds: bake.as_secs(),
            rules_out: stage.margin.map(|margin| self.multiple(margin)),
            takes_seconds: whole(seconds),
            in_doubt: seconds < self.proven(&stages[..at], stage),
            sees: self.outlook.sees(stage.weight, seconds),
            faults: FAULTS.map(|worsening| self.fault(stage.weight, worsening)).to_vec(),
        })
        .collect()
    }

    /// Seconds that `stage` would last if nobody went on in doubt.
    fn proven(&self, earlier: &[Stage], stage: &Stage) -> f64 {
        let patient = Stage { most_seconds: f64::INFINITY, ..*stage };
        let lasting = self.outlook.climb(&[earlier, &[patient]].concat());
        lasting.last().copied().unwrap_or_default()
    }

    /// Each step opens the next weight, the last one all that is left.
    fn stages(&self, harm: f64) -> Vec<Stage> {
        let next = self.shifts.iter().skip(1).map(|(_, weight, _)| *weight).chain([Weight::FULL]);
        let stage = |(&(_, weight, bake), next): (&(usize, Weight, Duration), Weight)| {
            let least_seconds = bake.as_secs_f64();
            Stage {
                weight: weight.fraction(),
                margin: (weight < Weight::FULL).then(|| margin(harm, next)),
                least_seconds,
                most_seconds: self.most().max(least_seconds),
            }
        };
        self.shifts.iter().zip(next).map(stage).collect()
    }

    fn most(&self) -> f64 {
        let most = self.plan.bake_at_most.filter(|_| self.plan.on_doubt == OnDoubt::Advance);
        most.map_or(f64::INFINITY, |most| most.as_secs_f64())
    }

    fn fault(&self, weight: f64, worsening: f64) -> FaultForecast {
        let seen = |r: &Reaction| whole(r.seconds).map(|seconds| (seconds, r.excess_failures));
        let seen = self.outlook.reaction(weight, worsening).as_ref().and_then(seen);
        FaultForecast {
            worsening,
            reverted_in_seconds: seen.map(|(seconds, _)| seconds),
            extra_failures: seen.map(|(_, failures)| failures),
        }
    }

    /// An excess as a multiple of the usual failures; more than everything cannot fail.
    fn multiple(&self, margin: f64) -> f64 {
        let base = self.outlook.base_rate;
        (base + margin).min(1.0) / base
    }

    /// The smallest budget that brings a healthy version through in half a day's work beyond its bakes.
    fn instead(&self, harm: f64) -> Option<Instead> {
        BUDGETS.into_iter().filter(|budget| *budget > harm).find_map(|harm| {
            let steps = self.steps(harm);
            let takes_seconds = total(&steps)?;
            let rules_out = steps.iter().filter_map(|step| step.rules_out).collect();
            let short = !is_long(&steps) && waits(&steps)? <= SHORT_SECONDS;
            short.then_some(Instead { harm, rules_out, takes_seconds })
        })
    }
}

fn shift(plan: &Plan) -> impl Fn((usize, &Step)) -> Option<(usize, Weight, Duration)> + '_ {
    |(index, step)| match step {
        Step::Shift { to, bake } => Some((index, plan.baked(*to), *bake)),
        Step::Gate(_) | Step::Hook(_) => None,
    }
}

/// What the first check on the route's own numbers tolerates.
fn tolerated(plan: &Plan, route: &Route) -> Option<Tolerance> {
    let compares = |c: &&Check| c.tolerate.is_some() && c.numbers == Numbers::Route;
    match &plan.checks[..] {
        [] => route.count.as_ref().map(|_| Tolerance::default()),
        checks => checks.iter().find(compares)?.tolerate,
    }
}

fn total(steps: &[StepForecast]) -> Option<u64> {
    steps.iter().try_fold(0_u64, |sum, step| sum.checked_add(step.takes_seconds?))
}

fn is_long(steps: &[StepForecast]) -> bool {
    let doubts = steps.iter().any(|step| step.in_doubt);
    doubts || waits(steps).is_none_or(|seconds| seconds > LONG_SECONDS)
}

/// Beyond the bakes.
fn waits(steps: &[StepForecast]) -> Option<u64> {
    let bakes: u64 = steps.iter().map(|step| step.bake_seconds).sum();
    total(steps).map(|takes| takes.saturating_sub(bakes))
}

fn whole(seconds: f64) -> Option<u64> {
    let length = Duration::try_from_secs_f64(seconds).ok()?;
    (length < LONGEST).then_some(length.as_secs())
}
