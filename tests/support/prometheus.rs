//! A real Prometheus of its own port and directory, and what starting real programs takes.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest wait for a program to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Scrapes its targets into a directory that is gone with it.
pub struct Prometheus {
    /// Its samples are in `data`.
    pub dir: tempfile::TempDir,
    port: u16,
    child: Option<Program>,
}

impl Prometheus {
    /// Starts one that scrapes `targets` (`host:port`) every `interval`, and waits until it is ready. It knows of the
    /// past what is in `data` of its directory.
    pub async fn start(dir: tempfile::TempDir, targets: &[String], interval: Duration) -> Self {
        let every = format!("{}ms", interval.as_millis());
        let targets = targets.iter().map(|t| format!("'{t}'")).collect::<Vec<_>>().join(", ");
        let config = format!(
            "global: {{ scrape_interval: {every}, scrape_timeout: {every} }}\n\
             scrape_configs:\n\
             - job_name: shop\n  \
               static_configs: [ {{ targets: [ {targets} ] }} ]\n"
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).expect("a written file");
        // Somebody else may take the port between finding it and using it.
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = launch(&dir, port).await {
                return Self { dir, port, child: Some(child) };
            }
        }
        panic!("prometheus does not start: {}", log(&dir));
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// As a crash would: nobody answers at its port any more.
    pub fn stop(&mut self) {
        self.child = None;
    }

    /// Starts it again on the same port with the same data.
    pub async fn start_again(&mut self) {
        self.child = launch(&self.dir, self.port).await;
        assert!(self.child.is_some(), "prometheus does not start again: {}", log(&self.dir));
    }
}

async fn launch(dir: &tempfile::TempDir, port: u16) -> Option<Program> {
    let arg = |name: &str, value: &str| format!("--{name}={value}");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let output = std::fs::File::create(dir.path().join("log")).expect("a log file");
    let mut command = Command::new(find("prometheus", "TIDEGATE_TEST_PROMETHEUS"));
    command
        .arg(arg("config.file", &path("prometheus.yml")))
        .arg(arg("storage.tsdb.path", &path("data")))
        .arg(arg("web.listen-address", &format!("127.0.0.1:{port}")))
        .stderr(output);
    let mut program = Program::spawn(command);
    program.ready(&format!("http://127.0.0.1:{port}/-/ready")).await.then_some(program)
}

fn log(dir: &tempfile::TempDir) -> String {
    std::fs::read_to_string(dir.path().join("log")).unwrap_or_default()
}

/// A child that dies with this process, and with this value.
pub struct Program(Child);

impl Program {
    /// To be called on a thread that lives as long as the program shall: the kernel watches the thread.
    #[expect(unsafe_code, reason = "prctl is safe between fork and exec")]
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        Self(command.spawn().expect("a program that starts"))
    }

    /// Asks `url` until it answers 2xx. `false`: the program ended before. Panics when neither happens in time.
    pub async fn ready(&mut self, url: &str) -> bool {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let asking = async {
            let mut again = tokio::time::interval(Duration::from_millis(20));
            loop {
                again.tick().await;
                if self.0.try_wait().expect("a child of ours").is_some() {
                    return false;
                }
                if client.get(url).send().await.is_ok_and(|a| a.status().is_success()) {
                    return true;
                }
            }
        };
        let ready = tokio::time::timeout(READY_WITHIN, asking).await;
        ready.unwrap_or_else(|_| panic!("{url} is not ready within {READY_WITHIN:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The environment's choice, or the first on the PATH.
pub fn find(program: &str, variable: &str) -> PathBuf {
    if let Some(chosen) = std::env::var_os(variable) {
        return chosen.into();
    }
    // Debian keeps daemons where the PATH of ordinary people does not lead.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let found = std::env::split_paths(&path).map(|d| d.join(program)).find(|p| p.is_file());
    found.unwrap_or_else(|| {
        panic!("no {program} here: `apt-get install {program}`, or name one in {variable}")
    })
}

/// Free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
