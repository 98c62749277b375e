//! What pushed counters need while nobody pushes.
//!
//! Owns: the beat at which users are counted whose ten minutes are over, and old counters are dropped.
//! Does not: know how (`store` does).

use std::time::Duration;

use tokio::sync::watch;

use super::run::told;
use super::service::Service;

/// About a look: a user who is counted late is judged late.
const EVERY: Duration = Duration::from_secs(5);
/// Beats between two clearings; the first beat is one.
const CLEARS_EVERY: u32 = 720;

pub(super) async fn run(service: Service, mut stopped: watch::Receiver<bool>) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beats = 0_u32;
    loop {
        tokio::select! {
            () = told(&mut stopped) => return,
            _ = beat.tick() => {}
        }
        let now = service.now().wall;
        if let Err(error) = service.store().count_users(now).await {
            tracing::warn!(%error, "Could not count users, trying again");
        }
        if beats.is_multiple_of(CLEARS_EVERY)
            && let Err(error) = service.store().forget_pushed(now).await
        {
            tracing::warn!(%error, "Could not drop old counters, trying again in an hour");
        }
        beats = beats.wrapping_add(1);
    }
}
