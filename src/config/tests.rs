use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::domain::context::Envelope;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse("trailnoti.toml", text, None, BTreeMap::new())
}

fn problems(text: &str) -> Vec<String> {
    parse(text).expect_err("mistakes").0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_reference_is_what_no_configuration_means() {
    let reference = parse(REFERENCE).expect("the reference is right");
    let none = parse("").expect("nothing is right");
    assert_eq!(format!("{reference:?}"), format!("{none:?}"));
}

#[test]
fn the_examples_in_the_reference_are_right_when_uncommented() {
    let folder = tempfile::tempdir().expect("a folder");
    // Every file with a secret that the reference names.
    let secrets = REFERENCE.lines().filter_map(|line| line.split_once("_file = \"")?.1.split_once('"'));
    for (name, _) in secrets {
        let path = folder.path().join(name);
        std::fs::write(&path, "https://hooks.slack.com/services/T/B/x\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    for name in ["country", "network"] {
        let from = format!("{}/tests/data/geo/{name}.mmdb", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(from, folder.path().join(format!("{name}.mmdb"))).expect("copied");
    }
    let uncommented: Vec<String> = REFERENCE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if code.starts_with("[[") || code.contains(" = ") => code.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let (rule, rest): (Vec<String>, Vec<String>) = {
        let start = uncommented.iter().position(|l| l.starts_with("[[rule]]")).expect("a rule");
        let end = uncommented.iter().position(|l| l.starts_with("[[exclude]]")).expect("an exclusion");
        (
            uncommented[start..end].to_vec(),
            uncommented[..start].iter().chain(&uncommented[end..]).cloned().collect(),
        )
    };
    std::fs::create_dir(folder.path().join("rules.d")).expect("made");
    let rule = rule.join("\n").replace("[[rule]] in rules.d/anything.toml:", "[[rule]]");
    std::fs::write(folder.path().join("rules.d/key.toml"), rule).expect("written");
    let config = Config::parse("trailnoti.toml", &rest.join("\n"), Some(folder.path()), BTreeMap::new());
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.sinks.len(), 6);
    assert_eq!(config.ruleset.exclusions.len(), 2);
    assert!(config.ruleset.rules.iter().any(|rule| rule.id == "key-for-me"));
}

#[test]
fn ten_mistakes_are_ten_lines_each_with_place_value_and_fix() {
    let text = r#"
[aws]
regions = ["eu-west"]
[cloudtrail]
poll_interval = "15x"
requests_per_second = 9
lateeness = "30m"
[[exclude]]
name = "workers"
tags = { role = "a**b" }
states = ["runing"]
[[sink]]
name = "me"
kind = "email"
smtp = "http://mail"
from = "nobody"
to = ["me@example.com"]
[http]
listen = "9641"
[[sink]]
name = "slack"
kind = "slak"
"#;
    expect_test::expect![[r#"
        trailnoti.toml:3: aws.regions: "eu-west" is not a region name (try "eu-west-1")
        trailnoti.toml:5: cloudtrail.poll_interval: "15x" is not a duration from 5s to 1h (try "15s")
        trailnoti.toml:6: cloudtrail.requests_per_second: 9 is not a number from 0.05 to 2
        trailnoti.toml:7: cloudtrail.lateeness: unknown key (did you mean lateness?)
        trailnoti.toml:10: exclude[0].tags: "a**b": two `*` in a row at character 3: write one
        trailnoti.toml:11: exclude[0].states: "runing" is not an instance state (did you mean running?)
        trailnoti.toml:16: sink[0].from: "nobody" is not an email address
        trailnoti.toml:15: sink[0].smtp: is not a mail server: write smtp://HOST:587, or smtps://HOST:465 for implicit TLS
        trailnoti.toml:22: sink[1].kind: "slak" is not one of slack, email, webhook, pagerduty, teams, discord, ntfy, telegram, terminal (did you mean slack?)
        trailnoti.toml:19: http.listen: "9641" is neither an address with a port ("127.0.0.1:9641") nor "off""#]]
    .assert_eq(&problems(text).join("\n"));
}

#[test]
fn every_mistake_of_syntax_has_its_line() {
    let told = problems("[aws]\nregions = [\n[ec2]\npoll_interval = \n");
    assert!(told.iter().all(|line| line.starts_with("trailnoti.toml:")), "{told:?}");
}

#[test]
fn a_key_from_the_environment_goes_before_the_files() {
    let environment = BTreeMap::from([
        ("TRAILNOTI__AWS__REGIONS".to_owned(), "eu-west-1,us-east-1".to_owned()),
        ("TRAILNOTI__CLOUDTRAIL__POLL_INTERVAL".to_owned(), "1m".to_owned()),
        ("TRAILNOTI_CONFIG".to_owned(), "elsewhere".to_owned()),
    ]);
    let text = "[aws]\nregions = [\"us-west-2\"]\n[[exclude]]\nname = \"a\"\ntags = { \"aws:autoscaling:groupName\" = \"x\" }\n";
    let config = Config::parse("f", text, None, environment).expect("right");
    assert_eq!(config.regions.only, ["eu-west-1", "us-east-1"]);
    assert_eq!(config.cloudtrail.policy.poll_interval, Duration::from_secs(60));
    assert!(
        format!("{:?}", config.ruleset.exclusions[0]).contains("aws:autoscaling:groupName"),
        "case is kept"
    );
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let environment = BTreeMap::from([("TRAILNOTI__EC2__TAG_GRACE".to_owned(), "soon".to_owned())]);
    let told = Config::parse("f", "", None, environment).expect_err("a mistake").to_string();
    assert_eq!(
        told,
        "TRAILNOTI__EC2__TAG_GRACE: ec2.tag_grace: \"soon\" is not a duration from 0s to 10m (try \"20s\")"
    );
}

#[test]
fn a_mistyped_field_of_a_record_is_told_with_its_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules.d")).expect("made");
    let rule = "[[rule]]\nid = \"root-login\"\npattern.detail.eventNmae = [\"ConsoleLogin\"]\n";
    std::fs::write(folder.path().join("rules.d/iam.toml"), rule).expect("written");
    let told =
        Config::parse("f", "", Some(folder.path()), BTreeMap::new()).expect_err("a mistake").to_string();
    let place = folder.path().join("rules.d/iam.toml");
    assert_eq!(
        told,
        format!(
            "{}:3: rule[0].pattern.detail.eventNmae: rule \"root-login\": unknown field of a CloudTrail record (did you mean eventName?)",
            place.display()
        )
    );
}

#[test]
fn a_bare_eventbridge_pattern_is_a_rule_named_after_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules.d")).expect("made");
    let pattern = r#"{"source":["aws.s3"],"detail-type":["AWS Console Signin via CloudTrail"]}"#;
    std::fs::write(folder.path().join("rules.d/moved-over.json"), pattern).expect("written");
    let config = Config::parse("f", "", Some(folder.path()), BTreeMap::new()).expect("right");
    let rule = config.ruleset.rules.iter().find(|rule| rule.id == "moved-over").expect("the rule");
    assert_eq!(rule.severity, Severity::Medium);
}

#[test]
fn a_secret_that_others_can_read_is_told_and_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("url");
    std::fs::write(&path, "https://hooks.slack.com/services/CANARY").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
    let text = "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url_file = \"url\"\n";
    let told = Config::parse("f", text, Some(folder.path()), BTreeMap::new()).expect_err("exposed");
    assert!(told.0.iter().all(|problem| problem.exposes_secret));
    assert!(told.to_string().contains("chmod 640") && !told.to_string().contains("CANARY"));
}

/// Only files of their own were looked at: a password in the configuration was everybody's who could read that.
#[test]
fn a_secret_in_a_configuration_that_others_can_read_is_told_and_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trailnoti.toml");
    let text = "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url = \"https://hooks.slack.com/services/CANARY\"\n";
    std::fs::write(&path, text).expect("written");
    let load = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        Config::load(Some(&path))
    };
    let told = load(0o644).expect_err("exposed");
    assert!(told.0.iter().all(|problem| problem.exposes_secret));
    assert!(told.to_string().contains("run chmod 640") && !told.to_string().contains("CANARY"), "{told}");
    assert!(load(0o640).is_ok());
}

