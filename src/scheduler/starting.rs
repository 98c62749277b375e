//! Starting a rollout: resolving a plan, claiming or queueing for its route, trying again.

use std::collections::BTreeMap;

use serde_json::json;

use super::core::Input;
use super::service::{ApplyError, Service, to_its_end};
use crate::domain::{Actor, Name, RolloutName, Weight, reasoned};
use crate::engine::{Command, Entry, Memory, Phase, initial};
use crate::plan::{IfBusy, Plan, Program, Route, RouteRef, Step, Used, program};
use crate::store::{Kill, ListFilter, NewRollout, PlanRow, RouteRow, Started, StoreError, Stored};

#[derive(Clone, Debug)]
pub struct StartRequest {
    pub plan: Name,
    /// `None`: the newest.
    pub revision: Option<u32>,
    pub inputs: BTreeMap<String, String>,
    pub by: Actor,
    /// Skip the steps below this weight that the same version passed before.
    pub from: Option<Weight>,
    pub because: String,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("there is no plan `{0}`; `tidegate apply` it first")]
    NoPlan(String),
    #[error("there is no route `{0}`; `tidegate apply` it first")]
    NoRoute(Name),
    /// Inputs that are missing or unknown, and the like: a sentence each.
    #[error("{}", .0.join("; "))]
    Inputs(Vec<String>),
    #[error(
        "{route} is busy: {by} is in flight; wait for it, `tidegate revert {by}`, or set if_busy in the plan"
    )]
    Busy { route: Name, by: RolloutName },
    #[error("{}; `tidegate unkill {}` first", killed(.0), .0.route)]
    Killed(Box<Kill>),
    #[error("{0}")]
    NoRetry(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Supersede(#[from] ApplyError),
}

fn killed(kill: &Kill) -> String {
    let Kill { route, by, because, at } = kill;
    reasoned(&format!("{route} is killed since {at} by {by}"), because)
}

impl Service {
    /// Makes a new rollout; what holds its route is refused, waited for or reverted as the plan says.
    ///
    /// # Errors
    /// Each says what to do instead.
    pub async fn start(&self, request: StartRequest) -> Result<Stored, StartError> {
        let service = self.clone();
        to_its_end(Box::pin(async move { service.start_one(request).await })).await
    }

    async fn start_one(&self, request: StartRequest) -> Result<Stored, StartError> {
        let row = self.plan_row(&request).await?;
        let route = self.route_row(&row.plan).await?;
        let serving = route.labels[route.serving.index()].as_deref();
        let known = self.used_by(&route.route).await?;
        let inputs = &request.inputs;
        let program = program(&row.plan, &route.route, inputs, route.serving, serving, &known)
            .map_err(StartError::Inputs)?;
        let begins_at = match request.from {
            Some(from) => self.passed_before(&program, from).await?,
            None => 0,
        };
        let mut new = self.new_rollout(program, &row, &request, begins_at);
        new.memory = new.memory.start_from(&new.program, &route.learned);
        self.claim(new, row.plan.if_busy, &request.by).await
    }

    async fn plan_row(&self, request: &StartRequest) -> Result<PlanRow, StartError> {
        let row = self.store().plan(&request.plan, request.revision).await?;
        row.ok_or_else(|| StartError::NoPlan(request.plan.to_string()))
    }

    async fn route_row(&self, plan: &Plan) -> Result<RouteRow, StartError> {
        let name = match &plan.route {
            RouteRef::Named(name) => name,
            RouteRef::Inline(route) => {
                self.apply_route(route).await?;
                &route.name
            }
        };
        let row = self.store().route(name).await?;
        row.ok_or_else(|| StartError::NoRoute(name.clone()))
    }

    /// Those that are known here; others cannot be watched.
    async fn used_by(&self, route: &Route) -> Result<Vec<Used>, StartError> {
        let mut known = Vec::new();
        for name in &route.used_by {
            let row = self.store().route(name).await?;
            known.extend(row.map(|row| Used { route: row.route, labels: row.labels }));
        }
        Ok(known)
    }

    fn new_rollout(
        &self,
        program: Program,
        row: &PlanRow,
        request: &StartRequest,
        begins_at: usize,
    ) -> NewRollout {
        let at = self.now().wall;
        let mut text = format!("{} → {}", program.baseline, program.canary);
        if begins_at > 0 {
            let steps = if begins_at == 1 { "step" } else { "steps" };
            text = format!("{text}, skipping {begins_at} {steps} this version passed before");
        }
        if !request.because.is_empty() {
            text = format!("{text}: {}", request.because);
        }
        let detail =
            json!({ "plan": row.plan.name, "revision": row.revision, "inputs": request.inputs });
        let by = request.by.clone();
        NewRollout {
            memory: Memory::new(&program),
            program,
            plan_revision: row.revision,
            state: initial(by.clone(), begins_at, at),
            entry: Entry { at, by, kind: "started".to_owned(), text, detail },
            at,
            may_queue: row.plan.if_busy != IfBusy::Refuse,
        }
    }

    async fn claim(
        &self,
        new: NewRollout,
        if_busy: IfBusy,
        by: &Actor,
    ) -> Result<Stored, StartError> {
        let route = new.program.route.name.clone();
        match self.store().start(new).await? {
            Started::Busy(by) => Err(StartError::Busy { route, by }),
            Started::Killed(kill) => Err(StartError::Killed(Box::new(kill))),
            Started::New { stored, .. } => {
                if if_busy == IfBusy::Supersede {
                    self.supersede(&stored, by).await?;
                }
                self.report(Input::Changed(stored.name.clone()));
                Ok(*stored)
            }
        }
    }

    /// The newest wins: who holds the route goes back, who waits for it gives up.
    async fn supersede(&self, newest: &Stored, by: &Actor) -> Result<(), StartError> {
        let route = &newest.program.route.name;
        let live = self.store().live(self.now().wall).await?;
        let older = live.iter().filter(|s| {
            s.program.route.name == *route && s.name != newest.name && !s.state.phase.is_end()
        });
        for stored in older {
            let command = Command::Supersede { by: newest.name.clone() };
            match self.command(&stored.name, by.clone(), command).await {
                Ok(_) | Err(ApplyError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The step to begin at, if this version passed everything before it in an earlier rollout of the plan.
    async fn passed_before(&self, program: &Program, from: Weight) -> Result<usize, StartError> {
        let is_from = |s: &Step| matches!(s, Step::Shift { to, .. } if *to == from);
        let Some(step) = program.plan.steps.iter().position(is_from) else {
            return Err(StartError::NoRetry(format!("the plan has no step to {from}")));
        };
        let plan = Some(program.plan.name.clone());
        let earlier =
            self.store().list(&ListFilter { plan, limit: 100, ..Default::default() }).await?;
        let passed = |s: &crate::store::Summary| {
            s.program.canary == program.canary
                && s.program.plan.steps.get(..step) == program.plan.steps.get(..step)
                && s.state.promoted_by.is_none()
                && s.state.entered > step
        };
        if earlier.iter().any(passed) {
            return Ok(step);
        }
        let canary = &program.canary;
        Err(StartError::NoRetry(format!(
            "{canary} did not reach {from} before; start it from the first step"
        )))
    }

    /// Stores a route's definition and feeds it to those who ask for it.
    pub async fn apply_route(
        &self,
        route: &crate::plan::Route,
    ) -> Result<crate::store::Applied, StoreError> {
        let (service, route) = (self.clone(), route.clone());
        to_its_end(async move { service.apply_one_route(&route).await }).await
    }

    async fn apply_one_route(
        &self,
        route: &crate::plan::Route,
    ) -> Result<crate::store::Applied, StoreError> {
        let applied = self.store().apply_route(route, self.now().wall).await?;
        if let Some(row) = self.store().route(&route.name).await? {
            let held = row.holder.is_some();
            if !held {
                self.publish_row(row, false);
            }
        }
        Ok(applied)
    }

    /// Whether it waits behind another rollout, for people.
    pub fn is_queued(stored: &Stored) -> bool {
        matches!(stored.state.phase, Phase::Queued)
    }
}
