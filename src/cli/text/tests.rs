//! Whole texts, as a person sees them.

use serde_json::json;

use super::sample::{self, baking, line, read};
use super::*;
use crate::api::views::{CheckView, ExplainView, JournalLineView, NowView, RolloutSummary};
use crate::cli::paint::PLAIN;

fn layout() -> Layout {
    let now: At = read(json!("2026-11-25T14:26:10Z"));
    Layout { width: 118, paint: PLAIN, now: now.0 }
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let expect = expect.trim_start_matches('\n');
    assert!(text == expect, "got:\n{text}\n\nexpected:\n{expect}\n");
}

#[test]
fn a_bake_is_told() {
    check(&show(&baking(), &layout()), "
checkout#42   v412 → v413   all well, baking                               team-payments · started 14:02:00 UTC by ana
  1 % ── 5 % ── gate payments-leads ── [ 25 % ] ── 50 % ── 90 % for 4h ── 100 %
  wish 25 % · seen 24.9 % · haproxy 3 of 3 follow
  50 % about 14:32:00 UTC: bake 4m10s of 10m; errors must rule out 1.8x: about 7,400 more canary requests, 70 s
  check     canary v413              baseline v412            canary is   evidence of harm (reverts at 100 : 1)
  errors    0.153 % (40 of 26,144)   0.121 % (95 of 78,512)   1.3x        0.36 : 1      ▏··········▕
  crashes   no requests yet          no requests yet          –           limits only
  all                                                                     20 : 1        ▏███████···▕
  14:22:00  25 % in force on 3 of 3 after 41 ms
  14:22:00  approved by jonas
  you can: tidegate pause checkout · tidegate revert checkout");
}

#[test]
fn every_kind_of_check_is_shown_in_its_own_terms() {
    let mut view = baking();
    let like = view.checks[0].clone();
    let of = |name: &str, what: &str, means: serde_json::Value| {
        let means = read(means);
        CheckView { name: name.to_owned(), what: what.to_owned(), means, ..like.clone() }
    };
    let means =
        json!({ "canary": 24.1, "baseline": 19.8, "canary_events": 300, "baseline_events": 5_000 });
    let mut unread = of("queue", "level", json!(null));
    unread.step = read(json!({ "canary_requests": 0, "canary_failures": 0, "baseline_requests": 0,
        "baseline_failures": 0, "canary_rate": null, "baseline_rate": null, "ratio": null }));
    view.checks = vec![
        of("latency", "over 250 ms", json!(null)),
        of("crashes", "users failed", json!(null)),
        of("basket", "mean", means.clone()),
        of("memory", "level", means),
        unread,
    ];
    let text = show(&view, &layout());
    let starts = [
        "  latency   0.153 % over 250 ms (40 of 26,144)   0.121 % over 250 ms (95 of 78,512)   1.3x",
        "  crashes   0.153 % (40 of 26,144 users)         0.121 % (95 of 78,512 users)         1.3x",
        "  basket    24.1 in the mean of 300              19.8 in the mean of 5,000            1.2x",
        "  memory    24.1                                 19.8                                 1.2x",
        "  queue     no reading yet                       no reading yet                       –",
    ];
    let rows: Vec<&str> = text.lines().skip(5).take(starts.len()).collect();
    for (row, start) in rows.iter().zip(starts) {
        assert!(row.starts_with(start), "{text}");
    }
}

#[test]
fn a_revert_is_told() {
    check(&show(&sample::reverted(), &layout()), "
✕ checkout#42 reverted at 25 %: errors: v413 fails 3.8x as often as v412                              no action needed
  Everybody is on v412 again: decided 14:30:20.412 UTC by the judge, in force after 38 ms
  Since the harm began: 39 of 7,486 requests failed on v413, 30 of 22,045 on v412
  Evidence 111 : 1, limit 100 : 1
  Hurt: about 29 requests more than v412 would have failed
  v413 stays off until someone starts it
  14:22:00  25 % in force on 3 of 3 after 41 ms
  14:22:00  approved by jonas
  you can: tidegate retry checkout#42 --from 5% · tidegate explain checkout#42");
}

#[test]
fn what_waits_for_a_person_says_so() {
    let mut view = baking();
    view.needs_person = true;
    view.phase.word = "gated".to_owned();
    view.headline = "waits for approval".to_owned();
    view.waits_for = Some("payments-leads to approve; without an answer it reverts".to_owned());
    view.until = Some(read(json!("2026-11-26T14:22:00Z")));
    let text = show(&view, &layout());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("! checkout#42   v412 → v413   waits for approval"), "{text}");
    assert!(lines[0].ends_with("needs a person"), "{text}");
    let wait = "  waits for: payments-leads to approve; without an answer it reverts; until Nov 26 14:22 UTC";
    assert_eq!(lines[3], wait);
}

#[test]
fn a_segment_that_was_cut_is_told_with_its_reason() {
    let mut view = baking();
    view.cuts = read(json!([{
        "attribute": "platform", "value": "ios", "since": "2026-11-25T06:12:00Z",
        "sentence": "errors in platform ios: v413 fails 3.8x as often as v412",
    }]));
    let text = show(&view, &layout());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[2], "  wish 25 %, platform ios 0 % · seen 24.9 % · haproxy 3 of 3 follow");
    let why = "  platform ios went back alone 06:12:00 UTC: errors in platform ios: v413 fails 3.8x as often as v412";
    assert_eq!(lines[4], why, "{text}");
}

