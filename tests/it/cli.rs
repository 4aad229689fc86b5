//! The command line as a person meets it: what is printed, and how it ends.

use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailnoti");

fn run(arguments: &[&str]) -> Output {
    run_in(std::path::Path::new("/"), arguments)
}

fn run_in(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_reference_configuration_is_right_and_check_says_what_is_read() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/config/trailnoti.toml");
    let (code, out, err) = said(&run(&["check", "--config", reference]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("reads    every change and ") && out.ends_with("configuration OK\n"), "{out}");
    let (code, out, _) = said(&run(&["check", "--json"]));
    assert_eq!(code, Some(0));
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let streams: Vec<&str> =
        value["streams"].as_array().expect("a list").iter().filter_map(|s| s.as_str()).collect();
    assert_eq!(streams[0], "ReadOnly=false");
    assert!(streams.contains(&"EventName=GetSecretValue") && streams.len() <= 22, "{streams:?}");
}

#[test]
fn a_configuration_with_mistakes_ends_with_78_and_a_line_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t.toml"), "[aws]\nregion = []\n[http]\nlisten = \"x\"\n")
        .expect("written");
    let (code, out, err) = said(&run_in(folder.path(), &["check", "--config", "t.toml"]));
    assert_eq!((code, out.as_str()), (Some(78), ""));
    assert_eq!(
        err,
        "trailnoti: t.toml:2: aws.region: unknown key (did you mean regions?)\nt.toml:4: http.listen: \"x\" is neither an address with a port (\"127.0.0.1:9641\") nor \"off\"\n"
    );
    let (code, _, err) = said(&run(&["check", "--config", "/absent.toml"]));
    assert_eq!(code, Some(78));
    assert!(err.contains("/absent.toml: cannot be read"), "{err}");
}

#[test]
fn a_secret_that_others_can_read_ends_with_77() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("url");
    std::fs::write(&secret, "https://hooks.slack.com/services/x").expect("written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("set");
    let text = "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url_file = \"url\"\n";
    std::fs::write(folder.path().join("t.toml"), text).expect("written");
    let (code, _, err) = said(&run_in(folder.path(), &["check", "--config", "t.toml"]));
    assert_eq!(code, Some(77), "{err}");
}

/// After the README's install, the service reads its secrets as systemd's credentials, and whoever calls a command by hand
/// has none: `check` ended with 78, and so did `status` and `healthcheck`, which need no secret at all.
#[test]
fn the_services_own_file_is_right_for_commands_that_are_called_by_hand() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("credentials/slack-webhook");
    std::fs::create_dir(folder.path().join("credentials")).expect("made");
    std::fs::write(&secret, "https://hooks.slack.com/services/x").expect("written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("set");
    let text = "[http]\nlisten = \"127.0.0.1:1\"\n[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url_file = \"slack-webhook\"\n";
    std::fs::write(folder.path().join("t.toml"), text).expect("written");
    let ends = |command: &str| said(&run_in(folder.path(), &[command, "--config", "t.toml"]));
    let (code, out, err) = ends("check");
    assert_eq!(code, Some(0), "{out}{err}");
    // Also without the right to read them.
    std::fs::remove_file(&secret).expect("removed");
    assert_eq!(ends("check").0, Some(78));
    // What reloads the unit is given none of them.
    let without = said(&run_in(folder.path(), &["check", "--no-secrets", "--config", "t.toml"]));
    assert_eq!(without.0, Some(0), "{}", without.2);
    // What sends nothing needs none of them.
    for command in ["rules", "iam-policy"] {
        assert_eq!(ends(command).0, Some(0), "{command}");
    }
    std::fs::write(folder.path().join("e.json"), r#"{"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-03-02T10:00:00Z","awsRegion":"us-east-1","eventID":"00000000-0000-4000-8000-000000000001","eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#).expect("written");
    for command in [&["explain", "e.json"][..], &["scan", "e.json"]] {
        let (code, _, err) = said(&run_in(folder.path(), &[command, &["--config", "t.toml"]].concat()));
        assert_eq!(code, Some(0), "{command:?}: {err}");
    }
    for command in ["status", "healthcheck"] {
        let (code, _, err) = ends(command);
        assert_eq!(code, Some(69), "{command}: {err}");
        assert!(err.contains("no daemon is answering on "), "{command}: {err}");
    }
}

#[test]
fn a_branch_that_takes_the_place_of_what_is_said_outside_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("rules.d")).expect("made");
    let rule = "[[rule]]\nid = \"mine\"\n[rule.pattern]\ndetail.eventName = [\"A\", \"B\"]\n\"$or\" = [{ detail = { eventName = [{ anything-but = \"A\" }] } }, { detail = { errorCode = [\"x\"] } }]\n";
    std::fs::write(folder.path().join("rules.d/mine.toml"), rule).expect("written");
    std::fs::write(folder.path().join("t.toml"), "").expect("written");
    let (code, out, _) = said(&run_in(folder.path(), &["check", "--config", "t.toml"]));
    assert_eq!(code, Some(0));
    assert!(
        out.contains(
            "rule \"mine\": detail.eventName is matched outside $or and again in one of its branches"
        ),
        "{out}"
    );
}

