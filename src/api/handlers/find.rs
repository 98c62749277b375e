//! From names to what they mean now, and the facts a view needs.

use std::sync::Arc;

use crate::api::Api;
use crate::api::present::{self, Facts, Row};
use crate::api::problem::{Answer, Refusal};
use crate::api::sent;
use crate::domain::{Name, RolloutName};
use crate::engine::Phase;
use crate::store::{
    JournalLine, KeptLooks, Kill, ListFilter, RouteRow, StoreError, Stored, Summary,
};

/// Journal lines read at once.
const PAGE: u32 = 1000;

impl Api {
    /// `checkout#42`; or `checkout`: the one in flight, else the one that waits, else the last.
    pub(super) async fn rollout_name(&self, text: &str) -> Answer<RolloutName> {
        if text.contains('#') {
            return text
                .parse()
                .map_err(|_| Refusal::not_found(format!("there is no rollout `{}`", short(text))));
        }
        let plan = sent::name("plan", text)?;
        let filter =
            ListFilter { plan: Some(plan.clone()), live: true, limit: 100, ..Default::default() };
        let live = self.service.store().list(&filter).await?;
        let holds = live.iter().find(|row| row.state.phase.holds_route());
        if let Some(row) = holds.or(live.last()) {
            return Ok(row.name.clone());
        }
        let filter = ListFilter { live: false, limit: 1, ..filter };
        let last = self.service.store().list(&filter).await?;
        last.first().map(|row| row.name.clone()).ok_or_else(|| {
            Refusal::not_found(format!(
                "there is no rollout of `{plan}`; `tidegate start {plan}` makes one"
            ))
        })
    }

    pub(super) async fn rollout(&self, text: &str) -> Answer<Arc<Stored>> {
        let name = self.rollout_name(text).await?;
        let stored = self.service.show(&name).await?;
        stored.ok_or_else(|| Refusal::not_found(format!("there is no rollout {name}")))
    }

    /// What is known beside a rollout, its whole journal too.
    pub(super) async fn facts(&self, stored: &Stored) -> Answer<Facts> {
        let journal = self.whole_journal(&stored.name).await?;
        let kills = self.service.store().kills().await?;
        let holder = match stored.state.phase {
            Phase::Queued => self.holder(&stored.program.route.name).await?,
            _ => None,
        };
        Ok(Facts { journal, ..self.known(stored.into(), &kills, holder) })
    }

    /// The same without asking the store.
    pub(super) fn known(&self, row: Row<'_>, kills: &[Kill], holder: Option<RolloutName>) -> Facts {
        let route = &row.program.route.name;
        let holds = row.state.phase.holds_route();
        let kill = kills.iter().find(|kill| kill.route == *route && !row.state.phase.is_end());
        Facts {
            now: self.service.now().wall,
            confirmation: self.service.feed().confirmation(route).filter(|_| holds),
            kill: kill.cloned(),
            holder,
            journal: Vec::new(),
        }
    }

    /// All looks that are stored of a rollout, oldest first; none where they are too many to be judged again.
    pub(super) async fn kept_looks(&self, stored: &Stored) -> Answer<Vec<KeptLooks>> {
        let mut kept: Vec<KeptLooks> = Vec::new();
        while !present::are_many(stored) {
            let after = kept.last().map_or(0, |some| some.number);
            let page = self.service.store().looks(&stored.name, after, PAGE).await?;
            let more = page.len() == PAGE as usize;
            kept.extend(page);
            if !more {
                break;
            }
        }
        Ok(kept)
    }

    pub(super) async fn holder(&self, route: &Name) -> Answer<Option<RolloutName>> {
        Ok(self.service.store().route(route).await?.and_then(|row| row.holder))
    }

    pub(super) async fn whole_journal(
        &self,
        name: &RolloutName,
    ) -> Result<Vec<JournalLine>, StoreError> {
        let mut lines: Vec<JournalLine> = Vec::new();
        loop {
            let after = lines.last().map_or(0, |line| line.seq);
            let page = self.service.store().journal(name, after, PAGE).await?;
            let more = page.len() == PAGE as usize;
            lines.extend(page);
            if !more {
                return Ok(lines);
            }
        }
    }

    pub(super) async fn route_row(&self, text: &str) -> Answer<RouteRow> {
        let name = sent::name("route", text)?;
        let row = self.service.store().route(&name).await?;
        row.ok_or_else(|| Refusal::not_found(format!("there is no route `{name}`")))
    }

    /// A list's row with what is newer in memory than in the store.
    pub(super) async fn newest(&self, mut row: Summary) -> Answer<Summary> {
        if !row.state.phase.is_end()
            && let Some(stored) = self.service.show(&row.name).await?
        {
            row.state = stored.state.clone();
        }
        Ok(row)
    }
}

/// A stranger's text in an answer stays short.
pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
