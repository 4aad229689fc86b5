//! `doctor` as a person runs it: over a simulated account, on loopback. What it finds, what it says that it may not look at,
//! and how it ends.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use jiff::SignedDuration;
use serde_json::{Value, json};
use trailnoti::clock::Clock;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::{Caller, call};
use trailnoti::simulator::{Fault, SimulatedTrail, Trouble, World};

use crate::servers;
use crate::world::{ACCOUNT, MALLORY};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailnoti");
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// An account of two regions, and a folder to call the command in.
struct Practice {
    world: World,
    folder: tempfile::TempDir,
    aws: String,
    key: String,
}

impl Practice {
    async fn new() -> Self {
        let world = World::new(Clock::system());
        let key = world.add_account(ACCOUNT);
        world.account(ACCOUNT, |account| account.only_regions(&REGIONS));
        let folder = tempfile::tempdir().expect("a folder");
        Practice { aws: servers::aws(world.clone()).await, world, folder, key }
    }

    fn with(self, trails: Vec<SimulatedTrail>) -> Self {
        self.world.account(ACCOUNT, |account| account.trails = trails);
        self
    }

    /// One event every ten seconds in a region, as many as are asked for, the newest a minute old.
    fn busy(&self, region: &str, name: &str, events: i64) {
        let now = Clock::system().now();
        for n in 0..events {
            let at = now - SignedDuration::from_secs(60 + 10 * n);
            let record = call(&MALLORY, at, region, "ec2", name, object([("n", n.into())]), Json::Null);
            self.world.account(ACCOUNT, |account| account.record(record, SignedDuration::ZERO));
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        path
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.aws)
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.folder.path());
        let output = tokio::task::block_in_place(|| command.output()).expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// What it says as JSON, and how it ends.
    fn found(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let (code, out, err) = self.run(&[&["doctor", "--json"], arguments].concat());
        let value = serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}"));
        (code, value)
    }
}

fn kinds(value: &Value) -> Vec<&str> {
    let findings = value["findings"].as_array().expect("a list");
    findings.iter().filter_map(|finding| finding["kind"].as_str()).collect()
}

