use std::collections::BTreeMap;
use std::fs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::clock::Clock;
use crate::domain::event::scope::Scope;
use crate::domain::judge::inputs::Mark;
use crate::domain::judge::inputs::{Judgement, Known};
use crate::domain::lookup::cursor::Cursor;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::outbox::Message;
use crate::domain::notify::outbox::Route;
use crate::domain::severity::Severity;

const SCOPE: Scope<'static> = Scope::Region { account: "111122223333", region: "us-east-1" };

fn clock() -> Clock {
    Clock::system()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).expect("a time")
}

fn alert(n: u64, severity: Severity) -> Alert {
    Alert {
        id: format!("alert-{n}"),
        rule: "rule".to_owned(),
        title: format!("title {n}"),
        description: String::new(),
        runbook: String::new(),
        severity,
        group: "group".to_owned(),
        account: SCOPE.account().to_owned(),
        account_name: String::new(),
        region: SCOPE.region().to_owned(),
        time: at(10),
        principal: "p".repeat(960),
        address: String::new(),
        event_id: String::new(),
        instance: String::new(),
        completes: false,
        facts: vec![("long".to_owned(), "x".repeat(9_000))],
    }
}

fn routes(sinks: &[&str]) -> Vec<Route> {
    sinks
        .iter()
        .map(|sink| Route { sink: (*sink).to_owned(), min_severity: Severity::Info, digest: false })
        .collect()
}

fn told(n: u64) -> Commit {
    let mark = Mark {
        account: SCOPE.account().to_owned(),
        second: at(10).as_second(),
        id: [u8::try_from(n % 256).expect("small"); 16],
    };
    let judgement =
        Judgement { alerts: vec![alert(n, Severity::High)], marks: [mark].into(), ..Judgement::default() };
    let cursor = Cursor { floor: at(0), through: at(20), walk: None };
    Commit { judgement, cursors: vec![("whole".to_owned(), cursor)], ..Commit::default() }
}

fn seen(store: &Store, n: u64) -> Known {
    let marks: Vec<Mark> = told(n).judgement.marks.into_iter().collect();
    store.seen(&marks).expect("read")
}

fn open(path: &Path) -> Store {
    let (store, opened) = Store::open(path, clock()).expect("it opens");
    assert_eq!(opened, Opened::AsItWas);
    store
}

#[test]
fn what_is_committed_together_is_there_together_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a", "b"])).expect("committed");
    drop(store);
    let store = open(folder.path());
    for sink in ["a", "b"] {
        let (pending, _) = store.pending(sink).expect("read");
        assert_eq!(pending.iter().map(|p| &p.alert).collect::<Vec<_>>(), [&alert(1, Severity::High)]);
    }
    assert!(!seen(&store, 1).is_empty());
    assert!(seen(&store, 2).is_empty());
    assert_eq!(store.cursor(SCOPE, "whole").expect("read").map(|c| c.through), Some(at(20)));
}

#[test]
fn no_row_on_disk_is_longer_than_four_kibibytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a"])).expect("committed");
    let (pending, _) = store.pending("a").expect("read");
    let digest = Message { alerts: pending, groups: vec![], update: false, plain: false };
    drop(store);
    let longest = |path: &Path| {
        let db = sled::open(recovery::database(path)).expect("opened");
        db.iter().map(|row| row.expect("a row").1.len()).max()
    };
    assert!(longest(folder.path()).is_some_and(|length| length <= 4096), "{:?}", longest(folder.path()));
    let store = open(folder.path());
    store.delivered("a", &digest, &[], &[]).expect("settled");
    drop(store);
    let db = sled::open(recovery::database(folder.path())).expect("opened");
    assert!(db.scan_prefix(b"p").next().is_none(), "the parts of a deleted row are deleted");
}

#[test]
fn the_most_urgent_come_first_and_then_the_oldest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for (n, severity) in
        [(1, Severity::Low), (2, Severity::Critical), (3, Severity::Low), (4, Severity::High)]
    {
        let judgement = Judgement { alerts: vec![alert(n, severity)], ..Judgement::default() };
        store.commit(SCOPE, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).expect("committed");
    }
    let (pending, _) = store.pending("a").expect("read");
    assert_eq!(pending.iter().map(|p| p.seq).collect::<Vec<_>>(), [2, 4, 1, 3]);
}

