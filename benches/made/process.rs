//! The real process over an AWS on loopback, and what it takes of memory and processor time.

#![allow(dead_code, reason = "each bench uses a part")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_trailnoti");

/// Starts the daemon with the default configuration: nothing of this machine reaches it but its state, in `home`.
pub fn start(aws: &str, key: &str, home: &Path) -> Child {
    start_with(aws, key, home, None)
}

/// Starts the daemon with a configuration in `home`.
pub fn start_with(aws: &str, key: &str, home: &Path, config: Option<&str>) -> Child {
    let mut command = Command::new(PROGRAM);
    command.arg("run").current_dir(home);
    command.args(config.into_iter().flat_map(|config| ["--config", config]));
    command
        .env_clear()
        .env("HOME", home)
        .env("AWS_ENDPOINT_URL", aws)
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("TRAILNOTI__HTTP__LISTEN", "off")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// How long `trailnoti healthcheck` takes beside the daemon that has its configuration in `home`.
pub fn health(home: &Path) -> Duration {
    let begun = Instant::now();
    let mut command = Command::new(PROGRAM);
    command.args(["healthcheck", "--config", "trailnoti.toml"]).current_dir(home).env_clear();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
    assert!(status.success(), "it is alive");
    begun.elapsed()
}

/// Seconds that a process had of the processors, its own and the system's for it (proc(5): fields 14 and 15 of `stat`,
/// in hundredths of a second on Linux).
pub fn processor_time(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("read");
    let after_name = stat.rsplit_once(')').expect("a stat").1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("a number")).sum();
    ticks / 100.0
}

/// Bytes that a process had written to the disk (proc(5), `io`).
pub fn written(process: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).expect("read");
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).expect("what it wrote");
    written.parse().expect("a number")
}

/// What a process has of the memory, and had at most (proc(5), `status`).
pub fn memory(process: u32) -> String {
    let (now, most) = (mebibytes(process, "VmRSS:"), mebibytes(process, "VmHWM:"));
    let own = mebibytes(process, "RssAnon:");
    format!("{now:.1} MiB ({most:.1} MiB at most, {own:.1} MiB without the program itself)")
}

/// What a process has of the memory, in MiB.
pub fn resident(process: u32) -> f64 {
    mebibytes(process, "VmRSS:")
}

fn mebibytes(process: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("read");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
}

/// How often a process waits for the disk in so long, by strace; none where that cannot be counted.
pub fn syncs(process: u32, long: Duration) -> Option<usize> {
    let folder = tempfile::tempdir().expect("a folder");
    let calls = folder.path().join("calls");
    let mut strace = Command::new("strace")
        .args(["-f", "-q", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"])
        .arg(&calls)
        .args(["-p", &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    std::thread::sleep(long);
    if strace.try_wait().expect("it can be asked").is_some() {
        return None;
    }
    // At SIGTERM it lets go of the process; at SIGKILL too, and what it has not written is lost.
    Command::new("kill").arg(strace.id().to_string()).status().expect("asked to end");
    strace.wait().expect("it ends");
    Some(std::fs::read_to_string(calls).expect("written").lines().filter(|line| line.contains('(')).count())
}
