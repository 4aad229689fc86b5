//! The program as a process: signals, exit codes, real servers, and what it leaves behind when it is killed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use trailnoti::clock::Clock;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::{call, refused};
use trailnoti::simulator::{Made, World};

use crate::servers;
use crate::servers::{Mail, Reply, Slack, eventually};
use crate::world::{ACCOUNT, MALLORY};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailnoti");
pub const LONG: Duration = Duration::from_secs(30);

/// A folder with a configuration, and the daemon that runs by it.
pub struct Home {
    folder: tempfile::TempDir,
    aws: String,
    key: String,
    child: Option<Child>,
}

impl Home {
    pub async fn new(world: &World) -> Self {
        let key = world.add_account(ACCOUNT);
        world.account(ACCOUNT, |account| account.only_regions(&["us-east-1"]));
        let folder = tempfile::tempdir().expect("a folder");
        Home { folder, aws: servers::aws(world.clone()).await, key, child: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).expect("set");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("TRAILNOTI_BIN").unwrap_or_else(|| PROGRAM.into());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.aws)
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.folder.path());
        command
    }

    pub fn start(&mut self) {
        self.start_with(|command| command);
    }

    pub fn start_with(&mut self, change: impl Fn(&mut Command) -> &mut Command) {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let out =
            std::fs::OpenOptions::new().create(true).append(true).open(self.path("out")).expect("a file");
        let mut command = self.command(&["run", "--config", "trailnoti.toml"]);
        self.child = Some(change(command.stdout(out).stderr(log)).spawn().expect("it starts"));
    }

    pub fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &child]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Whether it is not running any more.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().expect("it runs").try_wait().expect("it is looked at").is_some()
    }

    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Waits for its end; its exit code.
    pub async fn end(&mut self) -> Option<i32> {
        let child = self.child.as_mut().expect("it runs");
        eventually("the daemon ends", LONG, || match child.try_wait() {
            Ok(Some(status)) => Ok(status.code()),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = child.try_wait();
            let _it_may_have_ended = child.kill();
            let _it_may_have_ended = child.wait();
            if std::thread::panicking() {
                println!("the daemon (ended: {ended:?}) said:\n{}", self.log());
            }
        }
    }
}

pub fn world() -> World {
    World::new(Clock::system())
}

/// Something happens now and can be read at once.
pub fn happens(world: &World, name: &str) {
    let request = object([("userName", name.into())]);
    let record = call(&MALLORY, Clock::system().now(), "us-east-1", "iam", "CreateUser", request, Json::Null);
    world.account(ACCOUNT, |account| account.record(record, SignedDuration::ZERO));
}

pub fn configuration(slack: &str, more: &str) -> String {
    format!(
        "[state]\npath = \"state\"\n[cloudtrail]\npoll_interval = \"5s\"\n[ec2]\npoll_interval = \"5s\"\n[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[http]\nlisten = \"off\"\n[[sink]]\nname = \"slack\"\nkind = \"slack\"\nwebhook_url = \"{slack}\"\n{more}"
    )
}

pub fn said(slack: &Slack, what: &str) -> Result<(), String> {
    let texts = slack.texts();
    if texts.iter().any(|text| text.contains(what)) { Ok(()) } else { Err(format!("{texts:?}")) }
}

pub fn mailed(mail: &Mail, what: &str) -> Result<(), String> {
    let got = mail.got.lock().expect("got").clone();
    if got.iter().any(|mail| mail.contains(what)) { Ok(()) } else { Err(format!("{got:?}")) }
}