#[test]
fn what_a_sink_refuses_for_good_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a"])).expect("committed");
    let (alerts, _) = store.pending("a").expect("read");
    store.bury("a", &Message { alerts, groups: vec![], update: false, plain: true }).expect("buried");
    drop(store);
    let store = open(folder.path());
    assert!(store.pending("a").expect("read").0.is_empty());
    assert_eq!(store.dead("a").expect("read").len(), 1);
}

#[test]
fn alerts_for_a_sink_that_is_gone_are_kept_among_the_dead() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a", "b"])).expect("committed");
    assert_eq!(store.retire_sinks(&routes(&["b"])).expect("retired"), BTreeMap::from([("a".to_owned(), 1)]));
    assert_eq!(store.dead("a").expect("read").len(), 1);
    assert_eq!(store.queue("b").expect("read"), 1);
}

#[test]
fn marks_are_forgotten_once_no_walk_goes_back_to_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &[]).expect("committed");
    let day = Duration::from_secs(86_400);
    assert_eq!(store.forget(SCOPE.account(), at(86_400), day).expect("asked"), 0);
    assert_eq!(store.forget(SCOPE.account(), at(3 * 86_400), day).expect("asked"), 1);
    assert!(seen(&store, 1).is_empty());
}

#[test]
fn a_hundred_thousand_marks_stay_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for second in 0..1000 {
        let marks = (0..100u64)
            .map(|n| {
                let id = crate::domain::event::short_id(&format!("{second}-{n}"));
                Mark { account: SCOPE.account().to_owned(), second, id }
            })
            .collect();
        let judgement = Judgement { marks, ..Judgement::default() };
        store.commit(SCOPE, &Commit { judgement, ..Commit::default() }, &[]).expect("committed");
    }
    store.close();
    assert!(store.size() < 16 * 1024 * 1024, "{} bytes", store.size());
}

/// What R12 promises, without a full disk: the handle fails, writes go to memory, and a new handle gets them.
#[test]
fn what_the_disk_does_not_take_is_kept_and_written_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a"])).expect("committed");
    store.lock().engine.break_handle("no space left on device");
    store.commit(SCOPE, &told(2), &routes(&["a"])).expect("kept in memory");
    assert!(store.degraded().is_some());
    assert_eq!(
        store.pending("a").expect("read").0.len(),
        2,
        "the old one from disk, the new one from memory"
    );
    assert!(!seen(&store, 2).is_empty());
    store.lock().engine.mend_handle();
    assert!(store.recover(), "{:?}", store.degraded());
    drop(store);
    assert_eq!(open(folder.path()).pending("a").expect("read").0.len(), 2);
}

/// A history that was read is worth nothing without what it taught, and would make everything new.
#[test]
fn what_was_learned_is_learned_again_after_the_state_was_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let read = Cursor { floor: at(0), through: at(20), walk: None };
    let cursors = vec![("whole".to_owned(), read.clone()), ("history 1a2b".to_owned(), read)];
    let commit = Commit { cursors, history: Some("1a2b".to_owned()), ..Commit::default() };
    store.commit(SCOPE, &commit, &routes(&[])).expect("kept");
    store.close();
    drop(store);
    fs::remove_dir_all(recovery::database(folder.path())).expect("lost");
    let (store, opened) = Store::open(folder.path(), clock()).expect("it opens");
    assert_ne!(opened, Opened::AsItWas);
    assert!(store.cursor(SCOPE, "whole").expect("read").is_some());
    assert_eq!(store.cursor(SCOPE, "history 1a2b").expect("read"), None);
    assert_eq!(store.history_of(SCOPE).expect("read"), None);
    assert!(store.memory().expect("read").is_empty());
}

