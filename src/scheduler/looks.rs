//! Dropping raw looks when nobody asks for them any more.

use std::time::Duration;

use tokio::sync::watch;

use super::run::told;
use super::service::Service;
use crate::store::StoreError;

const EVERY: Duration = Duration::from_secs(300);

pub(super) async fn run(service: Service, kept: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = drop_all(&service, kept).await {
            tracing::warn!(%error, "Could not drop old looks, trying again");
        }
        tokio::select! {
            () = told(&mut stopped) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One rollout after the other, so that no transition waits long for the writer.
async fn drop_all(service: &Service, kept: Duration) -> Result<(), StoreError> {
    let before = service.now().wall.minus(kept);
    while service.store().drop_looks(before).await? {}
    Ok(())
}
