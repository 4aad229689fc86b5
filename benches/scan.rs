//! What scanning costs: `cargo bench --bench scan` makes a folder of log files as CloudTrail writes them, runs the real
//! program over it, and prints records a second and the largest resident memory. `-- --records N --files N --keep FOLDER`
//! makes another input, or keeps it.

#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs, reason = "a measurement")]

mod made;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use made::{Dice, record};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailnoti");
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given =
        |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1));
    let number =
        |name: &str, default: usize| given(name).map_or(default, |text| text.parse().expect("a number"));
    let (records, files) = (number("--records", 300_000), number("--files", 300));
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = given("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    let bytes = make(&folder, records, files);
    println!("{records} records in {files} gzip files, {:.0} MB of JSON", bytes as f64 / 1e6);
    let mut best = f64::MAX;
    let mut largest: f64 = 0.0;
    for _ in 0..ROUNDS {
        let (seconds, resident) = scan(&folder);
        best = best.min(seconds);
        largest = largest.max(resident);
    }
    println!(
        "  {:.0} records a second on {} cores (the best of {ROUNDS}: {best:.2} s), all built-in rules",
        records as f64 / best,
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    );
    println!("  largest resident memory {largest:.0} MB");
}

/// Writes log files in the layout of a trail's bucket; the size of their JSON is answered.
fn make(folder: &Path, records: usize, files: usize) -> usize {
    let each = records / files;
    let mut bytes = 0;
    for file in 0..files {
        let mut dice = Dice(file as u64 + 1);
        let minute = file as i64 * 5;
        let mut text = String::from(r#"{"Records":["#);
        for n in 0..each {
            if n > 0 {
                text.push(',');
            }
            text.push_str(&record(&mut dice, minute * 60 + (n * 300 / each) as i64, 1_300));
        }
        text.push_str("]}");
        bytes += text.len();
        let (day, left) = (minute / 1440, minute % 1440);
        let time = format!("202603{:02}T{:02}{:02}Z", 1 + day, left / 60, left % 60);
        let path = folder.join(format!("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/{:02}", 1 + day));
        std::fs::create_dir_all(&path).expect("made");
        let path = path.join(format!("111122223333_CloudTrail_eu-west-1_{time}_{file:016}.json.gz"));
        let mut gzip = GzEncoder::new(std::fs::File::create(path).expect("made"), Compression::default());
        gzip.write_all(text.as_bytes()).expect("written");
        gzip.finish().expect("written");
    }
    bytes
}

/// Seconds, and megabytes at most.
fn scan(folder: &Path) -> (f64, f64) {
    let begun = Instant::now();
    let mut child = Command::new(PROGRAM)
        .args(["scan", "--json"])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let status = format!("/proc/{}/status", child.id());
    let mut largest: f64 = 0.0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let resident = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        largest = largest.max(resident.unwrap_or(0.0));
        if child.try_wait().expect("asked").is_some() {
            return (begun.elapsed().as_secs_f64(), largest / 1e3);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
