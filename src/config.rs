//! What a server is told: defaults, then the environment, then the command line; validated once.
//!
//! Owns: every setting with its default, and what is wrong with one, in words.
//! Does not: hold secrets: a token of a source is named by where it is read (`env:` or `file:`), each time anew.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Name, parse_duration};
use crate::metrics::{PrometheusServer, ReadToken};
use crate::telemetry::Format;

/// Where the API listens, unless told otherwise.
pub const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8420);
/// Where proxies, programs and flag clients ask.
pub const PROVIDERS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8421);
/// How long raw looks stay after the end of their rollout, unless told otherwise.
pub const LOOKS_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// The local socket's name in the data directory.
pub const SOCKET: &str = "tidegate.sock";

/// Options of commands that run a server: `serve`, `run`, `demo`. The data directory is an option of every command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Where people and programs reach the API [default: 127.0.0.1:8420]
    #[arg(long, env = "TIDEGATE_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where proxies, programs and flag clients ask, and observations are sent [default: 127.0.0.1:8421]
    #[arg(long, env = "TIDEGATE_LISTEN_PROVIDERS", value_name = "ADDRESS:PORT")]
    pub listen_providers: Option<SocketAddr>,
    /// A Prometheus server by the name plans use, like default=http://127.0.0.1:9090; several are separated by commas
    #[arg(long, env = "TIDEGATE_PROMETHEUS", value_name = "NAME=URL", value_delimiter = ',')]
    pub prometheus: Vec<String>,
    /// Where its bearer token is read, like default=file:/etc/token or default=env:PROM_TOKEN
    #[arg(
        long,
        env = "TIDEGATE_PROMETHEUS_TOKEN",
        value_name = "NAME=WHERE",
        value_delimiter = ','
    )]
    pub prometheus_token: Vec<String>,
    /// Let proxies, programs and flag clients ask without a token; only on a loopback address
    #[arg(long, env = "TIDEGATE_OPEN_PROVIDERS")]
    pub open_providers: bool,
    /// How long the raw looks of a rollout are kept after its end; `explain` judges them again [default: 7d]
    #[arg(long, env = "TIDEGATE_LOOKS_KEPT", value_name = "TIME", value_parser = parse_duration)]
    pub looks_kept: Option<Duration>,
    /// What is logged: warn, info, debug, or a list like warn,tidegate=debug
    #[arg(long, env = "TIDEGATE_LOG", value_name = "LEVEL", default_value = "warn")]
    pub log: String,
    /// How log lines are written
    #[arg(
        long,
        env = "TIDEGATE_LOG_FORMAT",
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: Format,
}

/// What a server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store and the local socket; no other server may use it at the same time.
    pub data: PathBuf,
    pub api: SocketAddr,
    pub providers: SocketAddr,
    pub open_providers: bool,
    pub prometheus: BTreeMap<Name, PrometheusServer>,
    /// How long raw looks stay after the end of their rollout.
    pub looks_kept: Duration,
}

impl Config {
    /// Ports the system chooses on loopback, and nothing else: for `run`, `demo` and tests.
    pub fn loopback(data: PathBuf) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let prometheus = BTreeMap::new();
        let (open_providers, looks_kept) = (true, LOOKS_KEPT);
        Self { data, api: any, providers: any, open_providers, prometheus, looks_kept }
    }

    /// The path of the local socket.
    pub fn socket(&self) -> PathBuf {
        self.data.join(SOCKET)
    }
}

impl ServeArgs {
    /// # Errors
    /// Everything that is wrong, a sentence each.
    pub fn config(&self, data: Option<&Path>) -> Result<Config, Vec<String>> {
        let mut wrong = Vec::new();
        let providers = self.listen_providers.unwrap_or(PROVIDERS);
        if self.open_providers && !providers.ip().is_loopback() {
            wrong.push(format!(
                "--open-providers lets anybody move traffic who reaches {providers}: give a loopback address, or tokens"
            ));
        }
        let prometheus = self.prometheus(&mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Config {
            data: data.map_or_else(usual_data, Path::to_owned),
            api: self.listen.unwrap_or(API),
            providers,
            open_providers: self.open_providers,
            prometheus,
            looks_kept: self.looks_kept.unwrap_or(LOOKS_KEPT),
        })
    }

    fn prometheus(&self, wrong: &mut Vec<String>) -> BTreeMap<Name, PrometheusServer> {
        let mut servers = BTreeMap::new();
        for text in &self.prometheus {
            match named("--prometheus", text).and_then(|(name, url)| Ok((name, address(url)?))) {
                Ok((name, url)) => {
                    servers.insert(name, PrometheusServer { url, token: None });
                }
                Err(problem) => wrong.push(problem),
            }
        }
        for text in &self.prometheus_token {
            let token = named("--prometheus-token", text);
            match token.and_then(|(name, from)| Ok((name, secret(from)?))) {
                Ok((name, read)) => match servers.get_mut(&name) {
                    Some(server) => server.token = Some(read),
                    None => {
                        wrong.push(format!("--prometheus-token: no --prometheus is named {name}"))
                    }
                },
                Err(problem) => wrong.push(problem),
            }
        }
        servers
    }
}