#[test]
fn narrow_terminals_lose_nothing() {
    let narrow = Layout { width: 60, ..layout() };
    let text = show(&baking(), &narrow);
    for word in ["wish 25 %", "seen 24.9 %", "team-payments", "tidegate revert checkout", "7,400"] {
        assert!(text.contains(word), "{word}\n{text}");
    }
}

fn row(name: &str, group: &str, holds: &str, told: &str) -> serde_json::Value {
    let ended = (group == "ended").then_some("2026-11-25T02:11:00Z");
    let command = (group == "needs_you").then(|| format!("tidegate approve {name}"));
    json!({
        "name": name, "plan": "p", "route": "r", "owner": "o", "canary": "v2", "baseline": "v1",
        "group": group, "phase": "x", "holds": holds, "headline": told, "waits_for": null,
        "until": (group == "stepping").then_some("2026-11-25T14:32:00Z"),
        "weight_ppm": 50_000, "doubt": null, "started_by": "ci", "started_at": "2026-11-25T02:00:00Z",
        "ended_at": ended, "command": command,
    })
}

#[test]
fn who_needs_you_comes_first() {
    let rows = json!([
        row("geo#18", "stepping", "baking", "all well, baking"),
        row("fx#9", "ended", "reverted", "reverted at 5 %: errors"),
        row("ledger#2", "needs_you", "gate", "waits for approval"),
    ]);
    let rollouts: Vec<RolloutSummary> = read(rows);
    check(&list(&rollouts, false, &layout()), "
NEEDS YOU 1                                                                                        Wednesday 14:26 UTC
  ledger#2   gate       5 %   waits for approval                             tidegate approve ledger#2
STEPPING 1
  geo#18     baking     5 %   all well, baking          about 14:32:00 UTC
ENDED 1
  fx#9       reverted   5 %   reverted at 5 %: errors   02:11:00 UTC");
}

#[test]
fn a_cut_says_what_was_cut_and_not_what_the_bake_waits_for() {
    let told = "platform ios at 0 % since 06:12, others 5 % and well";
    let mut cut = row("search-v2#3", "needs_you", "cut", told);
    cut["waits_for"] = json!("bake 20 s of 10m");
    let rollouts: Vec<RolloutSummary> = read(json!([cut]));
    let text = list(&rollouts, false, &layout());
    assert!(text.contains(told) && !text.contains("bake"), "{text}");
}

#[test]
fn long_groups_are_cut_and_say_so() {
    let rows: Vec<_> =
        (1..=12).map(|n| row(&format!("geo#{n}"), "stepping", "baking", "all well")).collect();
    let rollouts: Vec<RolloutSummary> = read(json!(rows));
    let text = list(&rollouts, false, &layout());
    assert!(text.ends_with("  … and 2 more: tidegate list --all"), "{text}");
    assert_eq!(list(&rollouts, true, &layout()).lines().count(), 13);
}

#[test]
fn the_command_that_helps_is_never_cut() {
    let sentence =
        "payments-leads to approve; without an answer it reverts, and so on and so forth";
    let rollouts: Vec<RolloutSummary> =
        read(json!([row("ledger#2", "needs_you", "gate", sentence)]));
    let narrow = Layout { width: 80, ..layout() };
    let text = list(&rollouts, false, &narrow);
    assert!(text.ends_with("tidegate approve ledger#2"), "{text}");
    assert!(text.contains('…') && text.lines().all(|l| l.chars().count() <= 80), "{text}");
    let long = "tidegate approve ledger-contract --answer BACKUP_ID --answer TICKET";
    let mut asked = row("ledger-contract#2", "needs_you", "gate", sentence);
    asked["command"] = json!(long);
    let rollouts: Vec<RolloutSummary> =
        read(json!([asked, row("geo#18", "stepping", "baking", "well")]));
    let text = list(&rollouts, false, &narrow);
    assert!(text.contains(&format!("\n      {long}\nSTEPPING 1\n")), "{text}");
}

#[test]
fn nothing_in_flight_is_said() {
    let text = list(&[], false, &layout());
    assert!(text.starts_with("No rollout is in flight"), "{text}");
}

#[test]
fn three_in_the_morning() {
    let view: NowView = read(json!({
        "at": "2026-11-25T14:26:10Z",
        "headline": "Tidegate is well. 2 routes changed in the last 6 h, 1 looks ill.",
        "changed": [
            { "route": "search", "rollout": "search#31", "canary": "v88", "weight_ppm": 500_000,
              "since": "2026-11-25T12:58:00Z", "ill": true, "needs_person": true,
              "text": "blind, the weight stays 50 %", "command": "tidegate revert search" },
            { "route": "ledger", "rollout": "ledger#2", "canary": "v2", "weight_ppm": 1_000_000,
              "since": "2026-11-25T11:40:00Z", "ill": false, "needs_person": false,
              "text": "completed", "command": "tidegate revert ledger#2" },
        ],
        "kills": [{ "route": "geo", "by": "mia", "because": "sick", "at": "2026-11-25T11:00:00Z" }],
        "within_seconds": 21600.0,
    }));
    check(
        &now(&view, &layout()),
        "
14:26:10 UTC  Tidegate is well. 2 routes changed in the last 6 h, 1 looks ill.
  search   50 %    v88 since 12:58:00   blind, the weight stays 50 %   tidegate revert search
  ledger   100 %   v2 since 11:40:00    completed                      tidegate revert ledger#2
  killed   geo since 11:00:00 UTC by mia: sick   tidegate unkill geo",
    );
}

fn look(time: &str, canary: &str, baseline: &str, evidence: &str) -> serde_json::Value {
    let check = json!({ "name": "errors", "compared": true, "numbers": null, "canary": canary, "baseline": baseline });
    json!({
        "number": 1, "at": format!("2026-11-25T{time}Z"), "lasting_seconds": 10.0, "weight_ppm": 250_000,
        "checks": [check], "log_evidence": 0.5, "log_limit": 4.6, "evidence": evidence, "sentence": "x",
    })
}

#[test]
fn looks_fill_columns_as_far_as_they_fit() {
    let mut view: ExplainView = read(json!({
        "rollout": serde_json::to_value(sample::reverted()).expect("a view is JSON"),
        "story": [], "verdicts": [], "terms": [],
        "looks": (0..5).map(|n| look(&format!("14:30:0{n}"), "1/9", "?", "limits only")).collect::<Vec<_>>(),
        "recomputed": { "outcome": "different", "text": "NOT THE SAME BITS" },
    }));
    let narrow = Layout { width: 80, ..layout() };
    check(
        &looks::lines(&view, &narrow).join("\n"),
        "
  look by look: evidence of harm
    14:30:00  limits only    14:30:02  limits only    14:30:04  limits only
    14:30:01  limits only    14:30:03  limits only
    NOT THE SAME BITS",
    );
    view.looks_of = Some("errors".to_owned());
    let narrow = Layout { width: 60, ..layout() };
    check(
        &looks::lines(&view, &narrow).join("\n"),
        "
  look by look: errors on v413, on v412, evidence of harm
    14:30:00  1/9  ?  limits only
    14:30:01  1/9  ?  limits only
    14:30:02  1/9  ?  limits only
    14:30:03  1/9  ?  limits only
    14:30:04  1/9  ?  limits only
    NOT THE SAME BITS",
    );
}

#[test]
fn a_revert_is_explained() {
    let view: ExplainView = read(json!({
        "rollout": serde_json::to_value(sample::reverted()).expect("a view is JSON"),
        "story": ["errors since the harm began: v413 39 of 7,486 = 0.521 %, v412 30 of 22,045 = 0.136 %, 3.8x; tolerated 1.1x."],
        "verdicts": [line(11, "14:30:20.412000", "the judge", "regression: evidence 111 : 1")],
        "looks": [look("14:30:00", "7/1,012", "1/3,115", "41 : 1"), look("14:30:10", "3/1,079", "3/3,174", "53 : 1"),
            look("14:30:20", "4/1,062", "4/3,236", "111 : 1")],
        "looks_of": "errors",
        "recomputed": { "outcome": "same", "text": "recomputed from the kept looks: same bits" },
        "terms": [{ "term": "hurt", "meaning": "failures beyond what the baseline would have failed" }],
    }));
    check(&explain(&view, &layout()), "
checkout#42 reverted at 25 %: errors: v413 fails 3.8x as often as v412   (team-payments · started 14:02:00 UTC by ana)
  errors since the harm began: v413 39 of 7,486 = 0.521 %, v412 30 of 22,045 = 0.136 %, 3.8x; tolerated 1.1x.
  verdicts, as they changed (UTC)
    14:30:20  regression: evidence 111 : 1
  look by look: errors on v413, on v412, evidence of harm
    14:30:00  7/1,012  1/3,115   41 : 1    14:30:10  3/1,079  3/3,174   53 : 1    14:30:20  4/1,062  4/3,236  111 : 1
    recomputed from the kept looks: same bits
  words
    hurt  failures beyond what the baseline would have failed
  you may: tidegate retry checkout#42 --from 5% · tidegate explain checkout#42");
}

#[test]
fn a_journal_is_numbered() {
    let lines: Vec<JournalLineView> = read(json!([
        line(1, "14:02:00.000000", "ana", "v412 → v413"),
        line(2, "14:02:00.001000", "the engine", "1 %"),
    ]));
    check(
        &journal(&lines, &layout()),
        "
   1  2026-11-25T14:02:00.000Z  x             ana           v412 → v413
   2  2026-11-25T14:02:00.001Z  x             the engine    1 %",
    );
}
