//! The heartbeat, on the built program: a real service hears a start, that all is well, and that it is not.

use trailnoti::simulator::{Fault, Trouble};

use crate::process::{Home, LONG, configuration, happens, world};
use crate::servers::{Reply, Slack, Watcher, eventually};

fn with_heartbeat(slack: &Slack, kind: &str) -> String {
    let table = format!("[heartbeat]\nurl_file = \"beat\"\nkind = \"{kind}\"\ninterval = \"1s\"\n");
    configuration(&slack.url, &table)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_outside_hears_a_start_that_all_is_well_and_at_once_that_it_is_not() {
    let world = world();
    let mut home = Home::new(&world).await;
    let (slack, watcher) = (Slack::start("x").await, Watcher::start().await);
    home.write("beat", &watcher.url);
    home.write("trailnoti.toml", &with_heartbeat(&slack, "healthchecks"));
    home.start();
    let path = "/ping/secret-uuid";
    eventually("it starts", LONG, || watcher.heard(0, &format!("POST {path}/start "))).await;
    let well = format!("POST {path} 1 of 1 regions read up to ");
    eventually("it is well", LONG, || watcher.heard(0, &well)).await;
    let before = watcher.got.lock().expect("got").len();
    // The only sink takes nothing any more.
    slack.replies.lock().expect("replies").extend((0..50).map(|_| Reply::new(404, "no_service")));
    happens(&world, "not-told");
    let fails = format!("POST {path}/fail none of 1 sinks takes messages; 1 of 1 regions read");
    eventually("it fails", LONG, || watcher.heard(before, &fails)).await;
    let got = watcher.got.lock().expect("got").clone();
    assert!(got.iter().all(|said| !said.contains("us-east-1") && !said.contains("111122223333")), "{got:?}");
    assert!(!home.log().contains("secret-uuid"), "{}", home.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_a_service_that_waits_while_a_region_is_not_read() {
    let world = world();
    let mut home = Home::new(&world).await;
    let (slack, watcher) = (Slack::start("x").await, Watcher::start().await);
    world.fault(Fault::new(Trouble::Denied).operation("LookupEvents"));
    home.write("beat", &watcher.url);
    home.write("trailnoti.toml", &with_heartbeat(&slack, "plain"));
    home.start();
    eventually("it says so", LONG, || crate::process::said(&slack, "cannot read")).await;
    assert!(watcher.got.lock().expect("got").is_empty());
    world.heal();
    eventually("it is well", LONG * 4, || watcher.heard(0, "GET /ping/secret-uuid ")).await;
}
