//! One field of a Sigma search, as what an EventBridge pattern wants there. Owns modifiers, wildcards, and that Sigma compares without
//! regard to case (Sigma specification, "Rules": "Value modifiers", "Wildcards").

use crate::domain::json::{Json, object};

/// What is wanted at a path of the envelope: one of the values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Such as `detail.userIdentity.type`.
    pub path: String,
    /// As the list of an EventBridge pattern.
    pub wants: Vec<Json>,
}

/// Fields whose values AWS writes in one way only: compared as they are, so that it is known which reads a rule is about.
const AS_WRITTEN: [&str; 3] = ["eventName", "eventSource", "userIdentity.type"];
/// Fields that hold other fields, and no text.
const OBJECTS: [&str; 6] = [
    "requestParameters",
    "responseElements",
    "userIdentity",
    "additionalEventData",
    "serviceEventDetails",
    "resources",
];
/// So many parts are looked for in one text in every order.
const PARTS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Contains,
    Starts,
    Ends,
}

/// A field with its modifiers, as a search writes it.
///
/// # Errors
/// What of it no pattern can say.
pub(super) fn field(written: &str, value: &serde_json::Value) -> Result<Field, String> {
    let mut modifiers = written.split('|');
    let name = modifiers.next().unwrap_or_default();
    let (mut part, mut all, mut cased, mut exists, mut regex) = (Part::Whole, false, false, false, false);
    for modifier in modifiers {
        match modifier {
            "contains" => part = Part::Contains,
            "startswith" => part = Part::Starts,
            "endswith" => part = Part::Ends,
            "all" => all = true,
            "cased" => cased = true,
            "exists" => exists = true,
            "re" => regex = true,
            "fieldref" => return Err(format!("{written} compares one field with another")),
            other => return Err(format!("{written}: the modifier \"{other}\" is not known here")),
        }
    }
    let path = format!("detail.{name}");
    let values = match value {
        serde_json::Value::Array(values) => values.as_slice(),
        single => std::slice::from_ref(single),
    };
    if exists {
        return Ok(Field {
            path,
            wants: vec![object([("exists", (value.as_bool() != Some(false)).into())])],
        });
    }
    let is_object = OBJECTS.contains(&name);
    let as_written = cased || AS_WRITTEN.contains(&name);
    if all && values.len() > 1 {
        return Ok(Field { path, wants: all_of(written, values, part, as_written)? });
    }
    let mut wants = Vec::new();
    for value in values {
        wants.extend(match value {
            serde_json::Value::Null => vec![object([("exists", false.into())]), Json::Null],
            serde_json::Value::Bool(truth) => vec![(*truth).into(), no_case(&truth.to_string())],
            serde_json::Value::Number(number) => {
                let number = number.to_string();
                vec![Json::parse(&number).map_err(|error| error.to_string())?, number.as_str().into()]
            }
            serde_json::Value::String(text) if text == "*" => vec![object([("exists", true.into())])],
            serde_json::Value::String(_) if is_object && part != Part::Whole => {
                return Err(format!("{written} looks for a text inside an object"));
            }
            serde_json::Value::String(text) if regex => wildcards(&of_regex(written, text)?, true),
            serde_json::Value::String(text) => of_text(written, text, part, as_written)?,
            _ => return Err(format!("{written} wants something else than a value")),
        });
    }
    if wants.is_empty() {
        return Err(format!("{written} wants nothing"));
    }
    Ok(Field { path, wants })
}

fn no_case(text: &str) -> Json {
    object([("equals-ignore-case", text.into())])
}

/// A wildcard as it is written, in small letters and in large ones: EventBridge's have regard to case, and Sigma has none.
fn wildcards(pattern: &str, as_written: bool) -> Vec<Json> {
    let mut spellings = vec![pattern.to_owned()];
    if !as_written {
        spellings.extend([pattern.to_lowercase(), pattern.to_uppercase()]);
        spellings.dedup();
    }
    spellings.iter().map(|pattern| object([("wildcard", pattern.as_str().into())])).collect()
}

fn of_text(written: &str, text: &str, part: Part, as_written: bool) -> Result<Vec<Json>, String> {
    let glob = glob(written, text)?;
    let plain = unescaped(text);
    Ok(match (part, glob) {
        (Part::Whole, None) => match plain.as_str() {
            // Records write such as truths too.
            "true" => vec![no_case("true"), true.into()],
            "false" => vec![no_case("false"), false.into()],
            text if as_written || text.is_empty() => vec![text.into()],
            text => vec![no_case(text)],
        },
        (Part::Starts, None) if as_written => vec![object([("prefix", plain.as_str().into())])],
        (Part::Starts, None) => vec![object([("prefix", no_case(&plain))])],
        (Part::Ends, None) => vec![object([("suffix", no_case(&plain))])],
        (part, glob) => wildcards(&around(&glob.unwrap_or_else(|| escaped(&plain)), part), as_written),
    })
}

fn around(glob: &str, part: Part) -> String {
    let (before, after) = match part {
        Part::Whole => ("", ""),
        Part::Contains => ("*", "*"),
        Part::Starts => ("", "*"),
        Part::Ends => ("*", ""),
    };
    // Two stars in a row are none of EventBridge's.
    let mut whole = format!("{before}{glob}{after}");
    while whole.contains("**") {
        whole = whole.replace("**", "*");
    }
    whole
}

