//! Reading short formal texts from the left: what selectors and expositions have in common.

use std::borrow::Cow;

/// What is left of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

/// An escape and what it stands for.
pub(super) type Escapes = [(char, char)];

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Blanks and line ends: where a person may wrap.
    pub(super) fn skip_white(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `[A-Za-z_][A-Za-z0-9_]*`, with `:` where `colons`. `None`: there is no such name here.
    pub(super) fn name(&mut self, colons: bool) -> Option<&'a str> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    /// Everything up to the next blank or the end. `None`: there is nothing.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// What stands up to the closing `quote`; the opening one has been eaten.
    ///
    /// # Errors
    /// What is wrong: no end, or an escape that is none.
    pub(super) fn quoted(
        &mut self,
        quote: char,
        escapes: &Escapes,
    ) -> Result<Cow<'a, str>, String> {
        let raw = escapes.is_empty();
        let mut unescaped = String::new();
        let mut plain_from = 0;
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                let tail = &self.rest[plain_from..at];
                self.rest = &self.rest[at + quote.len_utf8()..];
                let whole = plain_from == 0;
                return Ok(if whole { tail.into() } else { (unescaped + tail).into() });
            }
            if c == '\\' && !raw {
                let escape = chars.next().map(|(_, e)| e);
                let known = escapes.iter().find(|(e, _)| Some(*e) == escape);
                let (e, meaning) =
                    known.ok_or_else(|| format!("`\\{}` is no escape", escape.unwrap_or(' ')))?;
                unescaped.push_str(&self.rest[plain_from..at]);
                unescaped.push(*meaning);
                plain_from = at + 1 + e.len_utf8();
            }
        }
        Err(format!("a text that begins with {quote} has no end"))
    }
}
