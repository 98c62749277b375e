//! Writing transitions, many at a time.
//!
//! Owns: the guards of a commit (version, generation, holder, kill) and its rows.
//! One statement reads what all of them are guarded by, pure code decides each, one statement a table writes them.
//! Two that touch the same rollout or route go into waves, in the order they came.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::looks::LOOKS;
use super::sql::{Arg, Bulk};
use super::write::{Marks, Write};
use crate::domain::{Generation, RolloutName, Side, Timestamp};
use crate::engine::Entry;
use crate::store::{Committed, RouteChange, StoreError, chain};

pub(super) static HEADS: Bulk<2> = Bulk::new(
    "WITH x (plan, number) AS (VALUES",
    ") SELECT r.id, r.plan, r.number, r.version, r.seq, r.head, t.generation, t.holder, \
     CAST(CASE WHEN k.route IS NULL THEN 0 ELSE 1 END AS BIGINT) AS killed \
     FROM x JOIN rollouts r ON r.plan = x.plan AND r.number = x.number \
     JOIN routes t ON t.name = r.route LEFT JOIN kills k ON k.route = r.route",
);

pub(super) static UPDATE: Bulk<10> = Bulk::new(
    "WITH x (id, expected, phase, holds, ended_at, return_until, seq, head, state, memory) AS (VALUES",
    ") UPDATE rollouts SET version = x.expected + 1, phase = x.phase, holds = x.holds, \
     ended_at = x.ended_at, return_until = x.return_until, seq = x.seq, head = x.head, \
     state = x.state, memory = x.memory \
     FROM x WHERE rollouts.id = x.id AND rollouts.version = x.expected",
);

pub(super) static JOURNAL: Bulk<9> = Bulk::new(
    "INSERT INTO journal (rollout, seq, at, actor, kind, text, detail, prev, hash) VALUES",
    "",
);

pub(super) static ROUTES: Bulk<12> = Bulk::new(
    "WITH x (name, expected, generation, share, overrides, serving, label_a, label_b, holder, \
     last_completed, learned, at) AS (VALUES",
    ") UPDATE routes SET generation = x.generation, share = x.share, overrides = x.overrides, \
     serving = x.serving, label_a = x.label_a, label_b = x.label_b, holder = x.holder, \
     last_completed = x.last_completed, \
     learned = COALESCE(x.learned, routes.learned), changed_at = x.at \
     FROM x WHERE routes.name = x.name AND routes.generation = x.expected",
);

/// A rollout that waited for its route learns its sides only when it begins.
pub(super) static PROGRAMS: Bulk<2> = Bulk::new(
    "INSERT INTO programs (rollout, program) VALUES",
    "ON CONFLICT (rollout) DO UPDATE SET program = excluded.program",
);

pub(super) static OUTBOX: Bulk<4> =
    Bulk::new("INSERT INTO outbox (rollout, effect, tries, next) VALUES", "");

/// What a commit is guarded by, as it stands in this transaction.
struct Head {
    id: i64,
    version: i64,
    seq: i64,
    hash: String,
    generation: Generation,
    holder: Option<RolloutName>,
    killed: bool,
}

/// Writes what its guards allow, in the transaction that is open.
pub(super) async fn run(
    conn: &mut SqliteConnection,
    writes: &[Write],
) -> Result<Vec<Committed>, Fault> {
    let mut committed = vec![Committed::Stale; writes.len()];
    let mut left: Vec<usize> = (0..writes.len()).collect();
    while !left.is_empty() {
        let (wave, later) = first_wave(writes, &left);
        run_wave(conn, writes, &wave, &mut committed).await?;
        left = later;
    }
    Ok(committed)
}

/// Those that share no rollout and no route with an earlier one, and the rest.
fn first_wave(writes: &[Write], left: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut rollouts = HashSet::new();
    let mut routes = HashSet::new();
    left.iter().partition(|&&i| {
        let (rollout, route) = writes[i].touches();
        // Both are marked even when the first is taken already: what comes later must not overtake this one.
        let fresh_rollout = rollouts.insert(rollout);
        let fresh_route = route.is_none_or(|r| routes.insert(r));
        fresh_rollout && fresh_route
    })
}

async fn run_wave(
    conn: &mut SqliteConnection,
    writes: &[Write],
    wave: &[usize],
    committed: &mut [Committed],
) -> Result<(), Fault> {
    let heads = heads(conn, wave.iter().map(|&i| &writes[i].name)).await?;
    let mut rows = Rows::default();
    for &i in wave {
        let write = &writes[i];
        let Some(head) = heads.get(&write.name) else { continue };
        committed[i] = decide(write, head);
        if matches!(committed[i], Committed::Stored(_)) {
            rows.add(write, head)?;
        }
    }
    rows.write(conn).await
}

