//! Connections: taken, served, and ended.
//!
//! Owns: the accept loops, limits on slow and idle clients, and what a stop means for each connection.
//! Does not: know what is asked; a router answers.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::ServerError;
use super::peer;

/// Connections that wait to be taken: thousands of flag clients come back at once after a restart.
const BACKLOG: u32 = 4096;
/// A client must send its next request's head within this; so long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Connections at once on one listener; the next waits until one ends.
const MOST_CONNECTIONS: usize = 20_000;
/// After the system refused a connection (too many open files), before the next is tried.
const BREATH: Duration = Duration::from_millis(50);

/// The local socket, and whose it is.
pub(super) struct Local {
    listener: UnixListener,
    own: u32,
    pub(super) path: PathBuf,
}

/// Something that connections come from, each with a router that knows who is there.
pub(super) trait Door: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// `None`: whoever came was not let in.
    fn accept(
        &mut self,
        router: &Router,
    ) -> impl Future<Output = io::Result<Option<(Self::Stream, Router)>>> + Send;
}

impl Door for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&mut self, router: &Router) -> io::Result<Option<(Self::Stream, Router)>> {
        let (stream, at) = Self::accept(self).await?;
        // Answers are small and awaited: they must not wait for more to send.
        let _ = stream.set_nodelay(true);
        Ok(Some((stream, router.clone().layer(Extension(ConnectInfo::<SocketAddr>(at))))))
    }
}

impl Door for Local {
    type Stream = tokio::net::UnixStream;

    async fn accept(&mut self, router: &Router) -> io::Result<Option<(Self::Stream, Router)>> {
        let (stream, _) = self.listener.accept().await?;
        let uid = stream.peer_cred()?.uid();
        let peer = peer::admitted(self.own, uid);
        if peer.is_none() {
            tracing::warn!(uid, "Somebody else's process came to the local socket, sent it away");
        }
        Ok(peer.map(|peer| (stream, router.clone().layer(Extension(peer)))))
    }
}

pub(super) fn tcp(at: SocketAddr) -> Result<TcpListener, ServerError> {
    let bind = || {
        let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for connections of the run before to fade away.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|source| ServerError::Listen { at: at.to_string(), source })
}

/// `None` where the path is longer than a socket's may be: tokens still work.
pub(super) fn local(path: &Path) -> Result<Option<Local>, ServerError> {
    let bind = || {
        // Ours, for we hold the data directory's lock: what is there was left by a run that was killed.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        peer::only_ours(path)?;
        Ok(Local { listener, own: peer::owner(path)?, path: path.to_owned() })
    };
    match bind() {
        Ok(local) => Ok(Some(local)),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            tracing::warn!(path = %path.display(), %error, "No local socket: its path is too long");
            Ok(None)
        }
        Err(source) => Err(ServerError::Listen { at: path.display().to_string(), source }),
    }
}

/// A listener at work.
#[derive(Debug)]
pub(super) struct Listening {
    task: JoinHandle<JoinSet<()>>,
}

impl Listening {
    /// After the stop was told: connections may finish what they are at, then they are cut.
    pub(super) async fn end(self, grace: Duration) {
        let Ok(mut connections) = self.task.await else { return };
        let finish = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finish).await.is_err() {
            let left = connections.len();
            tracing::warn!(left, "Cut connections that did not end in time");
            connections.shutdown().await;
        }
    }
}

pub(super) fn serve(
    mut door: impl Door,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> Listening {
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            tokio::select! {
                () = told(&mut stopped) => return connections,
                _ = connections.join_next(), if connections.len() >= MOST_CONNECTIONS => {}
                taken = door.accept(&router), if connections.len() < MOST_CONNECTIONS => match taken {
                    Ok(Some((stream, router))) => {
                        connections.spawn(connection(stream, router, stopped.clone()));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "Could not take a connection, trying again");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
    });
    Listening { task }
}

/// Until its client is done with it, is too slow, or the server stops.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection ended badly");
    }
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
