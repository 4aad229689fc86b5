//! How we talk to people: what the built-in rules say.

use std::collections::BTreeSet;
use std::path::Path;

/// Every title of a built-in rule, and every call that its patterns name.
fn titles_and_calls() -> (Vec<(String, String)>, BTreeSet<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let (mut titles, mut calls) = (Vec::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).expect("the rules").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let file: toml::Table = std::fs::read_to_string(&path).expect("read").parse().expect("TOML");
        for rule in file["rule"].as_array().expect("rules") {
            let text = |name: &str| rule[name].as_str().expect("text").to_owned();
            titles.push((text("id"), text("title")));
            names(&rule["pattern"], &mut calls);
        }
    }
    (titles, calls)
}

/// The texts under `eventName`, however deep.
fn names(pattern: &toml::Value, calls: &mut BTreeSet<String>) {
    match pattern {
        toml::Value::Table(table) => {
            for (key, value) in table {
                if key == "eventName" {
                    let texts = value.as_array().into_iter().flatten().filter_map(toml::Value::as_str);
                    calls.extend(texts.map(str::to_owned));
                }
                names(value, calls);
            }
        }
        toml::Value::Array(values) => values.iter().for_each(|value| names(value, calls)),
        _ => {}
    }
}

/// "CreateUser by arn:aws:iam::111122223333:user/mallory" is nothing to read at 3 a.m.
#[test]
fn no_title_begins_with_the_name_of_a_call_or_is_made_of_one() {
    let (titles, calls) = titles_and_calls();
    assert!(titles.len() > 150 && calls.len() > 200, "{} titles, {} calls", titles.len(), calls.len());
    let wrong = titles.iter().filter(|(_, title)| {
        let first = title.split([' ', ':']).next().unwrap_or_default();
        calls.contains(first) || title.contains("eventName") || title.contains("userIdentity.arn")
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}
