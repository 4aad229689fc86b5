//! A newcomer's way: `init` with flags, `run`, and the first real alert in Slack and by mail. `TRAILNOTI_BIN` names another program than
//! the one that was built with these tests: `packaging/try-deb` gives the package's.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use trailnoti::simulator::{Fault, Trouble};

use crate::process::{Home, LONG, happens, mailed, said, world};
use crate::servers::{Mail, Slack, eventually};
use crate::world::ACCOUNT;

/// What `init` is given, but for the addresses.
fn flags<'a>(smtp: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut flags = vec![
        "init",
        "--dir",
        ".",
        "--slack-webhook-file",
        "hook",
        "--smtp",
        smtp,
        "--smtp-tls",
        "starttls",
        "--smtp-username",
        "alerts",
        "--smtp-password-file",
        "password",
        "--mail-from",
        "a@example.com",
        "--mail-to",
        "b@example.com,c@example.com",
        "--for",
        "docker",
    ];
    flags.extend(more);
    flags
}

fn init(home: &Home, cert: Option<&std::path::Path>, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = home.command(flags);
    if let Some(cert) = cert {
        command.env("SSL_CERT_FILE", cert);
    }
    let output = command.output().expect("it runs");
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code(), said.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_to_the_first_alert_in_slack_and_by_mail() {
    let begun = Instant::now();
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("T/B/CANARY-SLACK").await;
    let (cert, key) = crate::process::certificate(&home.path(""));
    let mail = Mail::start("CANARY-MAIL", Some((&cert, &key)));
    home.write("hook", &format!("{}\n", slack.url));
    home.write("password", "CANARY-MAIL\n");
    let smtp = format!("smtp://localhost:{}", mail.port);
    let (code, out) = init(&home, Some(&cert), &flags(&smtp, &[]));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("ready: 1 region can be read") && out.contains("docker run"), "{out}");
    assert!(!out.contains("CANARY"), "{out}");
    said(&slack, "trailnoti sent this test alert").expect("Slack got the test alert");
    let mode =
        |name: &str| std::fs::metadata(home.path(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(
        (mode("credentials"), mode("credentials/slack-webhook"), mode("trailnoti.toml")),
        (0o700, 0o600, 0o644)
    );
    let text = std::fs::read_to_string(home.path("trailnoti.toml")).expect("text");
    assert!(!text.contains("CANARY") && text.contains("# "), "{text}");
    // What is written is what `run` runs by.
    home.start_with(|command| {
        command
            .env("SSL_CERT_FILE", &cert)
            .env("TRAILNOTI__HTTP__LISTEN", "off")
            .env("TRAILNOTI__GROUPING__WAIT", "0s")
            .env("TRAILNOTI__STATE__PATH", "state")
    });
    happens(&world, "support-2");
    eventually("Slack is told", LONG, || said(&slack, "created the IAM user support-2")).await;
    eventually("a mail comes", LONG, || mailed(&mail, "created the IAM user support-2")).await;
    println!("from nothing to the first alert in {:.1} s", begun.elapsed().as_secs_f64());
    let log = home.log();
    assert!(
        log.contains(&format!("watching {ACCOUNT}: 1 region"))
            && log.contains("alerts go to slack (slack), mail (email)"),
        "{log}"
    );
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
    // Whatever stands there already is kept.
    let (code, out) = init(&home, Some(&cert), &flags(&smtp, &[]));
    assert_eq!(code, Some(64), "{out}");
    assert!(out.contains("is there already: --force"), "{out}");
    let (code, out) =
        init(&home, Some(&cert), &flags(&smtp, &["--force", "--offline", "--min-severity", "high"]));
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(std::fs::read_to_string(home.path("trailnoti.toml.before")).expect("kept"), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_writes_nothing_where_a_region_or_a_sink_says_no() {
    let world = world();
    let home = Home::new(&world).await;
    let slack = Slack::start("T/B/X").await;
    home.write("hook", &slack.url);
    let by_slack = ["init", "--dir", ".", "--slack-webhook-file", "hook"];
    let is_written = || home.path("trailnoti.toml").exists() || home.path("credentials").exists();
    slack.replies([crate::servers::Reply::new(404, "no_service")]);
    let (code, out) = init(&home, None, &by_slack);
    assert_eq!((code, is_written()), (Some(69), false), "{out}");
    world.fault(Fault::new(Trouble::Denied).operation("LookupEvents"));
    let (code, out) = init(&home, None, &by_slack);
    assert_eq!((code, is_written()), (Some(69), false), "{out}");
    assert!(out.contains("NOT ready: 1 of 1 region cannot be read: `trailnoti iam-policy` prints"), "{out}");
    let (code, out) = init(&home, None, &["init", "--dir", "."]);
    assert_eq!((code, is_written()), (Some(64), false), "{out}");
    assert!(out.contains("--slack-webhook-file FILE") && out.contains("--no-sink"), "{out}");
}

/// One missing permission was seventeen alerts, and `check --online` said "configuration right".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_that_is_missing_everywhere_is_said_once() {
    let world = world();
    let home = Home::new(&world).await;
    world.fault(Fault::new(Trouble::Denied).operation("LookupEvents"));
    let output = home.command(&["check", "--online"]).output().expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(69), "{out}");
    assert!(out.trim_end().ends_with("NOT ready: 1 of 1 region cannot be read: `trailnoti iam-policy` prints the permissions that it takes"), "{out}");
    assert_eq!(out.matches("no events: access denied").count(), 1, "{out}");
    assert!(!out.contains("configuration OK"), "{out}");
}

/// The SDK panicked where a machine knows no authority, as a bare image.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_certificate_authorities_is_told_so() {
    let home = Home::new(&world()).await;
    let output =
        home.command(&["check", "--online"]).env("SSL_CERT_FILE", "/nowhere").output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(69), "{err}");
    assert!(
        err.starts_with("trailnoti: no certificate authority was found") && err.lines().count() == 1,
        "{err}"
    );
}
