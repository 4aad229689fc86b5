//! What other users of the machine do to the daemon.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::process::{Home, LONG, configuration, happens, port_of, said, world};
use crate::servers::{Slack, eventually};

/// 4,300 idle connections took every descriptor, and half a request stayed open for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_and_half_requests_take_no_descriptors() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, "").replace("\"off\"", "\"127.0.0.1:0\""));
    home.start();
    let process = home.process();
    let port = port_of(&home).await;
    let descriptors = || std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count();
    let before = descriptors();
    let mut held = Vec::new();
    for n in 0..400 {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        if n % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.expect("sent");
        }
        held.push(stream);
    }
    assert!(descriptors() <= before + 40, "{} descriptors, {before} before", descriptors());
    // Who holds a place and says nothing loses it.
    let mut rest = Vec::new();
    tokio::time::timeout(LONG, held[0].read_to_end(&mut rest)).await.expect("closed").expect("read");
    happens(&world, "in-spite");
    eventually("it tells", LONG, || said(&slack, "in-spite")).await;
    drop(held);
    let healthy = home.command(&["healthcheck", "--config", "trailnoti.toml"]).status().expect("it runs");
    assert!(healthy.success());
    home.signal("-TERM");
    home.end().await;
}
