//! Many active rollouts, for measuring what they cost to keep; `benches/serve.sh` uses it.
//!
//! `rollouts fill DIR N` puts N routes, plans and started rollouts into a data directory, through the store's port.
//! `rollouts watch DIR SECONDS` runs the scheduler alone over it for so long and prints memory and processor time.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, reason = "its report is for the terminal")]
#![allow(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tidegate::clock::{Clock, SystemClock};
use tidegate::domain::{Actor, Name};
use tidegate::engine::{Entry, Memory, initial};
use tidegate::metrics::{Config, Sources};
use tidegate::plan::{Plan, Program, Route, RouteRef};
use tidegate::scheduler::{Service, run};
use tidegate::store::sqlite::SqliteStore;
use tidegate::store::{
    Counted, NewRollout, PushBatch, PushedCounter, PushedSeries, Started, Store,
};
use tidegate::traffic::Feed;

mod common;

// The one of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["fill", dir, count] => fill(Path::new(dir), count.parse().unwrap()).await,
        ["watch", dir, seconds] => watch(Path::new(dir), seconds.parse().unwrap()).await,
        _ => println!("rollouts fill DIR N | rollouts watch DIR SECONDS"),
    }
}

async fn fill(dir: &Path, count: usize) {
    let store = Arc::new(SqliteStore::open(dir).await.unwrap());
    let program = common::program(include_str!("common/checkout.yaml"));
    // Many at a time share the disk's synced writes.
    let mut tasks = tokio::task::JoinSet::new();
    for hand in 0..64 {
        let (store, program) = (store.clone(), program.clone());
        tasks.spawn(async move {
            for number in (hand..count).step_by(64) {
                start(&*store, &program, number).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    store.close().await;
}

/// A rollout of a route of its own, on which both arms have been heard of.
async fn start(store: &SqliteStore, program: &Program, number: usize) {
    let name = Name::new(&format!("service-{number}")).unwrap();
    let now = SystemClock::default().wall();
    let route = Route { name: name.clone(), ..program.route.clone() };
    let plan =
        Plan { name: name.clone(), route: RouteRef::Named(name.clone()), ..program.plan.clone() };
    let program = Program { plan: plan.clone(), route: route.clone(), ..program.clone() };
    store.apply_route(&route, now).await.unwrap();
    store.apply_plan(&plan, "", "bench", now).await.unwrap();
    let by = Actor::token("bench");
    let entry = Entry {
        at: now,
        by: by.clone(),
        kind: "started".to_owned(),
        text: format!("{} → {}", program.baseline, program.canary),
        detail: json!({}),
    };
    let (state, memory) = (initial(by, 0, now), Memory::new(&program));
    let new =
        NewRollout { program, plan_revision: 1, state, memory, entry, at: now, may_queue: false };
    assert!(matches!(store.start(new).await.unwrap(), Started::New { .. }));
    let seen = [(PushedCounter::Requests, 1000.0), (PushedCounter::Failures, 1.0)]
        .map(|(counter, value)| (PushedSeries::of(counter, None), value));
    let counts = ["v412", "v413"].map(|arm| (arm.to_owned(), seen.clone().into())).into();
    let batch =
        PushBatch { route: name, batch: number.to_string(), counts, users: Vec::new(), at: now };
    assert_eq!(store.push(&batch).await.unwrap(), Counted::New);
}

async fn watch(dir: &Path, seconds: u64) {
    let begun = Instant::now();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir).await.unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let feed = Feed::new(clock.clone(), store.instances().await.unwrap());
    let sources = Sources::new(Config::new(Arc::new(|_| Vec::new()), Arc::new(store.clone())));
    let (service, inputs) = Service::new(store.clone(), feed, clock);
    let running = run(service, inputs, sources.unwrap()).await.unwrap();
    report("started", begun);
    for _ in 0..seconds.div_ceil(10) {
        tokio::time::sleep(Duration::from_secs(10)).await;
        report("watched", begun);
    }
    running.stop().await;
    store.close().await;
}

fn report(what: &str, begun: Instant) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = |key: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    };
    println!(
        "{what} {:>4.0} s: resident {:.1} MB, at most {:.1} MB, {:.2} s of processor time",
        begun.elapsed().as_secs_f64(),
        kib("VmRSS:") / 1024.0,
        kib("VmHWM:") / 1024.0,
        processor_seconds()
    );
}

/// User and system time of this process, in the kernel's ticks of 10 ms.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}
