use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::clock::Clock;
use crate::domain::event::scope::Scope;
use crate::domain::judge::inputs::{Judgement, Known, Mark};
use crate::domain::judge::silence::Silence;
use crate::domain::lookup::cursor::Cursor;
use crate::domain::lookup::lane::LaneKind;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::Message;
use crate::domain::notify::route::Route;
use crate::domain::severity::Severity;
use crate::store::engine::Disk;

pub(super) const SCOPE: Scope<'static> = Scope::Region { account: "111122223333", region: "us-east-1" };

pub(super) fn clock() -> Clock {
    Clock::system()
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).expect("a time")
}

pub(super) fn alert(n: u64, severity: Severity) -> Alert {
    Alert {
        id: format!("alert-{n}"),
        rule: "rule".to_owned(),
        title: format!("title {n}"),
        severity,
        time: at(10),
        principal: "p".repeat(960),
        facts: vec![("long".to_owned(), "x".repeat(9_000))],
        ..Alert::sample()
    }
}

pub(super) fn routes(sinks: &[&str]) -> Vec<Route> {
    sinks.iter().map(|sink| Route { sink: (*sink).to_owned(), ..Route::default() }).collect()
}

pub(super) fn told(n: u64) -> Commit {
    let mark = Mark {
        account: SCOPE.account().to_owned(),
        second: at(10).as_second(),
        id: [u8::try_from(n % 256).expect("small"); 16],
    };
    let judgement =
        Judgement { alerts: vec![alert(n, Severity::High)], marks: [mark].into(), ..Judgement::default() };
    let cursor = Cursor { floor: at(0), through: at(20), walk: None };
    Commit { judgement, cursors: vec![(LaneKind::Whole, cursor)], ..Commit::default() }
}

/// Commits, and waits until it lasts.
pub(super) async fn keep(store: &Store, commit: &Commit, routes: &[Route]) {
    if let Some(written) = store.commit(SCOPE, commit, routes).await.expect("committed") {
        store.settled(written).await.expect("settled");
    }
}

/// A state whose disk is at hand, to be broken.
async fn on_disk(path: &Path) -> (Store, Arc<Disk>) {
    let (db, _) = recovery::open(path, clock().now()).expect("it opens");
    let disk = Arc::new(Disk::new(path.to_owned(), db, clock()));
    (Store::on(disk.clone(), clock()).await.expect("it opens"), disk)
}

async fn seen(store: &Store, n: u64) -> Known {
    let marks: Vec<Mark> = told(n).judgement.marks.into_iter().collect();
    store.seen(&marks).await.expect("read")
}

pub(super) async fn open(path: &Path) -> Store {
    let (store, opened) = Store::open(path, clock()).await.expect("it opens");
    assert_eq!(opened, Opened::AsItWas);
    store
}

#[tokio::test]
async fn what_is_committed_together_is_there_together_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    keep(&store, &told(1), &routes(&["a", "b"])).await;
    drop(store);
    let store = open(folder.path()).await;
    for sink in ["a", "b"] {
        let (pending, _) = store.pending(sink).await.expect("read");
        assert_eq!(pending.iter().map(|p| &p.alert).collect::<Vec<_>>(), [&alert(1, Severity::High)]);
    }
    assert!(!seen(&store, 1).await.is_empty());
    assert!(seen(&store, 2).await.is_empty());
    assert_eq!(
        store.cursors(SCOPE).await.expect("read").of(&LaneKind::Whole).map(|c| c.through),
        Some(at(20))
    );
}

#[tokio::test]
async fn no_row_on_disk_is_longer_than_four_kibibytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    keep(&store, &told(1), &routes(&["a"])).await;
    let (pending, _) = store.pending("a").await.expect("read");
    let digest = Message { alerts: pending, ..Message::default() };
    drop(store);
    let longest = |path: &Path| {
        let db = sled::open(recovery::database(path)).expect("opened");
        db.iter().map(|row| row.expect("a row").1.len()).max()
    };
    assert!(longest(folder.path()).is_some_and(|length| length <= 4096), "{:?}", longest(folder.path()));
    let store = open(folder.path()).await;
    store.delivered("a", &digest, &[], &[]).await.expect("settled");
    drop(store);
    let db = sled::open(recovery::database(folder.path())).expect("opened");
    assert!(db.scan_prefix(b"p").next().is_none(), "the parts of a deleted row are deleted");
}

#[tokio::test]
async fn the_most_urgent_come_first_and_then_the_oldest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    for (n, severity) in
        [(1, Severity::Low), (2, Severity::Critical), (3, Severity::Low), (4, Severity::High)]
    {
        let judgement = Judgement { alerts: vec![alert(n, severity)], ..Judgement::default() };
        keep(&store, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).await;
    }
    let (pending, _) = store.pending("a").await.expect("read");
    assert_eq!(pending.iter().map(|p| p.seq).collect::<Vec<_>>(), [2, 4, 1, 3]);
}

