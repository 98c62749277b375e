//! The real binary: `serve` as a process of its own, and its commands as a shell runs them.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tidegate::api::views::{JournalLineView, JournalPage, RolloutView, RouteView};

use crate::support::process::{Process, signal};
use crate::support::{BOUND, http, until};

pub struct Tidegate {
    dir: TempDir,
    prometheus: Option<String>,
    process: Process,
    /// Addresses of the first start; it keeps them.
    pub api: String,
    pub providers: String,
    token: String,
    http: reqwest::Client,
}

/// How `serve` ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Asked to: SIGTERM.
    Told,
    /// As by a power loss: SIGKILL.
    Killed,
}

impl Tidegate {
    pub async fn start(prometheus: Option<String>) -> Self {
        let dir = TempDir::new().expect("a directory");
        let mut process = launch(&dir, prometheus.as_deref(), ["127.0.0.1:0"; 2]);
        let greeting = greeting(&dir, &mut process).await;
        let told = |key: &str| greeting[key].as_str().expect("told at the first start").to_owned();
        let (api, providers, token) = (told("api"), told("providers"), told("first_token"));
        Self { dir, prometheus, process, api, providers, token, http: http() }
    }

    /// Ends it and starts it again on the same data and addresses.
    pub async fn restart(&mut self, how: End) {
        match how {
            End::Told => {
                signal(self.process.id(), libc::SIGTERM);
                let status = until("serve has stopped", async || self.process.status()).await;
                assert_eq!(status.code(), Some(0), "{}", self.log());
            }
            End::Killed => self.process.kill(),
        }
        let listen = [&self.api, &self.providers].map(|url| url.trim_start_matches("http://"));
        self.process = launch(&self.dir, self.prometheus.as_deref(), listen);
        greeting(&self.dir, &mut self.process).await;
    }

    /// What it logged since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Runs a command on the server's own host; its output whatever it is.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = clean();
        command.args(arguments).arg("--data").arg(data(&self.dir)).current_dir(self.dir.path());
        command.stdin(Stdio::null()).output().expect("the binary runs")
    }

    /// Runs a command that must succeed; what it prints.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let aside = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{told}\n{aside}");
        told
    }

    /// Runs a command that must be refused; why it was.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let aside = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{aside}");
        aside
    }

    pub fn new_provider_token(&self, name: &str) -> String {
        self.cli(&["token", "add", name, "--role", "provider"]).trim().to_owned()
    }

    pub fn apply(&self, file: &str, text: &str) {
        std::fs::write(self.dir.path().join(file), text).expect("a written file");
        self.cli(&["apply", file]);
    }

    pub async fn rollout(&self, name: &str) -> RolloutView {
        self.get(&format!("rollouts/{}", name.replace('#', "%23"))).await
    }

    pub async fn route(&self, name: &str) -> RouteView {
        self.get(&format!("routes/{name}")).await
    }

    /// Oldest first.
    pub async fn journal(&self, name: &str) -> Vec<JournalLineView> {
        let path = format!("rollouts/{}/journal?limit=500", name.replace('#', "%23"));
        self.get::<JournalPage>(&path).await.lines
    }

    /// As `tidegate explain` prints it.
    pub fn explained(&self, name: &str) -> String {
        self.cli(&["explain", name])
    }

    /// Lets the ten minutes that users are watched pass at once, for ever.
    pub async fn users_age(&self) {
        let path = data(&self.dir).join("tidegate.db");
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(BOUND);
        let mut store = options.connect().await.expect("the store");
        let earlier = "UPDATE push_users SET first = first - 600000001 WHERE counted = 0";
        loop {
            sqlx::query(earlier).execute(&mut store).await.expect("earlier users");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let url = format!("{}/api/v1/{path}", self.api);
        let answer = self.http.get(&url).bearer_auth(&self.token).send().await;
        let text = answer.expect("an answer").text().await.expect("a body");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{url}: {e}\n{text}"))
    }
}

/// The binary, undisturbed by the environment of whoever runs the tests.
fn clean() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDEGATE_") {
            command.env_remove(name);
        }
    }
    command
}

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}

fn launch(dir: &TempDir, prometheus: Option<&str>, [api, providers]: [&str; 2]) -> Process {
    let mut command = clean();
    command.args(["serve", "--json", "--listen", api, "--listen-providers", providers]);
    command.arg("--data").arg(data(dir)).stdin(Stdio::null());
    if let Some(url) = prometheus {
        command.arg("--prometheus").arg(format!("default={url}"));
    }
    let file = |name| File::create(dir.path().join(name)).expect("a file");
    command.stdout(file("greeting")).stderr(file("log"));
    Process::start(command)
}

/// Where it listens, as it says itself once it does.
async fn greeting(dir: &TempDir, process: &mut Process) -> Value {
    until("serve is up", async || {
        let log = || std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        assert!(!process.has_ended(), "serve did not start:\n{}", log());
        let text = std::fs::read_to_string(dir.path().join("greeting")).ok()?;
        serde_json::from_str(&text).ok()
    })
    .await
}
