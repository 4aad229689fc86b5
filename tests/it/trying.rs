//! Trying rules before they wake anybody: `scan`, `match`, `explain`, `rules`, as a person runs them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailnoti");

fn record(call: &str, id: u32, second: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/mallory","accountId":"111122223333","accessKeyId":"AKIAMALLORY0EXAMPLE","userName":"mallory"}},"eventTime":"2026-03-02T10:00:{second:02}Z","eventSource":"iam.amazonaws.com","eventName":"{call}","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.66","userAgent":"aws-cli/2.15","requestParameters":{{"userName":"u{id}","n":1.50E+2}},"eventID":"00000000-0000-4000-8000-{id:012}","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
    )
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .env_remove("TRAILNOTI_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // A program that ended already reads nothing.
    let _closed = child.stdin.take().expect("standard input").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("ended");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("packed");
    gzip.finish().expect("packed")
}

/// The alerts of a scan, each as `rule severity event`, and its summary.
fn scanned(folder: &Path, arguments: &[&str], input: &str) -> (Vec<String>, Value) {
    let (code, out, err) = run(folder, &[&["scan", "--json"], arguments].concat(), input);
    assert_eq!(code, Some(0), "{err}");
    let mut lines: Vec<Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let summary = lines.pop().expect("a summary")["summary"].take();
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let alerts = lines
        .iter()
        .map(|line| {
            format!("{} {} {}", text(line, "rule"), text(line, "severity"), &text(line, "event_id")[24..])
        })
        .collect();
    (alerts, summary)
}

#[test]
fn a_scan_finds_the_same_in_every_form_of_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let records = [record("CreateUser", 1, 0), record("CreateAccessKey", 2, 5), record("ListUsers", 3, 6)];
    let log = format!("{{\"Records\":[{}]}}", records.join(","));
    let looked_up: Vec<String> = records
        .iter()
        .map(|record| format!("{{\"EventId\":\"x\",\"CloudTrailEvent\":{}}}", Value::from(record.as_str())))
        .collect();
    let envelopes: Vec<String> = records
        .iter()
        .map(|record| {
            format!(
                "{{\"version\":\"0\",\"id\":\"e\",\"detail-type\":\"AWS API Call via CloudTrail\",\"source\":\"aws.iam\",\"account\":\"111122223333\",\"time\":\"2026-03-02T10:00:00Z\",\"region\":\"us-east-1\",\"resources\":[],\"detail\":{record}}}"
            )
        })
        .collect();
    std::fs::create_dir_all(at("bucket/AWSLogs/1/CloudTrail/us-east-1")).expect("made");
    let named = "bucket/AWSLogs/1/CloudTrail/us-east-1/1_CloudTrail_us-east-1_20260302T1005Z_x.json.gz";
    std::fs::write(at(named), gzip(&log)).expect("written");
    std::fs::write(at("log.json"), &log).expect("written");
    std::fs::write(at("lines.jsonl"), records.join("\r\n")).expect("written");
    std::fs::write(
        at("looked-up.json"),
        format!("{{\"NextToken\":\"t\",\"Events\":[{}]}}", looked_up.join(",\n")),
    )
    .expect("written");
    std::fs::write(at("envelopes.ndjson"), envelopes.join("\n")).expect("written");
    let expected = ["iam-user-created high 000000000001", "access-key-created high 000000000002"];
    for form in ["bucket", "log.json", "lines.jsonl", "looked-up.json"] {
        let (alerts, summary) = scanned(folder.path(), &[form], "");
        assert_eq!(alerts, expected, "{form}");
        assert_eq!(summary["records"], 3, "{form}");
        assert_eq!(summary["rules"]["iam-user-created"]["notifications"], 1, "{form}");
        // Who made a user made its key: that is one incident.
        let incidents = summary["incidents"].as_array().expect("incidents");
        assert_eq!((incidents.len(), &incidents[0]["alerts"]), (1, &2.into()), "{form}");
        assert_eq!((&summary["conversations"], &summary["notifications"]), (&1.into(), &1.into()), "{form}");
    }
    assert_eq!(scanned(folder.path(), &["-"], &log).0, expected);
    assert_eq!(scanned(folder.path(), &["envelopes.ndjson"], "").1["alerts"], 1, "one id is one event");
    // The same record in two trails is one event.
    assert_eq!(scanned(folder.path(), &["log.json", "lines.jsonl"], "").0, expected);
}

