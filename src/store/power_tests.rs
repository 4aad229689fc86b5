//! Kills and power losses at every write: a workload is recorded once, system call by system call (strace), and the files are
//! made as they would be had it ended anywhere. Needs strace, so that `.ci/run` asks for these tests by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::tests::{clock, keep, open, routes, told};
use super::*;

/// In the environment of the process that is recorded: the folder of its state.
const RECORDED: &str = "TRAILNOTI_RECORDED_STATE";
const CALLS: &str = "openat,creat,pwrite64,write,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
/// What the workload settles: no more than the outbox shows of one group at once.
const ALERTS: u64 = 39;

/// One thing that was done, to files that are named from the state's folder.
#[derive(Debug, Clone, PartialEq)]
enum Done {
    Folder(PathBuf),
    Create(PathBuf),
    Empty(PathBuf),
    Write {
        file: PathBuf,
        at: Option<usize>,
        bytes: Vec<u8>,
    },
    Cut {
        file: PathBuf,
        to: usize,
    },
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Sync(PathBuf),
    /// So many alerts are settled.
    Settled(u64),
}

async fn work(folder: &Path) {
    let mut settled = 0;
    // Each opening does what only an opening does.
    for _ in 0..3 {
        let store = open(folder).await;
        for _ in 0..ALERTS / 3 {
            keep(&store, &told(settled), &routes(&["a"])).await;
            settled += 1;
            println!("settled {settled}");
        }
        store.checkpoint().await;
        store.close().await;
    }
}

static RECORDING: LazyLock<Vec<Done>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let (state, log) = (folder.path().join("state"), folder.path().join("log"));
    let this = std::env::current_exe().expect("this program");
    let output = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "10000000", "-e", &format!("trace={CALLS}"), "-o"])
        .arg(&log)
        .arg(this)
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "store::power_tests::r2_a_kill_at_any_write_loses_nothing",
        ])
        .env(RECORDED, &state)
        .output()
        .expect("strace runs: install it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let done = read(&fs::read_to_string(&log).expect("a log"), &state);
    assert_eq!(done.iter().filter(|done| matches!(done, Done::Settled(_))).count() as u64, ALERTS);
    done
});

/// Reads strace's log. A call that others interrupt is done where it ends.
fn read(log: &str, state: &Path) -> Vec<Done> {
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut done = Vec::new();
    for line in log.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(process, first.to_owned());
        } else if let Some((_, rest)) =
            call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>"))
        {
            let first = begun.remove(process).unwrap_or_default();
            done.extend(one(&format!("{first}{rest}"), state));
        } else {
            done.extend(one(call, state));
        }
    }
    done
}

