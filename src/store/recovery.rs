//! Opening the state, also when it is damaged. Owns the steps from mending to beginning anew; never throws a
//! damaged state away without a copy.
//!
//! The steps are those that brought back 159 of 159 damaged states in measurements: take away a half-written
//! snapshot (a kill inside `open` leaves one, and sled takes it for the newest), then the file `conf`, then the
//! snapshots, then begin anew. Errors of the disk, of rights and of the lock are not damage and never enter here.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::store::error::SCHEMA;
use crate::store::error::StoreError;
use crate::store::rows;
use crate::store::rows::key;

/// What happened to the state when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It was there, or is new.
    AsItWas,
    /// It was damaged or gone, and begun anew from the checkpoint; a copy of the damaged one is kept.
    Reset {
        /// What was wrong with it, in words.
        why: String,
        /// Where the copy is, if there was anything to copy.
        copy: Option<PathBuf>,
    },
}

/// sled's own cache; its metadata is larger, so more brings nothing for small states.
const CACHE: u64 = 1024 * 1024;
/// How often a state that is held is tried before it is believed: about a second.
const HELD: usize = 2_000;
/// What must be free for writing to be worth a try, in bytes.
const ROOM: usize = 1024 * 1024;
/// The file that is given up when the disk is full, and its size in bytes: sled's segments have half a mebibyte.
const RESERVE: &str = "reserve";
const RESERVED: usize = 2 * 1024 * 1024;

/// The folder that sled writes in.
pub(super) fn database(path: &Path) -> PathBuf {
    path.join("db")
}

pub(super) fn open(path: &Path, now: Timestamp) -> Result<(sled::Db, Opened), StoreError> {
    let create = |error: std::io::Error| StoreError::Create { path: path.to_owned(), why: error.to_string() };
    fs::create_dir_all(path).map_err(create)?;
    // What is kept says who did what; others of this machine have no business in it, whatever the umask was. A volume that is
    // another's to own stays as it is.
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o700)) {
        tracing::warn!("cannot close {} to other users: {error}", path.display());
    }
    check_version(path)?;
    let begun = path.join("version").exists();
    let (db, mut opened) = climb(path, now)?;
    // sled takes a file of rubbish for an empty one, and says nothing: a row that is always there tells.
    let engine = |error: sled::Error| StoreError::Engine(error.to_string());
    if db.get(key::born()).map_err(engine)?.is_none() {
        if begun && opened == Opened::AsItWas {
            let copy = place_for_copy(path, now);
            let copied = copy_folder(&database(path), &copy).is_ok();
            opened = Opened::Reset { why: "the database is empty".to_owned(), copy: copied.then_some(copy) };
        }
        db.insert(key::born(), rows::time(now)).and_then(|_| db.flush()).map_err(engine)?;
    }
    Ok((db, opened))
}

/// The state is one of this version from now on, and whoever opens it after a power loss finds its files.
pub(super) fn seal(path: &Path) -> Result<(), StoreError> {
    let create = |error: std::io::Error| StoreError::Create { path: path.to_owned(), why: error.to_string() };
    File::create(path.join("version"))
        .and_then(|mut file| file.write_all(format!("{SCHEMA}\n").as_bytes()).and_then(|()| file.sync_all()))
        .map_err(create)?;
    let files = [database(path).join("conf"), database(path).join("db"), database(path), path.to_owned()];
    for file in files {
        // sled writes `conf` without syncing it, and without it nothing opens after a power loss.
        if let Ok(file) = File::open(file) {
            file.sync_all().map_err(create)?;
        }
    }
    Ok(())
}

/// Whether an older version kept the state.
pub(super) fn is_older(path: &Path) -> bool {
    let version = fs::read_to_string(path.join("version")).ok();
    version.and_then(|text| text.trim().parse::<u32>().ok()).is_some_and(|found| found < SCHEMA)
}

/// A newer state is refused before sled touches a byte of it.
fn check_version(path: &Path) -> Result<(), StoreError> {
    match fs::read_to_string(path.join("version")) {
        Ok(text) if text.trim().parse::<u32>().is_ok_and(|found| found > SCHEMA) => {
            Err(StoreError::Newer { path: path.to_owned(), found: text.trim().to_owned() })
        }
        _ => Ok(()),
    }
}

