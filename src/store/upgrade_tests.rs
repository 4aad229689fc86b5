//! States as every version wrote them, in `tests/data/states`. That of this version is written by
//! `STATE_OUT=tests/data/states/N cargo test --lib -- --ignored writes_a_state`, once, when the version is new.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::tests::{SCOPE, alert, at, keep, open, routes, told};
use super::*;
use crate::domain::event::instance::Instance;
use crate::domain::event::scope::Scope;
use crate::domain::health::Health;
use crate::domain::health::ledger::Ledger;
use crate::domain::health::subject::Subject;
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::Usage;
use crate::domain::judge::decision::{self, Decision, Delivery, Fate};
use crate::domain::judge::decisions::Place;
use crate::domain::lookup::cursor::{Cursor, Walk};
use crate::domain::lookup::lane::LaneKind;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::{Message, Pending};
use crate::domain::notify::outbox::Sent;
use crate::domain::rules::memory::Sighting;
use crate::domain::rules::token::Token;
use crate::domain::severity::Severity;

const TOKEN: Token = Token { kind: 1, id: [7; 16] };
const THRESHOLD: [u8; 16] = [9; 16];

fn states() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/states")
}

/// Lays a kept state out as it was.
fn unpack(version: u32, to: &Path) {
    let from = states().join(version.to_string());
    fs::create_dir_all(to.join("db/blobs")).expect("made");
    for name in ["version", "checkpoint.json", "db/conf"] {
        fs::copy(from.join(name), to.join(name)).expect("copied");
    }
    let packed = fs::File::open(from.join("db/db.gz")).expect("opened");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("unpacked");
    fs::write(to.join("db/db"), bytes).expect("written");
}

fn small(n: u64, severity: Severity) -> Alert {
    let principal = "user/ci".to_owned();
    let mut alert = Alert { principal, ..alert(n, severity) };
    if n > 1 {
        alert.facts = vec![("what".to_owned(), "a \u{2028} fact".to_owned())];
    }
    alert
}

fn instance() -> Instance {
    Instance {
        id: "i-0abc".to_owned(),
        instance_type: "t3.micro".to_owned(),
        tags: [("Name".to_owned(), "web".to_owned())].into(),
        launch_time: Some(at(-100)),
        ..Instance::default()
    }
}

fn decided() -> Decision {
    Decision {
        id: "e-1".to_owned(),
        name: "StopLogging".to_owned(),
        time: at(10),
        decided: Some(at(12)),
        account: SCOPE.account().to_owned(),
        region: SCOPE.region().to_owned(),
        subject: Some(decision::Subject {
            alert: "alert-1".to_owned(),
            rule: "rule".to_owned(),
            severity: Severity::High,
            group: "group".to_owned(),
            title: "title 1".to_owned(),
            principal: String::new(),
        }),
        fate: Fate::Alerted { queued_for: vec!["slack".to_owned(), "mail".to_owned()] },
        deliveries: [("mail".to_owned(), Delivery::Delivered(at(40)))].into(),
        tried: vec![],
        not: vec![],
    }
}

fn message(alerts: Vec<Pending>) -> Message {
    Message { alerts, groups: vec!["group".to_owned()], ..Message::default() }
}

/// Writes what every version has kept.
#[tokio::test]
#[ignore = "it writes into the source tree"]
async fn writes_a_state() {
    let out = PathBuf::from(std::env::var("STATE_OUT").expect("STATE_OUT says where"));
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let account = SCOPE.account();
    store.discovered(account, &["us-east-1".to_owned(), "eu-west-1".to_owned()], &[]).await.expect("kept");
    let mut all = told(1);
    all.judgement.alerts = vec![small(1, Severity::High), small(2, Severity::Low)];
    let walk = Walk { start: at(0), end: at(30), reached: at(28), token: None };
    all.cursors.push((LaneKind::Fresh, Cursor { floor: at(0), through: at(25), walk: Some(walk) }));
    let history = LaneKind::History("0011aabb".to_owned());
    all.cursors.push((history, Cursor { floor: at(0), through: at(0), walk: None }));
    let sighting = Sighting { first: at(-864_000), last: at(0), days: 3 };
    all.judgement.sightings = vec![(TOKEN, Some(sighting))];
    let counted = r#"{"counted":[[1772000000,"a"]],"told":[],"until":1772009999}"#;
    all.judgement.thresholds = [(THRESHOLD, serde_json::from_str(counted).expect("a count"))].into();
    let usage = Usage { count: 3, ..Usage::default() };
    all.judgement.usage = [((account.to_owned(), "karpenter".to_owned()), usage)].into();
    all.judgement.stories = [("i-0abc".to_owned(), Some(Story::seen(&instance(), true, at(0))))].into();
    all.judgement.excluded = vec!["karpenter".to_owned()];
    (all.baseline, all.history) = (true, Some("0011aabb".to_owned()));
    all.health = vec![(Subject::Sink("mail").key(), Some(at(5)))];
    all.ledgers =
        vec![((account.to_owned(), SCOPE.region().to_owned()), Ledger { since: at(0), gaps: vec![] })];
    all.alert_log = vec![(Place { number: 0, row: 0 }, decided())];
    keep(&store, &all, &routes(&["slack", "mail"])).await;
    keep(&store, &told(3), &routes(&["mail"])).await;
    let (pending, _) = store.pending("mail").await.expect("read");
    let only = |id: &str| message(pending.iter().filter(|one| one.alert.id == id).cloned().collect());
    store.bury("mail", &only("alert-3")).await.expect("buried");
    let sent =
        Sent { last: at(40), upto: at(40), news: vec![5], severity: Severity::High, thread: String::new() };
    store.delivered("mail", &only("alert-1"), &[("group".to_owned(), sent)], &[]).await.expect("delivered");
    store.defer("slack", at(90)).await.expect("kept");
    store.note_start().await.expect("kept");
    store.close().await;
    drop(store);
    fs::create_dir_all(out.join("db")).expect("made");
    for name in ["version", "checkpoint.json", "db/conf"] {
        fs::copy(folder.path().join(name), out.join(name)).expect("copied");
    }
    let packed = fs::File::create(out.join("db/db.gz")).expect("made");
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::best());
    packed.write_all(&fs::read(folder.path().join("db/db")).expect("read")).expect("packed");
    packed.finish().expect("written");
}