fn one(call: &str, state: &Path) -> Option<Done> {
    let (name, rest) = call.split_once('(')?;
    // Before the answer, strace fills the line with spaces.
    let (rest, answer) = rest.rsplit_once(" = ")?;
    let arguments = rest.trim_end().strip_suffix(')')?;
    if answer.starts_with('-') {
        return None;
    }
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let of_state = |bytes: Vec<u8>| {
        let path = PathBuf::from(String::from_utf8(bytes).ok()?);
        path.strip_prefix(state).ok().map(Path::to_owned)
    };
    let text = |n: usize| arguments.get(n).map(|argument| unhex(argument.trim_matches('"')));
    let path = |n: usize| of_state(text(n)?);
    let file = |n: usize| {
        let (_, path) = arguments.get(n)?.split_once('<')?;
        of_state(unhex(path.trim_end_matches('>')))
    };
    let number = |n: usize| arguments.get(n)?.parse::<usize>().ok();
    match name {
        "mkdir" => Some(Done::Folder(path(0)?)),
        "mkdirat" => Some(Done::Folder(path(1)?)),
        "openat" | "creat" => {
            let (path, how) =
                if name == "creat" { (path(0)?, "O_TRUNC") } else { (path(1)?, *arguments.get(2)?) };
            if how.contains("O_TRUNC") {
                Some(Done::Empty(path))
            } else {
                how.contains("O_CREAT").then_some(Done::Create(path))
            }
        }
        "pwrite64" => Some(Done::Write { file: file(0)?, at: Some(number(3)?), bytes: text(1)? }),
        "write" => match file(0) {
            Some(file) => Some(Done::Write { file, at: None, bytes: text(1)? }),
            None => {
                let said = String::from_utf8(text(1)?).ok()?;
                Some(Done::Settled(said.strip_prefix("settled ")?.trim().parse().ok()?))
            }
        },
        "ftruncate" => Some(Done::Cut { file: file(0)?, to: number(1)? }),
        "rename" => Some(Done::Rename(path(0)?, path(1)?)),
        "renameat" | "renameat2" => Some(Done::Rename(path(1)?, path(3)?)),
        "unlink" => Some(Done::Remove(path(0)?)),
        "unlinkat" => Some(Done::Remove(path(1)?)),
        "fsync" | "fdatasync" => Some(Done::Sync(file(0)?)),
        _ => None,
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

/// The folder as it is after some of what was done.
#[derive(Debug, Clone, Default)]
struct Image {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Image {
    fn apply(&mut self, done: &Done) {
        match done {
            Done::Folder(path) => _ = self.folders.insert(path.clone()),
            Done::Create(path) => _ = self.files.entry(path.clone()).or_default(),
            Done::Empty(path) => self.files.entry(path.clone()).or_default().clear(),
            Done::Write { file, at, bytes } => {
                let file = self.files.entry(file.clone()).or_default();
                let at = at.unwrap_or(file.len());
                file.resize(file.len().max(at + bytes.len()), 0);
                file[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Done::Cut { file, to } => self.files.entry(file.clone()).or_default().resize(*to, 0),
            Done::Rename(from, to) => {
                let moved: Vec<PathBuf> =
                    self.files.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let rest = path.strip_prefix(from).expect("it is in there").to_owned();
                    let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    let bytes = self.files.remove(&path).unwrap_or_default();
                    self.files.insert(target, bytes);
                }
                if self.folders.remove(from) {
                    self.folders.insert(to.clone());
                }
            }
            Done::Remove(path) => {
                self.files.remove(path);
                self.folders.remove(path);
            }
            Done::Sync(_) | Done::Settled(_) => {}
        }
    }

    fn write(&self, root: &Path) {
        fs::create_dir_all(root).expect("made");
        for folder in &self.folders {
            fs::create_dir_all(root.join(folder)).expect("made");
        }
        for (path, bytes) in &self.files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        }
    }
}

/// The state opens, as the same and soon, and has every alert that was settled.
#[allow(clippy::disallowed_methods, reason = "opening takes real time")]
async fn has_all(image: &Image, settled: u64, what: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("state");
    image.write(&root);
    let begun = Instant::now();
    let (store, opened) = Store::open(&root, clock()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
    let pending = store.pending("a").await.expect("read").0;
    let ids: BTreeSet<String> = pending.into_iter().map(|pending| pending.alert.id).collect();
    let missing: Vec<u64> = (0..settled).filter(|n| !ids.contains(&format!("alert-{n}"))).collect();
    assert!(missing.is_empty(), "{what}, opened {opened:?}: {missing:?} of {settled} are gone");
}

/// How many alerts were settled by then.
fn settled_by(done: &[Done]) -> u64 {
    let settled = |done: &Done| if let Done::Settled(n) = done { Some(*n) } else { None };
    done.iter().filter_map(settled).max().unwrap_or(0)
}

/// A kill leaves all that was done before it: R2, after each of some thousand writes, truncations and renames.
#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn r2_a_kill_at_any_write_loses_nothing() {
    if let Some(folder) = std::env::var_os(RECORDED) {
        return work(Path::new(&folder)).await;
    }
    let (done, mut image) = (&*RECORDING, Image::default());
    let mut tried = 0;
    for (n, one) in done.iter().enumerate() {
        image.apply(one);
        if !matches!(one, Done::Settled(_) | Done::Sync(_)) {
            has_all(&image, settled_by(&done[..=n]), &format!("killed after {n}")).await;
            tried += 1;
        }
    }
    println!("{tried} kills, nothing lost");
    assert!(tried > 120, "{tried}");
}

/// A power loss leaves what was synced, and of the rest whatever it likes, in parts of 512 bytes: R3. Files are made, named and
/// removed in order, as a journal keeps it, up to any of what came after the last sync.
#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn r3_a_power_loss_at_any_moment_loses_nothing_that_was_settled() {
    let done = &*RECORDING;
    let mut tried = 0;
    for end in 1..=done.len() {
        if !matches!(done[end - 1], Done::Sync(_) | Done::Settled(_)) {
            continue;
        }
        for seed in 0..6_u64 {
            let image =
                after_power_loss(&done[..end], seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ end as u64, seed);
            has_all(&image, settled_by(&done[..end]), &format!("power lost after {end}, {seed}")).await;
            tried += 1;
        }
    }
    println!("{tried} power losses, nothing lost");
    assert!(tried > 120, "{tried}");
}

/// What is on the disk when the power goes: with the first two seeds nothing, or everything, of what was not synced.
fn after_power_loss(done: &[Done], mut random: u64, seed: u64) -> Image {
    let last_sync = done.iter().rposition(|done| matches!(done, Done::Sync(_))).map_or(0, |at| at + 1);
    // The names that a journal has by then.
    let named = if seed == 1 {
        done.len()
    } else {
        last_sync + (next(&mut random) as usize) % (done.len() - last_sync + 1)
    };
    let mut image = Image::default();
    for (n, one) in done.iter().enumerate() {
        match one {
            Done::Write { file, at, bytes } => {
                let is_synced =
                    done[n..].iter().any(|later| matches!(later, Done::Sync(path) if path == file));
                if is_synced {
                    image.apply(one);
                } else if seed > 0 && image.files.contains_key(file) {
                    let at = at.unwrap_or_else(|| image.files.get(file).map_or(0, Vec::len));
                    for (part, bytes) in bytes.chunks(512).enumerate() {
                        if seed == 1 || next(&mut random).is_multiple_of(2) {
                            let part = Done::Write {
                                file: file.clone(),
                                at: Some(at + part * 512),
                                bytes: bytes.to_vec(),
                            };
                            image.apply(&part);
                        }
                    }
                }
            }
            _ if n < named => image.apply(one),
            _ => {}
        }
    }
    image
}

/// splitmix64, so that a seed says it all.
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = (*random ^ (*random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
