//! Another program, ended with the test whatever happens.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

/// Where `program` is: by the environment variable `TIDEGATE_TEST_<PROGRAM>`, else on the PATH. A missing one fails
/// the test, for a test that silently does nothing guards nothing.
pub fn find(program: &str, package: &str) -> PathBuf {
    let variable = format!("TIDEGATE_TEST_{}", program.to_uppercase());
    if let Some(path) = std::env::var_os(&variable) {
        return path.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.map(|dir| dir.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no `{program}`: apt-get install {package}, or set {variable}"))
}

#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        die_with_parent(&mut command);
        let child = command.spawn();
        Self { child: child.unwrap_or_else(|e| panic!("cannot start {command:?}: {e}")) }
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// As `kill -9` and power loss do.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, then makes it.
    #[expect(clippy::disallowed_methods, reason = "a drop cannot await")]
    pub fn end(&mut self) {
        signal(self.child.id(), libc::SIGTERM);
        for _ in 0..200 {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.end();
        }
    }
}

/// A test binary that is killed takes its programs along.
#[expect(
    unsafe_code,
    reason = "the only way to ask the kernel for it; the closure only makes one system call"
)]
fn die_with_parent(command: &mut Command) {
    let ask = || match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    unsafe { command.pre_exec(ask) };
}

#[expect(
    unsafe_code,
    reason = "signals have no safe function in std; the process is our own child"
)]
pub fn signal(process: u32, signal: i32) {
    let process = i32::try_from(process).expect("a process number");
    unsafe { libc::kill(process, signal) };
}