#[tokio::test]
async fn r26_a_state_of_every_version_opens_and_keeps_what_it_had() {
    for version in 1..=SCHEMA {
        let folder = tempfile::tempdir().expect("a folder");
        unpack(version, folder.path());
        for opening in 1..=2 {
            let store = open(folder.path()).await;
            has_all(&store, &format!("version {version}, opening {opening}")).await;
            let learned = has_learned(&store).await;
            assert_eq!(learned, [version == SCHEMA; 4], "version {version}");
            store.close().await;
        }
        assert_eq!(fs::read_to_string(folder.path().join("version")).expect("read"), format!("{SCHEMA}\n"));
    }
}

/// What every version has kept, and the next keeps.
async fn has_all(store: &Store, what: &str) {
    let waiting = async |sink: &str| {
        let (pending, sent) = store.pending(sink).await.expect("read");
        (pending.into_iter().map(|one| one.alert).collect::<Vec<_>>(), sent)
    };
    let (slack, _) = waiting("slack").await;
    assert_eq!(slack, [small(1, Severity::High), small(2, Severity::Low)], "{what}");
    let (mail, sent) = waiting("mail").await;
    assert_eq!(mail, [small(2, Severity::Low)], "{what}");
    let known =
        Sent { last: at(40), upto: at(40), news: vec![5], severity: Severity::High, thread: String::new() };
    assert_eq!(sent.get("group"), Some(&known), "{what}");
    let dead: Vec<String> = store.dead("mail").await.expect("read").into_iter().map(|one| one.id).collect();
    assert_eq!(dead, ["alert-3"], "{what}");
    assert_eq!(store.deferred("slack").await.expect("read"), Some(at(90)), "{what}");
    let marks: Vec<_> = told(1).judgement.marks.into_iter().collect();
    assert_eq!(store.seen(&marks).await.expect("read").len(), 1, "{what}");
    let cursors = store.cursors(SCOPE).await.expect("read");
    assert_eq!(cursors.of(&LaneKind::Whole).map(|cursor| cursor.through), Some(at(20)), "{what}");
    let reached = |cursor: Cursor| cursor.walk.map(|walk| walk.reached);
    assert_eq!(cursors.of(&LaneKind::Fresh).and_then(reached), Some(at(28)), "{what}");
    let stories = store.stories(SCOPE).await.expect("read");
    assert_eq!(stories.get("i-0abc").map(|story| &story.instance), Some(&instance()), "{what}");
    assert!(store.has_baseline(SCOPE).await.expect("read"), "{what}");
    assert_eq!(store.regions(SCOPE.account()).await.expect("read"), ["eu-west-1", "us-east-1"], "{what}");
    let mail = store.reported(Subject::Sink("mail")).await.expect("read");
    assert_eq!(mail, Health::Reported { since: at(5) }, "{what}");
    assert_eq!(store.alerts().await.expect("read"), [(Place { number: 0, row: 0 }, decided())], "{what}");
    // Nothing that waits or was refused is written over by what comes.
    assert!(store.next_seq() > 4, "{what}");
}

/// Whether what was learned and counted is there: version 1 kept it for all accounts together, and it is learned again.
async fn has_learned(store: &Store) -> [bool; 4] {
    let account = SCOPE.account();
    let memory = store.memory(account).await.expect("read");
    [
        memory.get(&TOKEN).is_some_and(|sighting| sighting.first == at(-864_000)),
        store.thresholds(account).await.expect("read").contains_key(&THRESHOLD),
        store.usage(account).await.expect("read").values().any(|usage| usage.count == 3),
        store.history_of(Scope::region_of(account, SCOPE.region())).await.expect("read").is_some(),
    ]
}
