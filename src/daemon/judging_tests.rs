//! Judging many accounts beside each other: who waits for whom, and what happens when the state is busy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::poll;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::dispatch::dispatch;
use crate::daemon::judge_state::JudgeState;
use crate::daemon::judging::{Batch, What};
use crate::daemon::shared::Shared;
use crate::domain::event::Received;
use crate::domain::event::scope::Scope;
use crate::domain::judge::When;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::time::later;
use crate::sink::Sink;
use crate::source;
use crate::store::{Commit, Store, StoreError, Weather};

const SINK: &str = "[[sink]]\nname = \"security\"\nkind = \"terminal\"\n";

async fn shared(weather: &Arc<Weather>) -> Shared {
    let clock = Clock::virtual_from("2026-03-02T10:00:00Z".parse().expect("a time"));
    let config = Config::parse("", SINK, None, BTreeMap::new()).expect("right");
    let store = Arc::new(Store::under(weather, clock).await);
    Shared {
        judge_state: Arc::new(JudgeState::load(&store).await.expect("read")),
        store,
        status: Arc::default(),
        clock,
        coverage: Arc::default(),
        outages: Arc::default(),
        sweeps: Arc::default(),
        routes: Arc::new(config.routes()),
        nudges: Arc::default(),
        skew: source::skew(clock),
        page: source::PageSize::Whole,
        base: Arc::default(),
        config: Arc::new(config),
    }
}

/// A write in an account, as CloudTrail's history shows it.
fn write(account: &str, n: usize) -> Received {
    let record = format!(
        r#"{{"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-03-02T09:59:0{n}Z","awsRegion":"us-east-1","eventID":"{account}-{n}","recipientAccountId":"{account}","eventType":"AwsApiCall"}}"#
    );
    Received { id: format!("{account}-{n}"), name: "CreateUser".to_owned(), time: None, record: Ok(record) }
}

async fn judge(shared: &Shared, account: &str, n: usize) -> Result<(), StoreError> {
    let scope = Scope::region_of(account, "us-east-1");
    let what = What::Page(vec![write(account, n)], When::Now);
    let batch = Batch { scope, account_name: "", own: None, what };
    shared.judge_and_commit(batch, Commit::default()).await.map(|_| ())
}

/// One lock for all accounts was held over every flush: at 100 accounts with a write a second each, judging waited for
/// the disk 100 times a second.
#[tokio::test(start_paused = true)]
async fn judging_one_of_a_hundred_accounts_waits_for_no_others_flush() {
    let weather = Arc::new(Weather::default());
    let shared = shared(&weather).await;
    let accounts: Vec<String> = (0..100).map(|n| format!("{:012}", 111_100_000_000_u64 + n)).collect();
    let mut judged = Vec::new();
    // Two rounds: neither another account nor the same one waits for a flush, and no flush ever ends.
    for n in 0..2 {
        for account in &accounts {
            let mut one = Box::pin(judge(&shared, account, n));
            assert!(poll!(&mut one).is_pending(), "it is judged and written, and not known to last");
            judged.push(one);
            // tokio lets no task ask for more than 128 locks in one go.
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(shared.store.queue("security").await.expect("read"), 200);
    let sends = shared.store.pending("security");
    tokio::pin!(sends);
    assert!(poll!(&mut sends).is_pending(), "nothing is sent before it lasts");
    weather.flushes.add_permits(1_000);
    assert!(futures_util::future::join_all(judged).await.iter().all(Result::is_ok));
    assert!(!sends.await.expect("read").0.is_empty());
}

/// An engine behind a network has moments without an answer: the same page is judged again, and alerts once.
#[tokio::test(start_paused = true)]
async fn a_page_that_meets_a_busy_state_is_judged_again_and_alerts_once() {
    let weather = Arc::new(Weather::default());
    weather.flushes.add_permits(1_000);
    let shared = shared(&weather).await;
    let mut refused = 0;
    // Whichever question it is that is not answered.
    for questions in 1..20 {
        weather.busy.store(questions, Ordering::SeqCst);
        while let Err(error) = judge(&shared, "111122223333", 1).await {
            assert!(error.may_pass(), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(shared.store.queue("security").await.expect("read"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_loop_begins_again_when_the_state_was_busy_and_ends_when_it_is_broken() {
    let weather = Arc::new(Weather::default());
    weather.flushes.add_permits(1_000);
    let (shared, stop) = (shared(&weather).await, CancellationToken::new());
    weather.busy.store(3, Ordering::SeqCst);
    let begun = shared.clock.now();
    let queue = shared.persist("loop", &stop, || shared.store.queue("security")).await;
    assert_eq!(queue.expect("it is answered at last"), Some(0));
    assert_eq!(shared.clock.now().duration_since(begun).as_secs(), 15, "three waits of five seconds");
    let broken =
        shared.persist("loop", &stop, || async { Err::<(), _>(StoreError::Engine("gone".to_owned())) }).await;
    assert!(broken.is_err());
}

struct Quiet;

impl Sink for Quiet {
    fn queue(&self) -> &str {
        "security"
    }

    fn deliver<'a>(&'a self, _message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(async { Ok(Receipt::default()) })
    }
}

/// Every alert made each sink read all that waited: ten thousand alerts of a thief took most of the processor.
#[tokio::test(start_paused = true)]
async fn a_flood_of_alerts_is_looked_through_once_a_second_and_not_for_each() {
    let weather = Arc::new(Weather::default());
    weather.flushes.add_permits(1_000);
    let (shared, stop) = (shared(&weather).await, CancellationToken::new());
    let nudge = Arc::new(Notify::new());
    for account in 0..10 {
        for n in 0..5 {
            judge(&shared, &format!("{:012}", 111_100_000_000_u64 + account), n).await.expect("judged");
        }
    }
    let before = weather.scans.load(Ordering::SeqCst);
    let clock = shared.clock;
    let flood = async {
        for _ in 0..200 {
            nudge.notify_one();
            clock.sleep_until(later(clock.now(), Duration::from_millis(50))).await;
        }
        stop.cancel();
    };
    let sends = dispatch(shared.clone(), Arc::new(Quiet), nudge.clone(), stop.clone());
    assert!(tokio::join!(sends, flood).0.is_ok());
    let scans = weather.scans.load(Ordering::SeqCst) - before;
    assert!((20..=26).contains(&scans), "two for each look, and a look a second: {scans}");
}
