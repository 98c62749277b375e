//! One rollout: all right or not, what it waits for, until about when, what can be done; then the numbers.

use super::{Layout, journal, person, share};
use crate::api::views::{
    BandView, CheckView, CountsView, CutView, RevertView, RolloutView, StepState, StepView,
};
use crate::cli::paint::{spread, table, wrap};
use crate::domain::human;
use crate::judge::words::{percent, thousands, times, value};

/// Characters of the bar that shows how near evidence is to its limit.
const BAR: usize = 10;

/// The whole text of `tidegate show`.
pub fn show(view: &RolloutView, layout: &Layout) -> String {
    let mut lines = vec![headline(view, layout)];
    match &view.revert {
        Some(revert) => lines.extend(told(view, revert, layout)),
        None => lines.extend(under_way(view, layout)),
    }
    lines.extend(view.recent.iter().take(4).map(|l| journal::line(l, layout)));
    lines.extend(actions(view, layout));
    lines.join("\n")
}

/// Who started it and when: the right end of the first line.
pub fn begun(view: &RolloutView, layout: &Layout) -> String {
    format!(
        "{} · started {} UTC by {}",
        view.owner,
        layout.time(view.started_at),
        person(&view.started_by)
    )
}

fn headline(view: &RolloutView, layout: &Layout) -> String {
    let paint = layout.paint;
    let (mark, name) = match view.phase.word.as_str() {
        "reverted" | "reverting" => (paint.red("✕ "), paint.red(&view.name)),
        "completed" => (paint.green("✓ "), paint.green(&view.name)),
        _ if view.needs_person => (paint.yellow("! "), paint.yellow(&view.name)),
        _ => (String::new(), paint.bold(&view.name)),
    };
    let head = match &view.revert {
        Some(_) => format!("{mark}{name} {}", view.headline),
        None => {
            format!("{mark}{name}   {} → {}   {}", view.baseline, view.canary, view.headline)
        }
    };
    let tail = match (view.needs_person, view.phase.ended) {
        (true, _) => paint.yellow("needs a person"),
        (false, true) if observed(view) && view.revert.is_some() => {
            paint.yellow("nobody was moved by us")
        }
        (false, true) => paint.dim("no action needed"),
        (false, false) => paint.dim(&begun(view, layout)),
    };
    spread(&head, &tail, layout.width)
}

/// Somebody else moves the traffic.
fn observed(view: &RolloutView) -> bool {
    view.split.splitter == "observe"
}

fn under_way(view: &RolloutView, layout: &Layout) -> Vec<String> {
    let mut lines = vec![spread(
        &wrap(&format!("  {}", ladder(&view.ladder, layout)), layout.width, "    "),
        &split(view),
        layout.width,
    )];
    lines.extend(waits(view, layout));
    for CutView { attribute, value, since, sentence } in &view.cuts {
        let since = layout.time(*since);
        let text = format!("  {attribute} {value} went back alone {since} UTC: {sentence}");
        lines.push(layout.paint.yellow(&wrap(&text, layout.width, "    ")));
    }
    if let Some(doubt) = &view.doubt {
        let text = format!("  in doubt, {}: {}", doubt.word, doubt.detail);
        lines.push(layout.paint.yellow(&wrap(&text, layout.width, "    ")));
    }
    lines.extend(checks(view, layout));
    lines
}

/// `1 % ── 5 % ── [ 25 % ] ── 50 %`, as it will run.
fn ladder(steps: &[StepView], layout: &Layout) -> String {
    let step = |s: &StepView| match s.state {
        StepState::Current => layout.paint.bold(&format!("[ {} ]", s.label)),
        StepState::Done => s.label.clone(),
        StepState::Skipped => format!("({})", s.label),
        StepState::Ahead => layout.paint.dim(&s.label),
    };
    steps.iter().map(step).collect::<Vec<_>>().join(" ── ")
}

