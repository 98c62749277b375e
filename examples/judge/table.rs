//! Columns of text.

const LABEL: usize = 33;
const CELL: usize = 11;

pub fn title(text: &str) {
    println!("\n## {text}\n");
}

pub fn row<T: AsRef<str>>(label: &str, cells: impl IntoIterator<Item = T>) {
    let cells: String = cells.into_iter().map(|cell| format!("{:>CELL$}", cell.as_ref())).collect();
    println!("{label:<LABEL$}{cells}");
}

/// As many digits as mean something.
pub fn number(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.1}"),
        v if v < 100_000.0 => format!("{v:.0}"),
        v => format!("{v:.1e}"),
    }
}

/// `12.3±.5`
pub fn with_error(value: f64, error: f64) -> String {
    let digits = usize::from(value < 100.0);
    format!("{value:.digits$}±{error:.digits$}")
}
