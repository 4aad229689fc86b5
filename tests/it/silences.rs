//! `silence` and `ack`, by the built program and over the daemon's socket.

use std::process::Command;

use crate::process::{Home, LONG, configuration, happens, said, world};
use crate::servers::{Slack, eventually};

fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_hides_and_stays_visible_and_ends_and_an_incident_is_acknowledged() {
    let world = world();
    let mut home = Home::new(&world).await;
    let slack = Slack::start("x").await;
    home.write("trailnoti.toml", &configuration(&slack.url, ""));
    home.start();
    happens(&world, "before");
    eventually("Slack is told", LONG, || said(&slack, "created the IAM user before")).await;
    let silence = |rest: &[&str]| {
        let arguments = [&["silence"], rest, &["--config", "trailnoti.toml"]].concat();
        run(&mut home.command(&arguments))
    };
    let (code, text) = silence(&["list"]);
    assert_eq!((code, text.as_str()), (Some(0), "no silences\n"));
    let (code, text) = silence(&["add", "--for", "2h", "--why", "all"]);
    assert_eq!((code, text.contains("would hide everything")), (Some(64), true), "{text}");
    let wanted = ["add", "--rule", "iam-user-created", "--for", "2h", "--why", "a migration"];
    let (code, text) = silence(&[&wanted[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("of 1 alert of the last 7 days it would have hidden 1\n"), "{text}");
    let (code, text) = silence(&wanted);
    assert_eq!(code, Some(0), "{text}");
    let id = text
        .lines()
        .find_map(|line| line.strip_prefix("silence ")?.split(' ').next())
        .expect("an id")
        .to_owned();
    happens(&world, "meanwhile");
    let alerts = |home: &Home| run(&mut home.command(&["alerts", "--config", "trailnoti.toml"])).1;
    eventually("it is hidden, and says so", LONG, || {
        let text = alerts(&home);
        let hidden = text.contains("created the IAM user meanwhile")
            && text.contains(&format!("hidden by silence {id}"));
        hidden.then_some(()).ok_or(text)
    })
    .await;
    // Neither a restart nor another of its kind brings it out.
    home.signal("-TERM");
    assert_eq!(home.end().await, Some(0), "{}", home.log());
    home.start();
    let silence = |home: &Home, rest: &[&str]| {
        let arguments = [&["silence"], rest, &["--config", "trailnoti.toml"]].concat();
        run(&mut home.command(&arguments))
    };
    eventually("the daemon answers", LONG, || {
        let (code, text) = silence(&home, &["list"]);
        (code == Some(0) && text.contains("a migration; hid 1 alert")).then_some(()).ok_or(text)
    })
    .await;
    let (code, text) = silence(&home, &["expire", &id]);
    assert_eq!((code, text), (Some(0), format!("silence {id} is over\n")));
    assert_eq!(silence(&home, &["expire", &id]).0, Some(1), "there is none any more");
    happens(&world, "afterwards");
    eventually("Slack is told", LONG, || said(&slack, "created the IAM user afterwards")).await;
    assert!(!slack.texts().iter().any(|text| text.contains("meanwhile")), "{:?}", slack.texts());
    let (_, text) = run(&mut home.command(&["incidents", "--json", "--config", "trailnoti.toml"]));
    let incidents: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let incident = incidents[0]["id"].as_str().expect("one").to_owned();
    let ack = ["ack", &incident, "--note", "I look at it", "--config", "trailnoti.toml"];
    let (code, text) = run(home.command(&ack).env("USER", "alice\u{1b}[31m"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("acknowledged by alice[31m: I look at it"), "{text}");
    let said_so = format!("alice[31m looks after incident {incident}");
    eventually("Slack is told at once that somebody looks after it", LONG, || said(&slack, &said_so)).await;
    let (_, text) = run(&mut home.command(&["incident", &incident, "--config", "trailnoti.toml"]));
    assert!(text.contains("acknowledged by alice[31m: I look at it"), "{text}");
    let (_, text) =
        run(&mut home.command(&["incident", &incident, "--commands", "--config", "trailnoti.toml"]));
    let commands: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(
        !commands.is_empty()
            && commands.iter().all(|line| line.starts_with("aws ") || line.starts_with("for i in ")),
        "{text}"
    );
    assert_eq!(run(&mut home.command(&["ack", "../status", "--config", "trailnoti.toml"])).0, Some(1));
}