/// `wish 25 % · seen 24.9 % · haproxy 3 of 3 follow`.
fn split(view: &RolloutView) -> String {
    let split = &view.split;
    let cut = |c: &CutView| format!(", {} {} 0 %", c.attribute, c.value);
    let cuts: String = view.cuts.iter().map(cut).collect();
    let mut parts = vec![format!("wish {}{cuts}", share(split.wish_ppm))];
    if let Some(seen) = split.seen_share {
        parts.push(format!("seen {}", percent(seen)));
    }
    match &split.follow {
        Some(f) if f.expected.max(f.known) > 0 => {
            let of = f.expected.max(f.known);
            parts.push(format!("{} {} of {of} follow", split.splitter, f.following));
        }
        _ => parts.push(split.splitter.clone()),
    }
    parts.join(" · ")
}

/// What ends the wait, and when about.
fn waits(view: &RolloutView, layout: &Layout) -> Option<String> {
    let what = view.waits_for.as_ref()?;
    let until = view.until.map(|at| format!("{} UTC", layout.time(at)));
    let next = view.ladder.iter().find(|s| s.state == StepState::Ahead);
    let text = match (until, next) {
        // A bake opens the next step; every other wait has a word of its own for what comes then.
        (Some(at), Some(next)) if view.phase.word == "baking" => {
            format!("  {} about {at}: {what}", next.label)
        }
        (Some(at), _) if view.phase.word == "baking" => format!("  the end about {at}: {what}"),
        (Some(at), _) => format!("  waits for: {what}; until {at}"),
        (None, _) => format!("  waits for: {what}"),
    };
    let mut text = wrap(&text, layout.width, "    ");
    let missing = view.split.follow.iter().filter(|f| !f.confirmed).flat_map(|f| &f.waiting_for);
    for line in missing.filter(|line| !what.contains(line.as_str())) {
        text.push_str(&format!("\n    {line}"));
    }
    Some(text)
}

fn checks(view: &RolloutView, layout: &Layout) -> Option<String> {
    if view.checks.is_empty() {
        return None;
    }
    let limit = view.evidence.as_ref().map(|e| format!(" (reverts at {})", e.limit_text));
    let head = [
        "check".to_owned(),
        format!("canary {}", view.canary),
        format!("baseline {}", view.baseline),
        "canary is".to_owned(),
        format!("evidence of harm{}", limit.unwrap_or_default()),
    ];
    let mut rows = vec![head.map(|h| layout.paint.dim(&h)).to_vec()];
    rows.extend(view.checks.iter().map(|c| check(c, layout)));
    let of_canary = view.checks.iter().filter(|check| check.together.is_none()).count();
    if let Some(all) = view.evidence.as_ref().filter(|_| of_canary > 1) {
        let blank = String::new;
        let odds = format!("{:<13} {}", all.text, bar(all.towards_limit, layout));
        rows.push(vec!["all".to_owned(), blank(), blank(), blank(), odds]);
    }
    Some(table(&rows, "  "))
}

fn check(check: &CheckView, layout: &Layout) -> Vec<String> {
    if let Some(both) = &check.together {
        let text = if both.worse { layout.paint.red(&both.text) } else { both.text.clone() };
        let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        // Beside nothing, for it is long: in the last column it widens no other.
        return vec![check.name.clone(), cell(&both.now), cell(&both.before), String::new(), text];
    }
    let [canary, baseline] = arms(check);
    let ratio = match &check.means {
        Some(m) => Some(m.canary / m.baseline).filter(|ratio| *ratio > 0.0 && ratio.is_finite()),
        None => check.step.ratio,
    };
    let evidence = match &check.evidence {
        Some(e) => format!("{:<13} {}", e.text, bar(e.towards_limit, layout)),
        None if check.tolerate.is_some() => "no look yet".to_owned(),
        None => "limits only".to_owned(),
    };
    vec![
        check.name.clone(),
        canary,
        baseline,
        ratio.map_or_else(|| "–".to_owned(), |ratio| times(ratio) + &range(check.band)),
        evidence,
    ]
}

