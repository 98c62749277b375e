//! The only writer to the terminal: data on stdout, everything else on stderr.

use std::cell::Cell;
use std::error::Error;
use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};

use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::paint::Paint;

/// Columns where there is no terminal to ask, and the most that a text is laid out for.
const USUAL_WIDTH: usize = 110;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    // No doc comments here: with them clap lays the whole help out with a blank line after each option.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug)]
pub struct Printer {
    json: bool,
    paint: Paint,
    paint_errors: Paint,
    width: usize,
    height: usize,
    live: bool,
    /// Lines of the frame that the next one is drawn over.
    drawn: Cell<usize>,
    /// Nobody reads stdout any more, as in `tidegate list | head -1`.
    gone: Cell<bool>,
}

impl Printer {
    pub fn new(json: bool, colour: When) -> Self {
        let size = terminal_size::terminal_size();
        let (width, height) =
            size.map_or((USUAL_WIDTH, 50), |(w, h)| (usize::from(w.0), usize::from(h.0)));
        let terminal = stdout().is_terminal();
        Self {
            json,
            paint: Paint::new(wants(colour, terminal)),
            paint_errors: Paint::new(wants(colour, stderr().is_terminal())),
            width: width.clamp(40, USUAL_WIDTH.max(width.min(140))),
            height: height.max(10),
            live: terminal && !json,
            drawn: Cell::new(0),
            gone: Cell::new(false),
        }
    }

    /// Whether `--json` was given: programs read this.
    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// Columns to lay texts out for.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether progress is drawn in place.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Whether a person is there to be asked.
    pub fn can_ask(&self) -> bool {
        stdin().is_terminal() && stderr().is_terminal()
    }

    /// Whether going on makes no sense: nobody reads.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// What was asked for.
    pub fn data(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        self.write(&format!("{text}\n"));
    }

    /// What was asked for, for programs: one document on one line.
    pub fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.data(&text),
            Err(error) => self.say(&format!("this cannot be written as JSON: {error}")),
        }
    }

    /// What a person likes to know beside the data.
    pub fn say(&self, text: &str) {
        let _ = writeln!(stderr(), "{text}"); // Without a stderr there is nobody to tell.
    }

    /// Draws over the frame before, cut to the terminal so that it can be drawn over again.
    pub fn frame(&self, text: &str) {
        let lines: Vec<String> =
            text.lines().take(self.height - 1).map(|l| super::paint::cut(l, self.width)).collect();
        let up = match self.drawn.replace(lines.len()) {
            0 => String::new(),
            n => format!("\x1b[{n}A\r"),
        };
        let body: String = lines.iter().map(|l| format!("{l}\x1b[K\n")).collect();
        self.write(&format!("{up}{body}\x1b[J"));
    }

    /// What follows stands below the last frame.
    pub fn end_frames(&self) {
        self.drawn.set(0);
    }

    /// One question, answered by `y`; anything else is no.
    pub fn confirm(&self, question: &str) -> bool {
        let mut answer = String::new();
        let _ = write!(stderr(), "{question} [y/N] ").and_then(|()| stderr().flush());
        let read = stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    /// A failure with its chain of causes, once, and what to do.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            return self.json(&failure.json());
        }
        let mut text = format!("{} {failure}", self.paint_errors.red("error:"));
        let mut cause = failure.source();
        while let Some(error) = cause {
            text.push_str(&format!("\n  because {error}"));
            cause = error.source();
        }
        for problem in failure.problems() {
            text.push_str(&format!("\n{}", problem.text));
        }
        if let Some(mend) = failure.mend() {
            text.push_str(&format!("\n  {mend}"));
        }
        self.say(&text);
    }

    fn write(&self, text: &str) {
        let mut out = stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.gone.set(true);
        }
    }
}

fn wants(colour: When, terminal: bool) -> bool {
    match colour {
        When::Always => true,
        When::Never => false,
        When::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}

/// What the argument parser has to say: help and version are data, mistakes are not.
pub fn usage(told: &clap::Error, json: bool) -> Exit {
    if json && told.use_stderr() {
        let text = told.render().to_string();
        let what = text.trim_start_matches("error: ").trim_end();
        Printer::new(true, When::Never).failure(&Failure::usage(what, "see --help"));
        return Exit::Usage;
    }
    let _ = told.print(); // Nobody reads: nobody to tell.
    if told.use_stderr() { Exit::Usage } else { Exit::Done }
}