#[tokio::test]
async fn what_a_sink_refuses_for_good_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    keep(&store, &told(1), &routes(&["a"])).await;
    let (alerts, _) = store.pending("a").await.expect("read");
    store.bury("a", &Message { alerts, plain: true, ..Message::default() }).await.expect("buried");
    drop(store);
    let store = open(folder.path()).await;
    assert!(store.pending("a").await.expect("read").0.is_empty());
    assert_eq!(store.dead("a").await.expect("read").len(), 1);
}

#[tokio::test]
async fn alerts_for_a_sink_that_is_gone_are_kept_among_the_dead() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    keep(&store, &told(1), &routes(&["a", "b"])).await;
    assert_eq!(
        store.retire_sinks(&routes(&["b"])).await.expect("retired"),
        BTreeMap::from([("a".to_owned(), 1)])
    );
    assert_eq!(store.dead("a").await.expect("read").len(), 1);
    assert_eq!(store.queue("b").await.expect("read"), 1);
}

#[tokio::test]
async fn marks_are_forgotten_once_no_walk_goes_back_to_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    keep(&store, &told(1), &[]).await;
    let day = Duration::from_secs(86_400);
    assert_eq!(store.forget(SCOPE.account(), at(86_400), day).await.expect("asked"), 0);
    assert_eq!(store.forget(SCOPE.account(), at(3 * 86_400), day).await.expect("asked"), 1);
    assert!(seen(&store, 1).await.is_empty());
}

#[tokio::test]
async fn a_hundred_thousand_marks_stay_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    for second in 0..1000 {
        let marks = (0..100u64)
            .map(|n| {
                let id = crate::domain::event::short_id(&format!("{second}-{n}"));
                Mark { account: SCOPE.account().to_owned(), second, id }
            })
            .collect();
        let judgement = Judgement { marks, ..Judgement::default() };
        keep(&store, &Commit { judgement, ..Commit::default() }, &[]).await;
    }
    store.close().await;
    assert!(store.size() < 16 * 1024 * 1024, "{} bytes", store.size());
}

/// What R12 promises, without a full disk: the handle fails, writes go to memory, and a new handle gets them.
#[tokio::test]
async fn what_the_disk_does_not_take_is_kept_and_written_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, disk) = on_disk(folder.path()).await;
    keep(&store, &told(1), &routes(&["a"])).await;
    disk.break_handle("no space left on device");
    keep(&store, &told(2), &routes(&["a"])).await;
    assert!(store.degraded().is_some());
    assert_eq!(
        store.pending("a").await.expect("read").0.len(),
        2,
        "the old one from disk, the new one from memory"
    );
    assert!(!seen(&store, 2).await.is_empty());
    disk.mend_handle();
    assert!(store.recover(), "{:?}", store.degraded());
    drop((store, disk));
    assert_eq!(open(folder.path()).await.pending("a").await.expect("read").0.len(), 2);
}

/// More values than one row holds, and forgetting some of them.
#[tokio::test]
async fn what_accounts_did_is_there_after_a_restart() {
    use crate::domain::rules::memory::Sighting;
    use crate::domain::rules::token::Token;
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let all: Vec<_> = (0..5_000)
        .map(|n| {
            (Token::key(&n.to_string()), Some(Sighting { first: at(n * 4), last: at(n * 4 + 8), days: 1 }))
        })
        .collect();
    let judgement = Judgement { sightings: all.clone(), ..Judgement::default() };
    keep(&store, &Commit { judgement, ..Commit::default() }, &routes(&[])).await;
    store.forget_past(SCOPE.account(), &[all[7].0], &[]).await.expect("forgotten");
    store.close().await;
    drop(store);
    let memory = open(folder.path()).await.memory(SCOPE.account()).await.expect("read");
    assert_eq!(memory.len(), 4_999);
    assert_eq!((memory.get(&all[7].0), memory.get(&all[4_999].0)), (None, all[4_999].1));
}

#[tokio::test]
async fn a_store_without_a_handle_says_so_and_does_not_say_that_there_is_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, disk) = on_disk(folder.path()).await;
    keep(&store, &told(1), &routes(&["a"])).await;
    let (db, aside) = (folder.path().join("db"), folder.path().join("aside"));
    drop(disk.lose_handle());
    std::fs::rename(&db, &aside).expect("moved");
    std::fs::write(&db, "in the way").expect("written");
    let marks: Vec<Mark> = told(1).judgement.marks.into_iter().collect();
    assert!(store.seen(&marks).await.is_err());
    assert!(store.pending("a").await.is_err() && store.cursors(SCOPE).await.is_err());
    std::fs::remove_file(&db).expect("removed");
    std::fs::rename(&aside, &db).expect("moved");
    assert!(!seen(&store, 1).await.is_empty(), "a new handle reads");
}

