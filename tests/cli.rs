//! The real binary, as a shell runs it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tidegate(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for name in ["TIDEGATE_SERVER", "TIDEGATE_TOKEN", "TIDEGATE_DATA", "NO_COLOR"] {
        command.env_remove(name);
    }
    let command = command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[track_caller]
fn ends_with(output: &Output, code: i32) {
    let told = format!("{}\n{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{told}");
}

/// A directory with these files in it.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

/// Every command, as the help itself lists them.
fn commands(of: &[&str]) -> Vec<String> {
    let help = stdout(&tidegate(root(), &[of, &["--help"]].concat()));
    let listed = help.lines().skip_while(|l| !l.starts_with("Commands:")).skip(1);
    let listed = listed.take_while(|l| !l.trim().is_empty());
    let names = listed.filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    names.filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_has_help() {
    let names = commands(&[]);
    for name in ["lint", "apply", "start", "list", "watch", "revert", "kill", "token", "run"] {
        assert!(names.iter().any(|n| n == name), "{name} is not in {names:?}");
    }
    for name in names.iter().filter(|n| *n != "help") {
        let output = tidegate(root(), &[name, "--help"]);
        ends_with(&output, 0);
        assert!(stdout(&output).contains("Usage: tidegate"), "{}", stdout(&output));
        for inner in commands(&[name]).iter().filter(|n| *n != "help") {
            ends_with(&tidegate(root(), &[name, inner, "--help"]), 0);
        }
    }
}

#[test]
fn exit_codes_are_documented() {
    let output = tidegate(root(), &["help", "exit-codes"]);
    ends_with(&output, 0);
    for code in ["  3    the rollout was reverted", "  130  interrupted"] {
        assert!(stdout(&output).contains(code), "{}", stdout(&output));
    }
}

#[test]
fn a_slip_is_usage_not_a_crash() {
    let output = tidegate(root(), &["strat", "checkout"]);
    ends_with(&output, 1);
    assert!(stderr(&output).contains("start"), "{}", stderr(&output));
    ends_with(&tidegate(root(), &[]), 1);
    ends_with(&tidegate(root(), &["start", "checkout", "version"]), 1);
}

const GOOD: &str = "\
plan: shop
route: { split: { observe: {} }, count: push, serves: v1 }
owner: team-shop
inputs: [version]
canary: $version
steps: [{ shift: 5%, bake: 10m }, { shift: 100%, bake: 1h }]
";

#[test]
fn good_files_lint_clean() {
    let directory = files(&[("shop.yaml", GOOD)]);
    let output = tidegate(directory.path(), &["lint", "shop.yaml"]);
    ends_with(&output, 0);
    assert_eq!(stdout(&output), "");
    assert_eq!(stderr(&output), "No problems in 1 file. Nothing was sent.\n");
}

#[test]
fn mistakes_are_shown_at_their_place() {
    let bad = GOOD.replace("{ shift: 5%,", "{ shfit: 5%,");
    let directory = files(&[("shop.yaml", &bad), ("notes.txt", "no plan"), (".hidden.yaml", "x")]);
    let output = tidegate(directory.path(), &["lint", "."]);
    ends_with(&output, 1);
    let expect = "\
./shop.yaml:6:11  error  unknown step `shfit`
    6 | steps: [{ shfit: 5%, bake: 10m }, { shift: 100%, bake: 1h }]
      |           ^^^^^ did you mean `shift`?
";
    assert_eq!(stdout(&output), expect);
    assert_eq!(stderr(&output), "1 error in 1 file. Nothing was sent.\n");
}

#[test]
fn problems_are_data_for_programs_too() {
    let directory = files(&[("shop.yaml", &GOOD.replace("owner: team-shop\n", ""))]);
    let output = tidegate(directory.path(), &["lint", "shop.yaml", "--json"]);
    ends_with(&output, 1);
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(told["errors"], 1, "{told}");
    assert_eq!(told["problems"][0]["path"], "shop.yaml");
}

#[test]
fn stated_traffic_shows_what_a_ladder_does_there() {
    let directory = files(&[("shop.yaml", GOOD)]);
    let arguments = ["lint", "shop.yaml", "--traffic", "120rps", "--failures", "0.5%"];
    let output = tidegate(directory.path(), &arguments);
    ends_with(&output, 0);
    let expect = "\
shop.yaml  plan  shop: a healthy version takes about 2h30m
      at 120 requests/s and 0.5 % failures   opens when ruled out   takes about   sees from   a 5x / 20x fault is reverted in
        5 %                                  1.2x                   88m           1.4x        71 s / 11 s (9 / 7 extra failures)
        90 %                                 1.2x                   60m           1.4x        62 s / 13 s (140 / 140)
";
    assert_eq!(stdout(&output), expect);
    let thin = ["lint", "shop.yaml", "--traffic", "2rps"];
    let output = tidegate(directory.path(), &thin);
    ends_with(&output, 0);
    assert!(
        stdout(&output).contains("  warn  no `harm`: by default 0.05pp here"),
        "{}",
        stdout(&output)
    );
    assert!(stderr(&output).contains("Assumed 0.1 % failures"), "{}", stderr(&output));
    ends_with(&tidegate(directory.path(), &["lint", "gone.yaml"]), 1);
}

#[test]
fn a_forecast_is_data_for_programs_too() {
    let directory = files(&[("shop.yaml", GOOD)]);
    let output =
        tidegate(directory.path(), &["lint", "shop.yaml", "--traffic", "120rps", "--json"]);
    ends_with(&output, 0);
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(told["assumed_failures"], 0.001, "{told}");
    let forecast = &told["forecasts"][0]["forecast"];
    assert_eq!(forecast["steps"][0]["bake_seconds"], 600, "{told}");
    assert_eq!(forecast["steps"][1]["faults"][1]["worsening"], 20.0, "{told}");
}

#[test]
fn example_plans_lint_without_a_word() {
    let output = tidegate(root(), &["lint", "plans"]);
    ends_with(&output, 0);
    assert_eq!(stdout(&output), "");
}

#[test]
fn colour_is_for_those_who_want_it() {
    let directory = files(&[("shop.yaml", "plan: shop\n")]);
    let plain = tidegate(directory.path(), &["lint", "shop.yaml"]);
    assert!(!stdout(&plain).contains('\x1b'), "{}", stdout(&plain));
    let red = tidegate(directory.path(), &["lint", "shop.yaml", "--color", "always"]);
    assert!(stdout(&red).contains("\x1b[31merror\x1b[0m"), "{}", stdout(&red));
}

#[test]
fn the_schema_is_json() {
    let output = tidegate(root(), &["schema"]);
    ends_with(&output, 0);
    let schema: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert!(schema["$defs"]["plan"].is_object());
}

#[test]
fn nobody_there_says_what_to_do() {
    // Bound and let go again: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let server = format!("http://{}", free.expect("an address"));
    let output = tidegate(root(), &["list", "--server", &server]);
    ends_with(&output, 5);
    let told = stderr(&output);
    assert!(told.starts_with(&format!("error: no tidegate answers at {server}\n")), "{told}");
    assert!(told.contains("start one with `tidegate serve`"), "{told}");
    assert_eq!(told.matches("refused").count(), 1, "the cause is told once:\n{told}");

    let output = tidegate(root(), &["list", "--server", &server, "--json"]);
    ends_with(&output, 5);
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(told["error"]["exit_code"], 5);
}

#[test]
fn a_server_is_given_as_an_address() {
    let output = tidegate(root(), &["list", "--server", "localhost:8420"]);
    ends_with(&output, 1);
    assert!(stderr(&output).contains("write one like"), "{}", stderr(&output));
}

#[test]
fn a_setup_needs_no_server() {
    let arguments = ["provider", "setup", "--file", "plans/routes/checkout.yaml"];
    let output = tidegate(root(), &arguments);
    ends_with(&output, 0);
    assert!(stdout(&output).contains("be_checkout_a"), "{}", stdout(&output));
    let other = ["provider", "setup", "other", "--file", "plans/routes/checkout.yaml"];
    let output = tidegate(root(), &other);
    ends_with(&output, 1);
    assert!(stderr(&output).contains("name one of: checkout"), "{}", stderr(&output));
}

/// Programs read every answer, the one to a mistake in their own arguments too.
#[test]
fn a_mistake_is_json_where_json_was_asked_for() {
    let output = tidegate(root(), &["strat", "checkout", "--json"]);
    ends_with(&output, 1);
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let message = told["error"]["message"].as_str().expect("a message");
    assert!(message.contains("unrecognized subcommand 'strat'"), "{message}");
}
