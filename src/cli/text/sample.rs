//! Views as a server sends them, for tests.

use serde_json::{Value, json};

use crate::api::views::RolloutView;

/// checkout#42 in its bake at 25 %.
pub fn baking() -> RolloutView {
    read(baking_json())
}

/// The same one, put back by the judge.
pub fn reverted() -> RolloutView {
    let mut view = baking_json();
    let changes = json!({
        "group": "ended",
        "phase": { "word": "reverted", "step": null, "since": null, "was": null, "ended": true },
        "headline": "reverted at 25 %: errors: v413 fails 3.8x as often as v412",
        "waits_for": null,
        "until": null,
        "progress": null,
        "latch": "revert",
        "ended_at": "2026-11-25T14:30:20.450000Z",
        "revert": {
            "by": "the judge",
            "decided_at": "2026-11-25T14:30:20.412000Z",
            "in_force_at": "2026-11-25T14:30:20.450000Z",
            "took_ms": 38.0,
            "from_ppm": 250_000,
            "check": "errors",
            "counts": counts(7_486, 39, 22_045, 30),
            "extra_failures": 28.8,
            "sentences": [
                "Since the harm began: 39 of 7,486 requests failed on v413, 30 of 22,045 on v412",
                "Evidence 111 : 1, limit 100 : 1",
                "Hurt: about 29 requests more than v412 would have failed",
                "v413 stays off until someone starts it",
            ],
        },
        "actions": [
            { "name": "retry", "command": "tidegate retry checkout#42 --from 5%", "text": "" },
            { "name": "explain", "command": "tidegate explain checkout#42", "text": "" },
        ],
    });
    for (key, value) in changes.as_object().into_iter().flatten() {
        view[key] = value.clone();
    }
    read(view)
}

pub fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).expect("a sample is a view")
}

pub fn line(seq: i64, at: &str, by: &str, text: &str) -> Value {
    let at = format!("2026-11-25T{at}Z");
    json!({ "seq": seq, "at": at, "by": by, "kind": "x", "text": text, "detail": {}, "hash": "" })
}

fn counts(canary: u64, canary_failures: u64, baseline: u64, baseline_failures: u64) -> Value {
    let rate = |failures: u64, requests: u64| failures as f64 / requests as f64;
    let (c, b) = (rate(canary_failures, canary), rate(baseline_failures, baseline));
    json!({
        "canary_requests": canary,
        "canary_failures": canary_failures,
        "baseline_requests": baseline,
        "baseline_failures": baseline_failures,
        "canary_rate": c,
        "baseline_rate": b,
        "ratio": c / b,
    })
}

fn evidence(odds: f64, text: &str) -> Value {
    let towards = (odds.ln() / 100_f64.ln()).max(0.0);
    json!({ "odds": odds, "limit": 100.0, "text": text, "limit_text": "100 : 1", "towards_limit": towards })
}

fn step(label: &str, state: &str) -> Value {
    json!({ "kind": "shift", "label": label, "weight_ppm": null, "bake_seconds": null, "state": state })
}

fn baking_json() -> Value {
    json!({
        "name": "checkout#42",
        "plan": "checkout",
        "revision": 3,
        "route": "checkout",
        "owner": "team-payments",
        "canary": "v413",
        "baseline": "v412",
        "inputs": { "version": "v413" },
        "group": "stepping",
        "phase": { "word": "baking", "step": 3, "since": "2026-11-25T14:22:00.041000Z", "was": null, "ended": false },
        "headline": "all well, baking",
        "waits_for": "bake 4m10s of 10m; errors must rule out 1.8x: about 7,400 more canary requests, 70 s",
        "until": "2026-11-25T14:32:00.000000Z",
        "needs_person": false,
        "progress": { "earned_seconds": 250.0, "bake_seconds": 600.0 },
        "ladder": [
            step("1 %", "done"),
            step("5 %", "done"),
            step("gate payments-leads", "done"),
            step("25 %", "current"),
            step("50 %", "ahead"),
            step("90 % for 4h", "ahead"),
            step("100 %", "ahead"),
        ],
        "split": {
            "splitter": "haproxy",
            "wish_ppm": 250_000,
            "generation": 12,
            "confirmed_at": "2026-11-25T14:22:00.041000Z",
            "follow": { "following": 3, "known": 3, "expected": 3, "confirmed": true, "waiting_for": [] },
            "seen_share": 0.249,
        },
        "checks": [
            {
                "name": "errors",
                "tolerate": "1.1x",
                "step": counts(26_144, 40, 78_512, 95),
                "since": null,
                "evidence": evidence(0.36, "0.36 : 1"),
                "promotion": null,
                "dispersion": 1.0,
            },
            {
                "name": "crashes",
                "tolerate": null,
                "step": { "canary_requests": 0, "canary_failures": 0, "baseline_requests": 0, "baseline_failures": 0,
                    "canary_rate": null, "baseline_rate": null, "ratio": null },
                "since": null,
                "evidence": null,
                "promotion": null,
                "dispersion": 1.0,
            },
        ],
        "evidence": evidence(20.0, "20 : 1"),
        "finding": { "kind": "thin", "check": "errors", "sentence": "needs more" },
        "doubt": null,
        "reason": null,
        "latch": "none",
        "started_by": "ana",
        "started_at": "2026-11-25T14:02:00.000000Z",
        "first_exposed_at": "2026-11-25T14:02:01.000000Z",
        "ended_at": null,
        "return_until": null,
        "revert": null,
        "actions": [
            { "name": "pause", "command": "tidegate pause checkout", "text": "hold this weight" },
            { "name": "revert", "command": "tidegate revert checkout", "text": "everybody back to v412" },
        ],
        "dashboard": null,
        "recent": [
            line(9, "14:22:00.041000", "the engine", "25 % in force on 3 of 3 after 41 ms"),
            line(8, "14:22:00.000000", "jonas", "approved by jonas"),
        ],
        "version": 17,
    })
}
