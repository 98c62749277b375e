//! Logs: structured, to standard error, quiet unless asked.
//!
//! Owns: where log lines go and which are shown.
//! Does not: tell people what a command did; the printer does.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// Starts logging. The second call in a process changes nothing: the first reader of the command line decides.
///
/// # Errors
/// When `filter` is no level (`warn`, `info`, ...) and no list like `warn,tidegate=debug`.
pub fn start(filter: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|e| format!("`{filter}` is no log level: {e}; write `warn`, `info` or `debug`"))?;
    let out = std::io::stderr;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(out);
    // Somebody else's subscriber, as in tests, stays.
    let _ = match format {
        Format::Text => lines.with_ansi(out().is_terminal()).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
