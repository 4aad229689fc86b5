//! A clock that somebody sets while the daemon runs; AWS's own goes on.

use std::sync::atomic::{AtomicI64, Ordering};

use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::call;

use crate::world::{MALLORY, Stage, at, minutes, seconds};

/// The clock is off by so many seconds from 10:20:00 on, for 45 seconds; how long after it could be read an event of the next
/// minute was alerted on.
async fn wait_after(off_by: i64) -> i64 {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    let set: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
    let user = |name: &str, time: &str| {
        let request = object([("userName", name.into())]);
        call(&MALLORY, at(time), "us-east-1", "iam", "CreateUser", request, Json::Null)
    };
    stage.record(user("before", "10:05"), minutes(2));
    stage.record(user("meanwhile", "10:20:10"), seconds(20));
    stage.record(user("after", "10:21:30"), seconds(5));
    stage.start_by(stage.clock.off_by(set)).await;
    stage.until("10:20").await;
    set.store(off_by, Ordering::Relaxed);
    stage.until("10:20:45").await;
    set.store(0, Ordering::Relaxed);
    stage.until("11:00").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let told = |name: &str| {
        let mut found = book.deliveries.iter().filter(|delivery| {
            delivery.digest.alerts.iter().any(|one| one.alert.title == format!("user {name}"))
        });
        let first =
            found.next().unwrap_or_else(|| panic!("{name} was never alerted on, clock off by {off_by} s"));
        assert!(found.next().is_none(), "{name} twice, clock off by {off_by} s");
        first.at
    };
    told("before");
    let late = told("meanwhile").duration_since(at("10:20:30")).as_secs();
    assert!(late <= 300, "the event meanwhile {late} s late, clock off by {off_by} s");
    told("after").duration_since(at("10:21:35")).as_secs()
}

#[tokio::test(start_paused = true)]
async fn r15_a_clock_that_was_off_for_a_while_delays_nothing_afterwards() {
    for off_by in [3_600, 86_400, -3_600, -86_400, 26 * 3_600, 0] {
        let wait = wait_after(off_by).await;
        println!("clock off by {off_by} s for 45 s: the next minute's event {wait} s after it could be read");
        assert!(wait <= 40, "clock off by {off_by} s: {wait} s");
    }
}