#[test]
fn a_password_goes_over_tls_or_stays_on_this_machine() {
    let with = |server: &str, to: &str| {
        let text = format!(
            "[[sink]]\nname = \"m\"\nkind = \"email\"\nsmtp = \"smtp://{server}\"\ntls = \"none\"\nusername = \"u\"\npassword = \"p\"\nfrom = \"a@example.com\"\nto = [\"{to}\"]\n"
        );
        parse(&text).map(|_| ()).map_err(|problems| problems.to_string())
    };
    for own in ["localhost:25", "127.0.0.1:25", "[::1]:25"] {
        assert_eq!(with(own, "b@example.com"), Ok(()), "{own}");
    }
    assert!(
        with("mail.example.com:25", "b@example.com")
            .expect_err("refused")
            .contains("would send the password")
    );
    assert!(with("localhost:25", "jürgen@example.com").expect_err("refused").contains("ASCII letters"));
}

#[test]
fn leaving_out_a_region_where_sign_ins_land_is_a_warning_that_says_what_is_lost() {
    let config = parse("[aws]\nexclude_regions = [\"us-east-1\"]\n").expect("right");
    assert!(
        config.warnings[0].starts_with("us-east-1 is not watched: root sign-ins"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn the_own_rules_stay_when_the_built_in_ones_are_off() {
    let config = parse("[rules]\nbuiltin = false\n").expect("right");
    assert!(config.ruleset.rules.iter().any(|rule| rule.id == "trailnoti-blind"));
    assert!(config.ruleset.rules.iter().all(|rule| rule.origin == "builtin/trailnoti.toml"));
}

/// The calls of which the first version promises to tell, each when it worked and when AWS refused it.
#[test]
fn every_promised_call_is_told() {
    use crate::domain::event::Event;
    use crate::domain::rules::rule::Scratch;
    let iam = "AttachGroupPolicy AttachRolePolicy AttachUserPolicy ChangePassword CreateAccessKey CreateGroup CreatePolicy \
        CreateRole CreateUser DeleteAccessKey DeleteGroup DeleteGroupPolicy DeletePolicy DeleteRole DeleteRolePolicy DeleteUser \
        DeleteUserPolicy DetachGroupPolicy DetachRolePolicy DetachUserPolicy PutGroupPolicy PutRolePolicy PutUserPolicy";
    let ec2 = "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress \
        RevokeSecurityGroupEgress RunInstances";
    let calls = iam
        .split_whitespace()
        .map(|name| ("iam", name))
        .chain(ec2.split_whitespace().map(|name| ("ec2", name)));
    let calls = calls.chain([("signin", "ConsoleLogin"), ("signin", "CheckMfa")]);
    let rules = parse("").expect("right").ruleset.rules;
    let mut count = 0;
    for (service, name) in calls {
        for error in ["", r#","errorCode":"AccessDenied""#] {
            let record = format!(
                r#"{{"eventTime":"2026-03-02T10:00:00Z","eventSource":"{service}.amazonaws.com","awsRegion":"us-east-1","eventName":"{name}"{error}}}"#
            );
            let event: Envelope = Event::from_record_text(record, "1").expect("an event").into();
            assert!(
                !rules.findings(&mut Scratch::default(), &event.after(None).text()).is_empty(),
                "{name}{error} matches no rule"
            );
            count += 1;
        }
    }
    assert_eq!(count, 2 * (23 + 5 + 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is cut out of a right configuration, reading it ends in a configuration or in problems.
    #[test]
    fn no_mutilated_configuration_panics(from in 0usize..REFERENCE.len(), length in 0usize..200) {
        let end = (from + length).min(REFERENCE.len());
        if REFERENCE.is_char_boundary(from) && REFERENCE.is_char_boundary(end) {
            let _told = parse(&format!("{}{}", &REFERENCE[..from], &REFERENCE[end..]));
        }
    }
}

#[test]
fn no_secret_is_shown_in_a_mistake() {
    for text in [
        "[sink]\nkind = \"email\"\npassword = \"CANARY\"\n",
        "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url = 12345678\n",
        "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url = [\"CANARY\"]\n",
        "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url = \"ftp://CANARY\"\n",
        "sink = \"CANARY\"\n",
    ] {
        let told = problems(text).join("\n");
        assert!(!told.contains("CANARY") && !told.contains("12345678"), "{text}: {told}");
    }
}

/// A key that was looked for twice was named twice: "known keys: name, name, role_arn, role_arn".
#[test]
fn an_unknown_key_is_answered_with_each_known_one_once() {
    let text = "[heartbeat]\nurl = \"https://example.com/x\"\ncolour = 1\n";
    let problems = Config::parse("trailnoti.toml", text, None, BTreeMap::new()).expect_err("a mistake");
    let said = "trailnoti.toml:3: heartbeat.colour: unknown key; known keys: interval, kind, url, url_file";
    assert_eq!(problems.to_string(), said);
}

/// What stands in the docs is what is pasted.
#[test]
fn every_configuration_in_the_docs_is_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("a file").path());
    let pages =
        docs.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let (mut tried, mut wrong) = (0, Vec::new());
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("text");
        for (n, block) in text.split("```toml\n").skip(1).enumerate() {
            // A block in a list is moved in.
            let block = block.split("```").next().expect("a block");
            let folder = tempfile::tempdir().expect("a folder");
            for line in block.lines() {
                let Some((key, value)) = line.trim().split_once(" = ") else { continue };
                for name in value.split('"').skip(1).step_by(2).filter(|_| key == "database") {
                    let country = format!("{}/tests/data/geo/country.mmdb", env!("CARGO_MANIFEST_DIR"));
                    std::fs::copy(country, folder.path().join(name)).expect("copied");
                }
                let Some(kind) = key.strip_suffix("_file").filter(|_| !key.contains('.')) else { continue };
                let name = value.split('"').nth(1).expect("a name");
                let secret = match kind {
                    "headers" => "Name: value",
                    kind if kind.ends_with("url") => "https://example.com/x",
                    _ => "0123456789abcdef-secret",
                };
                let path = folder.path().join(name);
                std::fs::write(&path, secret).expect("written");
                std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                    .expect("set");
            }
            tried += 1;
            // A part of a rule stands behind one.
            let rule = "[[rule]]\nid = \"a\"\ntitle = \"b\"\npattern.source = [\"aws.iam\"]\n";
            let block =
                if block.starts_with("[[rule.") { format!("{rule}{block}") } else { block.to_owned() };
            let event = r#"{"eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-03-02T10:00:00Z"}"#;
            std::fs::create_dir(folder.path().join("tests")).expect("made");
            std::fs::write(folder.path().join("tests/create-user.json"), event).expect("written");
            if let Err(problems) = Config::parse("block", &block, Some(folder.path()), BTreeMap::new()) {
                wrong.push(format!("{} block {}: {problems}", page.display(), n + 1));
            }
        }
    }
    assert!(tried > 15, "{tried}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_rule_in_the_configuration_itself_is_a_rule() {
    let text = "[[rule]]\nid = \"mine\"\ntitle = \"x\"\npattern.source = [\"aws.iam\"]\n";
    let config = Config::parse("trailnoti.toml", text, None, BTreeMap::new()).expect("no mistakes");
    assert_eq!(config.ruleset.rules.get("mine").map(|rule| rule.origin.as_str()), Some("trailnoti.toml"));
}

#[test]
fn a_wrong_address_is_said_of_the_file_that_it_stands_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let hook = folder.path().join("hook");
    std::fs::write(&hook, "htp:/CANARY").expect("written");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let text = "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url_file = \"hook\"\n";
    let wrong = Config::parse("t.toml", text, Some(folder.path()), BTreeMap::new())
        .expect_err("it is wrong")
        .to_string();
    assert!(
        wrong.starts_with("t.toml:4: sink[0].webhook_url_file: what ")
            && wrong.contains("/hook holds is not an https:// URL"),
        "{wrong}"
    );
    assert!(!wrong.contains("CANARY"), "{wrong}");
}

#[test]
fn a_page_that_others_can_reach_wants_a_token() {
    let problems = |text: &str| {
        Config::parse("t.toml", text, None, BTreeMap::new())
            .err()
            .map(|one| one.to_string())
            .unwrap_or_default()
    };
    let open = problems("[http]\nlisten = \"0.0.0.0:9641\"\n");
    assert!(open.contains("set token_file, or page = false"), "{open}");
    assert_eq!(problems("[http]\nlisten = \"0.0.0.0:9641\"\npage = false\n"), "");
    assert_eq!(problems("[http]\nlisten = \"[::1]:9641\"\n"), "");
    assert!(problems("[http]\ntoken = \"short\"\n").contains("fewer than 16 characters"));
    assert_eq!(problems("[http]\nlisten = \"0.0.0.0:9641\"\ntoken = \"0123456789abcdef\"\n"), "");
}
