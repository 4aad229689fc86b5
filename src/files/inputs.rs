//! Which files there are, and in which order they are read. Owns what counts as a file of events, and what a name says
//! of its time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use walkdir::WalkDir;

/// What is read at once.
const CHUNK: usize = 64 * 1024;

/// A file of events, or standard input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// What its name says of its time, as `20260302T1005Z`; empty where it says nothing.
    time: String,
    path: PathBuf,
}

/// The files that paths name, in the order of their times, as far as their names tell them: CloudTrail names its log
/// files `ACCOUNT_CloudTrail_REGION_20260302T1005Z_….json.gz` (CloudTrail user guide, "Log file name format"). A folder
/// stands for every file of events below it. `-` is standard input.
///
/// # Errors
/// What cannot be found or read, each with its path.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Input>, Vec<String>> {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input { time: String::new(), path: path.clone() });
            continue;
        }
        let mut found = 0;
        for entry in WalkDir::new(path).follow_links(true) {
            match entry {
                // What is named itself may also be a pipe.
                Ok(entry)
                    if (entry.depth() == 0 && !entry.file_type().is_dir())
                        || (entry.file_type().is_file() && is_events(entry.path())) =>
                {
                    inputs.push(Input { time: time_of(entry.path()), path: entry.into_path() });
                    found += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    let at = error.path().unwrap_or(path).display().to_string();
                    let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    problems.push(format!("{at}: cannot be read: {why}"));
                }
            }
        }
        if found == 0 && problems.is_empty() {
            problems.push(format!(
                "{}: contains no event files (.json, .jsonl or .ndjson, also with .gz)",
                path.display()
            ));
        }
    }
    inputs.sort();
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

/// Digest files prove that log files were not changed, and hold no events.
fn is_events(path: &Path) -> bool {
    let text = path.to_string_lossy().to_lowercase();
    let name = text.strip_suffix(".gz").unwrap_or(&text);
    [".json", ".jsonl", ".ndjson"].iter().any(|end| name.ends_with(end))
        && !text.contains("cloudtrail-digest")
}

fn time_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_time = |part: &&str| {
        part.len() == 14
            && part.ends_with('Z')
            && part.bytes().enumerate().all(|(n, byte)| match n {
                8 => byte == b'T',
                13 => true,
                _ => byte.is_ascii_digit(),
            })
    };
    name.split('_').find(is_time).unwrap_or_default().to_owned()
}

impl Input {
    /// Its name in messages.
    pub fn name(&self) -> String {
        if self.path.as_os_str() == "-" {
            "standard input".to_owned()
        } else {
            self.path.display().to_string()
        }
    }

    /// Its bytes, unpacked where they are gzip: that is known by how they begin.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let raw: Box<dyn Read + Send> = if self.path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(&self.path)?)
        };
        let mut raw = BufReader::with_capacity(CHUNK, raw);
        let is_gzip = raw.fill_buf()?.starts_with(&[0x1F, 0x8B]);
        Ok(if is_gzip { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_files_of_all_regions_are_read_in_the_order_of_their_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "us-east-1/1_CloudTrail_us-east-1_20260302T1005Z_a.json.gz",
            "eu-west-1/1_CloudTrail_eu-west-1_20260302T1000Z_b.json.gz",
            "eu-west-1/1_CloudTrail_eu-west-1_20260302T1010Z_c.json",
            "CloudTrail-Message/1_CloudTrail-Digest_eu-west-1_t_eu-west-1_20260302T1010Z.json.gz",
            "notes.txt",
        ];
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "{}").expect("written");
        }
        let found = find(&[folder.path().to_owned()]).expect("found");
        let ends: Vec<String> =
            found.iter().map(|one| one.name().rsplit('_').next().expect("a part").into()).collect();
        assert_eq!(ends, ["b.json.gz", "a.json.gz", "c.json"]);
        assert!(find(&[folder.path().join("nowhere")]).is_err());
    }
}
