//! Opening a state that is newer, held, half written, damaged or lost.

use std::fs;
use std::path::{Path, PathBuf};

use super::tests::{SCOPE, at, clock, keep, open, routes, told};
use super::*;
use crate::domain::lookup::cursor::Cursor;
use crate::domain::lookup::lane::LaneKind;

/// A history that was read is worth nothing without what it taught, and would make everything new.
#[tokio::test]
async fn what_was_learned_is_learned_again_after_the_state_was_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let read = Cursor { floor: at(0), through: at(20), walk: None };
    let cursors = vec![(LaneKind::Whole, read.clone()), (LaneKind::History("1a2b".to_owned()), read)];
    let commit = Commit { cursors, history: Some("1a2b".to_owned()), ..Commit::default() };
    keep(&store, &commit, &routes(&[])).await;
    store.close().await;
    drop(store);
    fs::remove_dir_all(recovery::database(folder.path())).expect("lost");
    let (store, opened) = Store::open(folder.path(), clock()).await.expect("it opens");
    assert_ne!(opened, Opened::AsItWas);
    assert!(store.cursors(SCOPE).await.expect("read").of(&LaneKind::Whole).is_some());
    assert_eq!(store.cursors(SCOPE).await.expect("read").of(&LaneKind::History("1a2b".to_owned())), None);
    assert_eq!(store.history_of(SCOPE).await.expect("read"), None);
    assert!(store.memory(SCOPE.account()).await.expect("read").is_empty());
}

#[tokio::test]
async fn a_newer_state_is_refused_and_not_a_byte_of_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()).await);
    fs::write(folder.path().join("version"), "9\n").expect("written");
    let before = contents(folder.path());
    let error = Store::open(folder.path(), clock()).await.expect_err("it is refused");
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert_eq!(contents(folder.path()), before);
}

#[tokio::test]
async fn r13_a_state_that_cannot_be_made_or_is_held_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    assert!(matches!(Store::open(&file.join("state"), clock()).await.err(), Some(StoreError::Create { .. })));
    let held = open(&folder.path().join("state")).await;
    assert!(matches!(
        Store::open(&folder.path().join("state"), clock()).await.err(),
        Some(StoreError::Held(_))
    ));
    drop(held);
}

#[tokio::test]
async fn a_kill_inside_open_does_not_brick_the_state() {
    let folder = tempfile::tempdir().expect("a folder");
    keep(&open(folder.path()).await, &told(1), &routes(&["a"])).await;
    fs::write(recovery::database(folder.path()).join("snap.00000000000001ff.generating"), b"half")
        .expect("written");
    assert_eq!(open(folder.path()).await.pending("a").await.expect("read").0.len(), 1);
}

fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).expect("read").flatten() {
        match entry.path() {
            path if path.is_dir() => files.extend(contents(&path)),
            path => files.push((path.clone(), fs::read(path).expect("read"))),
        }
    }
    files.sort();
    files
}

/// R14: damage of every kind, to every file. The state opens, never panics, and either has what it had or says
/// that it was begun anew, with a copy; the cursors then come from the checkpoint.
#[tokio::test]
async fn r14_a_damaged_state_opens_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    {
        let store = open(&whole).await;
        for n in 0..40 {
            keep(&store, &told(n), &routes(&["a"])).await;
        }
        store.close().await;
    }
    // Another opening writes a snapshot.
    drop(open(&whole).await);
    let files: Vec<PathBuf> = contents(&whole.join("db")).into_iter().map(|(path, _)| path).collect();
    assert!(files.len() >= 2, "{files:?}");
    let (mut variants, mut resets) = (0, 0);
    for file in &files {
        let bytes = fs::read(file).expect("read");
        let name = file.strip_prefix(&whole).expect("inside");
        let used = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let mut damaged: Vec<Option<Vec<u8>>> = vec![None, Some(Vec::new())];
        damaged.push(Some(vec![7; bytes.len().min(200_000)]));
        damaged.push(Some(vec![0; bytes.len()]));
        for part in 1..12 {
            damaged.push(Some(bytes[..used * part / 12].to_vec()));
        }
        for part in 0..26 {
            let mut flipped = bytes.clone();
            if used > 0 {
                flipped[(used * part / 26).min(used - 1)] ^= 1 << (part % 8);
            }
            damaged.push(Some(flipped));
        }
        for part in 0..14 {
            let mut zeroed = bytes.clone();
            let from = used * part / 14;
            let to = (from + 4096).min(zeroed.len());
            zeroed[from..to].fill(0);
            damaged.push(Some(zeroed));
        }
        for damage in damaged {
            variants += 1;
            let path = folder.path().join(format!("variant-{variants}"));
            copy(&whole, &path);
            match damage {
                None => fs::remove_file(path.join(name)).expect("removed"),
                Some(bytes) => fs::write(path.join(name), bytes).expect("written"),
            }
            let (store, opened) =
                Store::open(&path, clock()).await.unwrap_or_else(|error| panic!("{name:?}: {error}"));
            let kept = store.pending("a").await.expect("read").0.len();
            match opened {
                Opened::AsItWas => {
                    assert_eq!(kept, 40, "{name:?} variant {variants} lost alerts and did not say so")
                }
                Opened::Reset { .. } => {
                    resets += 1;
                    let cursor = store
                        .cursors(SCOPE)
                        .await
                        .expect("read")
                        .of(&LaneKind::Whole)
                        .expect("from the checkpoint");
                    assert_eq!(cursor.through, at(10), "back to the oldest alert that was not sent");
                }
            }
            drop(store);
            fs::remove_dir_all(&path).expect("removed");
        }
    }
    println!("{variants} variants, {resets} begun anew");
    assert!(variants >= 150, "only {variants} variants");
    assert!(resets > 0, "nothing was ever damaged enough");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("read").flatten() {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}