/// Canary and baseline: `0.153 % (40 of 26,144)`, `3.04 % over 250 ms (30 of 986)`, `24.1 in the mean of 300`, `812`.
fn arms(check: &CheckView) -> [String; 2] {
    if let Some(m) = &check.means {
        let mean = |mean: f64, events: u64| match check.what.as_str() {
            "level" => value(mean),
            _ => format!("{} in the mean of {}", value(mean), thousands(events)),
        };
        return [mean(m.canary, m.canary_events), mean(m.baseline, m.baseline_events)];
    }
    let (how, of) = match check.what.as_str() {
        "users failed" => (String::new(), " users"),
        slow if slow.starts_with("over ") => (format!(" {slow}"), ""),
        _ => (String::new(), ""),
    };
    let arm = |rate: Option<f64>, failures: u64, requests: u64| match rate {
        Some(rate) => {
            let (failures, requests) = (thousands(failures), thousands(requests));
            format!("{}{how} ({failures} of {requests}{of})", percent(rate))
        }
        None => match check.what.as_str() {
            "level" => "no reading yet".to_owned(),
            "mean" => "no event yet".to_owned(),
            _ => "no requests yet".to_owned(),
        },
    };
    let CountsView { canary_rate, baseline_rate, .. } = check.step;
    [
        arm(canary_rate, check.step.canary_failures, check.step.canary_requests),
        arm(baseline_rate, check.step.baseline_failures, check.step.baseline_requests),
    ]
}

/// ` 0.6 to 2.6`, beside the ratio.
fn range(band: Option<BandView>) -> String {
    let number = |end: f64| times(end).trim_end_matches('x').to_owned();
    match band {
        Some(BandView { low, high: Some(high) }) => {
            format!("  {} to {}", low.map_or_else(|| "0".to_owned(), number), number(high))
        }
        Some(BandView { low: Some(low), high: None }) => format!("  {} and more", number(low)),
        _ => String::new(),
    }
}

/// How far the evidence is on its way to the limit; the numbers stand beside it.
fn bar(towards: f64, layout: &Layout) -> String {
    let filled = ((towards.clamp(0.0, 1.0) * BAR as f64).round() as usize).min(BAR);
    let text = format!("▏{}{}▕", "█".repeat(filled), "·".repeat(BAR - filled));
    match filled {
        0..=4 => text,
        5..=8 => layout.paint.yellow(&text),
        _ => layout.paint.red(&text),
    }
}

/// A revert, told: who has what again, since when, on what evidence, at what price.
fn told(view: &RolloutView, revert: &RevertView, layout: &Layout) -> Vec<String> {
    let decided = format!("decided {} UTC by {}", revert.decided_at.0.clock(), person(&revert.by));
    let first = match (revert.in_force_at, revert.took_ms) {
        _ if observed(view) => {
            format!("  Observed only: put everybody on {} yourself; {decided}", view.baseline)
        }
        (Some(_), Some(ms)) => format!(
            "  Everybody is on {} again: {decided}, in force after {}",
            view.baseline,
            human(std::time::Duration::from_secs_f64(ms.clamp(0.0, 1e12) / 1000.0))
        ),
        (Some(_), None) => format!("  Everybody is on {} again: {decided}", view.baseline),
        (None, _) => format!("  Going back to {}: {decided}, not yet in force", view.baseline),
    };
    let follow = view.split.follow.iter().filter(|_| revert.in_force_at.is_none());
    let missing = follow.flat_map(|f| f.waiting_for.iter().map(|w| format!("  {w}")));
    let sentences = revert.sentences.iter().map(|s| format!("  {s}"));
    let all = std::iter::once(first).chain(missing).chain(sentences);
    all.map(|text| wrap(&text, layout.width, "    ")).collect()
}

fn actions(view: &RolloutView, layout: &Layout) -> Option<String> {
    let parts = view.actions.iter().map(|a| &a.command).chain(&view.dashboard);
    // A command broken over two lines is no command to paste.
    let parts: Vec<String> = parts.map(|p| p.replace(' ', "\u{a0}")).collect();
    let text = wrap(&format!("  you can: {}", parts.join(" · ")), layout.width, "    ");
    (!parts.is_empty()).then(|| layout.paint.dim(&text.replace('\u{a0}', " ")))
}