#[test]
fn the_tests_beside_a_rule_are_run() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("rules.d/tests")).expect("made");
    let rule = "[[rule]]\nid = \"mine\"\npattern.detail.eventName = [\"CreateUser\"]\n[[rule.test]]\nevent = \"tests/e.json\"\nmatches = true\n";
    std::fs::write(folder.path().join("rules.d/mine.toml"), rule).expect("written");
    std::fs::write(folder.path().join("t.toml"), "").expect("written");
    let event = |name: &str| {
        format!(
            "{{\"eventTime\":\"2026-03-02T10:00:00Z\",\"eventSource\":\"iam.amazonaws.com\",\"awsRegion\":\"us-east-1\",\"eventName\":\"{name}\"}}"
        )
    };
    std::fs::write(folder.path().join("rules.d/tests/e.json"), event("CreateUser")).expect("written");
    assert_eq!(said(&run_in(folder.path(), &["check", "--config", "t.toml"])).0, Some(0));
    std::fs::write(folder.path().join("rules.d/tests/e.json"), event("DeleteUser")).expect("written");
    let (code, _, err) = said(&run_in(folder.path(), &["check", "--config", "t.toml"]));
    assert_eq!(code, Some(78));
    assert!(err.contains("rule \"mine\": rules.d/tests/e.json should match, but does not"), "{err}");
}

#[test]
fn a_mistyped_command_ends_with_64() {
    let (code, _, err) = said(&run(&["chekc"]));
    assert_eq!(code, Some(64));
    assert!(err.contains("check"), "{err}");
    assert_eq!(said(&run(&["test-alert", "--sink", "absent"])).0, Some(64));
}

#[test]
fn the_policy_has_the_three_calls_and_no_more() {
    let (code, out, _) = said(&run(&["iam-policy"]));
    assert_eq!(code, Some(0));
    let policy: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let actions = &policy["Statement"][0]["Action"];
    assert_eq!(
        actions,
        &serde_json::json!(["cloudtrail:LookupEvents", "ec2:DescribeInstances", "ec2:DescribeRegions"])
    );
}

#[test]
fn version_help_and_completions_are_there() {
    let (code, out, _) = said(&run(&["--version"]));
    assert_eq!((code, out.trim()), (Some(0), concat!("trailnoti ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(said(&run(&["--help"])).0, Some(0));
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = said(&run(&["completions", shell]));
        assert!(code == Some(0) && out.contains("test-alert"), "{shell}");
    }
}

#[test]
fn a_test_alert_goes_to_the_terminal_as_a_line_of_json_in_a_pipe() {
    let (code, out, err) = said(&run(&["test-alert"]));
    assert_eq!((code, err.trim()), (Some(0), "terminal: delivered"));
    let alert: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((alert["rule"].as_str(), alert["note"].as_str()), (Some("trailnoti-test"), Some("[TEST]")));
}

/// The demonstration detects everything that it stages and a rule is for, ends by itself, and says how long after
/// it happened each was told.
#[test]
fn the_demo_tells_everything_that_a_rule_is_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, out, err) = said(&run_in(folder.path(), &["demo", "--speed", "300"]));
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let summary: Vec<_> = lines.iter().filter(|line| line.get("summary").is_some()).collect();
    assert_eq!(summary.len(), 14);
    let told = summary.iter().filter(|beat| beat["alerted_after_seconds"].is_number()).count();
    assert_eq!(told, 13, "all but the try of the key: {out}");
    // What an honest person does on any day is in the history, and wakes nobody.
    assert!(!out.contains("user/maria"), "{out}");
    assert!(
        lines.iter().filter(|line| line.get("alert_id").is_some()).all(|alert| alert["note"] == "[DEMO]")
    );
}