#[test]
fn a_scan_says_what_it_could_not_read_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken =
        format!("{}\nnonsense\n{{\"a\":1}}\n{}\n", record("CreateUser", 1, 0), record("CreateUser", 2, 1));
    std::fs::write(folder.path().join("a.jsonl"), broken).expect("written");
    let cut = &gzip(&format!("{{\"Records\":[{}]}}", record("CreateUser", 3, 2)))[..100];
    std::fs::write(folder.path().join("b.json.gz"), cut).expect("written");
    let (code, out, err) = run(folder.path(), &["scan", "--json", "."], "");
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.matches("\"rule\":\"iam-user-created\"").count(), 2, "{out}");
    assert!(
        err.contains("a.jsonl: line 2")
            && err.contains("missing or invalid")
            && err.contains("b.json.gz: cannot be read"),
        "{err}"
    );
    let (code, _, err) = run(folder.path(), &["scan", "nowhere"], "");
    assert_eq!(code, Some(65));
    assert!(err.contains("nowhere"), "{err}");
    assert_eq!(run(folder.path(), &["scan", "-"], "nonsense").0, Some(65));
    assert_eq!(run(folder.path(), &["scan", "-"], "").0, Some(0));
}

#[test]
fn one_new_rule_is_tried_on_the_past() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = r#"
[[rule]]
id = "many-keys"
severity = "high"
pattern.detail.eventName = ["CreateAccessKey"]
threshold = { count = 3, within = "1m", by = ["detail.userIdentity.arn"], distinct = "detail.requestParameters.userName" }
"#;
    std::fs::write(folder.path().join("new.toml"), rule).expect("written");
    let records: Vec<String> = (0..9)
        .map(|n| record("CreateAccessKey", n / 2, n * 3))
        .enumerate()
        .map(|(n, text)| text.replace("4000-8000", &format!("4000-80{n:02}")))
        .collect();
    let (alerts, summary) = scanned(folder.path(), &["--rule", "new.toml", "-"], &records.join("\n"));
    assert_eq!(alerts, ["many-keys high 000000000002"], "the third user, once");
    assert_eq!(summary["rules"].as_object().expect("rules").len(), 1);
    std::fs::write(folder.path().join("new.toml"), rule.replace("distinct", "distnct")).expect("written");
    let (code, _, err) = run(folder.path(), &["scan", "--rule", "new.toml", "-"], "");
    assert_eq!(code, Some(78));
    assert!(err.contains("did you mean distinct?"), "{err}");
}

#[test]
fn the_time_before_shows_what_is_normal() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = "[[rule]]\nid = \"new-network\"\npattern.context.new.network = [true]\nfirst_seen = { of = [\"context.network\"] }\n";
    std::fs::write(folder.path().join("new.toml"), rule).expect("written");
    // A network is known that was seen on several days.
    let days = ["2026-02-18", "2026-02-20", "2026-02-21"];
    let before = days.map(|day| record("CreateUser", 1, 0).replace("2026-03-02", day));
    std::fs::write(folder.path().join("before.jsonl"), before.join("\n")).expect("written");
    let elsewhere = record("CreateUser", 3, 5).replace("203.0.113.66", "198.51.100.7");
    let today = [
        record("CreateUser", 2, 0),
        elsewhere.clone(),
        elsewhere.replace("000000000003", "000000000004").replace("10:00:05", "10:00:06"),
    ]
    .join("\n");
    let learning = scanned(folder.path(), &["--rule", "new.toml", "-"], &today);
    assert_eq!(learning.0, [""; 0], "nothing is known, so nothing is new");
    let known = scanned(folder.path(), &["--rule", "new.toml", "--before", "before.jsonl", "-"], &today);
    assert_eq!(known.0, ["new-network medium 000000000003"]);
}

#[test]
fn what_is_shared_with_an_account_of_ones_own_is_not_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t.toml"), "[aws]\nown_accounts = [\"222233334444\"]\n")
        .expect("written");
    let shared =
        record("ModifySnapshotAttribute", 1, 0).replace("iam.amazonaws.com", "ec2.amazonaws.com").replace(
            r#""userName":"u1","n":1.50E+2"#,
            r#""snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"userId":"222233334444"}]}}"#,
        );
    assert_eq!(scanned(folder.path(), &["-"], &shared).0, ["snapshot-shared high 000000000001"]);
    assert_eq!(
        scanned(folder.path(), &["--config", "t.toml", "-"], &shared).0,
        ["snapshot-shared medium 000000000001"]
    );
    let wrong = shared.replace("222233334444", "999988887777");
    assert_eq!(
        scanned(folder.path(), &["--config", "t.toml", "-"], &wrong).0,
        ["snapshot-shared high 000000000001"]
    );
}

