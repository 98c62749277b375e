//! Real programs, upstreams and load for tests.
//!
//! Owns: starting and surely ending other programs, waiting with a bound, two tiny versions of a service, bounded load.
//! Does not: assert anything about Tidegate.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub mod apps;
pub mod haproxy;
pub mod load;
pub mod process;
pub mod provider;
pub mod upstream;

use std::time::Duration;

/// Nothing here takes longer, unless it hangs.
pub const BOUND: Duration = Duration::from_secs(20);

/// Asks until there is an answer; panics with `what` after [`BOUND`].
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    let answer = within(BOUND, ask).await;
    answer.unwrap_or_else(|| panic!("waited {} s for: {what}", BOUND.as_secs()))
}

/// Asks until there is an answer, for no longer than `bound`.
pub async fn within<T>(bound: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(bound, asking).await.ok()
}

/// A port nobody listens on now. Another program may still be faster: whoever starts one on it tries again.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A client that keeps connections; the provider of TLS is chosen once for the whole test binary.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(BOUND).build().expect("an HTTP client")
}

/// The same for a server on this host, by its socket.
pub fn local_http(socket: &std::path::Path, timeout: Duration) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().unix_socket(socket).timeout(timeout).no_proxy();
    client.build().expect("an HTTP client")
}
