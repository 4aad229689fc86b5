use expect_test::expect;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::domain::incident::brief::Brief;
use crate::domain::notify::message::Pending;
use crate::domain::text::{FACT, clean};

fn alert(text: &str) -> Alert {
    let cleaned = clean(text, FACT);
    Alert {
        id: "1ba63e44-ea9b-51ec-a528-a7794b98ebe8".to_owned(),
        rule: "access-key-created".to_owned(),
        title: format!("Access key created for {cleaned} by {cleaned}"),
        description: "A key is access to the account without a sign-in.".to_owned(),
        runbook: String::new(),
        severity: Severity::High,
        group: "group".to_owned(),
        account: "111122223333".to_owned(),
        account_name: "prod".to_owned(),
        region: "us-east-1".to_owned(),
        time: "2026-03-02T10:05:00Z".parse().expect("a time"),
        principal: cleaned.clone(),
        address: cleaned.clone(),
        origin: String::new(),
        event_id: "7bf73129-1428-4cd3-a780-95db273d1602".to_owned(),
        instance: "i-0abc".to_owned(),
        completes: false,
        part: Default::default(),
        tags: Vec::new(),
        of_itself: false,
        facts: vec![("user agent".to_owned(), cleaned.clone()), (cleaned.clone(), cleaned)],
    }
}

fn digest(alerts: Vec<Alert>) -> Message {
    let enqueued = "2026-03-02T10:07:00Z".parse().expect("a time");
    let pending = |(seq, alert)| Pending {
        seq,
        enqueued,
        refusals: 0,
        not_before: None,
        like: Vec::new(),
        counted: 0,
        alert,
    };
    let incidents = alerts.iter().take(3).map(|alert| brief(&alert.principal)).collect();
    Message {
        alerts: (1..).zip(alerts).map(pending).collect(),
        groups: vec!["group".to_owned()],
        incidents,
        ..Message::default()
    }
}

/// An incident about somebody of this name.
fn brief(name: &str) -> Brief {
    let time = "2026-03-02T10:05:00Z".parse().expect("a time");
    Brief {
        id: "7F3A".to_owned(),
        severity: Severity::Critical,
        about: name.to_owned(),
        account: format!("{name} (111122223333)"),
        from: name.to_owned(),
        stages: "got in, hid".to_owned(),
        places: name.to_owned(),
        so_far: vec![format!("trail {name} stopped")],
        do_now: (vec![format!("aws iam update-access-key --user-name {name}")], 2),
        credentials: vec![format!("user {name} was created by {name}")],
        raised: Some(format!("user {name} was created by {name}, and is used")),
        beats: vec![format!("10:05 {name} · us-east-1")],
        alerts: 2,
        began: time,
        last: time,
        state: "open".to_owned(),
        is_open: true,
        what: format!("{name} in prod: got in, hid"),
        ..Brief::default()
    }
}

fn berlin() -> Style {
    Style { timezone: TimeZone::get("Europe/Berlin").ok(), ..Style::default() }
}

