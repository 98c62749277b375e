//! The house rules that a compiler does not know: who may name whom, and what pure modules must not touch.
//!
//! This guards the architecture, not taste.

use std::fs;
use std::path::{Path, PathBuf};

/// Reading order: a module may use those before it.
const PURE: [&str; 5] = ["domain", "flags", "judge", "plan", "engine"];

/// What a pure module must not name.
const IMPURE: [&str; 13] = [
    "tokio",
    "sqlx",
    "reqwest",
    "axum",
    "std::fs",
    "std::env",
    "std::net",
    "SystemTime",
    "Instant",
    "crate::clock",
    "async fn",
    "rand::",
    "thread_rng",
];

/// A module, and those of ours it must not name: arrows go one way.
const FORBIDDEN: [(&str, &[&str]); 12] = [
    (
        "domain",
        &[
            "flags",
            "judge",
            "plan",
            "engine",
            "store",
            "traffic",
            "metrics",
            "scheduler",
            "api",
            "cli",
        ],
    ),
    (
        "judge",
        &["flags", "plan", "engine", "store", "traffic", "metrics", "scheduler", "api", "cli"],
    ),
    (
        "flags",
        &["judge", "plan", "engine", "store", "traffic", "metrics", "scheduler", "api", "cli"],
    ),
    ("plan", &["engine", "store", "traffic", "metrics", "scheduler", "api", "cli"]),
    ("engine", &["flags", "store", "traffic", "metrics", "scheduler", "api", "cli", "clock"]),
    ("store", &["traffic", "metrics", "scheduler", "api", "cli"]),
    ("traffic", &["metrics", "scheduler", "api", "cli"]),
    ("metrics", &["traffic", "scheduler", "api", "cli"]),
    ("scheduler", &["api", "cli"]),
    ("api", &["cli"]),
    (
        "clock",
        &[
            "flags",
            "judge",
            "plan",
            "engine",
            "store",
            "traffic",
            "metrics",
            "scheduler",
            "api",
            "cli",
        ],
    ),
    ("telemetry", &["judge", "engine", "store", "traffic", "metrics", "scheduler", "api", "cli"]),
];

struct Source {
    path: PathBuf,
    /// Code without comments and without the tests at its end.
    code: String,
}

#[test]
fn pure_modules_touch_nothing_outside() {
    for module in PURE {
        for source in sources(module) {
            for word in IMPURE {
                assert!(
                    !source.code.contains(word),
                    "{} names {word}: {module} is pure",
                    shown(&source)
                );
            }
        }
    }
}

#[test]
fn arrows_go_one_way() {
    for (module, forbidden) in FORBIDDEN {
        for source in sources(module) {
            for other in forbidden {
                let named = [format!("crate::{other}::"), format!("crate::{other};")];
                let named = named.iter().any(|n| source.code.contains(n.as_str()));
                assert!(!named, "{} names {other}: {module} must not know it", shown(&source));
            }
        }
    }
}

#[test]
fn sql_stays_in_the_store() {
    for source in all_sources() {
        let inside = source.path.starts_with(root().join("src/store"));
        assert!(inside || !source.code.contains("sqlx::"), "{} names sqlx", shown(&source));
    }
}

#[test]
fn only_the_clock_reads_time_and_only_the_printer_prints() {
    for source in all_sources() {
        let name = shown(&source);
        let clock = name == "src/clock.rs";
        assert!(clock || !source.code.contains("SystemTime::now"), "{name} reads the wall clock");
        assert!(clock || !source.code.contains("Instant::now"), "{name} reads the monotonic clock");
        for word in ["println!", "eprintln!", "stdout()", "stderr()"] {
            let printer = name == "src/cli/printer.rs" || name == "src/telemetry.rs";
            assert!(
                printer || !source.code.contains(word),
                "{name} writes to the terminal: {word}"
            );
        }
    }
}

#[test]
fn nothing_is_left_open() {
    for source in all_sources() {
        for word in ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            let text = fs::read_to_string(&source.path).expect("a source that was just read");
            assert!(!text.contains(word), "{} has {word}", shown(&source));
        }
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for entry in fs::read_dir(root().join("src")).expect("src") {
        let path = entry.expect("an entry").path();
        let file = if path.is_dir() { path.join("mod.rs") } else { path };
        if file.extension().is_some_and(|e| e == "rs") {
            let text =
                fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert!(text.starts_with("//!"), "{} begins without `//!`", file.display());
        }
    }
}

fn sources(module: &str) -> Vec<Source> {
    let folder = root().join("src").join(module);
    let file = root().join("src").join(format!("{module}.rs"));
    let found: Vec<Source> = all_sources()
        .into_iter()
        .filter(|s| s.path.starts_with(&folder) || s.path == file)
        .collect();
    assert!(!found.is_empty(), "no module {module}: has it moved?");
    found
}

fn all_sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let is_test = path.file_stem().is_some_and(|s| s == "tests" || s == "testing");
        if path.is_dir() && !is_test {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !is_test {
            let text = fs::read_to_string(&path).expect("a source");
            found.push(Source { path, code: code(&text) });
        }
    }
}

fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = before_tests.lines().map(|line| match line.find("//") {
        // An address in a string is no comment.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(source: &Source) -> String {
    let path = source.path.strip_prefix(root()).unwrap_or(&source.path);
    path.display().to_string()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
