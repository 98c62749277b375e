//! `tidegate run` end to end: the real binary, a small shop that follows the split and pushes its outcomes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const PLAN: &str = "\
plan: shop
route: { split: { pull: { unit: user, instances: 1 } }, count: push, serves: v1 }
owner: team-shop
inputs: [version]
canary: $version
harm: 3pp
look: 1s
bake: 1s
steps: [{ shift: 20% }, { shift: 100% }]
";

/// Requests in one beat of the shop; ten beats a second.
const BEAT: f64 = 1000.0;
const USUAL_FAILURES: f64 = 0.03;

/// A run under way.
struct Run {
    child: Child,
    providers: String,
    told: std::thread::JoinHandle<String>,
    _directory: tempfile::TempDir,
}

impl Run {
    fn begin(arguments: &[&str], plan: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("shop.yaml"), plan).expect("a plan");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        for name in ["TIDEGATE_SERVER", "TIDEGATE_TOKEN", "TIDEGATE_DATA", "TIDEGATE_LISTEN"] {
            command.env_remove(name);
        }
        command.args(["run", "shop.yaml"]).args(arguments).current_dir(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let first = lines.next().expect("a line").expect("text");
        let providers = first.rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(providers.starts_with("http://127.0.0.1:"), "{first}");
        let told = std::thread::spawn(move || {
            let rest: Vec<String> = lines.map_while(Result::ok).collect();
            rest.join("\n")
        });
        Self { child, providers, told, _directory: directory }
    }

    /// Plays the shop until the run ends: its exit code, stdout and stderr.
    fn shop(mut self, canary_failures: f64) -> (Option<i32>, String, String) {
        let mut out = self.child.stdout.take().expect("stdout");
        let read = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = out.read_to_string(&mut text);
            text
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let status = runtime.block_on(play(&mut self.child, &self.providers, canary_failures));
        let stdout = read.join().expect("stdout");
        (status, stdout, self.told.join().expect("stderr"))
    }
}

/// One instance that asks for the split, puts it in force at once, and counts.
async fn play(child: &mut Child, providers: &str, canary_failures: f64) -> Option<i32> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut beats = tokio::time::interval(Duration::from_millis(100));
    let (mut have, mut canary_ppm) = (String::new(), 0.0);
    let mut owed = [0.0; 2];
    for beat in 0..600 {
        beats.tick().await;
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        let ask = format!("{providers}/pull/v1/splits/shop?node=shop&boot=1&wait=0&have={have}");
        if let Ok(answer) = http.get(ask).send().await
            && answer.status() == 200
            && let Ok(split) = answer.json::<Value>().await
        {
            have = split["generation"].to_string();
            canary_ppm = split["canary_ppm"].as_f64().unwrap_or(0.0);
        }
        let canary = (BEAT * canary_ppm / 1e6).round();
        let arms = [("v1", BEAT - canary, USUAL_FAILURES), ("v2", canary, canary_failures)];
        let mut observations = Vec::new();
        for ((arm, requests, rate), owed) in arms.into_iter().zip(&mut owed) {
            let failures = requests * rate + *owed;
            *owed = failures.fract();
            let failed = failures.floor();
            observations.push(json!({ "arm": arm, "outcome": "failed", "count": failed as u64 }));
            let fine = (requests - failed) as u64;
            observations.push(json!({ "arm": arm, "outcome": "ok", "count": fine }));
        }
        observations.retain(|o| o["count"] != 0);
        let batch =
            json!({ "batch": beat.to_string(), "route": "shop", "observations": observations });
        let push = http.post(format!("{providers}/api/v1/observations")).json(&batch);
        let _ = push.send().await; // The service may have ended just now.
    }
    let _ = child.kill();
    None
}

#[test]
fn a_healthy_version_completes() {
    let (code, stdout, stderr) = Run::begin(&["version=v2"], PLAN).shop(USUAL_FAILURES);
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    assert!(stdout.contains("✓ shop#1   v1 → v2   completed"), "{stdout}\n{stderr}");
    assert!(!stdout.contains('\x1b'), "piped output is plain");
}

#[test]
fn a_bad_version_is_reverted() {
    let (code, stdout, stderr) = Run::begin(&["version=v2"], PLAN).shop(0.4);
    assert_eq!(code, Some(3), "{stdout}\n{stderr}");
    assert!(stdout.contains("✕ shop#1 reverted at 20 %"), "{stdout}\n{stderr}");
    assert!(stdout.contains("Everybody is on v1 again"), "{stdout}");
    assert!(stdout.contains("Hurt: about"), "{stdout}");
}

#[test]
fn one_that_waits_for_a_person_goes_back() {
    let plan = PLAN.replace("{ shift: 100% }", "{ gate: { timeout: 1h } }, { shift: 100% }");
    let run = Run::begin(&["version=v2", "--person-within", "1s"], &plan);
    let (code, stdout, stderr) = run.shop(USUAL_FAILURES);
    assert_eq!(code, Some(4), "{stdout}\n{stderr}");
    assert!(stderr.contains("shop#1 goes back: nobody would go on with it"), "{stderr}");
    assert!(stdout.contains("✕ shop#1 reverted"), "{stdout}\n{stderr}");
}
