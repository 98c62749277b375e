//! Files made to hurt: an error within bounded time and memory, never a panic.

use proptest::prelude::*;

use super::examples::EXAMPLES;
use super::*;
use crate::plan::{LARGEST, lint_all};

/// Reads, lints and prints, as a server would with a stranger's file.
fn digest(bytes: &[u8]) -> Read {
    let read = read(&SourceFile { path: "f.yaml", bytes });
    let told: usize = read.problems.iter().map(|p| p.to_string().len()).sum();
    assert!(told < 200_000, "{told} bytes of problems");
    assert!(!lint_all(&read.documents).iter().any(|p| p.to_string().is_empty()));
    read
}

#[track_caller]
fn refused(bytes: &[u8], expect: &str) {
    let read = digest(bytes);
    let told = shown(&read);
    assert!(read.documents.is_empty() && told.contains(expect), "{told}");
}

#[test]
fn a_hundred_megabytes_are_refused_unread() {
    refused(&vec![b'a'; 100 << 20], "104857600 bytes is too large");
    refused(&vec![b'a'; LARGEST + 1], "too large");
}

#[test]
fn what_is_not_utf8_is_shown() {
    refused(b"plan: p\nowner: \xc3\xa4\xff\n", "f.yaml:2:9  error  not UTF-8: byte 0xff");
    refused(b"\xff\xfep\0l\0", "f.yaml:1:1  error  not UTF-8");
}

/// The largest file of one repeated piece: what is quadratic or recursive in any reader shows here.
#[test]
fn repeated_pieces_are_read_in_bounded_time() {
    let pieces = [
        "[",
        "{",
        "- ",
        "? ",
        ": ",
        "&a ",
        "*a ",
        "!t ",
        "\"",
        "'",
        "#",
        "|\n",
        ">\n ",
        "a: ",
        "a:\n ",
        "-\n",
        "---\n",
        "...\n",
        "[]\n",
        "{a: ",
        "[a, ",
        "\n",
        "\t",
        " ",
        "\r",
        "%",
        "@",
        "a,",
        "- a\n",
        "a: b\n",
        "\u{feff}",
        "x: [*a, *a]\n",
        "\u{85}",
        "\0",
        "- - - -\n",
        "? a\n: b\n",
        "\\",
        "<<: *a\n",
        "plan: a\n---\n",
        "{}\n---\n",
    ];
    for piece in pieces {
        let text = piece.repeat(LARGEST / piece.len());
        digest(text.as_bytes());
        digest(format!("plan: p\nsteps: {text}").as_bytes());
    }
}

#[test]
fn nesting_and_anchors_are_bounded() {
    refused("[".repeat(100_000).as_bytes(), "nested deeper than 64");
    refused(format!("plan: {}", "{a: ".repeat(1000)).as_bytes(), "nested deeper than 64");
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for i in 1..100 {
        bomb += &format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}]\n", i - 1);
    }
    refused(bomb.as_bytes(), "anchors and aliases are not supported");
    let many: String = (0..60_000).map(|i| format!("k{i}: v\n")).collect();
    refused(many.as_bytes(), "more than 50000 values");
}

/// What would be judged is bounded, and so is finding out that it is too much.
#[test]
fn checks_segments_and_limits_are_bounded() {
    let head = "plan: p\nroute: r\nowner: o\nsteps: [{ shift: 100% }]\n";
    let many =
        |n: usize, one: &dyn Fn(usize) -> String| (0..n).map(one).collect::<Vec<_>>().join(", ");
    let values = many(40_000, &|i| format!("v{i}"));
    refused(format!("{head}segments: {{ a: [{values}] }}\n").as_bytes(), "`a` has 40000 entries");
    let attributes = many(15_000, &|i| format!("a{i}: [x]"));
    refused(format!("{head}segments: {{ {attributes} }}\n").as_bytes(), "15000 segments");
    let checks = many(10_000, &|i| format!("c{i}: {{ tolerate: 1.1x }}"));
    refused(format!("{head}checks: {{ {checks} }}\n").as_bytes(), "10000 checks");
    let limits = many(15_000, &|_| "{ errors_above: 5% }".to_owned());
    refused(
        format!("{head}checks: {{ c: {{ limit: [{limits}] }} }}\n").as_bytes(),
        "`limit` has 15000 entries",
    );
    let used = many(40_000, &|i| format!("r{i}"));
    let route = format!("route: r\nsplit: {{ observe: {{}} }}\nused_by: [{used}]\n");
    refused(route.as_bytes(), "`used_by` has 40000 entries");
}

#[test]
fn a_problem_cannot_steer_the_terminal() {
    let read = digest("plan: p\n\"\\e[2J\u{202e}x\": \u{9b}31m\n".as_bytes());
    let told = shown(&read);
    assert!(!told.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{told:?}");
}

#[test]
fn long_lines_are_cut_around_their_problem() {
    let text =
        format!("plan: p\nroute: r\nowner: {}\nbake: {} x\n", "o".repeat(5000), "9".repeat(5000));
    let told = shown(&digest(text.as_bytes()));
    assert!(told.lines().all(|l| l.chars().count() < 400), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        digest(&bytes);
    }

    #[test]
    fn random_yaml_like_text_is_read(text in "([a-z]{1,4}|[\\[\\]{}:,?&*!|>'\"%@`#$~-]|  |\\n|\\n  |: |- |\\t|5%|10m){0,120}") {
        digest(text.as_bytes());
    }

    /// Edits of good files reach the deeper rules that noise never does.
    #[test]
    fn edited_examples_are_read(
        which in 0..EXAMPLES.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[ -~\\n]{0,6}"), 1..6),
    ) {
        let mut bytes = EXAMPLES[which].1.as_bytes().to_vec();
        for (at, cut, put) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, put.bytes());
        }
        digest(&bytes);
    }
}
