//! One problem a row: what is written, what is said.