pub fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_tells_slack_and_a_mail_server_and_stops_at_sigterm() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("T/B/CANARY-SLACK").await;
    let (cert, key) = certificate(home.folder.path());
    let mail = Mail::start("CANARY-MAIL", Some((&cert, &key)));
    home.write("password", "CANARY-MAIL\n");
    let email = format!(
        "[[sink]]\nname = \"mail\"\nkind = \"email\"\nsmtp = \"smtp://localhost:{}\"\nusername = \"alerts\"\npassword_file = \"password\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n",
        mail.port
    );
    home.write("trailnoti.toml", &configuration(&slack.url, &email));
    happens(&world, "support-2");
    // The certificate is trusted as a private authority's would be.
    home.start_with(|command| command.env("SSL_CERT_FILE", &cert));
    eventually("Slack is told", LONG, || said(&slack, "created the IAM user support-2")).await;
    eventually("a mail comes", LONG, || mailed(&mail, "created the IAM user support-2")).await;
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
    // Started again, it tells nothing twice.
    home.start_with(|command| command.env("SSL_CERT_FILE", &cert));
    happens(&world, "support-3");
    eventually("Slack is told", LONG, || said(&slack, "created the IAM user support-3")).await;
    assert_eq!(slack.texts().iter().filter(|text| text.contains("support-2")).count(), 1);
    home.signal("-INT");
    assert_eq!(home.end().await, Some(0));
}

/// R20: a mail server whose certificate is over, of another name or of an unknown authority gets no mail and no password, on
/// no way; the others are told of nothing less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_a_certificate_that_is_wrong_gets_no_mail_and_never_plain_text() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    let now = Clock::system().now();
    let made = |name: &str, host: &str, days: i64| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut made = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("parameters");
        let end = (now + SignedDuration::from_hours(24 * days)).to_zoned_datetime(jiff::tz::TimeZone::UTC);
        let month = u8::try_from(end.month()).expect("a month");
        let day = u8::try_from(end.day()).expect("a day");
        made.not_before = rcgen::date_time_ymd(2020, 1, 1);
        made.not_after = rcgen::date_time_ymd(end.year().into(), month, day);
        let certificate = made.self_signed(&key).expect("a certificate").pem();
        let (cert, kept) = (home.path(&format!("{name}.pem")), home.path(&format!("{name}.key")));
        std::fs::write(&cert, certificate).expect("written");
        std::fs::write(&kept, key.serialize_pem()).expect("written");
        (cert, kept)
    };
    let servers = [
        ("right", made("right", "localhost", 30), true),
        ("over", made("over", "localhost", -30), true),
        ("other", made("other", "elsewhere.example", 30), true),
        ("unknown", made("unknown", "localhost", 30), false),
    ];
    let (mut sinks, mut trusted, mut mails) = (String::new(), String::new(), Vec::new());
    home.write("password", "CANARY-MAIL\n");
    for (name, (cert, key), is_trusted) in &servers {
        let mail = Mail::start("CANARY-MAIL", Some((cert, key)));
        sinks.push_str(&format!(
            "[[sink]]\nname = \"{name}\"\nkind = \"email\"\nsmtp = \"smtp://localhost:{}\"\nusername = \"alerts\"\npassword_file = \"password\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n",
            mail.port
        ));
        if *is_trusted {
            trusted.push_str(&std::fs::read_to_string(cert).expect("read"));
        }
        mails.push((*name, mail));
    }
    home.write("trusted.pem", &trusted);
    home.write("trailnoti.toml", &configuration(&slack.url, &sinks));
    happens(&world, "watched");
    let authorities = home.path("trusted.pem");
    home.start_with(|command| command.env("SSL_CERT_FILE", &authorities));
    let got = |name: &str| {
        let (_, mail) = mails.iter().find(|(known, _)| *known == name).expect("a server");
        mail.got.lock().expect("got").len()
    };
    eventually("a right one gets mail", LONG, || (got("right") > 0).then_some(()).ok_or(home.log())).await;
    for name in ["over", "other", "unknown"] {
        let refused = || {
            let log = home.log();
            let told = log.lines().any(|line| line.contains(name) && line.contains("certificate"));
            told.then_some(()).ok_or(log)
        };
        eventually("it says why", LONG, refused).await;
        assert_eq!(got(name), 0, "{name}");
    }
}

