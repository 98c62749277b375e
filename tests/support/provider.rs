//! The provider listener on a port, with a runtime of its own: ending it cuts every connection, as a crash does.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate::traffic::{self, Feed, ProviderAuth};

pub const TOKEN: &str = "provider-token";

/// Knows one token.
#[derive(Debug)]
pub struct OneToken;

#[async_trait]
impl ProviderAuth for OneToken {
    async fn allows(&self, token: Option<&str>) -> bool {
        token == Some(TOKEN)
    }
}

#[derive(Debug)]
pub struct Provider {
    pub port: u16,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Provider {
    pub async fn start(feed: &Feed) -> Self {
        let mut provider = Self { port: super::free_port(), runtime: None };
        provider.up(feed).await;
        provider
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Listens on the port it had, with what this feed knows.
    pub async fn up(&mut self, feed: &Feed) {
        self.down();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
        let app = traffic::router(feed.clone(), Arc::new(OneToken))
            .merge(traffic::flag::router(feed.clone(), Arc::new(OneToken)))
            .into_make_service_with_connect_info::<SocketAddr>();
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let listener = super::until("the port is free again", async || {
            let socket = tokio::net::TcpSocket::new_v4().ok()?;
            socket.set_reuseaddr(true).ok()?;
            socket.bind(address).ok()?;
            socket.listen(1024).ok()?.into_std().ok()
        })
        .await;
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let _ = axum::serve(listener, app).await;
        });
        self.runtime = Some(runtime);
    }

    pub fn down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.down();
    }
}