/// Every value is in the text: in one order or another.
fn all_of(
    written: &str,
    values: &[serde_json::Value],
    part: Part,
    as_written: bool,
) -> Result<Vec<Json>, String> {
    if part != Part::Contains || values.len() > PARTS {
        return Err(format!("{written} wants {} values at once", values.len()));
    }
    if OBJECTS.contains(&written.split('|').next().unwrap_or_default()) {
        return Err(format!("{written} looks for a text inside an object"));
    }
    let texts: Option<Vec<&str>> = values.iter().map(serde_json::Value::as_str).collect();
    let texts = texts.ok_or_else(|| format!("{written} wants something else than texts"))?;
    let mut orders: Vec<Vec<&str>> = vec![Vec::new()];
    for _ in &texts {
        orders = orders
            .iter()
            .flat_map(|order| {
                let left = texts.iter().filter(|text| !order.contains(text));
                left.map(|text| [order.as_slice(), &[*text]].concat()).collect::<Vec<_>>()
            })
            .collect();
    }
    let glob = |order: &Vec<&str>| {
        let parts: Vec<String> = order.iter().map(|text| escaped(&unescaped(text))).collect();
        wildcards(&around(&parts.join("*"), Part::Contains), as_written)
    };
    Ok(orders.iter().flat_map(glob).collect())
}

/// A Sigma text with wildcards as EventBridge's; none where it has none.
fn glob(written: &str, text: &str) -> Result<Option<String>, String> {
    let (mut glob, mut wild, mut characters) = (String::new(), false, text.chars().peekable());
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                Some('*') => glob.push_str("\\*"),
                Some('?') => glob.push('?'),
                _ => glob.push_str("\\\\"),
            },
            '*' => {
                wild = true;
                glob.push('*');
            }
            '?' => return Err(format!("{written}: \"?\" stands for one letter, which no pattern can say")),
            character => glob.push(character),
        }
    }
    Ok(wild.then_some(glob))
}

/// The text that a Sigma text without wildcards stands for.
fn unescaped(text: &str) -> String {
    let (mut plain, mut characters) = (String::new(), text.chars().peekable());
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\')),
            character => plain.push(character),
        }
    }
    plain
}

/// A text as a wildcard that fits it alone.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*")
}

/// A regular expression that says no more than a wildcard does.
fn of_regex(written: &str, regex: &str) -> Result<String, String> {
    let refuse = || format!("{written}: the expression \"{regex}\" says more than a wildcard can");
    let anchored = regex.strip_prefix('^');
    let (rest, begins) = (anchored.unwrap_or(regex), anchored.is_some());
    let (rest, ends) = match rest.strip_suffix('$') {
        Some(rest) if !rest.ends_with('\\') => (rest, true),
        _ => (rest, false),
    };
    let (mut glob, mut characters) = (String::new(), rest.chars().peekable());
    while let Some(character) = characters.next() {
        match character {
            '.' if characters.next_if(|next| matches!(next, '*' | '+')).is_some() => glob.push('*'),
            '\\' => match characters.next() {
                Some(literal) if !literal.is_alphanumeric() => glob.push_str(&escaped(&literal.to_string())),
                _ => return Err(refuse()),
            },
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => {
                return Err(refuse());
            }
            character => glob.push(character),
        }
    }
    let part = match (begins, ends) {
        (true, true) => Part::Whole,
        (true, false) => Part::Starts,
        (false, true) => Part::Ends,
        (false, false) => Part::Contains,
    };
    Ok(around(&glob, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(written: &str, value: serde_json::Value) -> String {
        match field(written, &value) {
            Ok(field) => Json::Array(field.wants).to_string(),
            Err(why) => why,
        }
    }

    #[test]
    fn each_modifier_wants_what_it_says() {
        for (written, value, wanted) in [
            ("eventName", serde_json::json!("CreateUser"), r#"["CreateUser"]"#),
            ("errorMessage", serde_json::json!("Failed"), r#"[{"equals-ignore-case":"Failed"}]"#),
            ("errorCode", serde_json::json!(null), r#"[{"exists":false},null]"#),
            ("x", serde_json::json!("true"), r#"[{"equals-ignore-case":"true"},true]"#),
            ("x", serde_json::json!(5), r#"[5,"5"]"#),
            (
                "userAgent|contains",
                serde_json::json!("S*b"),
                r#"[{"wildcard":"*S*b*"},{"wildcard":"*s*b*"},{"wildcard":"*S*B*"}]"#,
            ),
            ("userAgent|contains", serde_json::json!("*"), r#"[{"exists":true}]"#),
            ("eventName|startswith", serde_json::json!("Up"), r#"[{"prefix":"Up"}]"#),
            ("x|endswith", serde_json::json!("p"), r#"[{"suffix":{"equals-ignore-case":"p"}}]"#),
            (
                "x|contains|all|cased",
                serde_json::json!(["a", "b"]),
                r#"[{"wildcard":"*a*b*"},{"wildcard":"*b*a*"}]"#,
            ),
            ("x|re", serde_json::json!(".+:assumed-role/aws:.+"), r#"[{"wildcard":"*:assumed-role/aws:*"}]"#),
            ("x", serde_json::json!("a\\*"), r#"[{"equals-ignore-case":"a*"}]"#),
            ("x|exists", serde_json::json!(false), r#"[{"exists":false}]"#),
        ] {
            assert_eq!(wants(written, value), wanted, "{written}");
        }
    }

    #[test]
    fn what_no_pattern_can_say_is_refused_with_the_reason() {
        for (written, value, why) in [
            ("a|fieldref", serde_json::json!("b"), "one field with another"),
            ("requestParameters|contains", serde_json::json!("b"), "inside an object"),
            ("a|re", serde_json::json!("a[0-9]"), "more than a wildcard"),
            ("a", serde_json::json!("a?b"), "one letter"),
            ("a|base64offset", serde_json::json!("b"), "is not known here"),
            ("a", serde_json::json!([]), "wants nothing"),
        ] {
            assert!(wants(written, value).contains(why), "{written}");
        }
    }
}
