//! Who may come to the local socket without a token: the user the server runs as, and root, by the kernel's word.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::api::Peer;

/// `own`: the server's uid; `uid`: as the kernel gives it for the other end.
pub(super) fn admitted(own: u32, uid: u32) -> Option<Peer> {
    (uid == own || uid == 0).then(|| Peer { user: user(uid) })
}

/// The kernel refuses everybody else's connect; the peer's uid is checked all the same.
pub(super) fn only_ours(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Who owns what this process has just made: its own effective user.
pub(super) fn owner(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.uid())
}

/// The name the system gives the user, else the number.
fn user(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&passwd, uid).unwrap_or_else(|| format!("uid-{uid}"))
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
    use super::*;

    #[test]
    fn users_are_named_as_the_system_names_them() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nana:x:1000:100::/home/ana:/bin/sh\n";
        assert_eq!(named(passwd, 0).as_deref(), Some("root"));
        assert_eq!(named(passwd, 1000).as_deref(), Some("ana"));
        assert_eq!(named(passwd, 100), None);
    }

    #[test]
    fn only_the_server_s_own_user_and_root_come_in() {
        assert!(admitted(1000, 1000).is_some());
        assert!(admitted(1000, 0).is_some());
        assert_eq!(admitted(1000, 1001), None);
        assert_eq!(admitted(0, 1000), None);
    }
}