/// What the process took of memory at most so far, in mebibytes.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") / 1024
}

/// One page of fifty refused `CreateTags` of 96 KB took the process from 38 to 412 MB, where the unit and the README's
/// container allow 256: it was killed over the same page for ever. Here every one of seventeen regions has such a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_five_megabytes_in_every_region_at_once_fit_into_the_units_memory() {
    const REGIONS: [&str; 17] = [
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ];
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    let now = Clock::system().now();
    for region in REGIONS {
        world.account(ACCOUNT, |account| account.enable(region, now - SignedDuration::from_hours(1)));
    }
    let tag = |n: usize| object([("key", format!("key-{n:06}").into()), ("value", "v".into())]);
    let tags = Json::Array((0..2_950).map(tag).collect());
    for region in REGIONS {
        for n in 0..50_i64 {
            let request = object([("tagSet", object([("items", tags.clone())]))]);
            let at = now - SignedDuration::from_secs(120 + n);
            let record = call(&MALLORY, at, region, "ec2", "CreateTags", request, Json::Null);
            let record = refused(record, "Client.UnauthorizedOperation", "no");
            let size = record.to_string().len();
            assert!((90_000..110_000).contains(&size), "{size}");
            world.account(ACCOUNT, |account| account.record(record, SignedDuration::ZERO));
        }
        let last = call(
            &MALLORY,
            now,
            region,
            "iam",
            "CreateUser",
            object([("userName", region.into())]),
            Json::Null,
        );
        world.account(ACCOUNT, |account| account.record(last, SignedDuration::ZERO));
    }
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.start();
    let process = home.child.as_ref().expect("it runs").id();
    eventually("every region is read", Duration::from_secs(120), || {
        let missing: Vec<&str> = REGIONS
            .into_iter()
            .filter(|region| slack.messages_with(&format!("created the IAM user {region}")) == 0)
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} of {}", peak(process))) }
    })
    .await;
    let peak = peak(process);
    println!("at most {peak} MiB for seventeen pages of five megabytes");
    assert!(peak < 96, "{peak} MiB");
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0));
}

/// R1: killed again and again at random moments, with events all the while. Nothing is lost, and no kill repeats
/// more than the one message that was in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_two_hundred_kills_lose_nothing() {
    const KILLS: usize = 200;
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    let seed = std::process::id();
    let mut random = u64::from(seed) | 1;
    for n in 0..KILLS {
        happens(&world, &format!("user-{n:03}"));
        home.start();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(random % 500)).await;
        home.signal("-KILL");
        home.end().await;
    }
    let sent = slack.texts().len();
    home.start();
    let told = |n: usize| slack.messages_with(&format!("created the IAM user user-{n:03}"));
    eventually("everything is told", Duration::from_secs(60), || {
        let missing: Vec<usize> = (0..KILLS).filter(|n| told(*n) == 0).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("seed {seed}: missing {missing:?}\n{}", home.log()))
        }
    })
    .await;
    let messages: usize = (0..KILLS).map(told).sum();
    println!("{KILLS} kills, {sent} messages before the last start, {} repeats", messages - KILLS);
    assert!(
        messages - KILLS <= KILLS,
        "seed {seed}: {messages} messages for {KILLS} alerts and as many kills"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_a_reload_with_mistakes_keeps_the_old_configuration_running() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.start();
    happens(&world, "before");
    eventually("it runs", LONG, || said(&slack, "before")).await;
    home.write("trailnoti.toml", "[cloudtrail]\npoll_intervall = \"5s\"\n");
    home.signal("-HUP");
    eventually("the refusal is told", LONG, || said(&slack, "kept its old configuration")).await;
    happens(&world, "after");
    eventually("it goes on", LONG, || said(&slack, "after")).await;
    assert!(home.log().contains("cloudtrail.poll_intervall: unknown key (did you mean poll_interval?)"));
    home.write("trailnoti.toml", &configuration(&slack.url, "[rules]\ndisable = [\"iam-user-created\"]\n"));
    home.signal("-HUP");
    eventually("the new one is taken", LONG, || said(&slack, "runs with the new configuration")).await;
    happens(&world, "disabled");
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.signal("-HUP");
    happens(&world, "again");
    // What the disabled rule did not tell is judged anew now, and may come in the same message.
    eventually("it goes on", LONG, || match slack.messages_with("created the IAM user again") {
        0 => Err(format!("{:?}", slack.texts())),
        _ => Ok(()),
    })
    .await;
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0));
}

