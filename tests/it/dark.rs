//! A network that goes dark under the running process: packets vanish, and nothing is refused. It takes the loopback of its network
//! namespace down, so that it runs in one of its own: `unshare -n`, as `.ci/run` does.

use std::process::Command;
use std::time::Duration;

use crate::process::{Home, LONG, configuration, happens, said, world};
use crate::servers::{Slack, eventually};

fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().expect("ip runs: install iproute2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a network namespace of its own; .ci/run runs it in one"]
async fn a_network_that_goes_dark_for_a_minute_loses_nothing_and_repeats_nothing() {
    let links = ip(&["-o", "link"]);
    assert!(links.lines().count() == 1 && links.contains("lo:"), "run it under `unshare -n`: {links}");
    ip(&["link", "set", "lo", "up"]);
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.start();
    happens(&world, "before");
    eventually("it runs", LONG, || said(&slack, "created the IAM user before")).await;
    ip(&["link", "set", "lo", "down"]);
    happens(&world, "in-the-dark");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(slack.texts().len(), 1, "{:?}", slack.texts());
    assert!(!home.has_ended(), "{}", home.log());
    ip(&["link", "set", "lo", "up"]);
    happens(&world, "after");
    for name in ["in-the-dark", "after"] {
        let told = || (slack.messages_with(name) > 0).then_some(()).ok_or(home.log());
        eventually("it is told", LONG * 4, told).await;
    }
    for name in ["before", "in-the-dark", "after"] {
        assert_eq!(slack.messages_with(&format!("the IAM user {name}")), 1, "{:?}", slack.texts());
    }
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
}
