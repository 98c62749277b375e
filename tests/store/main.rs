//! The store's contract, and what only the SQLite adapter promises.

mod contract;
mod fixtures;
mod pushed;
mod sqlite;
