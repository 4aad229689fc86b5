//! Who belongs together, and what of it is news.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::brief::Brief;
use super::commands::steps;
use super::credential::{Credential, makes, speaks_as};
use super::incidents::{Incidents, Joined, Link};
use super::resource::touched;
use super::stage::Stage;
use super::{Incident, News, TIMELINE, Told};
use crate::domain::event::Event;
use crate::domain::json::Json;
use crate::domain::language::Language;
use crate::domain::severity::Severity;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + minute * 60).expect("a time")
}

/// A record of a call in account 1: who made it, what it asked for, and what was answered.
fn record(service: &str, name: &str, who: &str, request: &str, answer: &str) -> Event {
    let text = format!(
        r#"{{"eventSource":"{service}.amazonaws.com","eventName":"{name}","eventTime":"2026-03-02T10:00:00Z","awsRegion":"us-east-1","recipientAccountId":"1","eventType":"AwsApiCall","sourceIPAddress":"203.0.113.66","userIdentity":{who},"requestParameters":{request},"responseElements":{answer}}}"#
    );
    Event::from_any(Json::parse(&text).expect("JSON"), "1").expect("an event")
}

fn user(name: &str, key: &str) -> String {
    format!(
        r#"{{"type":"IAMUser","accountId":"1","userName":"{name}","arn":"arn:aws:iam::1:user/{name}","accessKeyId":"{key}"}}"#
    )
}

fn session(role: &str, name: &str, key: &str) -> String {
    format!(
        r#"{{"type":"AssumedRole","accountId":"1","arn":"arn:aws:sts::1:assumed-role/{role}/{name}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"arn":"arn:aws:iam::1:role/{role}"}}}}}}"#
    )
}

