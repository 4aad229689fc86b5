use super::*;
use crate::domain::context::Envelope;
use crate::domain::event::Event;
use crate::domain::rules::rule::{Rules, Scratch};

const HEAD: &str = "title: Somebody did it {twice}\nid: 00000000-0000-4000-8000-000000000001\nstatus: test\nauthor: A. Author\ntags:\n  - attack.t1098.003\n  - attack.persistence\nlogsource:\n  product: aws\n  service: cloudtrail\nlevel: high\n";

fn imported(detection: &str) -> Result<Imported, String> {
    read("aws_thing", &format!("{HEAD}detection:\n{detection}"))
}

fn fits(rule: &Rule, record: &str) -> bool {
    let record = format!(
        r#"{{"eventTime":"2026-01-01T00:00:00Z","awsRegion":"us-east-1","eventSource":"iam.amazonaws.com",{record}}}"#
    );
    let envelope: Envelope = Event::from_record_text(record, "1").expect("an event").into();
    let rules = Rules::new(vec![rule.clone()]);
    let found = rules.findings(&mut Scratch::default(), &envelope.after(None).text());
    found.first().is_some_and(|finding| finding.excused.is_none())
}

#[test]
fn a_rule_has_its_title_level_tags_author_and_meaning() {
    let imported = imported(
        "  selection:\n    eventName:\n      - CreateUser\n      - CreateRole\n  filter_main_tool:\n    userAgent|contains: Terraform\n  condition: selection and not 1 of filter_main_*\n",
    )
    .expect("a rule");
    let rule = &imported.rule;
    assert_eq!((rule.id.as_str(), rule.severity, rule.mode), ("sigma-aws_thing", Severity::High, Mode::Live));
    assert_eq!(rule.title, "Somebody did it twice: {principal}");
    assert_eq!(rule.tags, ["T1098.003", "attack.persistence"]);
    assert!(rule.description.as_ref().is_some_and(|text| text.contains("by A. Author")));
    assert!(fits(rule, r#""eventName":"CreateUser","userAgent":"aws-cli""#));
    assert!(!fits(rule, r#""eventName":"CreateUser","userAgent":"x Terraform y""#));
    assert!(!fits(rule, r#""eventName":"DeleteUser""#));
}

#[test]
fn lists_of_maps_all_one_of_null_and_a_not_inside_mean_what_sigma_says() {
    let rule = imported(
        "  selection_a:\n    - eventName: CreateUser\n      userAgent|startswith: evil\n    - eventName: DeleteUser\n  selection_status_null:\n    errorCode: null\n  selection_status_ok:\n    errorCode: Success\n  condition: selection_a and 1 of selection_status_*\n",
    )
    .expect("a rule")
    .rule;
    assert!(fits(&rule, r#""eventName":"CreateUser","userAgent":"EVIL tool""#));
    assert!(!fits(&rule, r#""eventName":"CreateUser","userAgent":"good""#));
    assert!(fits(&rule, r#""eventName":"DeleteUser","errorCode":"success""#));
    assert!(!fits(&rule, r#""eventName":"DeleteUser","errorCode":"AccessDenied""#));
    let inside = imported(
        "  a:\n    eventName: A\n  b:\n    eventName: B\n  quiet:\n    errorCode:\n      - X\n      - Y\n  condition: a or (b and not quiet)\n",
    )
    .expect("a rule")
    .rule;
    assert!(fits(&inside, r#""eventName":"A","errorCode":"X""#));
    assert!(!fits(&inside, r#""eventName":"B","errorCode":"x""#));
    assert!(fits(&inside, r#""eventName":"B","errorCode":"Z""#) && fits(&inside, r#""eventName":"B""#));
}

#[test]
fn what_is_imported_is_read_again_as_the_same_rule() {
    let imported = imported("  s:\n    eventName|startswith: \"Cre\\\"ate\"\n  f:\n    userIdentity.type: Root\n  condition: s and not f\n").expect("a rule");
    let found = crate::config::section::Found::default();
    let rules = crate::config::rules::file("t", &imported.toml, None, &mut Vec::new(), &found);
    assert!(found.borrow().is_empty(), "{:?}\n{}", found.borrow(), imported.toml);
    let written =
        |rule: &Rule| format!("{:?}", (rule.pattern.written().collect::<Vec<_>>(), rule.unless.len()));
    assert_eq!(written(&rules[0]), written(&imported.rule));
    assert_eq!((&rules[0].title, rules[0].severity), (&imported.rule.title, imported.rule.severity));
}

#[test]
fn a_rule_that_cannot_be_said_is_refused_with_the_reason() {
    for (detection, why) in [
        ("  k:\n    - word\n  condition: k\n", "words anywhere"),
        ("  s:\n    eventName: A\n  condition: not s\n", "only what is not wanted"),
        ("  s:\n    eventName: A\n  condition: t\n", "which is not there"),
        ("  s:\n    a|fieldref: b\n  condition: s\n", "one field with another"),
        ("  s:\n    eventName: A\n  condition: s | count() > 5\n", "threshold"),
        ("  s:\n    status: success\n  condition: s\n", "is no field of a CloudTrail record"),
        ("  s:\n    eventName: A\n  timeframe: 5m\n  condition: s\n", "timeframe"),
    ] {
        let refused = imported(detection).expect_err(detection);
        assert!(refused.contains(why), "{detection}: {refused}");
    }
    let windows = HEAD.replace("product: aws", "product: windows");
    assert!(
        read("x", &format!("{windows}detection:\n  s:\n    a: b\n  condition: s\n"))
            .is_err_and(|why| why.contains("logsource"))
    );
    assert!(read("x", "a: [").is_err_and(|why| why.contains("not YAML")));
}

/// Nine levels of nine aliases each are 387 million values.
#[test]
fn a_file_of_aliases_does_not_grow_without_end() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..9 {
        let inner = vec![format!("*a{}", n - 1); 9].join(",");
        text.push_str(&format!("a{n}: &a{n} [{inner}]\n"));
    }
    assert!(read("x", &text).is_err());
}
