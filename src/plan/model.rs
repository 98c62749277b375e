//! A validated plan and route. What is here can be run; the text it came from is kept beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Name, Segment, Side, Weight};
use crate::judge::{Limit, Tolerance, Worse};

/// A named thing whose traffic is split between two sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub name: Name,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub split: Splitter,
    pub arm: ArmLabel,
    /// Where requests and failures per arm are counted for checks that name no query of their own.
    pub count: Option<Count>,
    /// What the route serves before its first rollout here: the baseline's value of the arm label.
    pub serves: Option<String>,
    #[serde(default)]
    pub used_by: Vec<Name>,
    pub dashboard: Option<String>,
    /// Requests per second in all, and the usual share of failures: for planning and warnings only.
    pub traffic: Option<Traffic>,
}

/// Who moves the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Splitter {
    /// Backends of a HAProxy that polls us through our Lua script.
    Haproxy { instances: u32, sides: [String; 2] },
    /// Any program that polls us. `unit` is what it hashes, for people who read the plan.
    Pull { instances: u32, unit: Option<String> },
    /// The built-in flag service; the variant is the arm's label. `unit` names the context attribute that is bucketed.
    Flag { flag: Name, unit: String },
    /// Somebody else moves the traffic: we judge and journal.
    Observe,
}

/// How the arms are told apart in numbers: `{$arm}` in a query becomes `label="value"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmLabel {
    pub label: String,
    /// Fixed values, for routes whose arms are not named by version.
    pub baseline: Option<String>,
    pub canary: Option<String>,
}

/// Where a route's requests and failures come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Scraped from the proxies that follow the route: nothing to write.
    Haproxy,
    /// Sent to us in batches.
    Push,
    /// Two counters in Prometheus or in scraped text.
    Queries { source: SourceRef, failures: String, requests: String },
}

/// Which source answers a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceRef {
    /// A Prometheus server by the name the server's configuration gives it (`default` when the plan names none).
    Prometheus(Name),
    /// `/metrics` addresses read by ourselves.
    Scrape(Vec<String>),
    /// Observations sent to us.
    Push,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    pub requests_per_second: f64,
    /// A share, 0 to 1.
    pub failures: f64,
}

/// One immutable revision of a plan, its route not yet resolved and its inputs not yet given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub name: Name,
    pub route: RouteRef,
    pub owner: String,
    pub inputs: Vec<String>,
    /// A value, or `$input`. `None` where the route fixes the canary's label.
    pub canary: Option<String>,
    pub if_busy: IfBusy,
    pub window: Option<Window>,
    pub steps: Vec<Step>,
    /// As written; empty: judged on the errors the route counts, which a [`Program`] has as a check.
    pub checks: Vec<Check>,
    /// Canary starts are not compared for this long.
    pub warm_up: Duration,
    pub look: Duration,
    /// The share of all requests a step may put at risk; `None`: max(0.05 pp, 20 % of the usual failures).
    pub harm: Option<f64>,
    pub bake_at_most: Option<Duration>,
    pub on_regression: OnRegression,
    pub on_doubt: OnDoubt,
    pub silence_revert_after: Duration,
    pub give_up_after: Option<Duration>,
    pub return_within: Duration,
    /// The baseline's share in the last step's bake.
    pub hold_back: Weight,
    pub after_revert: Option<Hook>,
    /// Attributes and their values: every check is judged in each of these as well.
    #[serde(default)]
    pub segments: BTreeMap<String, Vec<String>>,
    /// Checks that a [`Program`] would have by itself and this plan does not want, by their names.
    #[serde(default)]
    pub off: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteRef {
    Named(Name),
    Inline(Box<Route>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfBusy {
    #[default]
    Refuse,
    Queue,
    Supersede,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRegression {
    #[default]
    Revert,
    Pause,
    /// The segment that is worse goes to 0 % alone; a second one, or a fault in all, reverts everybody.
    RevertSegment,
}

/// What thin data does after `bake_at_most` of earned time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDoubt {
    #[default]
    Wait,
    Pause,
    Revert,
    Advance,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Shift { to: Weight, bake: Duration },
    Gate(Gate),
    Hook(Hook),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Token names or groups; empty: anybody with the role approver.
    pub approve: Vec<String>,
    pub timeout: Duration,
    pub then: GateTimeout,
    /// Questions an approver must answer.
    #[serde(default)]
    pub asks: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateTimeout {
    #[default]
    Revert,
    Pause,
    Pass,
}

/// An HTTP call that must succeed (2xx).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    pub name: String,
    pub call: String,
    /// JSON; `$input` and `$rollout`, `$route`, `$weight`, `$first_exposed_at` in its strings are filled in.
    pub body: Option<serde_json::Value>,
    /// Of one try.
    pub timeout: Duration,
    pub retries: u32,
}

/// Comparing the arms, or holding the canary to a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub name: Name,
    pub numbers: Numbers,
    /// `None`: limits only, this check never votes for advancing.
    pub tolerate: Option<Tolerance>,
    #[serde(default)]
    pub limits: Vec<Limit>,
    #[serde(default)]
    pub of: Of,
    #[serde(default)]
    pub unit: Unit,
    #[serde(default)]
    pub worse: Worse,
    /// How long after a request its outcome may still come: a bake ends only when its last ones can have arrived.
    #[serde(default)]
    pub late: Duration,
}

/// Whom a check is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// The canary against the baseline.
    #[default]
    Arms,
    /// Both together, against the hour before the shift.
    Both,
    /// Both arms of another route, one of `used_by`, against the same hour.
    Route(Name),
}

