//! The process dies at every visible step of a scenario: before and after each request to AWS and each delivery.
//! What the disk holds at that moment is copied under the running store, as a kill would leave it, and a new
//! process goes on from the copy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::call;
use trailnoti::simulator::{Fault, Launch, Trouble};

use crate::stories::{BOUND, TAGS, record};
use crate::world::{AT_ONCE, Answer, MALLORY, Stage, at, copy_folder, minutes};

/// What one life was told before it ended.
struct Life {
    told: BTreeMap<String, usize>,
    steps: usize,
}

fn stage() -> Stage {
    let config =
        format!("{AT_ONCE}[cloudtrail]\npoll_interval = \"30s\"\n[ec2]\npoll_interval = \"30s\"\n{BOUND}");
    let stage = Stage::of_loops(&["us-east-1", "eu-west-1"]).with(&config);
    for n in 0..3i64 {
        let request = object([("userName", format!("u{n}").into())]);
        let happened = at("10:00:40") + minutes(n);
        let record = call(&MALLORY, happened, "us-east-1", "iam", "CreateUser", request, Json::Null);
        stage.record(record, minutes(1));
    }
    // More than a page in one second.
    for n in 0..60 {
        let request = object([("userName", format!("burst{n}").into())]);
        let record = call(&MALLORY, at("10:02:30"), "us-east-1", "iam", "CreateUser", request, Json::Null);
        stage.record(record, minutes(1));
    }
    stage.account(|account| account.launch(&Launch::new("eu-west-1", "t3.micro", at("10:01:10"))));
    // Held until its launch is read, and then told.
    let copied = Launch { tags: TAGS, ..Launch::new("eu-west-1", "t3.large", at("10:01:20")) };
    let copied = stage.account(|account| account.launch(&copied));
    stage.record(record(&MALLORY, "10:01:20", "t3.large", &[copied], TAGS), minutes(4));
    stage.world.fault(
        Fault::new(Trouble::Broken).operation("LookupEvents").times(2).between(at("10:03"), at("10:09")),
    );
    stage.answers("slack", "10:01:40", "10:02:00", Answer::Later(None));
    stage
}

/// Lives from the state in `from` until it has died at step `die`, or until the end; the state that is left is in
/// `left`.
fn live(from: Option<&Path>, die: Option<usize>, left: &Path) -> Life {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("built");
    let (died, steps) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicUsize::new(0)));
    let life = runtime.block_on(async {
        let mut stage = stage();
        if let Some(from) = from {
            copy_folder(from, &stage.state);
        }
        let (state, left, end) = (stage.state.clone(), left.to_owned(), left.to_owned());
        let (told_of, counted, book) = (died.clone(), steps.clone(), stage.book.clone());
        let step: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            let now = counted.fetch_add(1, Ordering::SeqCst);
            if Some(now) == die {
                copy_folder(&state, &left);
                book.lock().expect("the book").dead = true;
                told_of.notify_one();
            }
        });
        stage.book.lock().expect("the book").step = Some(step.clone());
        stage.world.at_each_call(step);
        stage.start().await;
        tokio::select! {
            biased;
            () = died.notified() => {}
            () = stage.until("10:12") => {
                // Before the state is copied, nothing of this life may still be in memory.
                stage.stop().await;
                copy_folder(&stage.state, &end);
            }
        }
        Life { told: stage.told("slack"), steps: steps.load(Ordering::SeqCst) }
    });
    // Dropping the runtime drops every task where it stands.
    drop(runtime);
    life
}

#[test]
fn no_death_at_any_step_loses_an_alert() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: String| -> PathBuf { folder.path().join(name) };
    let whole = live(None, None, &path("whole".to_owned()));
    let expected: Vec<&String> = whole.told.keys().collect();
    assert!(whole.told.len() >= 65 && whole.told.values().all(|times| *times == 1), "{:?}", whole.told);
    let next = AtomicUsize::new(0);
    let repeats = Mutex::new(BTreeMap::<usize, usize>::new());
    // Two at a time: each life is a world of its own.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let die = next.fetch_add(1, Ordering::SeqCst);
                    if die >= whole.steps {
                        return;
                    }
                    let first = live(None, Some(die), &path(format!("died-{die}")));
                    let second = live(Some(&path(format!("died-{die}"))), None, &path(format!("end-{die}")));
                    for id in &expected {
                        let told = first.told.contains_key(*id) || second.told.contains_key(*id);
                        assert!(told, "dying at step {die} loses {id}");
                    }
                    assert!(second.told.values().all(|times| *times == 1), "step {die}");
                    let twice = first.told.keys().filter(|id| second.told.contains_key(*id)).count();
                    if twice > 0 {
                        repeats.lock().expect("repeats").insert(die, twice);
                    }
                    for name in ["died", "end"] {
                        std::fs::remove_dir_all(path(format!("{name}-{die}"))).expect("removed");
                    }
                }
            });
        }
    });
    let repeats = repeats.into_inner().expect("repeats");
    println!("{} steps; repeats after {} of them: {repeats:?}", whole.steps, repeats.len());
    // A message is in flight between its delivery and its settling: dying there, and only there, repeats it.
    assert!(repeats.len() <= whole.told.len(), "{repeats:?}");
    assert!(
        repeats.values().all(|alerts| *alerts <= trailnoti::domain::notify::outbox::PER_MESSAGE),
        "{repeats:?}"
    );
}