fn named<'a>(option: &str, text: &'a str) -> Result<(Name, &'a str), String> {
    let parts = text.split_once('=');
    let (name, rest) = parts.ok_or_else(|| format!("{option} {text}: write NAME=…"))?;
    Ok((Name::new(name).map_err(|e| format!("{option}: {e}"))?, rest))
}

fn address(url: &str) -> Result<String, String> {
    let parsed = reqwest::Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    match parsed {
        Some(url) if url.has_host() => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => Err(format!("`{url}` is no address; write one like http://127.0.0.1:9090")),
    }
}

/// A secret by reference; the reference is kept, the secret read when it is needed.
fn secret(from: &str) -> Result<ReadToken, String> {
    let missing = |what: &str| format!("{what} has no token");
    if let Some(variable) = from.strip_prefix("env:") {
        let variable = variable.to_owned();
        return Ok(Arc::new(move || {
            std::env::var(&variable)
                .map_err(|_| missing(&format!("environment variable {variable}")))
        }));
    }
    if let Some(path) = from.strip_prefix("file:") {
        let path = PathBuf::from(path);
        return Ok(Arc::new(move || {
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|e| format!("{}: {e}", path.display()))?;
            let token = text.trim();
            if token.is_empty() {
                Err(missing(&path.display().to_string()))
            } else {
                Ok(token.to_owned())
            }
        }));
    }
    Err("a token is given by where it is read: env:VARIABLE or file:PATH".to_owned())
}

/// Where a server keeps its data, and a command on the same host looks for its socket: what systemd gives a service
/// (`$STATE_DIRECTORY`), else `$XDG_STATE_HOME/tidegate`, else `~/.local/state/tidegate`, else `./tidegate-data`.
pub fn usual_data() -> PathBuf {
    usual_data_in(|name| std::env::var(name).ok())
}

fn usual_data_in(env: impl Fn(&str) -> Option<String>) -> PathBuf {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(dir) = absolute("STATE_DIRECTORY") {
        return dir;
    }
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map_or_else(|| PathBuf::from("tidegate-data"), |state| state.join("tidegate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_kept_where_the_system_keeps_state() {
        let rows: [(&[(&str, &str)], &str); 5] = [
            (&[("STATE_DIRECTORY", "/var/lib/tidegate"), ("HOME", "/root")], "/var/lib/tidegate"),
            (&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")], "/s/tidegate"),
            (&[("HOME", "/h")], "/h/.local/state/tidegate"),
            (&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")], "/h/.local/state/tidegate"),
            (&[], "tidegate-data"),
        ];
        for (env, expect) in rows {
            let get = |name: &str| env.iter().find(|e| e.0 == name).map(|e| e.1.to_owned());
            assert_eq!(usual_data_in(get), Path::new(expect), "{env:?}");
        }
    }

    #[track_caller]
    fn refused(args: ServeArgs, expect: &str) {
        let wrong = args.config(None).expect_err(expect);
        assert!(wrong.iter().any(|w| w.contains(expect)), "{wrong:?}");
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_starts() {
        let prometheus =
            |text: &str| ServeArgs { prometheus: vec![text.into()], ..ServeArgs::default() };
        refused(prometheus("http://x:9090"), "write NAME=…");
        refused(prometheus("a b=http://x:9090"), "is not a name");
        refused(prometheus("default=ftp://x"), "is no address");
        refused(prometheus("default=/etc/passwd"), "is no address");
        let token = |text: &str| ServeArgs {
            prometheus_token: vec![text.into()],
            ..prometheus("default=http://x:9090/")
        };
        refused(token("default=s3cret"), "env:VARIABLE or file:PATH");
        refused(token("other=env:X"), "no --prometheus is named other");
        let open = ServeArgs {
            open_providers: true,
            listen_providers: Some(SocketAddr::from(([0, 0, 0, 0], 8421))),
            ..ServeArgs::default()
        };
        refused(open, "lets anybody move traffic");
    }

    #[test]
    fn servers_and_their_tokens_meet_by_name() {
        let args = ServeArgs {
            prometheus: vec!["default=http://x:9090/".into(), "eu=https://eu".into()],
            prometheus_token: vec!["eu=env:TIDEGATE_TEST_UNSET".into()],
            ..ServeArgs::default()
        };
        let config = args.config(Some(Path::new("/d"))).expect("a config");
        let urls: Vec<_> = config.prometheus.values().map(|s| s.url.as_str()).collect();
        assert_eq!(urls, ["http://x:9090", "https://eu"]);
        let read =
            config.prometheus.values().last().and_then(|s| s.token.clone()).expect("a token");
        assert!(read().is_err_and(|e| e.contains("TIDEGATE_TEST_UNSET")));
        assert_eq!(config.socket(), Path::new("/d/tidegate.sock"));
        assert_eq!(config.looks_kept, Duration::from_secs(604_800));
    }
}