#[test]
fn an_alert_in_slack() {
    let message = slack::render(&digest(vec![alert("alice")]), &berlin());
    expect![[r##"
        {
          "attachments": [
            {
              "blocks": [
                {
                  "text": {
                    "emoji": false,
                    "text": "Incident 7F3A · alice in prod: got in, hid\nalice\nso far: trail alice stopped · 2 alerts in alice\nuser alice was created by alice\ncritical as a whole: user alice was created by alice, and is used\n",
                    "type": "plain_text"
                  },
                  "type": "section"
                },
                {
                  "text": {
                    "text": "*Do now (the last prints 2 more)*\n```aws iam update-access-key --user-name alice```\n```trailnoti incident 7F3A --commands```\n",
                    "type": "mrkdwn",
                    "verbatim": true
                  },
                  "type": "section"
                },
                {
                  "type": "divider"
                },
                {
                  "text": {
                    "text": "*who*  `alice`\n*from*  `alice`\n*account*  `prod (111122223333)`\n*region*  `us-east-1`\n*when*  `2026-03-02 10:05:00 UTC (Mon 11:05:00 CET)`\n*instance*  `i-0abc`\n*user agent*  `alice`\n*alice*  `alice`\n",
                    "type": "mrkdwn",
                    "verbatim": true
                  },
                  "type": "section"
                },
                {
                  "elements": [
                    {
                      "text": "A key is access to the account without a sign-in.  ·  <https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/7bf73129-1428-4cd3-a780-95db273d1602|CloudTrail event>  ·  <https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=i-0abc|Instance>  ·  rule `access-key-created`",
                      "type": "mrkdwn",
                      "verbatim": true
                    }
                  ],
                  "type": "context"
                }
              ],
              "color": "#e8590c"
            }
          ],
          "mrkdwn": false,
          "text": "HIGH prod us-east-1: Access key created for alice by alice",
          "unfurl_links": false,
          "unfurl_media": false
        }"##]].assert_eq(&format!("{message:#}"));
}

#[test]
fn an_alert_in_a_mail() {
    let mail = email::render(&digest(vec![alert("alice"), alert("bob")]), &berlin()).expect("rendered");
    expect![[r#"
        HIGH prod us-east-1: Access key created for alice by alice and 1 more

        Incident 7F3A · alice in prod: got in, hid
          alice
          so far: trail alice stopped · 2 alerts in alice
          user alice was created by alice
          critical as a whole: user alice was created by alice, and is used
          Do now (the last prints 2 more):
            aws iam update-access-key --user-name alice
            trailnoti incident 7F3A --commands

        Incident 7F3A · bob in prod: got in, hid
          bob
          so far: trail bob stopped · 2 alerts in bob
          user bob was created by bob
          critical as a whole: user bob was created by bob, and is used
          Do now (the last prints 2 more):
            aws iam update-access-key --user-name bob
            trailnoti incident 7F3A --commands

        HIGH: Access key created for alice by alice
        A key is access to the account without a sign-in.

                     who  alice
                    from  alice
                 account  prod (111122223333)
                  region  us-east-1
                    when  2026-03-02 10:05:00 UTC (Mon 11:05:00 CET)
                instance  i-0abc
              user agent  alice
                   alice  alice
        CloudTrail event  https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/7bf73129-1428-4cd3-a780-95db273d1602
                Instance  https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=i-0abc

        rule access-key-created · alert 1ba63e44-ea9b-51ec-a528-a7794b98ebe8

        HIGH: Access key created for bob by bob
        A key is access to the account without a sign-in.

                     who  bob
                    from  bob
                 account  prod (111122223333)
                  region  us-east-1
                    when  2026-03-02 10:05:00 UTC (Mon 11:05:00 CET)
                instance  i-0abc
              user agent  bob
                     bob  bob
        CloudTrail event  https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/7bf73129-1428-4cd3-a780-95db273d1602
                Instance  https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=i-0abc

        rule access-key-created · alert 1ba63e44-ea9b-51ec-a528-a7794b98ebe8

    "#]].assert_eq(&format!("{}\n\n{}", mail.subject, mail.text));
}

#[test]
fn an_alert_on_a_terminal() {
    let block = terminal::block(&digest(vec![alert("alice")]).alerts[0], &berlin(), None);
    expect![[r#"
        HIGH  Access key created for alice by alice
          A key is access to the account without a sign-in.
                       who  alice
                      from  alice
                   account  prod (111122223333)
                    region  us-east-1
                      when  2026-03-02 10:05:00 UTC (Mon 11:05:00 CET)
                  instance  i-0abc
                user agent  alice
                     alice  alice
          CloudTrail event  https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/7bf73129-1428-4cd3-a780-95db273d1602
                  Instance  https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=i-0abc
    "#]].assert_eq(anstream::adapter::strip_str(&block).to_string().trim_start());
}

#[test]
fn an_alert_in_a_pipe_is_one_line_of_json() {
    let line = terminal::json_line(&digest(vec![alert("a\nb")]).alerts[0], None);
    assert!(!line.contains('\n'));
    let read: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((read["severity"].as_str(), read["region"].as_str()), (Some("high"), Some("us-east-1")));
}

/// Every text of a message in Slack, with where it stands.
fn texts(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, v)| texts(v, &format!("{path}/{n}"), found))
        }
        Value::Object(map) => map.iter().for_each(|(k, v)| texts(v, &format!("{path}/{k}"), found)),
        _ => {}
    }
}

#[test]
fn a_message_of_many_stays_within_slacks_limits() {
    let long = "<&>".repeat(200);
    let many = (0..40).map(|n| Alert { title: format!("alert number {n:02} {long}"), ..alert(&long) });
    let message = slack::render(&digest(many.collect()), &berlin());
    for n in 0..40 {
        assert!(
            message["attachments"].to_string().contains(&format!("alert number {n:02}")),
            "{n} is not named"
        );
    }
    let three = slack::render(&digest(vec![alert(&long), alert(&long), alert(&long)]), &berlin());
    assert!(three.to_string().len() < 13_200, "{}", three.to_string().len());
    let blocks = message["attachments"][0]["blocks"].as_array().expect("blocks");
    assert!(blocks.len() <= 40, "{} blocks", blocks.len());
    let mut found = Vec::new();
    texts(&message, "", &mut found);
    for (path, text) in &found {
        assert!(text.chars().count() <= 3000, "{path} has {}", text.chars().count());
    }
    let whole: usize = found.iter().map(|(_, text)| text.len()).sum();
    assert!(whole < 13_200, "{whole} characters in all");
    for block in blocks.iter().filter(|block| block["type"] == "header") {
        assert!(block["text"]["text"].as_str().expect("text").chars().count() <= 150);
    }
}

const HOSTILE: [&str; 12] = [
    "<!channel>",
    "<@U123> <#C1>",
    "<http://evil.example|click here>",
    "`code` *bold* _it_ ~no~",
    "a\r\nBcc: victim@example.com",
    "</td><script>alert(1)</script>",
    "\u{1b}[2J\u{1b}]8;;http://evil\u{7}",
    "\u{202e}gpj.exe",
    "& &amp; &lt;!here&gt;",
    "{detail.x} {{ 7*7 }} {% raw %}",
    "\"quotes\" 'and' \\back",
    "\u{0}\u{fffe}x",
];

/// The tags of an HTML text, with their attributes.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).filter_map(|rest| rest.split('>').next()).collect()
}

/// R28: a hostile text changes what a message says, never how it is built.
fn keeps_its_structure(text: &str) {
    let (plain, hostile) = (digest(vec![alert("x")]), digest(vec![alert(text)]));
    let shape = |digest: &Message| {
        let mut found = Vec::new();
        texts(&slack::render(digest, &berlin()), "", &mut found);
        found
    };
    let (expected, built) = (shape(&plain), shape(&hostile));
    assert_eq!(
        expected.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        built.iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
    for (path, text) in &built {
        // What stands in angle brackets is ours: the two links.
        let ours = text.matches('<').count();
        assert!(ours == 0 || path.contains("elements"), "{path}: {text}");
        assert_eq!(
            ours,
            expected.iter().find(|(p, _)| p == path).expect("the same").1.matches('<').count(),
            "{text}"
        );
        assert!(!text.contains("<!") && !text.contains("<@"), "{text}");
    }
    let plain = email::render(&plain, &berlin()).expect("rendered");
    let hostile_mail = email::render(&hostile, &berlin()).expect("rendered");
    assert_eq!(tags(&plain.html), tags(&hostile_mail.html));
    assert!(!hostile_mail.subject.contains(['\r', '\n']));
    assert_eq!(plain.text.lines().count(), hostile_mail.text.lines().count());
    let escapes =
        |digest: &Message| terminal::block(&digest.alerts[0], &berlin(), None).matches('\u{1b}').count();
    assert_eq!(escapes(&digest(vec![alert("x")])), escapes(&hostile));
}

#[test]
fn r28_hostile_texts_never_change_a_messages_structure() {
    for text in HOSTILE {
        keeps_its_structure(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn r28_no_text_changes_a_messages_structure(text in "x\\PC{0,40}", at in 0usize..HOSTILE.len()) {
        keeps_its_structure(&format!("{text}{}", HOSTILE[at]));
    }
}

#[test]
fn a_filters_test_of_itself_is_broken_up_before_it_goes_into_a_mail() {
    let gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
    let mail = email::render(&digest(vec![alert(gtube)]), &berlin()).expect("rendered");
    for text in [&mail.subject, &mail.text, &mail.html] {
        assert!(!text.contains("GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL"), "{text}");
    }
    assert!(mail.text.contains("GTUBE-STANDARD -ANTI-UBE-TEST-EMAIL"), "{}", mail.text);
}

/// Slack reads `<!channel>` and `<https://…>`, and entities; each of its letters is written as one.
#[test]
fn no_letter_of_slacks_own_is_left_in_a_text() {
    let message = slack::render(&digest(vec![alert("a<!channel>&lt;b>")]), &Style::default());
    let text = message["text"].as_str().expect("a text");
    assert!(text.contains("a&lt;!channel&gt;&amp;lt;b&gt;"), "{text}");
    assert!(!message.to_string().contains("<!channel>"));
}