/// The rule of a call, without what a thief chose of its title.
fn rule_of(title: &str) -> &str {
    title.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// An account's incidents, told of each event as the judge does.
#[derive(Default)]
struct Watched {
    incidents: Incidents,
    minute: i64,
}

impl Watched {
    /// An event on which nothing alerts.
    fn quiet(&mut self, event: &Event) {
        self.minute += 1;
        let (by, now) = (speaks_as(event), at(self.minute));
        for (made, how) in makes(event) {
            self.incidents.follow(Link { by: by.clone(), made, how, time: now, touched: Vec::new() }, now);
        }
    }

    /// An event on which a rule alerts.
    fn alert(&mut self, event: &Event, severity: Severity, stage: Stage) -> Joined {
        self.quiet(event);
        let title = event.detail.text("eventName").expect("a name").to_owned();
        let told = Told {
            time: at(self.minute),
            rule: rule_of(&title),
            severity,
            who: "",
            title: &title,
            account: (&event.account, "prod"),
            region: &event.region,
            stages: &[stage],
            touched: &touched(event),
            origin: ("", ""),
        };
        let alert = self.minute.to_string();
        self.incidents.join(&alert, &speaks_as(event), &told, at(self.minute)).expect("somebody did it")
    }
}

#[test]
fn what_a_stolen_key_makes_is_one_incident() {
    let mut told = Watched::default();
    let thief = user("ci", "AKIA1");
    let opened = told.alert(
        &record("iam", "CreateUser", &thief, r#"{"userName":"support"}"#, "null"),
        Severity::High,
        Stage::MadeAWayBack,
    );
    assert_eq!(opened.news, [News::Opened]);
    let key = r#"{"accessKey":{"accessKeyId":"AKIA2"}}"#;
    let made = told.alert(
        &record("iam", "CreateAccessKey", &thief, r#"{"userName":"support"}"#, key),
        Severity::High,
        Stage::MadeAWayBack,
    );
    assert_eq!((made.incident, made.news), (opened.incident.clone(), vec![News::Rule]));
    let again = record("iam", "CreateAccessKey", &thief, r#"{"userName":"support"}"#, key);
    assert_eq!(told.alert(&again, Severity::High, Stage::MadeAWayBack).news, [], "it happened before");
    // The user it made takes on a role, and that session launches machines in another account's region.
    let support = user("support", "AKIA2");
    told.quiet(&record("sts", "AssumeRole", &support, "{}", r#"{"credentials":{"accessKeyId":"ASIA3"}}"#));
    let run = record(
        "ec2",
        "RunInstances",
        &session("ops", "ci-run", "ASIA3"),
        "{}",
        r#"{"instancesSet":{"items":[{"instanceId":"i-0a","instanceType":"g5.12xlarge"}]}}"#,
    );
    let launched = told.alert(&run, Severity::Critical, Stage::Launched);
    assert_eq!(launched.incident, opened.incident);
    assert!(launched.news.contains(&News::Stage(Stage::Launched)), "{launched:?}");
    assert!(launched.news.contains(&News::Worse(Severity::Critical)), "{launched:?}");
    let incident = told.incidents.get(&opened.incident).expect("it is known");
    let words = Language::English.words();
    let members: Vec<String> = incident
        .members
        .iter()
        .map(|member| match &member.made {
            Some(made) => words.made(member.credential.who(), made.made()),
            None => words.who(member.credential.who()),
        })
        .collect();
    assert_eq!(
        members,
        [
            "key AKIA1",
            "user support was created by ci (AKIA1)",
            "key AKIA2 was created by ci (AKIA1)",
            "key ASIA3 was issued to support (AKIA2)",
            "instance i-0a was launched by ops (ASIA3)",
            "session ci-run",
        ]
    );
    assert_eq!(incident.about, "AKIA1");
}

#[test]
fn two_thieves_of_one_minute_are_two_incidents() {
    let mut told = Watched::default();
    let stop = |who: &str| record("cloudtrail", "StopLogging", who, "{}", "null");
    let one = told.alert(&stop(&user("ci", "AKIA1")), Severity::High, Stage::Hid);
    let other = told.alert(&stop(&user("ci", "AKIA9")), Severity::High, Stage::Hid);
    assert_ne!(one.incident, other.incident);
}

/// A session's name is chosen by who takes on the role.
#[test]
fn who_calls_his_session_like_an_honest_one_is_in_no_honest_incident() {
    let mut told = Watched::default();
    let from = |key: &str, address: &str| {
        let mut event = record("iam", "CreateUser", &session("deploy", "build-1", key), "{}", "null");
        let text = event.detail.to_string().replace("203.0.113.66", address);
        event.detail = Json::parse(&text).expect("JSON");
        event
    };
    let honest = told.alert(&from("ASIA1", "198.51.100.7"), Severity::Low, Stage::MadeAWayBack);
    let thief = told.alert(&from("ASIA2", "203.0.113.66"), Severity::High, Stage::MadeAWayBack);
    assert_ne!(honest.incident, thief.incident);
    // The honest one's next key, an hour later.
    let again = told.alert(&from("ASIA3", "198.51.100.7"), Severity::Low, Stage::MadeAWayBack);
    assert_eq!(again.incident, honest.incident);
    // An instance's session is called like the instance, and anybody may call his so.
    let named = speaks_as(&record("iam", "CreateUser", &session("web", "i-0abc", "ASIA4"), "{}", "null"));
    assert!(!named.iter().any(|one| matches!(one, Credential::Instance(_))), "{named:?}");
}

/// Names without end made everything that came after them wait, whatever it was.
#[test]
fn who_invents_names_delays_no_urgent_call_of_another_kind() {
    let mut told = Watched::default();
    let thief = user("ci", "AKIA1");
    let mut call = |name: &str, severity| {
        told.alert(&record("iam", name, &thief, "{}", "null"), severity, Stage::MadeAWayBack).news
    };
    call("CreateUser0", Severity::Critical);
    for n in 1..100 {
        call(&format!("CreateUser{n}"), Severity::High);
    }
    assert_eq!(call("CreateUser100", Severity::High), []);
    assert_eq!(call("DeactivateMFADevice", Severity::Critical), [News::Rule]);
    assert_eq!(call("DeactivateMFADevice", Severity::Critical), []);
}

#[test]
fn aws_services_join_nothing() {
    let who = r#"{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}"#;
    assert_eq!(speaks_as(&record("ec2", "RunInstances", who, "{}", "null")), []);
    let forwarded = r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/a/b","accessKeyId":"ASIA1","invokedBy":"cloudformation.amazonaws.com"}"#;
    assert_eq!(speaks_as(&record("ec2", "RunInstances", forwarded, "{}", "null")), []);
}

/// What is seen first of an instance is that it runs; who launched it is known minutes later.
#[test]
fn the_launchers_name_makes_an_instances_incident_a_part_of_his() {
    let mut told = Watched::default();
    let thief = user("ci", "AKIA1");
    let opened =
        told.alert(&record("cloudtrail", "StopLogging", &thief, "{}", "null"), Severity::High, Stage::Hid);
    let machine = |region| Told {
        time: at(3),
        rule: "accelerated-instance-started",
        severity: Severity::High,
        who: "",
        title: "GPU machine started",
        account: ("1", ""),
        region,
        stages: &[Stage::Launched],
        touched: &[],
        origin: ("", ""),
    };
    let alone = told
        .incidents
        .join("machine", &[Credential::Instance("i-0a".to_owned())], &machine("eu-west-3"), at(3))
        .expect("an instance");
    assert_ne!(alone.incident, opened.incident);
    let run = record(
        "ec2",
        "RunInstances",
        &thief,
        "{}",
        r#"{"instancesSet":{"items":[{"instanceId":"i-0a","instanceType":"g5.12xlarge"}]}}"#,
    );
    let named = told.alert(&run, Severity::Critical, Stage::Launched);
    assert_eq!(named.incident, opened.incident);
    let part = told.incidents.get(&alone.incident).expect("it is known");
    assert_eq!((part.part_of.as_deref(), part.closed), (Some(opened.incident.as_str()), true));
    let whole = told.incidents.get(&opened.incident).expect("it is known");
    assert_eq!((whole.alerts, whole.places.len()), (3, 2));
}

#[test]
fn who_was_made_before_the_first_alert_belongs_to_it_too() {
    let mut told = Watched::default();
    let thief = user("ci", "AKIA1");
    told.quiet(&record("sts", "GetSessionToken", &thief, "{}", r#"{"credentials":{"accessKeyId":"ASIA2"}}"#));
    let opened =
        told.alert(&record("cloudtrail", "StopLogging", &thief, "{}", "null"), Severity::High, Stage::Hid);
    let by_session = user("ci", "ASIA2");
    let next = told.alert(
        &record("iam", "CreateUser", &by_session, "{}", "null"),
        Severity::High,
        Stage::MadeAWayBack,
    );
    assert_eq!(next.incident, opened.incident);
}

#[test]
fn the_whole_is_one_step_worse_than_its_parts() {
    let mut told = Watched::default();
    let thief = user("ci", "AKIA1");
    let mut severity = Severity::Info;
    for (name, stage) in
        [("ListUsers", Stage::LookedAround), ("CreateUser", Stage::MadeAWayBack), ("StopLogging", Stage::Hid)]
    {
        let joined = told.alert(&record("iam", name, &thief, "{}", "null"), Severity::Medium, stage);
        severity = told.incidents.get(&joined.incident).expect("known").severity;
    }
    assert_eq!(severity, Severity::High);
    let incident = told.incidents.all()[0].clone();
    let brief = Brief::of(&incident, at(60), Language::English);
    assert_eq!(brief.raised.as_deref(), Some("within an hour: looked around, made a way back, hid"));
}

#[test]
fn what_was_quiet_closes_and_a_late_event_opens_it_again() {
    let mut told = Watched::default();
    let stop = record("cloudtrail", "StopLogging", &user("ci", "AKIA1"), "{}", "null");
    let opened = told.alert(&stop, Severity::High, Stage::Hid);
    let six_hours = Duration::from_secs(6 * 3600);
    assert!(told.incidents.close(six_hours, at(360)).is_empty());
    assert_eq!(told.incidents.close(six_hours, at(361)), std::slice::from_ref(&opened.incident));
    assert!(told.incidents.close(six_hours, at(900)).is_empty());
    told.minute = 1_000;
    let again = told.alert(&stop, Severity::High, Stage::Hid);
    assert_eq!((again.incident, again.news), (opened.incident, vec![News::Reopened]));
}

#[test]
fn a_restart_changes_nothing() {
    let mut told = Watched::default();
    let stop = record("cloudtrail", "StopLogging", &user("ci", "AKIA1"), "{}", "null");
    let opened = told.alert(&stop, Severity::High, Stage::Hid);
    let changes = told.incidents.take_changes();
    assert!(told.incidents.take_changes().is_empty());
    let rows: Vec<String> =
        changes.iter().map(|(_, one)| serde_json::to_string(one).expect("JSON")).collect();
    let read = rows.iter().map(|row| serde_json::from_str::<Option<Incident>>(row).expect("read"));
    told.incidents = Incidents::restored(read.flatten());
    let again = told.alert(&stop, Severity::High, Stage::Hid);
    assert_eq!((again.incident, again.news), (opened.incident, vec![]));
}

proptest! {
    /// However a storm comes, each credential, stage and region of it is in an incident, and what it keeps is bounded.
    #[test]
    fn a_storm_keeps_every_name_and_stays_bounded(
        storm in prop::collection::vec((0..3_u8, 0..8_usize, 0..17_u8, 0..5_usize, 0..1_000_u16), 1..400)
    ) {
        let mut told = Watched::default();
        let mut all = Vec::new();
        for (who, stage, region, severity, what) in storm {
            let mut event =
                record("iam", "Call", &user("ci", &format!("AKIA{who}")), "{}", "null");
            event.region = format!("region-{region}");
            event.detail = Json::parse(
                &event.detail.to_string().replace("\"Call\"", &format!("\"Call{what}\"")),
            ).expect("JSON");
            let joined = told.alert(&event, Severity::ALL[severity], Stage::ALL[stage]);
            all.push((joined.incident, format!("AKIA{who}"), Stage::ALL[stage], event.region));
        }
        for (id, key, stage, region) in all {
            let incident = told.incidents.get(&id).expect("it is known");
            prop_assert!(incident.has(&Credential::Key(key)));
            prop_assert!(incident.stages.contains_key(&stage));
            prop_assert!(incident.places.iter().any(|(place, _)| place.region == region));
            prop_assert!(incident.timeline.len() <= TIMELINE);
            let kept: u64 = incident.timeline.iter().map(|beat| beat.times).sum();
            prop_assert_eq!(kept + incident.beyond, incident.alerts);
        }
    }
}

#[test]
fn events_of_the_same_past_have_the_same_ids() {
    let ids = || {
        let mut told = Watched::default();
        let stop = record("cloudtrail", "StopLogging", &user("ci", "AKIA1"), "{}", "null");
        told.alert(&stop, Severity::High, Stage::Hid).incident
    };
    assert_eq!(ids(), ids());
    assert_eq!(ids().len(), 4);
}

/// What is pasted at night is tried in a shell: each line has the words that were meant, whatever a name holds.
#[test]
fn the_commands_stop_the_damage_first_and_no_name_breaks_them() {
    let mut told = Watched::default();
    let thief = user("ci-deploy", "AKIA1");
    let alerts = [
        record("iam", "CreateUser", &thief, r#"{"userName":"-x=y,z@w"}"#, "null"),
        record(
            "iam",
            "CreateAccessKey",
            &thief,
            r#"{"userName":"-x=y,z@w"}"#,
            r#"{"accessKey":{"accessKeyId":"AKIA2","userName":"-x=y,z@w"}}"#,
        ),
        record("iam", "CreateLoginProfile", &thief, r#"{"userName":"-x=y,z@w"}"#, "null"),
        // What IAM would never have taken reaches no command.
        record("iam", "CreateUser", &thief, r#"{"userName":"a'; rm -rf / #"}"#, "null"),
        record("cloudtrail", "StopLogging", &thief, r#"{"name":"file:///etc/passwd"}"#, "null"),
        record("cloudtrail", "StopLogging", &thief, r#"{"name":"management-events"}"#, "null"),
        record(
            "ec2",
            "RunInstances",
            &thief,
            "{}",
            r#"{"instancesSet":{"items":[{"instanceId":"i-0a","instanceType":"g5.12xlarge"},{"instanceId":"i-0b","instanceType":"t3.micro"},{"instanceId":"i-$(x)","instanceType":"t3.micro"}]}}"#,
        ),
    ];
    let ids: Vec<String> =
        alerts.iter().map(|event| told.alert(event, Severity::High, Stage::Hid).incident).collect();
    let incident = told.incidents.get(&ids[0]).expect("it is known");
    let lines: Vec<String> =
        steps(incident, at(0), Language::English).into_iter().flat_map(|step| step.lines).collect();
    let words: Vec<String> =
        lines.iter().map(|line| shlex::split(line).expect("a shell reads it").join("|")).collect();
    expect_test::expect![[r#"
        aws|iam|update-access-key|--user-name|ci-deploy|--access-key-id|AKIA1|--status|Inactive
        aws|iam|update-access-key|--user-name=-x=y,z@w|--access-key-id|AKIA2|--status|Inactive
        aws|iam|put-user-policy|--user-name|ci-deploy|--policy-name|deny-sessions-before-now|--policy-document|{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-02-25T06:13:20Z"}}}]}
        aws|iam|attach-user-policy|--user-name=-x=y,z@w|--policy-arn|arn:aws:iam::aws:policy/AWSDenyAll
        aws|iam|delete-login-profile|--user-name=-x=y,z@w
        for|i|in|i-0a|i-0b;|do|aws|ec2|modify-instance-attribute|--region|us-east-1|--instance-id|$i|--no-disable-api-stop;|aws|ec2|modify-instance-attribute|--region|us-east-1|--instance-id|$i|--no-disable-api-termination;|done
        aws|ec2|stop-instances|--region|us-east-1|--instance-ids|i-0a|i-0b
        aws|cloudtrail|start-logging|--region|us-east-1|--name|management-events"#]].assert_eq(&words.join("\n"));
    let brief = Brief::of(incident, at(60), Language::English);
    assert_eq!(brief.from, "from 203.0.113.66 with key AKIA1");
    expect_test::expect![[r#"
        2 machines (1 with GPUs) in us-east-1, about $5.68 an hour and $5.02 until now
        trail management-events stopped"#]]
    .assert_eq(&brief.so_far.join("\n"));
    let actions = brief.actions();
    assert!(
        actions[0].ends_with("--user-name ci-deploy --access-key-id AKIA1 --status Inactive"),
        "{actions:?}"
    );
    assert!(actions.last().is_some_and(|last| last.contains("--commands")), "{actions:?}");
}
