//! `rules import`: other people's rules as a file of ours, printed. Owns the files that are looked at and the count of what was
//! refused.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use walkdir::WalkDir;

use crate::cli::arguments::exit;
use crate::config::sigma;
use crate::config::stem;

/// What rules are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum From {
    /// Sigma rules for CloudTrail, as SigmaHQ publishes them
    Sigma,
}

pub(super) fn run(from: From, paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    let (mut imported, mut refused) = (0, 0);
    for path in paths.iter().flat_map(|path| files(path)) {
        let read = match &path {
            Ok(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("cannot be read: {error}"))
                .and_then(|text| match from {
                    From::Sigma => sigma::read(&stem(path), &text),
                })
                .map_err(|why| format!("{}: {why}", path.display())),
            Err(why) => Err(why.clone()),
        };
        match read {
            Ok(rule) => {
                imported += 1;
                writeln!(out, "{}", rule.toml).context("cannot write to standard output")?;
            }
            Err(why) => {
                refused += 1;
                eprintln!("trailnoti: refused: {why}");
            }
        }
    }
    eprintln!("{imported} rules imported, {refused} refused; write them to a file in rules.d and run check");
    Ok(if imported == 0 { ExitCode::from(exit::DATA) } else { ExitCode::SUCCESS })
}

/// The files of rules that a path stands for, in the order of their names.
fn files(path: &Path) -> Vec<Result<PathBuf, String>> {
    let is_rule = |path: &Path| path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    let entries = WalkDir::new(path).sort_by_file_name().into_iter();
    entries
        .filter_map(|entry| match entry {
            Ok(entry) if entry.depth() == 0 && entry.file_type().is_file() => Some(Ok(entry.into_path())),
            Ok(entry) => Some(entry.into_path()).filter(|path| path.is_file() && is_rule(path)).map(Ok),
            Err(error) => Some(Err(format!("{}: cannot be read: {error}", path.display()))),
        })
        .collect()
}