fn all_regions(name: &str) -> SimulatedTrail {
    SimulatedTrail { multi_region: true, ..SimulatedTrail::new(ACCOUNT, name, "us-east-1") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_in_which_nothing_is_wrong_ends_with_0() {
    let practice = Practice::new().await.with(vec![all_regions("audit")]);
    let (code, out, err) = practice.run(&["doctor"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "nothing found; looked at 2 regions\n", ""));
    let (code, value) = practice.found(&[]);
    assert_eq!(code, Some(0));
    assert_eq!(value, json!({ "findings": [], "not_looked_at": [], "regions_looked_at": 2 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_trails_that_record_the_same_are_one_finding_with_its_cost_and_the_command() {
    let own = SimulatedTrail::new(ACCOUNT, "old-trail", "eu-west-1");
    let practice = Practice::new().await.with(vec![own, all_regions("audit")]);
    practice.busy("eu-west-1", "DescribeVpcs", 60);
    let (code, out, err) = practice.run(&["doctor"]);
    assert_eq!(code, Some(1), "{out}{err}");
    expect_test::expect![[r#"
          low       111122223333 eu-west-1: trail old-trail records the same changes and reads as audit: paid copies, about $5.18 a month (about 8640 events a day, estimated from the newest 50 events, which span 8m)
                    stop old-trail, once nobody needs what it writes
                    aws cloudtrail stop-logging --name arn:aws:cloudtrail:eu-west-1:111122223333:trail/old-trail --region eu-west-1
        1 finding; looked at 2 regions
    "#]]
    .assert_eq(&out);
    let (code, value) = practice.found(&[]);
    assert_eq!((code, kinds(&value)), (Some(1), vec!["trail-copy"]));
    let finding = &value["findings"][0];
    assert_eq!(finding["regions"], json!(["eu-west-1"]));
    assert_eq!(finding["facts"]["copy"], "arn:aws:cloudtrail:eu-west-1:111122223333:trail/old-trail");
    assert_eq!(finding["facts"]["kept"], json!(["arn:aws:cloudtrail:us-east-1:111122223333:trail/audit"]));
    assert_eq!(finding["facts"]["dollars_a_month"].as_f64(), Some(5.18), "{finding}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_overlaps_with_the_organizations_trail_is_narrowed_and_keeps_its_data_events() {
    let organization = SimulatedTrail {
        multi_region: true,
        organization: true,
        selectors: json!({ "AdvancedEventSelectors": [{ "Name": "changes", "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Management"] },
            { "Field": "readOnly", "Equals": ["false"] },
        ] }] }),
        ..SimulatedTrail::new("999988887777", "org", "us-east-1")
    };
    let own = SimulatedTrail {
        selectors: json!({ "EventSelectors": [{
            "ReadWriteType": "All",
            "IncludeManagementEvents": true,
            "DataResources": [{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3"] }],
            "ExcludeManagementEventSources": [],
        }] }),
        ..all_regions("own")
    };
    let practice = Practice::new().await.with(vec![own, organization]);
    let (code, value) = practice.found(&[]);
    assert_eq!((code, kinds(&value)), (Some(1), vec!["trail-copy"]), "{value}");
    let finding = &value["findings"][0];
    assert_eq!(finding["regions"], json!(REGIONS));
    let what = finding["what"].as_str().unwrap_or_default();
    assert!(
        what.starts_with("trail own records the same changes as org (the organization's): paid"),
        "{what}"
    );
    assert!(what.ends_with("; sign-ins, IAM and other global services are among them"), "{what}");
    assert_eq!(finding["step"], "let own record only reads");
    assert_eq!(
        finding["command"],
        r#"aws cloudtrail put-event-selectors --trail-name arn:aws:cloudtrail:us-east-1:111122223333:trail/own --region us-east-1 --event-selectors '[{"ReadWriteType":"All","IncludeManagementEvents":false,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]},{"ReadWriteType":"ReadOnly","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]'"#
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_that_does_not_log_is_no_copy() {
    let silent = REGIONS.map(str::to_owned).to_vec();
    let stopped = SimulatedTrail { silent, ..all_regions("stopped") };
    let practice = Practice::new().await.with(vec![stopped, all_regions("audit")]);
    let (code, value) = practice.found(&[]);
    assert_eq!((code, kinds(&value)), (Some(0), vec![]), "{value}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_looked_at_is_said_with_the_permission_and_is_no_finding() {
    let trails = || vec![all_regions("one"), all_regions("other")];
    for (operation, what) in [
        ("DescribeTrails", "could not look at trails in 111122223333 eu-west-1, us-east-1: access denied: "),
        ("GetTrailStatus", "could not look at whether trail one logs in 111122223333 eu-west-1, us-east-1: "),
        ("GetEventSelectors", "could not look at what trail one records in 111122223333 us-east-1: "),
    ] {
        let practice = Practice::new().await.with(trails());
        practice.world.fault(Fault::new(Trouble::Denied).operation(operation));
        let (code, out, err) = practice.run(&["doctor"]);
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(out.contains(what), "{out}");
        assert!(out.contains(&format!("; grant cloudtrail:{operation}\n")), "{out}");
        assert!(out.contains("trailnoti iam-policy --doctor prints the policy"), "{out}");
        assert!(out.ends_with("nothing found in what could be looked at; looked at 2 regions\n"), "{out}");
        let (code, value) = practice.found(&[]);
        assert_eq!((code, kinds(&value)), (Some(0), vec![]));
        assert_eq!(value["not_looked_at"][0]["grant"], format!("cloudtrail:{operation}"), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_cannot_be_read_is_a_finding_that_says_what_is_missed() {
    let practice = Practice::new().await;
    let denied = |operation: &str| Fault::new(Trouble::Denied).operation(operation);
    practice.world.fault(denied("LookupEvents").region("us-east-1"));
    practice.world.fault(denied("DescribeInstances"));
    let (code, value) = practice.found(&[]);
    assert_eq!((code, kinds(&value)), (Some(1), vec!["region-unreadable", "region-unreadable"]), "{value}");
    let findings = value["findings"].as_array().expect("a list");
    let of = |word: &str| {
        let found = findings.iter().find(|one| one["what"].as_str().is_some_and(|what| what.contains(word)));
        found.unwrap_or_else(|| panic!("{word}: {value}"))
    };
    let history = of("the event history cannot be read: access denied: AccessDeniedException");
    assert_eq!(history["regions"], json!(["us-east-1"]));
    assert!(history["what"].as_str().is_some_and(|what| what.contains("missed are also root sign-ins")));
    assert!(history["step"].as_str().is_some_and(|step| step.starts_with("grant cloudtrail:LookupEvents")));
    // The same in every region is said once.
    let instances = of("the list of instances cannot be read: access denied: UnauthorizedOperation");
    assert_eq!(instances["regions"], json!(REGIONS));
    // What STS is asked is in the same history.
    assert_eq!(value["not_looked_at"][0]["what"], "calls to STS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_the_global_sts_are_named() {
    let practice = Practice::new().await;
    let now = Clock::system().now();
    let ci = Caller { user: "ci-deploy", ..MALLORY };
    for (n, caller) in [(1, ci), (2, MALLORY), (3, ci), (4, MALLORY)] {
        let at = now - SignedDuration::from_mins(n);
        let role = object([("roleArn", "arn:aws:iam::111122223333:role/deploy".into()), ("n", n.into())]);
        let mut record = call(&caller, at, "us-east-1", "sts", "AssumeRole", role, Json::Null);
        let host = if n == 4 { "sts.us-east-1.amazonaws.com" } else { "sts.amazonaws.com" };
        if let Json::Object(members) = &mut record {
            let tls = object([("tlsVersion", "TLSv1.3".into()), ("clientProvidedHostHeader", host.into())]);
            members.push(("tlsDetails".to_owned(), tls));
        }
        practice.world.account(ACCOUNT, |account| account.record(record, SignedDuration::ZERO));
    }
    let (code, value) = practice.found(&[]);
    assert_eq!((code, kinds(&value)), (Some(1), vec!["sts-global-endpoint"]), "{value}");
    let finding = &value["findings"][0];
    let what = finding["what"].as_str().unwrap_or_default();
    let said = "3 of the newest 4 AssumeRole calls went to the global endpoint of STS, by ci-deploy (2), mallory (1): ";
    assert!(what.starts_with(said), "{what}");
    assert_eq!(finding["command"], "export AWS_STS_REGIONAL_ENDPOINTS=regional");
    assert_eq!(finding["facts"]["sampled"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_configuration_misses_and_exposes_is_found_beside_the_account() {
    let practice = Practice::new().await;
    let secret = practice.write("url", "https://hooks.slack.com/services/CANARY", 0o644);
    practice.write(
        "t.toml",
        "[aws]\nexclude_regions = [\"us-east-1\"]\n[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url_file = \"url\"\n[[exclude]]\nname = \"ci\"\ntags = { team = \"ci\" }\n",
        0o644,
    );
    let (code, value) = practice.found(&["--config", "t.toml"]);
    let expected = vec!["secret-exposed", "sign-ins-unseen", "configuration-warning"];
    assert_eq!((code, kinds(&value)), (Some(1), expected), "{value}");
    let (exposed, unseen) = (&value["findings"][0], &value["findings"][1]);
    assert!(exposed["place"].as_str().is_some_and(|place| place.starts_with("t.toml:6: sink")), "{exposed}");
    let command = exposed["command"].as_str().unwrap_or_default();
    assert!(command.starts_with("chmod 640 ") && command.ends_with("url"), "{exposed}");
    assert!(unseen["what"].as_str().is_some_and(|what| what.starts_with("us-east-1 is not watched: root")));
    assert_eq!(unseen["step"], "take \"us-east-1\" out of exclude_regions in [aws]");
    assert_eq!(value["regions_looked_at"], 1);
    assert!(!value.to_string().contains("CANARY"), "{value}");
    // Mended, it is no finding any more.
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o640)).expect("set");
    let (_, value) = practice.found(&["--config", "t.toml"]);
    assert_eq!(kinds(&value), ["sign-ins-unseen", "configuration-warning"]);
    // A configuration with other mistakes is not looked at.
    practice.write("wrong.toml", "[aws]\nregion = []\n", 0o644);
    let (code, out, err) = practice.run(&["doctor", "--config", "wrong.toml"]);
    assert_eq!((code, out.as_str()), (Some(78), ""), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_a_finding() {
    let practice = Practice::new().await;
    practice.world.set_skew(SignedDuration::from_mins(3));
    let (code, value) = practice.found(&[]);
    assert_eq!((code, kinds(&value)), (Some(1), vec!["clock-off"]), "{value}");
    let finding = &value["findings"][0];
    assert_eq!((&finding["severity"], &finding["place"]), (&json!("medium"), &json!("this machine")));
    assert!(finding["what"].as_str().is_some_and(|what| what.contains("behind AWS's")), "{finding}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_does_not_list_its_regions_is_a_finding() {
    let practice = Practice::new().await;
    practice.world.fault(Fault::new(Trouble::Denied).operation("DescribeRegions"));
    let (code, out, err) = practice.run(&["doctor"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("111122223333: the account's regions cannot be listed"), "{out}");
    assert!(out.contains("grant ec2:DescribeRegions") && out.contains("looked at 0 regions"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_for_the_doctor_is_a_second_statement() {
    let practice = Practice::new().await;
    let statements = |arguments: &[&str]| -> Value {
        let (code, out, err) = practice.run(arguments);
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str::<Value>(&out).expect("JSON")["Statement"].take()
    };
    let plain = statements(&["iam-policy"]);
    let doctor = statements(&["iam-policy", "--doctor"]);
    assert_eq!(plain.as_array().map(Vec::len), Some(1));
    assert_eq!(doctor[0], plain[0]);
    assert_eq!(
        doctor[1]["Action"],
        json!(["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"])
    );
    assert_eq!(doctor.as_array().map(Vec::len), Some(2));
}