const EXCLUDE: &str = r#"[[exclude]]
name = "ci runners"
tags = { team = "ci" }
instance_types = ["t3.*"]
launched_by = ["arn:aws:iam::*:role/ci-runner"]
"#;

#[test]
fn explain_says_for_each_condition_what_it_met() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t.toml"), EXCLUDE).expect("written");
    let record = r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1",
        "eventTime":"2026-03-01T10:00:00Z","sourceIPAddress":"203.0.113.66",
        "userIdentity":{"type":"IAMUser","userName":"mallory","arn":"arn:aws:iam::111122223333:user/mallory"},
        "responseElements":{"reservationId":"r-1","instancesSet":{"items":[{"instanceId":"i-1","instanceType":"t3.large",
        "tagSet":{"items":[{"key":"team","value":"ci"}]}}]}}}"#;
    std::fs::write(folder.path().join("launch.json"), record).expect("written");
    let (code, out, err) = said(&run_in(folder.path(), &["explain", "launch.json", "--config", "t.toml"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    // How many rules there are is no concern of this test.
    let line = out.lines().find(|line| line.contains(" more rules that match less")).expect("it is said");
    let all = line.split(' ').nth(1).unwrap_or_default();
    assert!(all.parse::<usize>().is_ok(), "{out}");
    let out = out.replace(&format!("and {all} more rules"), "and N more rules");
    expect_test::expect![[r#"
        judged without a past: nothing is called new; --before FILES gives one

        something-that-matters-changed: matches (info)
            ✓ context.by: "hand", "shell", "own-hand", "own-shell", "person"
            ✓ context.effect: "launches"
            ✓ detail.errorCode: (absent)
            ✓ detail.readOnly: (absent)
            ✓ source: "aws.ec2"
            not low: context.by is "hand", "shell", "own-hand", "own-shell", "person", and would have to be ["key","instance"]
            not medium: context.by is "hand", "shell", "own-hand", "own-shell", "person", and would have to be ["key","instance"]
            not high: context.by is "hand", "shell", "own-hand", "own-shell", "person", and would have to be ["attack-tool"]
            not medium: context.left-out is (absent), and would have to be [{"exists":true}]
            not high: context.left-out is (absent), and would have to be [{"exists":true}]

        instances-launched: matches (medium)
            ✓ detail.errorCode: (absent)
            ✓ detail.eventName: "RunInstances"
            ✓ source: "aws.ec2"
            not high: context.by is "hand", "shell", "own-hand", "own-shell", "person", and would have to be ["root","attack-tool"]
            not high: context.new.region is (absent), and would have to be [true]
            not high: context.new.principal is (absent), and would have to be [true]
            not high: context.access-key.long-lived is (absent), and would have to be [true]
            not high: context.access-key.age-hours is (absent), and would have to be [{"numeric":["<",24]}]
            not high: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",32]}]
            not high: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",96]}]
            not high: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",32]}]
            not high: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",256]}]
            not critical: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",32]}]
            not critical: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",128]}]
            not critical: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",512]}]
            not critical: context.asked.vcpus is 2, and would have to be [{"numeric":[">=",1024]}]
            not high: detail.responseElements.instancesSet.items.instanceType is "t3.large", and would have to be [{"wildcard":"*.metal*"},{"suffix":".8xlarge"},{"suffix":".9xlarge"},{"suffix":".10xlarge"},{"suffix":".12xlarge"},{"suffix":".16xlarge"},{"suffix":".18xlarge"},{"suffix":".24xlarge"},{"suffix":".32xlarge"},{"suffix":".48xlarge"},{"suffix":".96xlarge"}]

        launches-in-many-regions: pattern matches; threshold not evaluated here (critical)
            ✓ detail.eventName: "RunInstances"
            ✓ source: "aws.ec2"
            critical because context.by is one of ["hand"]
            also requires: at least 4 within 1 h, with the same detail.userIdentity.arn, each with a different detail.awsRegion

        instance-launches-in-burst: pattern matches; threshold not evaluated here (high)
            ✓ detail.eventName: "RunInstances"
            ✓ source: "aws.ec2"
            high because context.by is one of ["hand"]
            also requires: at least 20 within 10 minutes, with the same detail.userIdentity.arn

        called-for-the-first-time: no match, differs in 1 of 6 fields
            ✓ context.by: "hand", "shell", "own-hand", "own-shell", "person"
            ✓ context.effect: "launches"
            ✗ context.own.call: (absent)
                expected [true]
            ✓ detail.errorCode: (absent)
            ✓ detail.readOnly: (absent)
            ✓ source: "aws.ec2"

        accelerated-instance-launched: no match, differs in 1 of 4 fields
            ✓ detail.errorCode: (absent)
            ✓ detail.eventName: "RunInstances"
            ✗ detail.responseElements.instancesSet.items.instanceType: "t3.large"
                expected [{"wildcard":"p*.*"},{"wildcard":"g*.*"},{"wildcard":"trn*.*"},{"wildcard":"inf*.*"},{"wildcard":"dl*.*"},{"wildcard":"vt*.*"},{"wildcard":"f1.*"},{"wildcard":"…
            ✓ source: "aws.ec2"

        opened-to-another-account: no match, differs in 1 of 4 fields
            ✗ context.outside: (absent)
                expected [{"exists":true}]
            ✓ detail.errorCode: (absent)
            ✓ detail.readOnly: (absent)
            ✓ source: "aws.ec2"

        opened-to-everybody: no match, differs in 1 of 4 fields
            ✗ context.public: (absent)
                expected [true]
            ✓ detail.errorCode: (absent)
            ✓ detail.readOnly: (absent)
            ✓ source: "aws.ec2"

        called-from-a-new-network: no match, differs in 1 of 4 fields
            ✗ context.by: "hand", "shell", "own-hand", "own-shell", "person"
                expected ["elsewhere"]
            ✓ detail.eventType: (absent)
            ✓ detail.readOnly: (absent)
            ✓ source: "aws.ec2"

        and N more rules that match less; --rule ID shows one

        i-1 (t3.large) in eu-west-1, pending
          launched by arn:aws:iam::111122223333:user/mallory with RunInstances from 203.0.113.66 (person: user mallory)
          exclusion "ci runners" does not hide it
            ✓ tag team is ci: ci
            ✗ launched by arn:aws:iam::*:role/ci-runner: arn:aws:iam::111122223333:user/mallory
            ✓ type t3.*: t3.large
    "#]].assert_eq(&out);
    std::fs::write(folder.path().join("other.json"), record.replace("RunInstances", "CreateVpc"))
        .expect("written");
    let (code, out, _) = said(&run_in(folder.path(), &["explain", "other.json", "--config", "t.toml"]));
    assert_eq!(code, Some(0));
    assert!(!out.contains("exclusion") && out.contains("no match"), "{out}");
}

#[test]
fn a_weak_exclusion_is_warned_of_and_one_that_reaches_too_far_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |text: &str| {
        std::fs::write(folder.path().join("t.toml"), text).expect("written");
        said(&run_in(folder.path(), &["check", "--config", "t.toml"]))
    };
    let (code, out, err) = check("[[exclude]]\nname = \"ci\"\ntags = { team = \"ci\" }\n");
    assert_eq!(code, Some(0), "{err}");
    let both = format!("{out}{err}");
    assert!(both.contains("exclusion \"ci\" relies on a tag that anybody can copy"), "{both}");
    let (code, out, err) = check(EXCLUDE);
    assert_eq!(code, Some(0));
    assert!(!format!("{out}{err}").contains("anybody can copy"));
    let (code, _, err) = check(
        "[[account]]\nname = \"p\"\nrole_arn = \"arn:aws:iam::111122223333:role/trailnoti\"\n[[exclude]]\nname = \"all\"\nrules = [\"trail-stopped\"]\nlaunched_by = [\"*\"]\n[[exclude]]\nname = \"own\"\nlaunched_by = [\"arn:aws:iam::*:role/trailn*\"]\n[[exclude]]\nname = \"empty\"\nany = [{}]\n[[exclude]]\nname = \"every\"\nstates = [\"running\"]\nregions = [\"*\"]\n",
    );
    assert_eq!(code, Some(78));
    expect_test::expect![[r#"
        trailnoti: t.toml:6: exclude[0].rules: exclusions hide only instances, never changes to the audit trail, IAM, regions or trailnoti itself; use [rules] disable, or a rule's unless
        t.toml:7: exclude[0].launched_by: "*" matches everybody: name who launches these instances
        t.toml:10: exclude[1].launched_by: "arn:aws:iam::*:role/trailn*" matches arn:aws:iam::111122223333:role/trailnoti, trailnoti's own role, whose actions are never hidden
        t.toml:13: exclude[2].any[0]: an empty group matches every instance: add a condition
        t.toml:14: exclude[3]: hides every instance everywhere: give it tags, launched_by, regions or instance_types
    "#]].assert_eq(&err);
}
