//! The real binary, started and killed again and again in one place, and asked over its local socket.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::clock::{Clock, SystemClock};
use tidegate::domain::Timestamp;

use crate::support::process::Process;
use crate::support::{free_port, until};

/// A server that has not answered by then hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub fn now() -> Timestamp {
    SystemClock::default().wall()
}

/// Where every life of the server is lived: the same data, the same ports.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    ports: [u16; 2],
}

/// From a start to a kill.
#[derive(Debug)]
pub struct Life {
    process: Process,
    http: reqwest::Client,
    pub born: Timestamp,
}

/// What came of a request.
#[derive(Debug)]
pub enum Said {
    Yes(Value),
    No(u16, Value),
    /// Killed meanwhile: it may have happened or not.
    Nobody,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: TempDir::new().expect("a directory"), ports: [free_port(), free_port()] }
    }

    pub fn providers_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Everything that all lives logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        for name in ["TIDEGATE_SERVER", "TIDEGATE_TOKEN", "TIDEGATE_LISTEN", "TIDEGATE_LOG"] {
            command.env_remove(name);
        }
        command.arg("--data").arg(self.data()).stdin(Stdio::null());
        command
    }

    pub fn begin(&self) -> Life {
        let log = self.dir.path().join("log");
        let log = std::fs::File::options().append(true).create(true).open(log).expect("a log");
        let [api, providers] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let mut command = self.command();
        command.args(["serve", "--open-providers", "--listen", &api]);
        command.args(["--listen-providers", &providers]);
        command.stdout(Stdio::null()).stderr(log);
        let http = crate::support::local_http(&self.data().join("tidegate.sock"), ANSWER_WITHIN);
        Life { born: now(), process: Process::start(command), http }
    }

    /// What a person types on the same host.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("the binary runs")
    }
}

impl Life {
    /// It answers.
    pub async fn ready(&mut self, place: &Place) {
        until("the server is ready", async || {
            assert!(!self.process.has_ended(), "it ended by itself:\n{}", place.log());
            let answer = self.http.get("http://local/healthz").send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
    }

    pub fn kill(&mut self) {
        assert!(!self.process.has_ended(), "it ended by itself before it was killed");
        self.process.kill();
    }

    /// As an operator would.
    pub fn end(&mut self) {
        self.process.end();
    }

    pub async fn get(&self, path: &str) -> Value {
        let Said::Yes(answer) = said(self.http.get(address(path)).send().await).await else {
            panic!("no answer to GET {path}");
        };
        answer
    }

    pub async fn apply(&self, plans: &str) {
        let request = self.http.post(address("plans")).body(plans.to_owned());
        let applied = said(request.send().await).await;
        assert!(matches!(applied, Said::Yes(_)), "{applied:?}");
    }

    /// Goes on by itself, whatever happens to this life.
    pub fn post(&self, path: &str, body: &Value) -> tokio::task::JoinHandle<Said> {
        let request = self.http.post(address(path)).json(body);
        tokio::spawn(async move { said(request.send().await).await })
    }
}

fn address(path: &str) -> String {
    format!("http://local/api/v1/{}", path.replace('#', "%23"))
}

async fn said(answer: reqwest::Result<reqwest::Response>) -> Said {
    let Ok(answer) = answer else { return Said::Nobody };
    let status = answer.status();
    match answer.json().await {
        Ok(body) if status.is_success() => Said::Yes(body),
        Ok(body) => Said::No(status.as_u16(), body),
        Err(_) => Said::Nobody,
    }
}
