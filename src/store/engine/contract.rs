//! What every engine promises, tried on each.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::clock::Clock;
use crate::store::engine::{Change, Disk, Engine, InMemory};
use crate::store::recovery;

fn disk(folder: &Path) -> Disk {
    let clock = Clock::system();
    let (db, _) = recovery::open(folder, clock.now()).expect("it opens");
    Disk::new(folder.to_owned(), db, clock)
}

/// Each engine, with nothing in it but what it needs itself.
fn engines(folder: &Path) -> [(&'static str, Arc<dyn Engine>); 2] {
    [("disk", Arc::new(disk(folder))), ("in memory", Arc::new(InMemory::default()))]
}

fn key(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn put(text: &str, value: &str) -> Change {
    Change::put(key(text), value.as_bytes().to_vec())
}

#[tokio::test]
async fn what_is_written_is_read_at_once_and_several_keys_are_answered_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, engine) in engines(folder.path()) {
        engine.write(vec![put("oa", "1"), put("ob", "2")]).await.expect("written");
        let values = engine.get(&[key("ob"), key("oc"), key("oa")]).await.expect("read");
        assert_eq!(values, [Some(b"2".to_vec()), None, Some(b"1".to_vec())], "{name}");
        engine.write(vec![Change::delete(key("ob")), put("oa", "3")]).await.expect("written");
        let values = engine.get(&[key("oa"), key("ob")]).await.expect("read");
        assert_eq!(values, [Some(b"3".to_vec()), None], "{name}");
    }
}

#[tokio::test]
async fn several_prefixes_are_answered_each_by_itself_and_no_further_than_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, engine) in engines(folder.path()) {
        let rows = ["oa2", "oa1", "oa3", "ob1", "o"].map(|text| put(text, text));
        engine.write(rows.to_vec()).await.expect("written");
        let rows = engine.scan(&[key("oa"), key("oz"), key("ob")], 2).await.expect("read");
        let keys = |rows: &[(Vec<u8>, Vec<u8>)]| -> Vec<String> {
            rows.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
        };
        let keys: Vec<Vec<String>> = rows.iter().map(|rows| keys(rows)).collect();
        assert_eq!(keys, [vec!["oa1", "oa2"], vec![], vec!["ob1"]], "{name}");
        assert_eq!(engine.keys(b"oa").await.expect("read").len(), 3, "{name}");
    }
}

#[tokio::test]
async fn places_rise_and_whatever_was_written_settles() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, engine) in engines(folder.path()) {
        let first = engine.write(vec![put("oa", "1")]).await.expect("written");
        let second = engine.write(vec![put("oa", "2")]).await.expect("written");
        assert!(first < second && second == engine.last(), "{name}");
        engine.settled(first).await.expect("settled");
        engine.settled(second).await.expect("settled");
        assert_eq!(engine.degraded(), None, "{name}");
        assert!(engine.recover() && engine.size() > 0, "{name}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, usize),
    Delete(u8),
}

/// Short and long values, so that parts are cut, grow and shrink.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6u8, prop_oneof![0..20usize, 3_000..10_000usize])
            .prop_map(|(key, length)| Step::Put(key, length)),
        (0..6u8).prop_map(Step::Delete),
    ]
}

/// The disk says of any batches what memory says.
#[test]
fn every_engine_says_the_same_of_any_batches() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let batches = prop::collection::vec(prop::collection::vec(step(), 0..4), 1..12);
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let same = runner.run(&batches, |batches| {
        let folder = tempfile::tempdir().expect("a folder");
        let engines = engines(folder.path());
        for batch in batches {
            let changes: Vec<Change> = batch
                .iter()
                .map(|step| match step {
                    Step::Put(at, length) => Change::put(vec![b'o', *at], vec![*at; *length]),
                    Step::Delete(at) => Change::delete(vec![b'o', *at]),
                })
                .collect();
            let answers = engines.each_ref().map(|(_, engine)| {
                runtime.block_on(async {
                    engine.write(changes.clone()).await.expect("written");
                    let rows = engine.scan(&[vec![b'o']], usize::MAX).await.expect("read");
                    (rows, engine.keys(b"o").await.expect("read"))
                })
            });
            prop_assert_eq!(&answers[0], &answers[1]);
        }
        Ok(())
    });
    same.unwrap_or_else(|failed| panic!("{failed}"));
}

/// Whoever waits for the disk holds up nobody, and those who wait together share one flush.
#[tokio::test]
async fn a_flush_that_never_ends_holds_up_no_other_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = disk(folder.path());
    let flush = disk.hold_flushes().await;
    let mut last = disk.last();
    for n in 0..1_000u32 {
        last = disk.write(vec![put(&format!("o{n}"), "x")]).await.expect("written");
        assert_eq!(disk.get(&[key(&format!("o{n}"))]).await.expect("read")[0].as_deref(), Some(&b"x"[..]));
    }
    let waiting = disk.settled(last);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending(), "nothing lasts before it is flushed");
    drop(flush);
    waiting.await.expect("settled");
    assert_eq!(disk.flushes(), 1, "one flush for all that waited");
}

#[tokio::test]
async fn what_a_failed_flush_was_about_is_kept_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = disk(folder.path());
    let written = disk.write(vec![put("oa", "1")]).await.expect("written");
    std::fs::rename(recovery::database(folder.path()), folder.path().join("away")).expect("moved");
    disk.settled(written).await.expect("kept in memory");
    assert!(disk.degraded().is_some());
    let value = disk.get(&[key("oa")]).await.expect("read").remove(0);
    assert_eq!(value.as_deref(), Some(&b"1"[..]));
}
