//! Effects that leave the house: calls and notices, at least once, each under one stable id.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::run::told;
use super::service::{ApplyError, Service};
use crate::domain::Timestamp;
use crate::engine::{Effect, Event, Phase};
use crate::plan::{Hook, Step, fill, fill_json};
use crate::store::{OutboxRow, StoreError, Stored};

/// Without news, the outbox is looked at this often: what failed may be due again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between tries: 1 s, 2 s, 4 s … up to a minute.
const SLOWEST: Duration = Duration::from_secs(60);
/// Of an answer, as much as a journal line wants.
const ANSWER_CHARS: usize = 200;

pub(super) async fn run(service: Service, mut stopped: watch::Receiver<bool>) {
    let client =
        match reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "Hooks cannot be called");
                return;
            }
        };
    let outbox = Outbox { service, client, under_way: Arc::default() };
    loop {
        if let Err(error) = outbox.pass().await {
            tracing::warn!(%error, "Could not read the outbox, trying again");
        }
        tokio::select! {
            () = told(&mut stopped) => return,
            () = outbox.service.outbox_filled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

#[derive(Clone)]
struct Outbox {
    service: Service,
    client: reqwest::Client,
    under_way: Arc<Mutex<HashSet<i64>>>,
}

impl Outbox {
    /// Begins everything that is due; a slow call holds up nobody else's.
    async fn pass(&self) -> Result<(), StoreError> {
        let now = self.service.now().wall;
        for row in self.service.store().outbox().await? {
            if row.next <= now && self.lock().insert(row.id) {
                let outbox = self.clone();
                tokio::spawn(async move {
                    let id = row.id;
                    if let Err(error) = outbox.deliver(row).await {
                        tracing::warn!(%error, outbox.id = id, "Could not finish an effect, trying again");
                    }
                    outbox.lock().remove(&id);
                });
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deliver(&self, row: OutboxRow) -> Result<(), ApplyError> {
        let stored = self.service.store().rollout(&row.rollout).await?;
        let done = match (&row.effect, stored) {
            (Effect::Notify { text, needs_person }, _) => {
                notify(&row, text, *needs_person);
                true
            }
            (Effect::RunHook { step }, Some(stored)) => self.hook(&row, &stored, *step).await?,
            (Effect::RunAfterRevert, Some(stored)) => self.after_revert(&row, &stored).await?,
            _ => true,
        };
        let now = self.service.now().wall;
        if done {
            self.service.store().outbox_done(row.id, now).await?;
        } else {
            let wait = Duration::from_secs(1 << row.tries.min(6)).min(SLOWEST);
            self.service.store().outbox_failed(row.id, row.tries + 1, now.plus(wait)).await?;
        }
        Ok(())
    }

    /// Whether nothing is left to do: it answered, or was not wanted any more.
    async fn hook(
        &self,
        row: &OutboxRow,
        stored: &Stored,
        step: usize,
    ) -> Result<bool, ApplyError> {
        let wanted = matches!(stored.state.phase, Phase::Calling { step: s, .. } if s == step);
        let Some(Step::Hook(hook)) = stored.program.plan.steps.get(step).filter(|_| wanted) else {
            return Ok(true);
        };
        let key = format!("{}/step-{}", stored.name, step + 1);
        let answer = self.call(hook, stored, &key).await;
        if answer.is_err() && row.tries < hook.retries {
            return Ok(false);
        }
        self.service.apply(&stored.name, Event::HookAnswered { step, answer }).await?;
        Ok(true)
    }

    async fn after_revert(&self, row: &OutboxRow, stored: &Stored) -> Result<bool, ApplyError> {
        let Some(hook) = &stored.program.plan.after_revert else { return Ok(true) };
        let answer = self.call(hook, stored, &format!("{}/after-revert", stored.name)).await;
        if answer.is_err() && row.tries < hook.retries {
            return Ok(false);
        }
        self.service.apply(&stored.name, Event::AfterRevertAnswered { answer }).await?;
        Ok(true)
    }

    /// One POST. The key is the same at every try, so that the receiver can tell a repetition.
    async fn call(&self, hook: &Hook, stored: &Stored, key: &str) -> Result<String, String> {
        let value = |name: &str| value(stored, name);
        let body = hook.body.as_ref().map_or(json!({}), |body| fill_json(body, &value));
        let request = self
            .client
            .post(fill(&hook.call, value))
            .timeout(hook.timeout)
            .header("idempotency-key", key)
            .json(&body);
        let response = request.send().await.map_err(|e| chain(&e))?;
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let said: String = text.chars().take(ANSWER_CHARS).collect();
        let answer = format!("{status} {said}").trim_end().to_owned();
        if status.is_success() { Ok(answer) } else { Err(answer) }
    }
}

/// A library's error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn value(stored: &Stored, name: &str) -> Option<String> {
    let at = |at: Timestamp| at.to_string();
    match name {
        "rollout" => Some(stored.name.to_string()),
        "route" => Some(stored.program.route.name.to_string()),
        "weight" => Some(stored.state.wish.weight.to_string()),
        "first_exposed_at" => Some(stored.state.first_exposed_at.map(at).unwrap_or_default()),
        input => stored.program.inputs.get(input).cloned(),
    }
}

fn notify(row: &OutboxRow, text: &str, needs_person: bool) {
    let name = &row.rollout;
    if needs_person {
        tracing::warn!(rollout.name = %name, "{name} needs a person: {text}");
    } else {
        tracing::info!(rollout.name = %name, "{name}: {text}");
    }
}