/// R23: what hangs does not hold the end up, and a second signal ends at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_sigterm_ends_within_ten_seconds_also_while_a_delivery_hangs() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    let hangs = Reply { hangs: true, ..Reply::new(200, "ok") };
    slack.replies(std::iter::repeat_n(hangs, 50));
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    happens(&world, "x");
    home.start();
    let taken = |left: usize| {
        let now = slack.replies.lock().expect("replies").len();
        if now < left { Ok(()) } else { Err(format!("{now} replies left")) }
    };
    eventually("a delivery hangs", LONG, || taken(50)).await;
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
    home.start();
    let left = slack.replies.lock().expect("replies").len();
    eventually("a delivery hangs again", LONG, || taken(left)).await;
    home.signal("-TERM");
    eventually("the first signal is heard", LONG, || {
        let log = home.log();
        if log.matches("stopping; a second signal").count() == 2 { Ok(()) } else { Err(log) }
    })
    .await;
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(128 + 15));
}

/// R27: after a day of failures, no secret stands anywhere that the program writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r27_no_secret_is_in_anything_that_the_process_writes() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("CANARY-SLACK").await;
    slack.replies([Reply::new(500, "x"), Reply::new(404, "no_service"), Reply::new(200, "nonsense")]);
    let more = "[[sink]]\nname = \"mail\"\nkind = \"email\"\nsmtp = \"smtp://127.0.0.1:1\"\nusername = \"u\"\npassword = \"CANARY-MAIL\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n".to_string();
    let text = configuration(&slack.url, &more).replace("\"off\"", "\"127.0.0.1:0\"");
    home.write("trailnoti.toml", &text);
    happens(&world, "x");
    home.start_with(|command| {
        command
            .env("TRAILNOTI_LOG", "trace")
            .env("AWS_SECRET_ACCESS_KEY", "CANARY-AWS")
            .env("RUST_BACKTRACE", "1")
    });
    eventually("failures are logged", LONG, || {
        let log = home.log();
        if log.matches("message not delivered").count() >= 2 { Ok(()) } else { Err(log) }
    })
    .await;
    let port = port_of(&home).await;
    let metrics = reqwest::get(format!("http://127.0.0.1:{port}/metrics"))
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert!(metrics.contains("trailnoti_notification_failures_total"), "{metrics}");
    // A configuration that is wrong is shown, and its secrets are not.
    home.write(
        "wrong.toml",
        &text.replace("kind = \"email\"", "kind = \"email\"\nfoo = 1").replace("http://127", "ftp://127"),
    );
    let check = home.command(&["check", "--config", "wrong.toml"]).output().expect("it runs");
    home.signal("-TERM");
    home.end().await;
    let mut written = vec![("metrics".to_owned(), metrics.into_bytes())];
    written.push(("check".to_owned(), [check.stdout, check.stderr].concat()));
    let mut folders = vec![home.path("state")];
    for file in ["log", "out"] {
        written.push((file.to_owned(), std::fs::read(home.path(file)).expect("read")));
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("read").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if !path.is_file() => {}
                path => written.push((path.display().to_string(), std::fs::read(&path).expect("read"))),
            }
        }
    }
    for (name, bytes) in written {
        assert!(!String::from_utf8_lossy(&bytes).contains("CANARY"), "a secret is in {name}");
    }
}