#[tokio::test]
async fn a_handle_that_a_full_disk_spoilt_is_replaced_when_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, disk) = on_disk(folder.path()).await;
    keep(&store, &told(1), &routes(&["a"])).await;
    let reserve = folder.path().join("reserve");
    assert!(reserve.exists());
    drop(disk.lose_handle());
    assert_eq!(store.pending("a").await.expect("it reads on").0.len(), 1);
    assert!(!reserve.exists() && store.degraded().is_some());
    disk.mend_handle();
    assert!(store.recover() && reserve.exists(), "{:?}", store.degraded());
}

#[tokio::test]
async fn a_group_that_waits_for_its_interval_hides_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let alerts = (0..500).map(|n| Alert { facts: Vec::new(), ..alert(n, Severity::High) }).collect();
    let judgement = Judgement { alerts, ..Judgement::default() };
    keep(&store, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).await;
    let other =
        Alert { group: "other".to_owned(), principal: "another".to_owned(), ..alert(501, Severity::High) };
    let judgement = Judgement { alerts: vec![other], ..Judgement::default() };
    keep(&store, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).await;
    assert!(store.pending("a").await.expect("read").0.iter().any(|pending| pending.alert.group == "other"));
}

/// An earlier build named how far an alert came otherwise: its log of the last alerts is still read.
#[test]
fn a_delivery_that_an_earlier_build_wrote_is_read() {
    use crate::domain::judge::decision::Delivery;
    let read = |text: &str| serde_json::from_str::<Delivery>(text).expect("a delivery");
    assert_eq!(read(r#"{"Waits":"Slack answers 500"}"#), Delivery::Waits("Slack answers 500".to_owned()));
    assert_eq!(read(r#"{"refused":"no_service"}"#), Delivery::Refused("no_service".to_owned()));
}

/// A thief who makes thousands of critical alerts while a sink is down keeps none of those behind them from who stands by.
#[tokio::test]
async fn however_many_wait_each_urgent_one_is_given_to_who_stands_by_and_once() {
    let store = Store::in_memory(clock()).await.expect("a store");
    let commit = |from: u64, until: u64, severity| {
        let small = |n| Alert { facts: Vec::new(), principal: String::new(), ..alert(n, severity) };
        let judgement = Judgement { alerts: (from..until).map(small).collect(), ..Judgement::default() };
        Commit { judgement, ..Commit::default() }
    };
    keep(&store, &commit(0, 4_500, Severity::Critical), &routes(&["slack"])).await;
    keep(&store, &commit(4_500, 4_510, Severity::High), &routes(&["slack"])).await;
    keep(&store, &commit(4_510, 4_520, Severity::Medium), &routes(&["slack"])).await;
    let mut looked_at = BTreeMap::new();
    let passed = store.fail_over("slack", &["backup"], &mut looked_at).await.expect("passed on");
    assert_eq!((passed, store.queue("backup").await.expect("a number")), (4_510, 4_510));
    assert_eq!(store.queue("slack").await.expect("a number"), 4_520, "they wait there too");
    assert!(looked_at.contains_key(&Severity::Critical), "what was looked at is not read again");
    keep(&store, &commit(5_000, 5_001, Severity::Critical), &routes(&["slack"])).await;
    for (of, expected) in [(&mut looked_at, 1), (&mut BTreeMap::new(), 0)] {
        assert_eq!(store.fail_over("slack", &["backup"], of).await.expect("passed on"), expected);
    }
}

/// A batch that counted what a silence hid was being written when somebody expired the silence.
#[tokio::test]
async fn a_silence_that_was_ended_by_hand_is_not_brought_back_by_a_batch_that_it_hid() {
    let store = Store::in_memory(clock()).await.expect("a store");
    let silence = Silence { id: "3f9a1c".to_owned(), until: at(9_000), ..Silence::default() };
    store.put_silence(&silence).await.expect("written");
    let other = Silence { id: "77aa00".to_owned(), ..silence.clone() };
    store.put_silence(&other).await.expect("written");
    store.end_silence(&silence.id).await.expect("ended");
    let late = Commit { silences: vec![Silence { hid: 1, ..silence }], ..Commit::default() };
    keep(&store, &late, &[]).await;
    assert_eq!(store.silences().await.expect("read"), [other]);
}
