use crate::domain::context::Envelope;
use crate::domain::event::Event;
use crate::domain::json::Json;

const USER: &str = r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/a","userName":"a","accountId":"111122223333","accessKeyId":"AKIAX"}"#;

fn facts(identity: &str, more: &str) -> Json {
    let record = format!(
        r#"{{"eventTime":"2026-01-01T00:00:00Z","eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","recipientAccountId":"111122223333","userIdentity":{identity},{more}}}"#
    );
    let envelope: Envelope = Event::from_record_text(record, "").expect("an event").into();
    envelope.after(None).tree().take("context").expect("facts")
}

fn session(role: &str, issuer: &str) -> String {
    format!(
        r#"{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/{role}/s","sessionContext":{{"sessionIssuer":{{"arn":"{issuer}"}}}}}}"#
    )
}

#[test]
fn a_role_that_is_only_named_like_a_services_is_a_role() {
    let kind = |role: &str, issuer: &str| {
        facts(&session(role, issuer), r#""eventName":"X""#).text("principal.kind").map(str::to_owned)
    };
    let evil = kind("AWSServiceRoleForEvil", "arn:aws:iam::111122223333:role/AWSServiceRoleForEvil");
    assert_eq!(evil.as_deref(), Some("role"));
    let path = "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";
    assert_eq!(kind("AWSServiceRoleForX", path).as_deref(), Some("service"));
    let evil = kind("AWSReservedSSO_x", "arn:aws:iam::111122223333:role/AWSReservedSSO_x");
    assert_eq!(evil.as_deref(), Some("role"));
}

#[test]
fn a_key_that_lasts_is_never_the_consoles_whatever_the_agent_says() {
    for agent in ["Mozilla/5.0", "console.amazonaws.com", "ec2.amazonaws.com"] {
        let facts =
            facts(USER, &format!(r#""eventName":"X","sourceIPAddress":"203.0.113.1","userAgent":"{agent}""#));
        assert_eq!(facts.text("tool"), Some("other"), "{agent}");
        assert!(facts.get("by").map_or(&[][..], Json::items).contains(&"own-shell".into()), "{facts}");
    }
}

fn policy(statement: &str) -> Json {
    let document = format!(r#"{{"Statement":[{statement}]}}"#).replace('"', "\\\"");
    facts(USER, &format!(r#""eventName":"PutKeyPolicy","requestParameters":{{"policy":"{document}"}}"#))
}

#[test]
fn a_condition_that_binds_nobody_leaves_a_policy_open_to_everyone() {
    let open = |statement: &str| policy(statement).get("public") == Some(&Json::Bool(true));
    assert!(open(r#"{"Effect":"Allow","Principal":"*","Action":"x"}"#));
    assert!(open(
        r#"{"Effect":"Allow","Principal":{"AWS":"*"},"Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#
    ));
    assert!(open(r#"{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"x"}"#));
    assert!(!open(
        r#"{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"AWS:PrincipalOrgId":"o-1"}}}"#
    ));
    assert!(!open(r#"{"Effect":"Deny","Principal":"*","Action":"x"}"#));
}

#[test]
fn everything_is_everything_in_any_case_and_other_accounts_are_outside() {
    let admin = |statement: &str| policy(statement).get("admin") == Some(&Json::Bool(true));
    assert!(admin(r#"{"Effect":"Allow","Action":"IAM:*","Resource":"*"}"#));
    assert!(!admin(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#));
    let outside =
        policy(r#"{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::999988887777:root","111122223333"]}}"#);
    assert_eq!(outside.get("outside").map(Json::to_string).as_deref(), Some(r#"["999988887777"]"#));
}

#[test]
fn what_is_asked_for_is_counted_also_where_it_is_absurd() {
    let asked = |call: &str, request: &str| {
        let facts = facts(USER, &format!(r#""eventName":"{call}","requestParameters":{request}"#));
        facts.get("asked").map(Json::to_string).unwrap_or_default()
    };
    let notebook = asked("CreateNotebookInstance", r#"{"instanceType":"ml.p3.16xlarge"}"#);
    assert!(notebook.contains(r#""vcpus":64,"accelerators":8"#), "{notebook}");
    let changed = asked("ModifyInstanceAttribute", r#"{"instanceType":{"value":"p5.48xlarge"}}"#);
    assert!(changed.contains(r#""accelerators":8"#), "{changed}");
    let many = asked(
        "RunInstances",
        r#"{"instanceType":"p5.48xlarge","instancesSet":{"items":[{"maxCount":9000000000000000000}]}}"#,
    );
    assert!(many.contains(r#""vcpus":9223372036854775807"#), "{many}");
}

#[test]
fn a_fleet_asked_for_what_it_was_given_and_not_for_its_largest_alternative() {
    let asked = |answer: &str| {
        let facts = facts(
            USER,
            &format!(
                r#""eventName":"CreateFleet","requestParameters":{{"CreateFleetRequest":{{"LaunchTemplateConfigs":{{"Overrides":[{{"InstanceType":"m5.large"}},{{"InstanceType":"m7g.16xlarge"}}]}},"TargetCapacitySpecification":{{"TotalTargetCapacity":1}}}}}},"responseElements":{answer}"#
            ),
        );
        facts.text("asked.instance-type").map(str::to_owned)
    };
    let given = r#"{"CreateFleetResponse":{"fleetInstanceSet":{"item":{"instanceType":"m5.large","instanceIds":{"item":"i-1"}}}}}"#;
    assert_eq!(asked(given).as_deref(), Some("m5.large"));
    assert_eq!(asked("{}").as_deref(), Some("m7g.16xlarge"), "nobody knows, and the worst is assumed");
}

/// A policy of more than a record holds is cut: what stands behind the cut may be everything for everybody.
#[test]
fn what_was_cut_or_left_out_grants_the_worst() {
    let facts =
        |request: &str| facts(USER, &format!(r#""eventName":"PutKeyPolicy","requestParameters":{request}"#));
    let cut = facts(r#"{"attributes":{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Princ"}}"#);
    assert_eq!(cut.get("public"), Some(&Json::Bool(true)), "{cut}");
    let template = facts(r#"{"body":"{not json"}"#);
    assert_eq!(template.get("public"), None, "{template}");
}
