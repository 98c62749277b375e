//! The local socket: who is at its other end.

/// Somebody on this host whom the kernel knows, let in without a token. Only the local socket's listener adds it to a
/// request, after it has checked who that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The system user's name.
    pub user: String,
}
