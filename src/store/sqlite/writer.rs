//! The one connection that writes.
//!
//! Owns: group commit. Whatever waits is done in one `BEGIN IMMEDIATE` … `COMMIT`, and answered after it.
//! Does not: know tables; work arrives as transitions (written in bulk) or as a task of its own.
//! A caller that goes away loses only its answer: the work is the writer's once it is in the queue.

use std::fs::File;
use std::pin::Pin;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::sql::Sql;
use super::transitions;
use super::write::Write;
use crate::store::Committed;

/// Requests in one transaction at most.
const BATCH: usize = 256;
/// Requests that may wait; callers beyond wait to get in.
const QUEUE: usize = 1024;

const BEGIN: Sql<0> = Sql("BEGIN IMMEDIATE");
const COMMIT: Sql<0> = Sql("COMMIT");
const ROLLBACK: Sql<0> = Sql("ROLLBACK");
const SAVEPOINT: Sql<0> = Sql("SAVEPOINT one");
const UNDO_ONE: Sql<0> = Sql("ROLLBACK TO one");
const RELEASE: Sql<0> = Sql("RELEASE one");
const CHECKPOINT: Sql<0> = Sql("PRAGMA wal_checkpoint(TRUNCATE)");

type Answer<T> = oneshot::Sender<Result<T, Fault>>;

/// Work on a connection.
pub(super) type Task<'c, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'c>>;

#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Request>,
}

enum Request {
    Transitions(Group),
    Task(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

struct Group {
    writes: Vec<Write>,
    answer: Answer<Vec<Committed>>,
}

/// A task with its answer kept back until the commit.
trait Job: Send {
    /// Keeps its result; an error comes back as well, to undo what it did.
    fn run<'a>(&'a mut self, conn: &'a mut SqliteConnection) -> Task<'a, ()>;
    fn answer(self: Box<Self>, failed: Option<&Fault>);
}

struct Once<F, T> {
    task: Option<F>,
    result: Result<T, Fault>,
    answer: Answer<T>,
}

impl<F, T> Job for Once<F, T>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Task<'c, T> + Send,
    T: Send,
{
    fn run<'a>(&'a mut self, conn: &'a mut SqliteConnection) -> Task<'a, ()> {
        Box::pin(async move {
            if let Some(task) = self.task.take() {
                self.result = task(conn).await;
            }
            self.result.as_ref().map(|_| ()).map_err(Fault::again)
        })
    }

    /// Nobody may listen any more, and that is fine.
    fn answer(self: Box<Self>, failed: Option<&Fault>) {
        let _ = self.answer.send(match failed {
            Some(fault) => Err(fault.again()),
            None => self.result,
        });
    }
}

impl Writer {
    /// `lock` is let go once the files are closed.
    pub(super) fn start(conn: SqliteConnection, lock: Option<File>) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        tokio::spawn(serve(conn, lock, requests));
        Self { queue }
    }

    pub(super) async fn transitions(&self, writes: Vec<Write>) -> Result<Vec<Committed>, Fault> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Transitions(Group { writes, answer })).await?;
        answered.await.map_err(|_| closed())?
    }

    pub(super) async fn task<T, F>(&self, task: F) -> Result<T, Fault>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Task<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Once { task: Some(task), result: Err(closed()), answer };
        self.ask(Request::Task(Box::new(job))).await?;
        answered.await.map_err(|_| closed())?
    }

    /// Resolves when everything asked for before is written and the connection is closed.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.ask(Request::Close(answer)).await.is_ok() {
            let _ = answered.await;
        }
    }

    async fn ask(&self, request: Request) -> Result<(), Fault> {
        self.queue.send(request).await.map_err(|_| closed())
    }
}

fn closed() -> Fault {
    Fault::Sql(sqlx::Error::PoolClosed)
}

