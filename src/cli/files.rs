//! Plan files on disk: finding and reading them.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::plan::LARGEST;

/// Directories below each other; deeper ones are a loop of links or no plans.
const DEEPEST: usize = 16;

/// A file as the reader wants it.
#[derive(Debug)]
pub struct PlanFile {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// The files named, and all `.yaml` and `.yml` in the directories named, sorted. `-` is stdin.
///
/// # Errors
/// When one cannot be read, or when there is none.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<PlanFile>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, DEEPEST, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        let what = format!("there is no .yaml or .yml file in {}", named.join(", "));
        return Err(Failure::usage(what, "name the files, or the directory they are in"));
    }
    found.iter().map(|path| read(path)).collect()
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::file("read", directory, error);
    let entries: Result<Vec<_>, _> = fs::read_dir(directory).map_err(failed)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(failed)?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths.into_iter().filter(|p| !is_hidden(p)) {
        if path.is_dir() && !path.is_symlink() && depth > 0 {
            walk(&path, depth - 1, found)?;
        } else if path.is_file() && is_yaml(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}

/// One byte more than the reader takes is enough for it to refuse the file.
fn read(path: &Path) -> Result<PlanFile, Failure> {
    let failed = |error| Failure::file("read", path, error);
    let mut bytes = Vec::new();
    let most = LARGEST as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(PlanFile { path: "stdin".to_owned(), bytes });
    }
    fs::File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(PlanFile { path: path.display().to_string(), bytes })
}