fn climb(path: &Path, now: Timestamp) -> Result<(sled::Db, Opened), StoreError> {
    remove(path, |name| name.starts_with("snap.") && name.ends_with(".generating"));
    let why = match try_open(path)? {
        Ok(db) => return Ok((db, Opened::AsItWas)),
        Err(why) => why,
    };
    let copy = place_for_copy(path, now);
    let create = |error: std::io::Error| StoreError::Create { path: path.to_owned(), why: error.to_string() };
    if let Err(error) = copy_folder(&database(path), &copy) {
        // Without a copy nothing is mended in place: the damaged state itself is put aside.
        tracing::warn!(to = %copy.display(), "cannot copy the damaged state, moving it instead: {error}");
        let _half_of_a_copy = fs::remove_dir_all(&copy);
        fs::rename(database(path), &copy).map_err(create)?;
        return match try_open(path)? {
            Ok(db) => Ok((db, Opened::Reset { why, copy: Some(copy) })),
            Err(why) => Err(StoreError::Engine(why)),
        };
    }
    remove(path, |name| name == "conf");
    if let Ok(db) = try_open(path)? {
        return Ok((db, Opened::AsItWas));
    }
    let reset = Opened::Reset { why, copy: Some(copy) };
    remove(path, |name| name.starts_with("snap."));
    if let Ok(db) = try_open(path)? {
        return Ok((db, reset));
    }
    fs::remove_dir_all(database(path)).map_err(create)?;
    match try_open(path)? {
        Ok(db) => Ok((db, reset)),
        Err(why) => Err(StoreError::Engine(why)),
    }
}

/// Opens again what was open before: nothing is damaged, only the handle was.
pub(super) fn reopen(path: &Path) -> Result<sled::Db, StoreError> {
    remove(path, |name| name.starts_with("snap.") && name.ends_with(".generating"));
    try_open(path)?.map_err(StoreError::Engine)
}

/// Opens and reads every row once. The outer error is not damage, the inner one is.
///
/// sled's own threads hold the lock for a moment after the last handle is gone: what is held is tried again before it is believed.
fn try_open(path: &Path) -> Result<Result<sled::Db, String>, StoreError> {
    for _ in 0..HELD {
        match open_once(path) {
            Err(StoreError::Held(_)) => std::thread::yield_now(),
            opened => return opened,
        }
    }
    open_once(path)
}

fn open_once(path: &Path) -> Result<Result<sled::Db, String>, StoreError> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = sled::Config::new()
            .path(database(path))
            .cache_capacity(CACHE)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(1_000))
            .open()?;
        for row in db.iter() {
            row?;
        }
        Ok(db)
    }));
    match opened {
        Ok(Ok(db)) => Ok(Ok(db)),
        Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
            Err(StoreError::Held(path.to_owned()))
        }
        // An unexpected end is a cut file; other errors are the disk's or the rights'.
        Ok(Err(sled::Error::Io(error))) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(StoreError::Create { path: path.to_owned(), why: error.to_string() })
        }
        Ok(Err(error)) => Ok(Err(error.to_string())),
        Err(_) => Ok(Err("the database panicked while being read".to_owned())),
    }
}

fn remove(path: &Path, which: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(database(path)).into_iter().flatten().flatten() {
        if which(&entry.file_name().to_string_lossy()) {
            let _the_next_open_says_so = fs::remove_file(entry.path());
        }
    }
}

fn place_for_copy(path: &Path, now: Timestamp) -> PathBuf {
    path.join(format!("damaged-{}", now.strftime("%Y%m%dT%H%M%SZ")))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Whether the disk takes a mebibyte.
pub(super) fn has_room(path: &Path) -> bool {
    let probe = path.join("probe");
    let took = fill(&probe, ROOM);
    let _it_may_not_be_there = fs::remove_file(&probe);
    took
}

/// Sets space aside, so that a state whose handle was spoilt by a full disk can be opened again, and read. Whether
/// it is there is answered.
pub(super) fn set_aside(path: &Path) -> bool {
    let reserve = path.join(RESERVE);
    if fs::metadata(&reserve).is_ok_and(|file| file.len() == RESERVED as u64) {
        return true;
    }
    let took = fill(&reserve, RESERVED);
    if !took {
        spend_reserve(path);
    }
    took
}

/// Gives the reserve to whoever needs it now.
pub(super) fn spend_reserve(path: &Path) {
    let _it_may_be_spent = fs::remove_file(path.join(RESERVE));
}

fn fill(file: &Path, bytes: usize) -> bool {
    File::create(file)
        .and_then(|mut file| file.write_all(&vec![1; bytes]).and_then(|()| file.sync_all()))
        .is_ok()
}