/// How long a user is watched before they count.
pub const USER_WATCHED: Duration = Duration::from_secs(600);

/// What is counted as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    #[default]
    Request,
    /// Each user once, with the worst of their first ten minutes.
    User,
}

/// What a check counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// The route's own [`Count`].
    Route,
    /// Observations sent to us for the route, whatever its own [`Count`].
    Push,
    /// Counters of its own; `{$arm}` in each text becomes the label of either arm.
    Counters { source: SourceRef, failures: String, requests: String },
    /// How long requests take: the buckets of a classic histogram, `_bucket` counters with `{$arm}`.
    Histogram { source: SourceRef, buckets: String },
    /// The same from the `latency_ms` of observations sent to us.
    Latency,
    /// A number an event, sent with observations under this name.
    Values { name: String },
    /// A level: a PromQL expression, or a series of scraped pages. With `{$arm}` one an arm, without it one for both.
    Gauge { source: SourceRef, query: String },
}

/// When a step up may start. A revert never waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// A five-field cron line as written.
    pub open: String,
    /// How long it stays open.
    #[serde(rename = "for")]
    pub length: Duration,
    /// An IANA zone.
    pub timezone: String,
}

/// A plan ready to run: its route at hand and its inputs filled in. Stored with the rollout and never changed (L13).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    pub plan: Plan,
    pub route: Route,
    pub inputs: BTreeMap<String, String>,
    /// The side the new version is on.
    pub canary_side: Side,
    /// Values of the arm label.
    pub canary: String,
    pub baseline: String,
    /// Those of the route's `used_by` that are known here, as they were at the start.
    #[serde(default)]
    pub uses: Vec<Used>,
}

/// A route that the one under rollout can hurt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Used {
    pub route: Route,
    /// The labels of its two sides, where known.
    pub labels: [Option<String>; 2],
}

/// One thing that is judged: a check, or a check in one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    pub check: &'a Check,
    pub segment: Option<Segment>,
}

impl Check {
    /// Of requests, canary against baseline, whose outcome is known at once.
    pub fn of_requests(
        name: Name,
        numbers: Numbers,
        tolerate: Option<Tolerance>,
        limits: Vec<Limit>,
    ) -> Self {
        let (of, unit, worse, late) = (Of::Arms, Unit::Request, Worse::Higher, Duration::ZERO);
        Self { name, numbers, tolerate, limits, of, unit, worse, late }
    }
}

impl Item<'_> {
    /// `errors`, or `errors in platform ios`.
    pub fn name(&self) -> String {
        match &self.segment {
            None => self.check.name.to_string(),
            Some(segment) => format!("{} in {segment}", self.check.name),
        }
    }
}

impl Plan {
    /// Every segment, by attribute.
    pub fn all_segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.segments.iter().flat_map(|(attribute, values)| {
            let segment = move |value: &String| Segment {
                attribute: attribute.clone(),
                value: value.clone(),
            };
            values.iter().map(segment)
        })
    }

    /// How long after a request the last outcome of any check may come.
    pub fn late(&self) -> Duration {
        let late = |check: &Check| match check.unit {
            Unit::Request => check.late,
            Unit::User => check.late + USER_WATCHED,
        };
        self.checks.iter().map(late).max().unwrap_or_default()
    }

    /// What is judged: the checks in the order of the plan, then those that compare the arms in each segment.
    pub fn items(&self) -> Vec<Item<'_>> {
        let everybody = self.checks.iter().map(|check| Item { check, segment: None });
        let compares = |check: &&Check| check.of == Of::Arms && check.tolerate.is_some();
        let in_each = self.all_segments().flat_map(|segment| {
            let item = move |check| Item { check, segment: Some(segment.clone()) };
            self.checks.iter().filter(compares).map(item)
        });
        everybody.chain(in_each).collect()
    }
}

impl Plan {
    /// The weight that a shift to `to` bakes at. Only the last shift of a plan is to 100 %.
    pub fn baked(&self, to: Weight) -> Weight {
        if to == Weight::FULL { self.hold_back.complement() } else { to }
    }
}

impl Program {
    /// The weight a shift bakes at: the last 100 % holds back a share for the baseline, so that there is a control.
    pub fn baked_weight(&self, step: usize) -> Option<Weight> {
        match self.plan.steps.get(step)? {
            Step::Shift { to, .. } => Some(self.plan.baked(*to)),
            Step::Gate(_) | Step::Hook(_) => None,
        }
    }

    /// How long a step's weight must stay healthy: its bake, and until its last outcomes can have arrived.
    pub fn bake(&self, step: usize) -> Option<Duration> {
        match self.plan.steps.get(step)? {
            Step::Shift { bake, .. } => Some(*bake + self.plan.late()),
            Step::Gate(_) | Step::Hook(_) => None,
        }
    }

    /// Whether no later step shifts.
    pub fn is_last_shift(&self, step: usize) -> bool {
        !self.plan.steps.iter().skip(step + 1).any(|s| matches!(s, Step::Shift { .. }))
    }
}
