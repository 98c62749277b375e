//! A row or more for each law.

use super::play::Play;

pub(super) const PLAN: &str = "
plan: checkout
route:
  split: { pull: { instances: 1 } }
  arm: { label: version }
  count: push
  serves: v412
owner: payments
inputs: [version]
canary: $version
bake: 30s
steps:
  - shift: 1%
  - gate: { approve: leads, timeout: 1h }
  - shift: 50%
  - shift: 100%
";

/// Plays a script and compares where it ends.
#[track_caller]
fn check(script: &str, expect: &str) {
    check_plan(PLAN, script, expect);
}

#[track_caller]
fn check_plan(plan: &str, script: &str, expect: &str) {
    let mut play = Play::new(plan);
    let lines = script.lines().map(str::trim).filter(|l| !l.is_empty());
    let history: Vec<String> =
        lines.flat_map(|l| [vec![l.to_owned()], play.line(l)].concat()).collect();
    let last = history.last().map(|l| l.trim_matches(['[', ']']));
    assert_eq!(last, Some(expect), "\n{}", history.join("\n"));
}

#[test]
fn smoke() {
    check("start\n+1s confirmed\nlooks 3 pass", "gated step 2 at 1 %");
}
