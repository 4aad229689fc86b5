use proptest::prelude::*;

use super::*;
use crate::domain::json::Json;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pattern-cases.jsonl");

/// What this program answers to a case: `Ok` for a valid pattern and event, `Err` for the one refused.
fn answer(case: &serde_json::Value) -> Result<Option<bool>, String> {
    let pattern = case["pattern"].as_str().unwrap_or_default();
    let pattern = Json::parse(pattern).map_err(|error| format!("pattern: {error}"))?;
    let pattern = Pattern::compile(&pattern).map_err(|problems| format!("pattern: {problems:?}"))?;
    let Some(event) = case["event"].as_str() else { return Ok(None) };
    let event = Json::parse(event).map_err(|error| format!("event: {error}"))?;
    let (naive, set) =
        (naive::matches(&pattern, &event), alone(&pattern, case["event"].as_str().unwrap_or_default()));
    assert_eq!(naive, set, "{case}");
    Ok(Some(set))
}

#[test]
fn every_case_of_eventbridges_own_engine_is_answered_as_it_answers() {
    let cases = std::fs::read_to_string(CASES).unwrap_or_else(|error| panic!("{CASES}: {error}"));
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

/// What a set says that has only this pattern.
fn alone(pattern: &Pattern, event: &str) -> bool {
    let set = Set::new([pattern], &[]);
    let (mut sheet, mut matched) = (Sheet::default(), Vec::new());
    let laid = set.lay(&mut sheet, event).expect("JSON");
    set.matching(&laid, Known::All, &mut matched);
    matched == [0]
}

fn matches(pattern: &str, event: &str) -> bool {
    let pattern = Pattern::compile(&Json::parse(pattern).expect("pattern")).expect("a valid pattern");
    alone(&pattern, event)
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
        source: a condition must be a list: write ["aws.iam"]
        detail.eventName.prefx: unknown operator `prefx` (did you mean prefix?)
        detail.n.numeric: takes pairs of an operator and a number, such as [">", 0, "<=", 5]"#]]
    .assert_eq(&told.join("\n"));
}

/// Eighteen `$or` of two branches took 2.2 GB to be spelled out.
#[test]
fn too_many_alternatives_are_refused_once_and_other_mistakes_beside_them_are_found() {
    let ors = |count: usize| -> String {
        let or = |n: usize| format!(r#""f{n}":{{"$or":[{{"a":["x"]}},{{"b":["y"]}}]}}"#);
        (0..count).map(or).collect::<Vec<_>>().join(",")
    };
    let most = Json::parse(&format!("{{{}}}", ors(9))).expect("pattern");
    assert!(Pattern::compile(&most).is_ok(), "512 alternatives");
    let found = problems(&format!(r#"{{{},"g":{{"$or":[{{"a":"x"}},{{"b":["y"]}}]}}}}"#, ors(18)));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("f9.$or: this and the $or around and before it make 1024 alternatives"),
        "{found:?}"
    );
    assert!(found[1].starts_with("g.a: a condition must be a list"), "{found:?}");
    let nested = (0..18).fold(r#"{"z":["z"]}"#.to_owned(), |inner, n| {
        format!(r#"{{"n{n}":{{"$or":[{{"a":["x"]}},{{"b":{inner}}}]}},"m{n}":{{"$or":[{{"a":["x"]}},{{"b":["y"]}}]}}}}"#)
    });
    assert_eq!(problems(&nested).len(), 1);
    let wide = (0..1001).map(|n| format!(r#"{{"a":["{n}"]}}"#)).collect::<Vec<_>>().join(",");
    assert_eq!(problems(&format!(r#"{{"$or":[{wide}]}}"#)).len(), 1);
}

#[test]
fn a_network_of_one_address_is_refused_with_the_way_to_write_it() {
    assert_eq!(
        problems(r#"{"a":[{"cidr":"10.0.0.1/32"}]}"#),
        [r#"a.cidr: 10.0.0.1/32 is a single address: write "10.0.0.1" as a plain value"#]
    );
}

/// Patterns and events over few names and values, so that they meet.
mod few {
    use proptest::prelude::*;

    fn name() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "c", "a.b", "b.c", ""])
    }

    fn scalar() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            r#""x""#,
            r#""y""#,
            r#""xy""#,
            "1",
            "1.0",
            "2",
            "1E400",
            "1e+400",
            "true",
            "null",
            r#""""#,
            r#""\u0078""#,
            r#""10.0.0.1""#,
            r#""::ffff:10.0.0.1""#,
        ])
        .prop_map(str::to_owned)
    }

    fn condition() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => scalar(),
            1 => prop::sample::select(vec![
                r#"{"exists":true}"#, r#"{"exists":false}"#, r#"{"prefix":"x"}"#, r#"{"suffix":"y"}"#,
                r#"{"anything-but":"x"}"#, r#"{"numeric":[">",0,"<",2]}"#, r#"{"wildcard":"x*"}"#,
                r#"{"equals-ignore-case":"X"}"#, r#"{"cidr":"10.0.0.0/8"}"#, r#"{"anything-but":[1,2]}"#,
            ]).prop_map(str::to_owned),
        ]
    }

    fn object(inner: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
        prop::collection::vec((name(), inner), 1..=most).prop_map(|members| {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    }

    pub fn pattern() -> impl Strategy<Value = String> {
        let list = prop::collection::vec(condition(), 1..3).prop_map(|list| format!("[{}]", list.join(",")));
        let nested = list.prop_recursive(3, 12, 3, |inner| object(inner, 3));
        prop_oneof![
            4 => object(nested.clone(), 3),
            1 => (object(nested.clone(), 2), object(nested, 2))
                .prop_map(|(one, other)| format!("{{\"$or\":[{one},{other}]}}")),
        ]
    }

    pub fn event() -> impl Strategy<Value = String> {
        let value = scalar().prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                object(inner.clone(), 4),
                prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            ]
        });
        object(value, 4)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_a_pattern_says_depends_on_no_other_pattern(
        patterns in prop::collection::vec(few::pattern(), 1..8),
        events in prop::collection::vec(few::event(), 1..4),
    ) {
        let patterns: Vec<Pattern> =
            patterns.iter().filter_map(|text| Pattern::compile(&Json::parse(text).expect("JSON")).ok()).collect();
        let set = Set::new(&patterns, &["a.c"]);
        // One sheet for all events: nothing may be left on it.
        let (mut sheet, mut matched) = (Sheet::default(), Vec::new());
        for event in events {
            let tree = Json::parse(&event).expect("JSON");
            let naive: Vec<u32> =
                (0..).zip(&patterns).filter(|(_, one)| naive::matches(one, &tree)).map(|(n, _)| n).collect();
            let laid = set.lay(&mut sheet, &event).expect("JSON");
            set.matching(&laid, Known::All, &mut matched);
            prop_assert_eq!(&matched, &naive, "{}", event);
        }
    }
}

/// Every pair of the two lists would be tried, and a person would wait for minutes.
#[test]
fn two_long_lists_that_cannot_agree_cost_no_product() {
    let list = |name: &str, n: usize| {
        let items: Vec<String> = (0..n).map(|i| format!("{{\"x\":1,\"{name}\":{i}}}")).collect();
        format!("[{}]", items.join(","))
    };
    let event = format!(r#"{{"a":{},"b":{}}}"#, list("y", 20_000), list("z", 20_000));
    assert!(!matches(
        r#"{"a":{"x":[1],"y":[{"numeric":[">",20]}]},"b":{"x":[1],"z":[3],"y":[{"exists":true}]}}"#,
        &event
    ));
    assert!(!matches(r#"{"a":{"x":[1]},"b":{"x":[1],"z":[3, 4],"w":[{"exists":false}]},"c":[1]}"#, &event));
    assert!(matches(r#"{"a":{"x":[1],"y":[19999]},"b":{"x":[1],"z":[19999]}}"#, &event));
}
