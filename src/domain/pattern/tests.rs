use super::*;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/patterns/cases.jsonl");

/// What this program answers to a case: `Ok` for a valid pattern and event, `Err` for the one refused.
fn answer(case: &serde_json::Value) -> Result<Option<bool>, String> {
    let pattern = case["pattern"].as_str().unwrap_or_default();
    let pattern = Json::parse(pattern).map_err(|error| format!("pattern: {error}"))?;
    let pattern = Pattern::compile(&pattern).map_err(|problems| format!("pattern: {problems:?}"))?;
    let Some(event) = case["event"].as_str() else { return Ok(None) };
    let event = Json::parse(event).map_err(|error| format!("event: {error}"))?;
    Ok(Some(pattern.matches(&Fields::of(&event))))
}

#[test]
fn every_case_of_eventbridges_own_engine_is_answered_as_it_answers() {
    let Ok(cases) = std::fs::read_to_string(CASES) else {
        println!("skipped: no {CASES}");
        return;
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case is JSON");
        let quirk = case["quirk"].as_str();
        let got = answer(&case);
        let right = match (case["matches"].as_bool(), quirk) {
            // Not followed: a network or address of one family never matches the other, nor a number.
            (Some(_), Some("ip-family-hex-prefix")) => got == Ok(Some(false)),
            // Not followed: text behind the JSON is refused.
            (Some(_), Some("trailing-text-accepted")) => got.is_err(),
            (Some(matches), _) => got == Ok(Some(matches)),
            (None, _) if case["valid"] == true => got == Ok(None),
            (None, _) => got.is_err(),
        };
        if !right {
            wrong.push(format!("{}: {} on {} gave {got:?}", case["name"], case["pattern"], case["event"]));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{} of {seen} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 800, "only {seen} cases");
}

fn matches(pattern: &str, event: &str) -> bool {
    let pattern = Pattern::compile(&Json::parse(pattern).expect("pattern")).expect("a valid pattern");
    pattern.matches(&Fields::of(&Json::parse(event).expect("event")))
}

fn problems(pattern: &str) -> Vec<String> {
    Pattern::compile(&Json::parse(pattern).expect("pattern"))
        .expect_err("a bad pattern")
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_pattern_wants_all_its_fields() {
    assert!(matches(r#"{"a":["1"],"b":["2"]}"#, r#"{"a":"1","b":"2"}"#));
    assert!(!matches(r#"{"a":["1"],"b":["2"]}"#, r#"{"a":"1"}"#));
}

#[test]
fn fields_of_an_array_must_come_from_the_same_element() {
    let pattern = r#"{"people":{"name":["Ann"],"age":[{"numeric":[">",40]}]}}"#;
    assert!(matches(pattern, r#"{"people":[{"name":"Bob","age":50},{"name":"Ann","age":41}]}"#));
    assert!(!matches(pattern, r#"{"people":[{"name":"Bob","age":50},{"name":"Ann","age":20}]}"#));
}

#[test]
fn numbers_compare_by_value_and_not_by_spelling() {
    assert!(matches(r#"{"a":[300]}"#, r#"{"a":3.0e2}"#));
    assert!(!matches(r#"{"a":[300]}"#, r#"{"a":"300"}"#));
}

#[test]
fn a_network_never_matches_an_address_of_the_other_family() {
    assert!(!matches(r#"{"a":[{"cidr":"32.0.0.0/8"}]}"#, r#"{"a":"2001:db8::1"}"#));
    assert!(matches(r#"{"a":[{"cidr":"2001:db8::/32"}]}"#, r#"{"a":"2001:db8::1"}"#));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let told = problems(
        r#"{"source":"aws.iam","detail":{"eventName":[{"prefx":"x"}],"n":[{"numeric":[">","5"]}]}}"#,
    );
    expect_test::expect![[r#"
        source: a condition is a list: write ["aws.iam"]
        detail.eventName.prefx: `prefx` is no operator (did you mean prefix?)
        detail.n.numeric: takes operators each with a number, such as [">", 0, "<=", 5]"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_network_of_one_address_is_refused_with_the_way_to_write_it() {
    assert_eq!(
        problems(r#"{"a":[{"cidr":"10.0.0.1/32"}]}"#),
        [r#"a.cidr: 10.0.0.1/32 is one address: write "10.0.0.1" itself"#]
    );
}
