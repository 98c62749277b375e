//! Colour, which never carries meaning alone, and laying words out in columns.

/// Paints, or leaves as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

/// Texts as they are.
#[cfg(test)]
pub const PLAIN: Paint = Paint { on: false };

impl Paint {
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Characters a terminal shows: colours take no place.
pub fn shown_width(text: &str) -> usize {
    let mut inside = false;
    let visible = text.chars().filter(|c| {
        let starts = *c == '\x1b';
        let hidden = inside || starts;
        inside = (inside || starts) && !c.is_ascii_alphabetic();
        !hidden
    });
    visible.count()
}

/// Filled up to `width` on the right; longer texts stay whole.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(shown_width(text))))
}

/// At most `width` characters, with `…` where something is left out.
pub fn cut(text: &str, width: usize) -> String {
    if shown_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let (mut inside, mut used) = (false, 0);
    for c in text.chars() {
        let hidden = inside || c == '\x1b';
        inside = hidden && !c.is_ascii_alphabetic();
        if !hidden && used + 1 >= width {
            break;
        }
        used += usize::from(!hidden);
        kept.push(c);
    }
    let reset = if text.contains('\x1b') { "\x1b[0m" } else { "" };
    format!("{kept}…{reset}")
}

/// `head` on the left, `tail` at the right edge where there is room, else on the next line.
pub fn spread(head: &str, tail: &str, width: usize) -> String {
    let used = shown_width(head) + shown_width(tail);
    match width.checked_sub(used).filter(|gap| *gap >= 3) {
        _ if tail.is_empty() => head.to_owned(),
        Some(gap) => format!("{head}{}{tail}", " ".repeat(gap)),
        None => format!("{head}\n  {tail}"),
    }
}

/// Words broken at spaces so that no line is longer than `width`; lines after the first begin with `indent`.
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    let words = text.trim_start_matches(' ');
    let mut lines = vec![text[..text.len() - words.len()].to_owned()];
    let mut begins = true;
    for word in words.split(' ') {
        let used = lines.last().map_or(0, |line| shown_width(line));
        if !begins && used + 1 + shown_width(word) > width {
            lines.push(indent.to_owned());
            begins = true;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if begins { "" } else { " " });
            line.push_str(word);
        }
        begins = false;
    }
    lines.join("\n")
}

/// Rows as columns that line up, two spaces between them.
pub fn table(rows: &[Vec<String>], indent: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| shown_width(c)).max();
    let widths: Vec<usize> = (0..columns).map(|i| widest(i).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(c, w)| left(c, *w)).collect();
        format!("{indent}{}", cells.join("   ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_place() {
        let red = Paint::new(true).red("abc");
        assert_eq!(red, "\x1b[31mabc\x1b[0m");
        assert_eq!(shown_width(&red), 3);
        assert_eq!(cut(&red, 2), "\x1b[31ma…\x1b[0m");
        assert_eq!(cut(&red, 3), red);
        assert_eq!(PLAIN.red("abc"), "abc");
    }

    #[test]
    fn words_go_where_there_is_room() {
        assert_eq!(spread("ab", "cd", 9), "ab     cd");
        assert_eq!(spread("ab", "cd", 6), "ab\n  cd");
        assert_eq!(wrap("one two three", 8, "  "), "one two\n  three");
        assert_eq!(wrap("  one two", 6, "  "), "  one\n  two");
        assert_eq!(wrap("1:00  longest", 6, "  "), "1:00 \n  longest");
        let rows = [vec!["a".into(), "b".into()], vec!["long".into(), "c".into()]];
        assert_eq!(table(&rows, " "), " a      b\n long   c");
    }
}
