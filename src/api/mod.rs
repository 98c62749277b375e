//! The service over HTTP.
//!
//! Owns: REST under `/api/v1`, server-sent changes, the OpenAPI document, tokens and roles, problem details.
//! Does not: decide, store or move traffic: a handler reads, calls one function, and shows a view.
//! Invariant: whatever is sent, the answer is a view or a problem with its status; nothing panics.

pub mod auth;
mod handlers;
mod once;
mod peer;
pub mod present;
mod problem;
mod router;
mod sent;
pub mod views;

#[cfg(test)]
mod tests;

pub use auth::Providers;
pub use peer::Peer;
pub use router::{openapi, provider_router, router};

use tokio::sync::watch;

use crate::scheduler::Service;

/// Of one request, in bytes: the largest plan, and a little more.
const LARGEST_BODY: usize = crate::plan::LARGEST + 64 * 1024;

/// What every handler has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    service: Service,
    under_way: once::UnderWay,
    stop: watch::Receiver<bool>,
}

impl Api {
    /// `stop`: once true, streams end by themselves.
    pub fn new(service: Service, stop: watch::Receiver<bool>) -> Self {
        Self { service, under_way: once::UnderWay::default(), stop }
    }

    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Resolves when the server stops.
    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.clone();
        async move {
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }
}
