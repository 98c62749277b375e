//! Which known word was probably meant.

/// The nearest of `known` to what was written, when near enough to be a slip of the finger.
pub(super) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = match written.chars().count() {
        0..=1 => return None,
        2..=3 => 1,
        4..=7 => 2,
        // A key longer than any of ours is no slip, and would make the distance dear.
        8..=40 => 3,
        _ => return None,
    };
    let ranked = known.into_iter().map(|k| (distance(written, k), k));
    ranked.filter(|(d, _)| *d <= most).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other, case aside.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_mended_and_strangers_are_not() {
        let known = ["shift", "gate", "hook", "bake", "hold_back"];
        let rows = [
            ("shfit", Some("shift")),
            ("Gate", Some("gate")),
            ("holdback", Some("hold_back")),
            ("bakes", Some("bake")),
            ("canary", None),
            ("", None),
        ];
        for (written, expect) in rows {
            assert_eq!(nearest(written, known), expect, "{written}");
        }
    }
}
