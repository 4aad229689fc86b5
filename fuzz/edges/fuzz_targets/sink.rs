//! A sink over a real socket, whose server says what the fuzzer says.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use trailnoti::config::{Config, build_sinks};
use trailnoti::domain::notify::alert::Alert;
use trailnoti::domain::notify::message::{Message, Pending};
use trailnoti::domain::severity::Severity;
use trailnoti::sink::Sink;

struct Stage {
    runtime: Runtime,
    sink: Arc<dyn Sink>,
    said: Arc<Mutex<Vec<u8>>>,
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| {
    // A panic of a library that the sink turns into a failure is none; the fuzzer's own hook would end here.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let said = Arc::new(Mutex::new(Vec::new()));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let says = said.clone();
    runtime.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let said = says.lock().expect("said").clone();
            // All at once, so that no answer is waited for; what the sink sends is read, so that nothing is reset.
            let (mut asks, mut answers) = socket.split();
            let _ = answers.write_all(&said).await;
            let _ = answers.shutdown().await;
            let mut asked = [0; 4096];
            while asks.read(&mut asked).await.is_ok_and(|read| read > 0) {}
        }
    });
    let text = super::CONFIG.replace("PORT", &port.to_string());
    let config = Config::parse("trailnoti.toml", &text, None, BTreeMap::new());
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let _inside = runtime.enter();
    let sink = build_sinks(&config.sinks).expect("a sink").remove(0);
    drop(_inside);
    Mutex::new(Stage { runtime, sink, said })
});

fn message() -> Message {
    let text = |text: &str| text.to_owned();
    let alert = Alert {
        id: text("00000000-0000-0000-0000-000000000000"),
        rule: text("any"),
        title: text("something happened"),
        description: String::new(),
        runbook: String::new(),
        severity: Severity::High,
        group: text("g"),
        account: text("111122223333"),
        account_name: String::new(),
        region: text("us-east-1"),
        time: jiff::Timestamp::UNIX_EPOCH,
        principal: String::new(),
        address: String::new(),
        origin: String::new(),
        event_id: String::new(),
        instance: String::new(),
        completes: false,
        part: Default::default(),
        tags: Vec::new(),
        of_itself: false,
        facts: Vec::new(),
    };
    let enqueued = jiff::Timestamp::UNIX_EPOCH;
    let pending = Pending { seq: 0, enqueued, refusals: 0, not_before: None, like: Vec::new(), counted: 0, alert };
    Message { alerts: vec![pending], groups: vec![text("g")], ..Message::default() }
}

/// Delivers to a server that says this. What is said of it has no secret in it, and is one short line.
pub fn deliver(said: Vec<u8>) {
    let stage = STAGE.lock().expect("the stage");
    *stage.said.lock().expect("said") = said;
    let answer = stage.runtime.block_on(async { stage.sink.deliver(&message()).await });
    if let Err(failure) = answer {
        let why = failure.why();
        assert!(!why.contains("sesame") && !why.chars().any(char::is_control), "{why}");
        assert!(why.chars().count() <= 320, "{why}");
    }
}
