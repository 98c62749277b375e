//! What is wrong in a file: the place, the words, the mend.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An error keeps the document from being used; a warning is legal and unwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warn,
}

/// One problem of a file. `Display` prints it with its source line underlined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub severity: Severity,
    pub path: String,
    /// From 1; 0 when the problem is the file as a whole.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
    /// Further lines, such as the figures behind a warning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<Snippet>,
}

/// The source line a problem is in, cut to what a terminal shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    pub text: String,
    /// Where the underline starts in `text`, in characters from 0.
    pub start: usize,
    /// At least 1.
    pub width: usize,
}

/// A stretch of one line. Lines and columns count from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
    pub width: usize,
}

impl Snippet {
    const LONGEST: usize = 120;

    fn cut(line: &str, at: Place) -> Self {
        let column = at.column.saturating_sub(1);
        let skip = column.saturating_sub(Self::LONGEST / 2);
        let text: String = line.chars().skip(skip).take(Self::LONGEST).map(tame).collect();
        let start = column - skip;
        let room = text.chars().count().saturating_sub(start).max(1);
        Self { text, start, width: at.width.clamp(1, room) }
    }
}

/// A file must not move the cursor or recolour the terminal of whoever lints it, nor reorder what they read.
fn tame(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Quotes a text of the file in a message: one line, at most 60 characters.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).map(tame).collect();
    let more = if text.chars().nth(60).is_some() { "…" } else { "" };
    format!("`{short}{more}`")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warn => "warn",
        };
        match self.line {
            0 => write!(f, "{}", self.path)?,
            _ => write!(f, "{}:{}:{}", self.path, self.line, self.column)?,
        }
        write!(f, "  {word}  {}", self.message)?;
        match &self.snippet {
            Some(s) => {
                write!(f, "\n{:>5} | {}\n      | ", self.line, s.text.trim_end())?;
                write!(f, "{}{} {}", " ".repeat(s.start), "^".repeat(s.width), self.mend)?;
            }
            None if self.mend.is_empty() => {}
            None => write!(f, "\n      {}", self.mend)?,
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n      {note}"))
    }
}

/// Collects the problems of one file. Bounded, for a hostile file could have millions.
pub(super) struct Sink<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
    pub problems: Vec<Problem>,
    errors: usize,
}

impl<'a> Sink<'a> {
    const MOST: usize = 100;

    pub fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, lines: text.lines().collect(), problems: Vec::new(), errors: 0 }
    }

    pub fn error(&mut self, at: Place, message: impl Into<String>, mend: impl Into<String>) {
        self.errors += 1;
        match self.errors {
            n if n < Self::MOST => self.push(Severity::Error, at, message.into(), mend.into()),
            n if n == Self::MOST => self.push(
                Severity::Error,
                at,
                "too many errors, the rest of the file is not reported".to_owned(),
                String::new(),
            ),
            _ => {}
        }
    }

    pub fn warn(&mut self, at: Place, message: impl Into<String>, mend: impl Into<String>) {
        if self.problems.len() < 2 * Self::MOST {
            self.push(Severity::Warn, at, message.into(), mend.into());
        }
    }

    /// How many errors there were so far, reported or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    fn push(&mut self, severity: Severity, at: Place, message: String, mend: String) {
        self.problems.push(self.place(severity, at, message, mend));
    }

    pub fn place(&self, severity: Severity, at: Place, message: String, mend: String) -> Problem {
        let line = at.line.checked_sub(1).and_then(|i| self.lines.get(i));
        Problem {
            severity,
            path: self.path.to_owned(),
            line: at.line,
            column: at.column,
            message,
            mend,
            notes: Vec::new(),
            snippet: line.map(|line| Snippet::cut(line, at)),
        }
    }
}
