//! The main job, end to end, on real programs: the real binary, a real HAProxy with the script we ship, a real
//! Prometheus, two small services and real load. Nothing is loosened: the judge's error rates and margins are those
//! that are shipped; a steady load and 2 % of usual failures let them be met in seconds.

#[path = "../support/prometheus.rs"]
mod prometheus;
#[path = "../support/mod.rs"]
mod support;

mod past;
mod server;
mod world;

mod climb;
mod doubt;
mod hands;
mod harm;
mod platforms;
mod pushed;
mod restarts;
mod shared;
mod slow;