/// The port that the daemon was given, which listens on none in particular: nobody else can take it in between.
pub async fn port_of(home: &Home) -> u16 {
    let said = || {
        let log = home.log();
        let port = log
            .split("listening on http://127.0.0.1:")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        port.and_then(|port| port.parse::<u16>().ok()).ok_or(log)
    };
    eventually("it listens", LONG, || said().map(drop)).await;
    said().expect("a port")
}

/// The names of all members inside a JSON value.
fn names(value: &serde_json::Value, into: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(members) => members.iter().for_each(|(name, value)| {
            into.insert(name.clone());
            names(value, into);
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_pages_say_alive_and_ready() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    let listen = |address: &str| configuration(&slack.url, "").replace("\"off\"", &format!("\"{address}\""));
    home.write("trailnoti.toml", &listen("127.0.0.1:0"));
    home.start();
    let port = port_of(&home).await;
    let client = reqwest::Client::new();
    let mut status = BTreeSet::new();
    let begun = Instant::now();
    while begun.elapsed() < LONG && !status.contains(&200) {
        if let Ok(answer) = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await {
            status.insert(answer.status().as_u16());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(status.contains(&200), "{status:?}: {}", home.log());
    let healthy = home.command(&["healthcheck", "--config", "trailnoti.toml"]).status().expect("it runs");
    assert!(healthy.success());
    let page = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.expect("an answer");
    assert!(
        page.text().await.expect("text").contains("trailnoti_poll_requests_total{account=\"111122223333\"")
    );
    let run = |arguments: &[&str]| {
        let output = home.command(arguments).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    happens(&world, "looked-at");
    eventually("it tells", LONG, || said(&slack, "looked-at")).await;
    let (code, screen) = run(&["status", "--config", "trailnoti.toml"]);
    assert_eq!(code, Some(0));
    assert!(
        screen.contains("regions read on time") && screen.contains("created the IAM user looked-at"),
        "{screen}"
    );
    assert!(
        screen.contains("us-east-1") && screen.contains("slack") && !screen.contains('\u{1b}'),
        "{screen}"
    );
    let (code, json) = run(&["status", "--json", "--config", "trailnoti.toml"]);
    assert_eq!(code, Some(0));
    let page: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((page["format"].as_u64(), page["sinks"].as_array().map(Vec::len)), (Some(1), Some(1)));
    let mut fields = BTreeSet::new();
    names(&page, &mut fields);
    let described = include_str!("../../docs/status.md");
    let missing: Vec<_> = fields.iter().filter(|field| !described.contains(&format!("`{field}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new(), "docs/status.md describes every field");
    let (code, _) = run(&["explain", "i-0unknown", "--config", "trailnoti.toml"]);
    assert_eq!(code, Some(1));
    let rebound = client.get(format!("http://127.0.0.1:{port}/metrics")).header("Host", "evil.example");
    assert_eq!(rebound.send().await.expect("an answer").status().as_u16(), 403);
    let web = format!("http://127.0.0.1:{port}/");
    let answer = client.get(&web).send().await.expect("an answer");
    let policy = answer.headers().get("content-security-policy").and_then(|one| one.to_str().ok());
    assert!(policy.is_some_and(|policy| policy.starts_with("default-src 'none'")), "{policy:?}");
    let page = answer.text().await.expect("text");
    assert!(page.contains("us-east-1") && page.contains("created the IAM user looked-at"), "{page}");
    let found = client.get(format!("{web}?q=LOOKED-at")).send().await.expect("an answer");
    let found = found.text().await.expect("text");
    assert!(found.contains("delivered to slack") && !found.contains("No decision"), "{found}");
    let rebound = client.get(&web).header("Host", "evil.example").send().await.expect("an answer");
    assert_eq!(rebound.status().as_u16(), 403, "a website whose name points here");
    let by_port = client.get(format!("http://127.0.0.1:{port}/status")).send().await.expect("an answer");
    assert_eq!(by_port.status().as_u16(), 404, "what is seen is shown over the socket alone");
    // A folder in which others could put a socket of their own is not believed.
    let state = home.path("state");
    let mode =
        |mode| std::fs::set_permissions(&state, std::fs::Permissions::from_mode(mode)).expect("its mode");
    mode(0o777);
    assert_eq!(run(&["status", "--config", "trailnoti.toml"]).0, Some(1));
    mode(0o700);
    home.signal("-TERM");
    home.end().await;
    for command in ["healthcheck", "status"] {
        let dead = home.command(&[command, "--config", "trailnoti.toml"]).output().expect("it runs");
        assert_eq!(dead.status.code(), Some(69));
        let said = String::from_utf8_lossy(&dead.stderr).into_owned();
        assert!(
            said.contains("no daemon is answering on ")
                && said.contains("state/control.sock")
                && said.lines().count() == 1,
            "{said}"
        );
    }
}

/// R13: a state that cannot be kept ends the start within two seconds, in one line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r13_a_state_that_cannot_be_used_ends_the_start() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.write("file", "");
    let started = |home: &Home, state: &str| -> Output {
        let mut command = home.command(&["run", "--config", "trailnoti.toml"]);
        command.env("TRAILNOTI__STATE__PATH", state).stdin(Stdio::null()).output().expect("it runs")
    };
    let line = |output: &Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let output = started(&home, "file/state");
    assert_eq!(output.status.code(), Some(73), "{}", line(&output));
    assert!(
        line(&output).lines().count() == 1
            && line(&output).contains("make it a folder that this user can write")
    );
    home.start();
    happens(&world, "x");
    eventually("it runs", LONG, || said(&slack, "x")).await;
    let output = started(&home, "state");
    assert_eq!(output.status.code(), Some(75), "{}", line(&output));
    assert!(line(&output).contains("in use by another trailnoti"));
    home.signal("-TERM");
    home.end().await;
    std::fs::write(home.path("state/version"), "7\n").expect("written");
    let output = started(&home, "state");
    assert_eq!(output.status.code(), Some(78), "{}", line(&output));
}

/// R12: a full disk. It needs a small file system, which only root can mount; elsewhere `store` tries the same
/// with a handle that fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_full_disk_loses_nothing_and_heals_by_itself() {
    let world = world();
    let mut home = Home::new(&world).await;
    let state = home.path("state");
    std::fs::create_dir(&state).expect("made");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
        .arg(&state)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        println!("skipped: a tmpfs cannot be mounted here");
        return;
    }
    let _mount = Mount(state.clone());
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.start();
    happens(&world, "first");
    eventually("it runs", LONG, || said(&slack, "created the IAM user first")).await;
    let filler = state.join("filler");
    fill(&filler);
    for n in 0..40 {
        happens(&world, &format!("full-{n:02}"));
    }
    let all = |what: &'static str, n: usize| {
        let slack = slack.clone();
        move || {
            let names = (0..n).map(|n| format!("created the IAM user {what}-{n:02}"));
            let missing: Vec<String> = names.filter(|name| slack.messages_with(name) == 0).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("missing {missing:?}")) }
        }
    };
    eventually("alerts go on", Duration::from_secs(90), all("full", 40)).await;
    eventually("it says so", LONG, || said(&slack, "cannot write its state")).await;
    std::fs::remove_file(&filler).expect("removed");
    eventually("it heals", LONG, || said(&slack, "writes its state again")).await;
    happens(&world, "afterwards-00");
    eventually("it goes on", LONG, all("afterwards", 1)).await;
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
    // Slack takes one message a second: what waits meanwhile is merged.
    let times: Vec<Instant> = slack.got.lock().expect("got").iter().map(|(time, _)| *time).collect();
    assert!(times.windows(2).all(|two| two[1] - two[0] >= Duration::from_secs(1)), "{times:?}");
    let before = slack.texts().len();
    home.start();
    happens(&world, "restarted-00");
    eventually("it starts again", LONG, all("restarted", 1)).await;
    assert_eq!(slack.texts().len(), before + 1, "nothing is told twice: {:?}", &slack.texts()[before..]);
}

/// A page that took all memory was read, and ended the process, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_process_died_of_twice_is_read_in_small_pages_and_told() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    let sizes = |world: &World| -> BTreeSet<u64> {
        let asked = world.take_calls().into_iter().filter(|made| made.operation == "LookupEvents");
        let body = |made: &Made| serde_json::from_str::<serde_json::Value>(&made.body).expect("JSON");
        asked.filter_map(|made| body(&made)["MaxResults"].as_u64()).collect()
    };
    for name in ["one", "two"] {
        home.start();
        happens(&world, name);
        eventually("it runs", LONG, || said(&slack, &format!("created the IAM user {name}"))).await;
        home.signal("-KILL");
        home.end().await;
    }
    assert!(!slack.texts().iter().any(|text| text.contains("was killed")), "{:?}", slack.texts());
    world.keep_calls();
    home.start();
    eventually("it says so", LONG, || said(&slack, "trailnoti was killed 2 times in a quarter of an hour"))
        .await;
    // More than a small page of them.
    for n in 0..12 {
        happens(&world, &format!("among-{n:02}"));
    }
    let first = || (slack.messages_with("among-00") > 0).then_some(()).ok_or("not yet".to_owned());
    eventually("it reads on", LONG, first).await;
    assert_eq!(sizes(&world), BTreeSet::from([10]));
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
    home.start();
    happens(&world, "after");
    eventually("it runs", LONG, || said(&slack, "created the IAM user after")).await;
    assert_eq!(sizes(&world), BTreeSet::from([50]), "an orderly end ends it");
}

struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _the_folder_is_temporary = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).expect("made");
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0u8; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credentials_the_start_ends_in_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(PROGRAM)
        .arg("run")
        .env_clear()
        .env("HOME", folder.path())
        .env("TRAILNOTI__HTTP__LISTEN", "off")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.lines().count() == 1 && said.contains("AWS_PROFILE") && said.contains("trailnoti demo"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_that_ask_aws_answer() {
    let world = world();
    let home = Home::new(&world).await;
    happens(&world, "asked");
    let run = |arguments: &[&str]| {
        let output = home.command(arguments).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, events) =
        tokio::task::block_in_place(|| run(&["events", "--since", "1h", "--region", "us-east-1"]));
    assert_eq!(code, Some(0));
    let event = Json::parse(events.trim()).expect("one envelope");
    assert_eq!(event.text("detail-type"), Some("AWS API Call via CloudTrail"));
    assert!(event.text("time").and_then(|time| time.parse::<Timestamp>().ok()).is_some());
    assert_eq!(event.at("context.principal.kind").and_then(Json::as_str), Some("person"), "{event}");
    let (code, scanned) = tokio::task::block_in_place(|| run(&["scan", "--since", "1h", "--json"]));
    assert_eq!(code, Some(0), "{scanned}");
    assert!(
        scanned.starts_with(r#"{"account":"111122223333""#) && scanned.contains("iam-user-created"),
        "{scanned}"
    );
    assert!(scanned.lines().last().is_some_and(|line| line.contains(r#""records":1"#)), "{scanned}");
    let (code, checked) = tokio::task::block_in_place(|| run(&["check", "--online"]));
    assert_eq!(code, Some(0), "{checked}");
    assert!(checked.ends_with("ready: 1 region can be read, 0 instances there now\n"), "{checked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_tells_configured_sinks_too_and_says_that_it_is_one() {
    let world = world();
    let home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    let mut command = home.command(&["demo", "--speed", "300", "--config", "trailnoti.toml"]);
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let texts = slack.texts();
    assert!(texts.len() >= 4 && texts.iter().all(|text| text.starts_with("[DEMO] ")), "{texts:?}");
}