async fn serve(
    mut conn: SqliteConnection,
    lock: Option<File>,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut closing = Vec::new();
    let mut arrived = Vec::with_capacity(BATCH);
    while requests.recv_many(&mut arrived, BATCH).await > 0 {
        // Those just answered get to ask again, and share the next commit.
        tokio::task::yield_now().await;
        while arrived.len() < BATCH
            && let Ok(request) = requests.try_recv()
        {
            arrived.push(request);
        }
        let mut batch = Batch::default();
        for request in arrived.drain(..) {
            match request {
                Request::Transitions(group) => batch.add(group),
                Request::Task(job) => batch.jobs.push(job),
                Request::Close(answer) => {
                    requests.close();
                    closing.push(answer);
                }
            }
        }
        batch.commit(&mut conn).await;
    }
    if let Err(error) = CHECKPOINT.execute(&mut conn, []).await {
        tracing::warn!(
            ?error,
            "Could not fold the write-ahead log into the database; the next start does it"
        );
    }
    if let Err(error) = conn.close().await {
        tracing::warn!(%error, "Could not close the database; nothing is lost");
    }
    drop(lock);
    for answer in closing {
        let _ = answer.send(());
    }
}

/// What goes into one transaction.
#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    /// How many of `writes` belong to each answer.
    groups: Vec<(usize, Answer<Vec<Committed>>)>,
    jobs: Vec<Box<dyn Job>>,
}

impl Batch {
    fn add(&mut self, group: Group) {
        self.groups.push((group.writes.len(), group.answer));
        self.writes.extend(group.writes);
    }

    async fn commit(mut self, conn: &mut SqliteConnection) {
        if self.groups.is_empty() && self.jobs.is_empty() {
            return;
        }
        match self.transact(conn).await {
            Ok(committed) => self.answer(committed),
            Err(fault) => {
                tracing::error!(error = ?fault, "Could not commit a transaction; its callers are told");
                // Refused when SQLite has rolled back by itself, as it does on a full disk.
                let _ = ROLLBACK.execute(conn, []).await;
                self.refuse(&fault);
            }
        }
    }

    async fn transact(&mut self, conn: &mut SqliteConnection) -> Result<Vec<Committed>, Fault> {
        BEGIN.execute(conn, []).await?;
        let committed = match transitions::run(conn, &self.writes).await {
            // One of them would make two rollouts hold a route. Rare: find out which, one by one.
            Err(fault) if fault.is_unique_violation() => {
                ROLLBACK.execute(conn, []).await?;
                BEGIN.execute(conn, []).await?;
                one_by_one(conn, &self.writes).await?
            }
            other => other?,
        };
        for job in &mut self.jobs {
            SAVEPOINT.execute(conn, []).await?;
            if let Err(fault) = job.run(conn).await {
                // On a full disk SQLite has rolled back everything by itself: the reason is the task's, not this.
                UNDO_ONE.execute(conn, []).await.map_err(|_| fault)?;
            }
            RELEASE.execute(conn, []).await?;
        }
        COMMIT.execute(conn, []).await?;
        Ok(committed)
    }

    fn answer(self, committed: Vec<Committed>) {
        let mut committed = committed.into_iter();
        for (count, answer) in self.groups {
            let _ = answer.send(Ok(committed.by_ref().take(count).collect()));
        }
        for job in self.jobs {
            job.answer(None);
        }
    }

    fn refuse(self, fault: &Fault) {
        for (_, answer) in self.groups {
            let _ = answer.send(Err(fault.again()));
        }
        for job in self.jobs {
            job.answer(Some(fault));
        }
    }
}

async fn one_by_one(
    conn: &mut SqliteConnection,
    writes: &[Write],
) -> Result<Vec<Committed>, Fault> {
    let mut committed = Vec::with_capacity(writes.len());
    for write in writes {
        SAVEPOINT.execute(conn, []).await?;
        let one = transitions::run(conn, std::slice::from_ref(write)).await;
        match one {
            Ok(one) => committed.extend(one),
            Err(fault) if fault.is_unique_violation() => {
                UNDO_ONE.execute(conn, []).await?;
                committed.push(Committed::Stale);
            }
            Err(fault) => return Err(fault),
        }
        RELEASE.execute(conn, []).await?;
    }
    Ok(committed)
}
