//! Commands against a real server, over its local socket and over HTTP with a token.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const PLAN: &str = "\
plan: shop
route: { split: { observe: {} }, count: push, serves: v1 }
owner: team-shop
inputs: [version]
canary: $version
steps: [{ gate: { approve: ops, timeout: 1h } }, { shift: 5% }, { shift: 100% }]
";

struct Served {
    child: Child,
    greeting: Value,
    directory: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tidegate(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for name in ["TIDEGATE_SERVER", "TIDEGATE_TOKEN", "TIDEGATE_DATA", "TIDEGATE_LISTEN"] {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command
}

impl Served {
    fn begin() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("shop.yaml"), PLAN).expect("a plan");
        let any = "127.0.0.1:0";
        let arguments =
            ["serve", "--data", "data", "--json", "--listen", any, "--listen-providers", any];
        let mut serve = tidegate(directory.path(), &arguments);
        let mut child = serve.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let out = child.stdout.take().expect("stdout");
        let line = BufReader::new(out).lines().next().expect("a line").expect("text");
        Self { child, greeting: serde_json::from_str(&line).expect("JSON"), directory }
    }

    /// By the socket of the data directory.
    fn local(&self, arguments: &[&str]) -> Output {
        let arguments = [arguments, &["--data", "data"]].concat();
        tidegate(self.directory.path(), &arguments).output().expect("the binary runs")
    }

    fn with_token(&self, token: &str, arguments: &[&str]) -> Output {
        let server = self.greeting["api"].as_str().expect("an address");
        let arguments = [arguments, &["--server", server]].concat();
        let mut command = tidegate(self.directory.path(), &arguments);
        command.env("TIDEGATE_TOKEN", token).output().expect("the binary runs")
    }
}

/// What was printed, stdout and then stderr; checked for its exit code.
#[track_caller]
fn told(output: &Output, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

#[test]
fn a_rollout_is_led_from_the_shell() {
    let served = Served::begin();
    let run = |arguments: &[&str], code: i32| told(&served.local(arguments), code);
    assert_eq!(
        run(&["list"], 0).split("  ").next(),
        Some("No rollout is in flight, and none ended lately.")
    );
    assert!(run(&["apply", "shop.yaml"], 0).contains("plan shop: created, revision 1"));
    assert!(run(&["apply", "shop.yaml"], 0).contains("plan shop: unchanged, revision 1"));
    assert!(run(&["start", "shop"], 2).contains("write `tidegate start shop version=…`"));
    assert!(run(&["start", "shop", "version=v2"], 0).contains("shop#1 started: v1 → v2"));
    assert!(run(&["start", "shop", "version=v3"], 2).contains("shop is busy"));
    assert!(
        run(&["start", "shop", "version=v3", "--from", "5"], 2).contains("is not a percentage")
    );
    let list = run(&["list"], 0);
    assert!(list.starts_with("NEEDS YOU 1") && list.contains("tidegate approve shop"), "{list}");
    assert!(run(&["show", "shop"], 0).starts_with("! shop#1   v1 → v2   waits for approval"));
    assert!(run(&["approve", "shop"], 2).contains("may not approve"));
    assert!(run(&["resume", "shop"], 2).contains("it is not paused"));
    assert!(run(&["show", "other"], 2).contains("there is no rollout"));
    assert!(run(&["explain", "shop"], 0).contains("words"));
    assert!(run(&["revert", "shop"], 1).contains("add --yes if you mean it"));
    let reverted = run(&["revert", "shop", "--yes", "--because", "a trial"], 0);
    assert!(reverted.contains("✕ shop#1 reverted"), "{reverted}");
    assert!(run(&["watch", "shop"], 3).contains("a trial"));
    assert!(run(&["journal", "shop"], 0).contains("on the server's own host, no token"));
    assert!(run(&["audit", "verify"], 0).starts_with("intact: 1 journal"));
}

#[test]
fn a_kill_stands_until_it_is_taken_away() {
    let served = Served::begin();
    let run = |arguments: &[&str], code: i32| told(&served.local(arguments), code);
    run(&["apply", "shop.yaml"], 0);
    run(&["start", "shop", "version=v2"], 0);
    assert!(run(&["kill", "shop", "--because", "smoke"], 0).contains("going back now: shop#1"));
    assert!(run(&["start", "shop", "version=v2"], 2).contains("tidegate unkill shop"));
    assert!(run(&["now"], 0).contains("killed   shop since"));
    run(&["unkill", "shop"], 1);
    run(&["unkill", "shop", "--yes"], 0);
    assert!(run(&["start", "shop", "version=v2"], 0).contains("shop#2 started"));
    assert!(run(&["provider", "setup", "shop"], 0).contains("Route `shop` is observed"));
    assert!(run(&["provider", "forget", "shop", "lb-9"], 2).contains("no instance `lb-9`"));
}

#[test]
fn a_waiting_script_is_told_that_a_person_is_needed() {
    let served = Served::begin();
    told(&served.local(&["apply", "shop.yaml"]), 0);
    let arguments = ["start", "shop", "version=v2", "--wait", "--person-within", "1s"];
    let text = told(&served.local(&arguments), 4);
    assert!(text.contains("shop#1 still waits for a person"), "{text}");
}

#[test]
fn tokens_open_what_their_role_may() {
    let served = Served::begin();
    let first = served.greeting["first_token"].as_str().expect("a first token").to_owned();
    told(&served.with_token(&first, &["list"]), 0);
    let arguments = ["token", "add", "ana", "--role", "viewer", "--json"];
    let made = served.local(&arguments);
    let answer: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let ana = answer["token"].as_str().expect("a token").to_owned();
    told(&served.with_token(&ana, &["list"]), 0);
    let refused = told(&served.with_token(&ana, &["apply", "shop.yaml"]), 2);
    assert!(refused.contains("ana has the role viewer; this needs operator or admin"), "{refused}");
    assert!(told(&served.local(&["token", "list"]), 0).contains("ana"));
    told(&served.local(&["token", "revoke", "ana"]), 0);
    assert!(told(&served.with_token(&ana, &["list"]), 2).contains("unknown or revoked"));
}
