//! A real HAProxy that follows a route by our script, with the configuration that `provider setup` prints.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::process::{Process, find, signal};
use super::{free_port, until};
use tidegate::domain::Name;
use tidegate::plan::{ArmLabel, Count, Route, Splitter};

#[derive(Clone, Debug)]
pub struct HaproxyConfig {
    /// Where the provider listener is, without a slash at the end.
    pub pull_url: String,
    pub token: String,
    pub route: String,
    /// Names of the backends.
    pub sides: [String; 2],
    pub upstreams: [SocketAddr; 2],
    /// Instead of the host's name.
    pub node: String,
}

#[derive(Debug)]
pub struct Haproxy {
    config: HaproxyConfig,
    dir: TempDir,
    /// Where requests are sent, and where its counters are read.
    ports: [u16; 2],
    process: Process,
}

impl HaproxyConfig {
    /// The route as a plan's author would have written it.
    pub fn as_route(&self) -> Route {
        let arm = ArmLabel { label: "version".to_owned(), baseline: None, canary: None };
        Route {
            name: Name::new(&self.route).expect("a name"),
            labels: std::collections::BTreeMap::new(),
            split: Splitter::Haproxy { instances: 1, sides: self.sides.clone() },
            arm,
            count: Some(Count::Haproxy),
            serves: None,
            used_by: Vec::new(),
            dashboard: None,
            traffic: None,
        }
    }

    /// The printed text with this test's places in it; what a user has besides goes before and after.
    fn text(&self, dir: &Path, [port, metrics]: [u16; 2]) -> String {
        let dir = dir.display();
        let [a, b] = &self.sides;
        let [at_a, at_b] = self.upstreams;
        let printed = tidegate::traffic::setup(&self.as_route(), &self.pull_url)
            .replace("change-me", &self.token)
            .replace("/etc/haproxy/", &format!("{dir}/"))
            .replace("/var/lib/haproxy/tidegate/", &format!("{dir}/"))
            .replace(":8080", &format!("127.0.0.1:{port}"))
            .replace("bind :8405", &format!("bind 127.0.0.1:{metrics}"))
            .replace("PORT 8405", &format!("PORT {metrics}"));
        format!(
            "global\n  nbthread 2\n  stats socket unix@{dir}/stats mode 600 level admin\n  \
             setenv TIDEGATE_NODE {}\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 2s\n\
             {printed}\n\
             backend {a}\n  server a {at_a}\nbackend {b}\n  server b {at_b}\n",
            self.node
        )
    }
}

impl Haproxy {
    /// Ready when it takes connections; it may not have heard from us yet.
    pub async fn start(config: HaproxyConfig) -> Self {
        let dir = TempDir::new().expect("a directory");
        std::fs::write(dir.path().join("tidegate.lua"), tidegate::traffic::HAPROXY_SCRIPT)
            .and_then(|()| {
                let map = format!("another 70000\n{} 0\n", config.route);
                std::fs::write(dir.path().join("splits.map"), map)
            })
            .expect("its files");
        for _ in 0..5 {
            let ports = [free_port(), free_port()];
            std::fs::write(dir.path().join("haproxy.cfg"), config.text(dir.path(), ports))
                .expect("its configuration");
            let mut process = launch(dir.path());
            if ready(&mut process, ports[0]).await {
                return Self { config, dir, ports, process };
            }
        }
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        panic!("HAProxy does not start:\n{log}");
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.ports[0])
    }

    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.ports[1])
    }

    pub fn config(&self) -> &HaproxyConfig {
        &self.config
    }

    /// Everything it said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// What a start begins with.
    pub fn map_file(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("splits.map")).unwrap_or_default()
    }

    /// The second side's share in force, in parts per million.
    pub async fn share(&self) -> u32 {
        let map = self.ask(&format!("show map {}", self.map())).await;
        let line = map.lines().find_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            (words.next()? == self.config.route).then(|| words.next())?
        });
        line.and_then(|share| share.parse().ok()).unwrap_or_else(|| panic!("no share in:\n{map}"))
    }

    /// Waits until `share` is in force.
    pub async fn reaches(&self, share: u32) {
        until(&format!("HAProxy at {share} ppm"), async || {
            (self.share().await == share).then_some(())
        })
        .await;
    }

    /// A hand at the proxy.
    pub async fn set_share(&self, ppm: u32) {
        let answer = self.ask(&format!("set map {} {} {ppm}", self.map(), self.config.route)).await;
        assert_eq!(answer.trim(), "", "the socket refused");
    }

    /// Ends it and starts it again with the same files and ports.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = launch(self.dir.path());
        assert!(ready(&mut self.process, self.ports[0]).await, "no restart:\n{}", self.log());
    }

    /// What a reload tells the old process: end once nothing is under way. Waits until it has.
    pub async fn finish(&mut self) {
        signal(self.process.id(), libc::SIGUSR1);
        until("HAProxy has finished", async || self.process.has_ended().then_some(())).await;
    }

    /// Stops it where it is, without ending it, and lets it go on.
    pub fn freeze(&self, frozen: bool) {
        signal(self.process.id(), if frozen { libc::SIGSTOP } else { libc::SIGCONT });
    }

    async fn ask(&self, command: &str) -> String {
        let mut socket =
            UnixStream::connect(self.dir.path().join("stats")).await.expect("the stats socket");
        socket.write_all(format!("{command}\n").as_bytes()).await.expect("a question");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    fn map(&self) -> String {
        self.dir.path().join("splits.map").display().to_string()
    }
}

fn launch(dir: &Path) -> Process {
    let log = std::fs::File::options().append(true).create(true).open(dir.join("log"));
    let mut command = Command::new(find("haproxy", "haproxy"));
    command.arg("-db").arg("-f").arg(dir.join("haproxy.cfg")).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(log.expect("a log"));
    Process::start(command)
}

/// `false`: it ended by itself, most likely because somebody took the port.
async fn ready(process: &mut Process, port: u16) -> bool {
    until("HAProxy takes connections", async || {
        if process.has_ended() {
            return Some(false);
        }
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(true)
    })
    .await
}