#[test]
fn a_scan_for_people_names_the_rule_the_days_and_examples() {
    let folder = tempfile::tempdir().expect("a folder");
    let records =
        [record("CreateUser", 1, 0), record("CreateUser", 2, 0).replace("2026-03-02", "2026-03-05")];
    let (code, out, _) = run(folder.path(), &["scan", "-"], &records.join("\n"));
    assert_eq!(code, Some(0));
    expect_test::expect![[r#"
        high     iam-user-created  2 alerts in 2 messages  2026-03-02 10:00 – 2026-03-05 10:00
                 2026-03-02 █··█ 2026-03-05 (at most 1 a day)
                 2026-03-02 10:00:00 us-east-1  mallory created the IAM user u1  00000000-0000-4000-8000-000000000001
                 2026-03-05 10:00:00 us-east-1  mallory created the IAM user u2  00000000-0000-4000-8000-000000000002

        1 incident
          high  mallory in 111122223333: made a way back
                2026-03-02 10:00 – 2026-03-05 10:00 from 203.0.113.66 with key AKIAMALLORY0EXAMPLE; so far: 2 alerts in us-east-1; user u2 was created by mallory (AKIAMALLORY0EXAMPLE)

        2 high in 2 messages of 2 conversations, from 2 records
    "#]]
    .assert_eq(&out);
}

#[test]
fn match_is_grep_for_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = r#"{"a":"x","a":"y","n":1.50E+2}"#;
    let events = format!("{one}\n{{\n  \"a\": \"z\"\n}}\n");
    let matched = |pattern: &str, more: &[&str], input: &str| {
        run(folder.path(), &[&["match", "--pattern", pattern], more].concat(), input)
    };
    assert_eq!(
        matched(r#"{"a":["y"],"n":[150]}"#, &[], &events),
        (Some(0), format!("{one}\n"), String::new())
    );
    assert_eq!(matched(r#"{"a":["z"]}"#, &[], &events).1, "{   \"a\": \"z\" }\n");
    assert_eq!(matched(r#"{"a":["w"]}"#, &[], &events).0, Some(1));
    let (code, _, err) = matched(r#"{"a":[{"prefx":"w"}],"b":"x"}"#, &[], &events);
    assert_eq!(code, Some(64));
    assert!(err.contains("did you mean prefix?") && err.contains("a condition must be a list"), "{err}");
    assert_eq!(matched(r#"{"a":["y"]}"#, &[], "{\"a\":").0, Some(65));
    assert_eq!(matched(r#"{"a":["y"]}"#, &[], "[1]").0, Some(65));
    // Records are wrapped as they are written.
    let log = format!("{{\"Records\":[{}]}}", record("CreateUser", 1, 0));
    let pattern = r#"{"source":["aws.iam"],"context":{"by":["key"]},"detail":{"eventName":["CreateUser"]}}"#;
    let (code, out, _) = matched(pattern, &[], &log);
    assert_eq!(code, Some(0));
    assert!(
        out.contains(r#""detail-type":"AWS API Call via CloudTrail""#) && out.contains("1.50E+2"),
        "{out}"
    );
    assert_eq!(matched(pattern, &["--records"], &log).1, out, "what had to be said once is still taken");
    std::fs::write(folder.path().join("p.json"), r#"{"a":["y"]}"#).expect("written");
    std::fs::write(folder.path().join("e.json"), &events).expect("written");
    assert_eq!(run(folder.path(), &["match", "p.json", "e.json"], "").0, Some(0));
    assert_eq!(run(folder.path(), &["match"], "").0, Some(64));
}

#[test]
fn explain_says_field_by_field_how_near_a_rule_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused =
        record("CreateUser", 1, 0).replace("\"readOnly\"", "\"errorCode\":\"AccessDenied\",\"readOnly\"");
    let (code, out, err) = run(folder.path(), &["explain", "-", "--rule", "iam-user-created"], &refused);
    assert_eq!(code, Some(0), "{err}");
    expect_test::expect![[r#"
        judged without a past: nothing is called new; --before FILES gives one

        iam-user-created: no match, differs in 1 of 3 fields
            ✗ detail.errorCode: "AccessDenied"
                expected [{"exists":false}]
            ✓ detail.eventName: "CreateUser"
            ✓ source: "aws.iam"
    "#]]
    .assert_eq(&out);
    let (_, out, _) = run(folder.path(), &["explain", "-", "--json"], &refused);
    let first: Value = serde_json::from_str(out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (first["rule"].as_str(), first["matches"].as_bool()),
        (Some("iam-change-refused"), Some(true))
    );
    let (code, _, err) = run(folder.path(), &["explain", "-", "--rule", "iam-user-create"], &refused);
    assert_eq!(code, Some(64));
    assert!(err.contains("did you mean iam-user-created?"), "{err}");
}

#[test]
fn the_rules_are_listed_with_what_is_on() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules.d")).expect("made");
    let rule = "[[rule]]\nid = \"mine\"\nmode = \"dry-run\"\npattern.detail.eventName = [\"CreateUser\"]\n";
    std::fs::write(folder.path().join("rules.d/mine.toml"), rule).expect("written");
    std::fs::write(folder.path().join("t.toml"), "[rules]\ndisable = [\"console-sign-in\"]\n")
        .expect("written");
    let (code, out, _) = run(folder.path(), &["rules", "--config", "t.toml"], "");
    assert_eq!(code, Some(0));
    let line = |id: &str| out.lines().find(|line| line.ends_with(id)).unwrap_or_default();
    let line = |id: &str| line(id).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(line("mine").trim_start().starts_with("dry-run medium"), "{out}");
    assert!(line("console-sign-in").trim_start().starts_with("off"), "{out}");
    assert!(line("iam-user-created").trim_start().starts_with("on medium to high"), "{out}");
    let (_, out, _) = run(folder.path(), &["rules", "--json", "--config", "t.toml"], "");
    assert!(out.lines().count() > 150 && out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let (code, out, _) = run(folder.path(), &["rules", "show", "iam-user-created"], "");
    assert_eq!(code, Some(0));
    assert!(out.contains("what to do now:") && out.contains("detail.eventName: [\"CreateUser\"]"), "{out}");
    assert_eq!(run(folder.path(), &["rules", "show", "no-such"], "").0, Some(64));
}

/// A tagged launch of one instance, as CloudTrail records it.
fn launch(time: &str, region: &str, id: &str) -> String {
    use crate::world::{MALLORY, at};
    use trailnoti::simulator::records::run_tagged_instances;
    let tags = [("team", "ci")];
    run_tagged_instances(&MALLORY, at(time), region, "t3.large", &[id.to_owned()], &tags).to_string()
}

/// Where a launch was, `scan` knew as empty strings: exclusions with `regions` or `accounts` never held there.
#[test]
fn a_scan_hides_by_region_and_account_what_the_daemon_would_hide() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = [
        launch("10:00", "eu-west-1", "i-0000000000000000a"),
        launch("10:01", "us-east-1", "i-0000000000000000b"),
    ];
    std::fs::write(folder.path().join("l.jsonl"), records.join("\n")).expect("written");
    let tried = |limits: &str| -> u64 {
        let config = format!("[[exclude]]\nname = \"ci\"\ntags = {{ team = \"ci\" }}\n{limits}\n");
        std::fs::write(folder.path().join("t.toml"), config).expect("written");
        let (_, summary) = scanned(folder.path(), &["l.jsonl", "--config", "t.toml"], "");
        summary["rules"]["instances-launched"]["alerts"].as_u64().unwrap_or_default()
    };
    assert_eq!(tried("regions = [\"ap-south-1\"]"), 2);
    assert_eq!(tried("regions = [\"eu-west-1\"]"), 1);
    assert_eq!(tried("accounts = [\"111122223333\"]"), 0);
    assert_eq!(tried("accounts = [\"444455556666\"]"), 2);
}

/// `at_most` counted in `scan` by when it judged: a week of three launches an hour was one flood.
#[test]
fn a_scan_counts_launches_under_a_ceiling_by_when_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[[exclude]]\nname = \"ci\"\ntags = { team = \"ci\" }\nat_most = 1\n";
    std::fs::write(folder.path().join("t.toml"), config).expect("written");
    let tried = |times: [&str; 3]| -> u64 {
        let launches =
            times.iter().zip(1..).map(|(time, n)| launch(time, "eu-west-1", &format!("i-{n:017x}")));
        std::fs::write(folder.path().join("l.jsonl"), launches.collect::<Vec<_>>().join("\n"))
            .expect("written");
        let (_, summary) = scanned(folder.path(), &["l.jsonl", "--config", "t.toml"], "");
        summary["rules"]["instances-launched"]["alerts"].as_u64().unwrap_or_default()
    };
    assert_eq!(tried(["10:00", "11:30", "13:00"]), 0);
    assert_eq!(tried(["10:00", "10:10", "10:20"]), 2);
}

/// `scan` counted all accounts under one ceiling, and the daemon each under its own.
#[test]
fn a_scan_counts_launches_under_a_ceiling_for_each_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[[exclude]]\nname = \"ci\"\ntags = { team = \"ci\" }\nat_most = 1\n";
    std::fs::write(folder.path().join("t.toml"), config).expect("written");
    let tried = |accounts: [&str; 2]| -> u64 {
        let launches = accounts.iter().zip(["10:00", "10:10"]).zip(1..).map(|((account, time), n)| {
            launch(time, "eu-west-1", &format!("i-{n:017x}")).replace("111122223333", account)
        });
        std::fs::write(folder.path().join("l.jsonl"), launches.collect::<Vec<_>>().join("\n"))
            .expect("written");
        let (_, summary) = scanned(folder.path(), &["l.jsonl", "--config", "t.toml"], "");
        summary["rules"]["instances-launched"]["alerts"].as_u64().unwrap_or_default()
    };
    assert_eq!(tried(["111122223333", "444455556666"]), 0);
    assert_eq!(tried(["444455556666", "444455556666"]), 1);
}
