//! SQLite: one process, one writer, many readers.