/// More values than one row holds, and forgetting some of them.
#[test]
fn what_accounts_did_is_there_after_a_restart() {
    use crate::domain::rules::memory::{Sighting, Token};
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let all: Vec<_> = (0..5_000)
        .map(|n| (Token::key(&n.to_string()), Some(Sighting { first: at(n), last: at(n + 5) })))
        .collect();
    let judgement = Judgement { sightings: all.clone(), ..Judgement::default() };
    store.commit(SCOPE, &Commit { judgement, ..Commit::default() }, &routes(&[])).expect("kept");
    store.forget_past(&[all[7].0], &[]).expect("forgotten");
    store.close();
    drop(store);
    let memory = open(folder.path()).memory().expect("read");
    assert_eq!(memory.len(), 4_999);
    assert_eq!((memory.get(&all[7].0), memory.get(&all[4_999].0)), (None, all[4_999].1));
}

#[test]
fn a_newer_state_is_refused_and_not_a_byte_of_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    fs::write(folder.path().join("version"), "9\n").expect("written");
    let before = contents(folder.path());
    let error = Store::open(folder.path(), clock()).err().expect("it is refused");
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn r13_a_state_that_cannot_be_made_or_is_held_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    assert!(matches!(Store::open(&file.join("state"), clock()).err(), Some(StoreError::Create { .. })));
    let held = open(&folder.path().join("state"));
    assert!(matches!(Store::open(&folder.path().join("state"), clock()).err(), Some(StoreError::Held(_))));
    drop(held);
}

#[test]
fn a_kill_inside_open_does_not_brick_the_state() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).commit(SCOPE, &told(1), &routes(&["a"])).expect("committed");
    fs::write(recovery::database(folder.path()).join("snap.00000000000001ff.generating"), b"half")
        .expect("written");
    assert_eq!(open(folder.path()).pending("a").expect("read").0.len(), 1);
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
#[test]
fn r14_a_damaged_state_opens_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    {
        let store = open(&whole);
        for n in 0..40 {
            store.commit(SCOPE, &told(n), &routes(&["a"])).expect("committed");
        }
        store.close();
    }
    // Another opening writes a snapshot.
    drop(open(&whole));
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
                Store::open(&path, clock()).unwrap_or_else(|error| panic!("{name:?}: {error}"));
            let kept = store.pending("a").expect("read").0.len();
            match opened {
                Opened::AsItWas => {
                    assert_eq!(kept, 40, "{name:?} variant {variants} lost alerts and did not say so")
                }
                Opened::Reset { .. } => {
                    resets += 1;
                    let cursor = store.cursor(SCOPE, "whole").expect("read").expect("from the checkpoint");
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

#[test]
fn a_store_without_a_handle_says_so_and_does_not_say_that_there_is_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a"])).expect("committed");
    let (db, aside) = (folder.path().join("db"), folder.path().join("aside"));
    store.lock().engine.lose_handle();
    std::fs::rename(&db, &aside).expect("moved");
    std::fs::write(&db, "in the way").expect("written");
    let marks: Vec<Mark> = told(1).judgement.marks.into_iter().collect();
    assert!(store.seen(&marks).is_err());
    assert!(store.pending("a").is_err() && store.cursor(SCOPE, "whole").is_err());
    std::fs::remove_file(&db).expect("removed");
    std::fs::rename(&aside, &db).expect("moved");
    assert!(!seen(&store, 1).is_empty(), "a new handle reads");
}

#[test]
fn a_handle_that_a_full_disk_spoilt_is_replaced_when_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.commit(SCOPE, &told(1), &routes(&["a"])).expect("committed");
    let reserve = folder.path().join("reserve");
    assert!(reserve.exists());
    store.lock().engine.lose_handle();
    assert_eq!(store.pending("a").expect("it reads on").0.len(), 1);
    assert!(!reserve.exists() && store.degraded().is_some());
    store.lock().engine.mend_handle();
    assert!(store.recover() && reserve.exists(), "{:?}", store.degraded());
}

#[test]
fn a_group_that_waits_for_its_interval_hides_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let alerts = (0..500).map(|n| Alert { facts: Vec::new(), ..alert(n, Severity::High) }).collect();
    let judgement = Judgement { alerts, ..Judgement::default() };
    store.commit(SCOPE, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).expect("committed");
    let other = Alert { group: "other".to_owned(), ..alert(501, Severity::High) };
    let judgement = Judgement { alerts: vec![other], ..Judgement::default() };
    store.commit(SCOPE, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).expect("committed");
    assert!(store.pending("a").expect("read").0.iter().any(|pending| pending.alert.group == "other"));
}
