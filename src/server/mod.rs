//! A running server: store, feed, sources, scheduler and listeners, wired together and taken down again.
//!
//! Owns: the order of starting (nobody is answered before everything stored is fed) and of stopping.
//! Does not: print; whoever starts it shows the first token.

mod listen;
mod peer;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use self::listen::Listening;
use crate::api::{Api, Providers, auth, provider_router, router};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Name;
use crate::metrics::{self, Sources};
use crate::scheduler::{Running, Service, run};
use crate::store::sqlite::SqliteStore;
use crate::store::{Role, Store, StoreError, TokenRow};
use crate::traffic::Feed;

/// Requests under way when the server is told to stop may take this long.
const GRACE: Duration = Duration::from_secs(5);
/// The first token's name.
const FIRST: &str = "first-admin";

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else listens there, or the address is not ours.
    #[error("cannot listen on {at}")]
    Listen {
        at: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot make an HTTP client for metrics")]
    Client(#[from] reqwest::Error),
}

/// A server until it is stopped.
#[derive(Debug)]
pub struct Server {
    /// Where the API really listens: a port 0 has become a real one.
    pub api: SocketAddr,
    pub providers: SocketAddr,
    /// The local socket; `None` where its path is too long for one.
    pub socket: Option<PathBuf>,
    /// Made because there was none; nobody can show it again.
    pub first_token: Option<String>,
    pub service: Service,
    stop: watch::Sender<bool>,
    listening: Vec<Listening>,
    running: Running,
}

impl Server {
    /// Takes no more requests, finishes those under way (5 s at most), stops deciding, and closes the store.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let ends = self.listening.into_iter().map(|listening| listening.end(GRACE));
        futures_util::future::join_all(ends).await;
        if let Some(socket) = &self.socket {
            // The next start removes what is left of it.
            let _ = std::fs::remove_file(socket);
        }
        self.running.stop().await;
        self.service.store().close().await;
    }
}

/// Opens the store in the data directory, recovers what is live, and listens.
///
/// # Errors
/// When another process has the data directory or an address, or the store cannot be read.
pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Server, ServerError> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data).await?);
    match start_on(config, clock, Arc::clone(&store)).await {
        Ok(server) => Ok(server),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

/// The same on a store that is open already.
///
/// # Errors
/// As [`start`].
pub async fn start_on(
    config: &Config,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
) -> Result<Server, ServerError> {
    // Fails only where one is installed, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let first_token = first_token(&*store, &*clock).await?;
    let feed = Feed::open(Arc::clone(&clock), Arc::clone(&store)).await?;
    let sources = sources(config, &feed, &store)?;
    let (service, inputs) = Service::new(store, feed, clock);
    let doors = Doors::open(config)?;
    let mut running = run(service.clone(), inputs, sources).await?;
    running.drop_looks(service.clone(), config.looks_kept);
    let (stop, stopped) = watch::channel(false);
    let api = Api::new(service.clone(), stopped.clone());
    let (addresses, socket) = (doors.addresses, doors.socket());
    let listening = doors.serve(config, &api, &stopped);
    let [api, providers] = addresses;
    Ok(Server { api, providers, socket, first_token, service, stop, listening, running })
}

/// The first start makes the token that makes all others.
async fn first_token(store: &dyn Store, clock: &dyn Clock) -> Result<Option<String>, StoreError> {
    if !store.tokens().await?.is_empty() {
        return Ok(None);
    }
    let row = TokenRow {
        name: FIRST.to_owned(),
        hash: [0; 32],
        role: Role::Admin,
        groups: Vec::new(),
        created: clock.wall(),
        revoked: None,
    };
    Ok(Some(auth::mint(store, row).await?.0))
}

fn sources(
    config: &Config,
    feed: &Feed,
    store: &Arc<dyn Store>,
) -> Result<Sources, reqwest::Error> {
    let feed = feed.clone();
    let metrics =
        move |route: &Name| feed.instances(route).into_iter().filter_map(|i| i.metrics).collect();
    let sources = metrics::Config::new(Arc::new(metrics), Arc::new(Arc::clone(store)));
    Sources::new(metrics::Config { prometheus: config.prometheus.clone(), ..sources })
}

/// Bound and not answering yet: an address that is taken stops the start before anything is decided.
struct Doors {
    api: tokio::net::TcpListener,
    providers: tokio::net::TcpListener,
    local: Option<listen::Local>,
    addresses: [SocketAddr; 2],
}

impl Doors {
    fn open(config: &Config) -> Result<Self, ServerError> {
        let api = listen::tcp(config.api)?;
        let providers = listen::tcp(config.providers)?;
        let local = listen::local(&config.socket())?;
        let address = |l: &tokio::net::TcpListener, at: SocketAddr| l.local_addr().unwrap_or(at);
        let addresses = [address(&api, config.api), address(&providers, config.providers)];
        Ok(Self { api, providers, local, addresses })
    }

    fn socket(&self) -> Option<PathBuf> {
        self.local.as_ref().map(|local| local.path.clone())
    }

    fn serve(self, config: &Config, api: &Api, stopped: &watch::Receiver<bool>) -> Vec<Listening> {
        let providers = Arc::new(Providers::new(api, config.open_providers));
        let people = router(api.clone());
        let machines = provider_router(api.clone(), providers);
        let mut listening = vec![
            listen::serve(self.api, people.clone(), stopped.clone()),
            listen::serve(self.providers, machines, stopped.clone()),
        ];
        if let Some(local) = self.local {
            listening.push(listen::serve(local, people, stopped.clone()));
        }
        listening
    }
}

#[cfg(test)]
mod tests;
