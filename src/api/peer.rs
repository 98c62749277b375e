//! The local socket: who is at its other end.
//!
//! Owns: the peer's user by the kernel's word (SO_PEERCRED), and whether that user may come in without a token.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use super::problem::Refusal;

/// Somebody on this host whom the kernel knows and we let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The system user's name.
    pub user: String,
}

/// The uid at the other end; `None` where the kernel would not say.
#[derive(Clone, Copy, Debug)]
pub struct PeerUid(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for PeerUid {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|cred| cred.uid()))
    }
}

/// Lets in whoever the server itself runs as, and root. `own`: the server's uid.
pub async fn local(own: u32, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<PeerUid>>().and_then(|info| info.0.0);
    match peer {
        Some(uid) if uid == own || uid == 0 => {
            request.extensions_mut().insert(Peer { user: user(uid) });
            next.run(request).await
        }
        _ => {
            let detail = "the local socket is for the user the server runs as, and root";
            Refusal::forbidden(detail).into_response()
        }
    }
}

/// Who owns what this process just made: its own effective user.
///
/// # Errors
/// When the file is not there.
pub fn owner(path: &Path) -> std::io::Result<u32> {
    Ok(std::fs::metadata(path)?.uid())
}

/// The name the system gives the user, else the number.
fn user(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&passwd, uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn named(passwd: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn users_are_named_as_the_system_names_them() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nana:x:1000:100::/home/ana:/bin/sh\n";
        assert_eq!(named(passwd, 0).as_deref(), Some("root"));
        assert_eq!(named(passwd, 1000).as_deref(), Some("ana"));
        assert_eq!(named(passwd, 100), None);
    }
}