async fn heads(
    conn: &mut SqliteConnection,
    names: impl Iterator<Item = &RolloutName>,
) -> Result<HashMap<RolloutName, Head>, Fault> {
    let keys = names.map(|n| [n.plan.as_str().into(), n.number.into()]).collect();
    let rows = HEADS.all(conn, keys).await?;
    rows.iter()
        .map(|row| {
            let cells = Cells { row, table: "rollout", key: &["plan", "number"] };
            let name = RolloutName { plan: cells.parsed("plan")?, number: cells.number("number")? };
            let head = Head {
                id: cells.int("id")?,
                version: cells.int("version")?,
                seq: cells.int("seq")?,
                hash: cells.text("head")?,
                generation: Generation(cells.int("generation")?),
                holder: cells.maybe_parsed("holder")?,
                killed: cells.int("killed")? != 0,
            };
            Ok((name, head))
        })
        .collect()
}

fn decide(write: &Write, head: &Head) -> Committed {
    let may = |route: &RouteChange| {
        route.expected == head.generation && head.holder.as_ref().is_none_or(|h| *h == write.name)
    };
    if write.expected != head.version || !write.route.as_ref().is_none_or(may) {
        return Committed::Stale;
    }
    if head.killed && write.route.as_ref().is_some_and(|r| r.raises) {
        return Committed::Killed;
    }
    Committed::Stored(write.expected + 1)
}

/// The rows of one wave, by table.
#[derive(Default)]
struct Rows {
    rollouts: Vec<[Arg; 10]>,
    journal: Vec<[Arg; 9]>,
    routes: Vec<[Arg; 12]>,
    programs: Vec<[Arg; 2]>,
    outbox: Vec<[Arg; 4]>,
    looks: Vec<[Arg; 7]>,
}

impl Rows {
    fn add(&mut self, write: &Write, head: &Head) -> Result<(), Fault> {
        let (mut seq, mut hash) = (head.seq, head.hash.clone());
        for entry in &write.entries {
            seq += 1;
            let (row, next) = journal_row(head.id, &write.name, seq, hash, entry)?;
            self.journal.push(row);
            hash = next;
        }
        let Marks { phase, holds, ended_at, return_until } = write.marks;
        self.rollouts.push([
            head.id.into(),
            write.expected.into(),
            phase.into(),
            i64::from(holds).into(),
            ended_at.into(),
            return_until.into(),
            seq.into(),
            hash.into(),
            write.state.as_str().into(),
            write.memory.as_str().into(),
        ]);
        let program = write.program.as_deref();
        self.programs.extend(program.map(|p| [head.id.into(), p.into()]));
        if let Some(change) = &write.route {
            self.routes.push(route_row(change, write.at)?);
        }
        let outbox = write
            .outbox
            .iter()
            .map(|effect| [head.id.into(), effect.as_str().into(), Arg::Int(0), write.at.into()]);
        self.outbox.extend(outbox);
        self.looks.extend(write.looks.as_ref().map(|looks| looks.args(head.id)));
        Ok(())
    }

    async fn write(self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        let expected = self.rollouts.len() + self.routes.len();
        let mut guarded = UPDATE.execute(conn, self.rollouts).await?;
        guarded += ROUTES.execute(conn, self.routes).await?;
        if guarded != expected as u64 {
            // A second net: the guards were read in this very transaction.
            let text = format!("{guarded} of {expected} guarded rows were there to be changed");
            return Err(sqlx::Error::Protocol(text).into());
        }
        JOURNAL.execute(conn, self.journal).await?;
        PROGRAMS.execute(conn, self.programs).await?;
        OUTBOX.execute(conn, self.outbox).await?;
        LOOKS.execute(conn, self.looks).await?;
        Ok(())
    }
}

/// The row of one journal line, and its hash.
pub(super) fn journal_row(
    id: i64,
    name: &RolloutName,
    seq: i64,
    prev: String,
    entry: &Entry,
) -> Result<([Arg; 9], String), StoreError> {
    let unwritable = |e: serde_json::Error| StoreError::Corrupt {
        what: "entry".to_owned(),
        detail: e.to_string(),
    };
    let hash = chain::hash(name, seq, &prev, entry).map_err(unwritable)?;
    let row = [
        id.into(),
        seq.into(),
        entry.at.into(),
        to_json("actor", &entry.by)?.into(),
        entry.kind.as_str().into(),
        entry.text.as_str().into(),
        to_json("entry", &entry.detail)?.into(),
        prev.into(),
        hash.as_str().into(),
    ];
    Ok((row, hash))
}

fn route_row(change: &RouteChange, at: Timestamp) -> Result<[Arg; 12], StoreError> {
    let [a, b] = &change.labels;
    let learned = change.learned.as_ref().map(|l| to_json("learned", l)).transpose()?;
    Ok([
        change.route.as_str().into(),
        change.expected.0.into(),
        change.generation.0.into(),
        change.share.into(),
        to_json("override", &change.overrides)?.into(),
        side_word(change.serving).into(),
        a.as_deref().into(),
        b.as_deref().into(),
        change.holder.as_ref().map(ToString::to_string).into(),
        change.last_completed.as_ref().map(ToString::to_string).into(),
        learned.into(),
        at.into(),
    ])
}

pub(super) fn side_word(side: Side) -> &'static str {
    match side {
        Side::A => "a",
        Side::B => "b",
    }
}
