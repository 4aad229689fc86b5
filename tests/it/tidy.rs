//! The rules of the house that no compiler knows: who may use whom, what the domain may not touch, how long a
//! file may be, and what no file may say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("read").flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, found),
            path if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            _ => {}
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("inside").display().to_string();
            (name, std::fs::read_to_string(&path).expect("read"))
        })
        .collect()
}

/// A part of the house, and the parts that it may use.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("domain", &["domain"]),
    ("clock", &[]),
    ("supervisor", &[]),
    ("config", &["config", "domain", "geo", "sink"]),
    ("store", &["clock", "domain", "store"]),
    ("source", &["clock", "config", "domain", "simulator", "source"]),
    ("sink", &["config", "domain", "sink"]),
    ("files", &["domain", "files"]),
    ("geo", &["config", "domain"]),
    ("ops", &["clock", "domain", "ops"]),
    ("simulator", &["clock", "domain", "simulator"]),
    (
        "daemon",
        &["clock", "config", "daemon", "domain", "geo", "ops", "sink", "source", "store", "supervisor"],
    ),
];

/// The rooms of the domain, from the ground up: each may know itself and what is before it.
const ROOMS: [&str; 18] = [
    "json",
    "text",
    "time",
    "retry",
    "severity",
    "language",
    "event",
    "pattern",
    "context",
    "rules",
    "lookup",
    "incident",
    "notify",
    "instances",
    "health",
    "judge",
    "replay",
    "trails",
];

#[test]
fn every_part_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    for (name, text) in all() {
        let part = name.split(['/', '.']).next().expect("a part");
        let Some((_, may)) = MAY_USE.iter().find(|(known, _)| *known == part) else {
            assert!(["cli", "lib", "main"].contains(&part), "{name} is in no part of the table");
            continue;
        };
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("use crate::") || line.contains(" crate::"))
        {
            for used in line.split("crate::").skip(1) {
                let used =
                    used.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().expect("a name");
                if !used.is_empty() && !may.contains(&used) && !line.trim_start().starts_with("//") {
                    wrong.push(format!("{name}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files of the library as modules, each with the modules that it uses: by `crate::…`, by `super::…`, or by the name
/// of a child.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeMap<String, String> = all()
        .into_iter()
        .filter(|(name, _)| !name.ends_with("tests.rs") && !["lib.rs", "main.rs"].contains(&name.as_str()))
        .map(|(name, text)| {
            let module = name.trim_end_matches(".rs").replace('/', "::");
            let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
            let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (module, text)
        })
        .collect();
    let resolve = |path: &str| {
        let mut path = path.to_owned();
        while !path.is_empty() && !files.contains_key(&path) {
            path = path.rsplit_once("::").map(|(above, _)| above.to_owned()).unwrap_or_default();
        }
        path
    };
    let mut arrows = BTreeMap::new();
    for (module, text) in &files {
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let mut used = BTreeSet::new();
        for (n, _) in code.match_indices("crate::").filter(|(n, _)| !code[..*n].ends_with("in ")) {
            paths(&code[n + "crate::".len()..]).iter().for_each(|path| {
                used.insert(resolve(path));
            });
        }
        for (n, _) in code.match_indices("super::").filter(|(n, _)| !code[..*n].ends_with("super::")) {
            let mut above = module.as_str();
            let mut rest = &code[n..];
            while let Some(after) = rest.strip_prefix("super::") {
                above = above.rsplit_once("::").map_or("", |(above, _)| above);
                rest = after;
            }
            for path in paths(rest) {
                used.insert(resolve(&format!("{above}::{path}")));
            }
        }
        for child in
            files.keys().filter(|child| child.rsplit_once("::").is_some_and(|(above, _)| above == module))
        {
            let name = format!("{}::", child.rsplit("::").next().unwrap_or_default());
            let named = code
                .match_indices(&name)
                .any(|(n, _)| !code[..n].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            used.extend(named.then(|| child.clone()));
        }
        used.remove(module);
        used.remove("");
        arrows.insert(module.clone(), used);
    }
    arrows
}

/// `a::b`, or of `a::{b, c::d}` each.
fn paths(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((items, _)) if path.ends_with("::") => {
            items.split(',').map(|item| format!("{path}{}", item.trim())).collect()
        }
        _ => vec![path.trim_end_matches(':').to_owned()],
    }
}

#[test]
fn inside_the_domain_an_arrow_only_points_down() {
    let room = |module: &str| {
        let name = module.strip_prefix("domain::")?.split("::").next()?;
        let place = ROOMS.iter().position(|room| *room == name);
        Some(place.unwrap_or_else(|| panic!("{module} stands in no room of the list")))
    };
    let mut wrong = Vec::new();
    for (module, used) in arrows() {
        let Some(own) = room(&module) else { continue };
        wrong.extend(
            used.iter()
                .filter(|used| room(used).is_some_and(|other| other > own))
                .map(|used| format!("{module} uses {used}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_stand_in_a_circle() {
    let mut arrows = arrows();
    // What uses nothing that is left is in no circle.
    loop {
        let done: Vec<String> =
            arrows.iter().filter(|(_, used)| used.is_empty()).map(|(module, _)| module.clone()).collect();
        if done.is_empty() {
            break;
        }
        for module in &done {
            arrows.remove(module);
        }
        arrows.values_mut().for_each(|used| used.retain(|used| !done.contains(used)));
    }
    // Nor is what nothing uses that is left.
    loop {
        let used: BTreeSet<String> = arrows.values().flatten().cloned().collect();
        let before = arrows.len();
        arrows.retain(|module, _| used.contains(module));
        if arrows.len() == before {
            break;
        }
    }
    let shown: Vec<String> = arrows.iter().map(|(module, used)| format!("{module} uses {used:?}")).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

/// What stands between "```rooms" and the end of its block in `ARCHITECTURE.md`.
fn drawn() -> String {
    let mut uses: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let place = |module: &str| {
        let name = module.strip_prefix("domain::")?.split("::").next()?;
        ROOMS.iter().position(|room| *room == name)
    };
    for (module, used) in arrows() {
        let Some(own) = place(&module) else { continue };
        uses.entry(ROOMS[own])
            .or_default()
            .extend(used.iter().filter_map(|used| place(used)).filter(|n| *n != own));
    }
    let line = |room: &&str| {
        let used = uses.get(room).into_iter().flatten().map(|n| ROOMS[*n]).collect::<Vec<_>>().join(" ");
        format!("{room:<10} {}", if used.is_empty() { String::new() } else { format!("uses {used}") })
            .trim_end()
            .to_owned()
    };
    ROOMS.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_picture_of_the_rooms_is_the_codes() {
    let page = page("ARCHITECTURE.md");
    let picture =
        page.split("```rooms\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a picture");
    assert_eq!(picture, drawn(), "ARCHITECTURE.md wants\n{}", drawn());
}

/// A page that names what is not there sends its reader astray.
#[test]
fn what_the_pages_for_builders_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Vec::new();
    sources(&root.join("tests"), &mut tests);
    let tests = tests.into_iter().map(|path| std::fs::read_to_string(path).expect("read"));
    let code: String = all().into_iter().map(|(_, text)| text).chain(tests).collect();
    let mut wrong = Vec::new();
    for name in
        ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/promises.md", "docs/aws.md", "docs/threat-model.md"]
    {
        for word in page(name).split('`').skip(1).step_by(2).filter(|word| !word.contains('\n')) {
            let is_path = word.contains('/') || word.ends_with(".rs") || word.ends_with(".toml");
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_/.:-".contains(c));
            if !plain || word.starts_with(['/', '.', '-']) || word.contains("//") {
                continue;
            }
            if is_path && !word.contains("::") {
                let there = ["", "src/", "src/domain/", "docs/", "tests/it/"]
                    .iter()
                    .any(|base| root.join(base).join(word).exists());
                if !there && word.contains('.') && !word.contains("example") {
                    wrong.push(format!("{name}: {word}"));
                }
            } else if !word.starts_with("trailnoti_")
                && word.matches('_').count() > 2
                && word.to_lowercase() == word
                && !code.contains(&format!("fn {word}"))
            {
                wrong.push(format!("{name}: {word}"));
            } else if let Some((_, item)) = word.rsplit_once("::") {
                let named = |kind: &str| code.contains(&format!("{kind} {item}"));
                if !["fn", "mod", "struct", "enum", "trait", "const"].iter().any(|kind| named(kind)) {
                    wrong.push(format!("{name}: {word}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A promise names a file, and then the tests in it that hold it.
#[test]
fn every_test_that_a_promise_names_is_in_the_file_that_it_says() {
    let (mut file, mut wrong) = (String::new(), Vec::new());
    for word in page("docs/promises.md").split('`').skip(1).step_by(2) {
        if word.ends_with(".rs") && word.contains('/') {
            file = page(word);
        } else if word.matches('_').count() > 2
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !word.starts_with("trailnoti_")
            && !file.contains(&format!("fn {word}"))
        {
            wrong.push(word.to_owned());
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_domain_does_no_io_is_never_async_and_reads_no_clock() {
    let forbidden = [
        "async ",
        ".await",
        "tokio",
        "tracing",
        "sled",
        "aws_",
        "std::fs",
        "std::env",
        "std::net::Tcp",
        "SystemTime",
        "Instant",
        "Timestamp::now",
        // rustc-hash's is the same in every run.
        "collections::HashMap",
        "RandomState",
        "println!",
    ];
    let mut wrong = Vec::new();
    for (name, text) in all() {
        if !name.starts_with("domain/") || name.ends_with("tests.rs") {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in forbidden.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{name}:{}: {word}", n + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long_and_each_says_what_it_owns() {
    let mut wrong = Vec::new();
    for (name, text) in all() {
        let lines = text.lines().count();
        if lines > 400 && !name.ends_with("tests.rs") {
            wrong.push(format!("{name} has {lines} lines: it wants splitting"));
        }
        if !text.starts_with("//!") && !name.ends_with("tests.rs") {
            wrong.push(format!("{name} does not begin with what it owns"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_name_says_nothing() {
    for (name, _) in all() {
        for word in ["util", "helper", "manager", "handler", "common"] {
            assert!(!name.contains(word), "{name}");
        }
    }
}

#[test]
fn only_the_store_names_sled_and_only_the_source_names_the_sdk() {
    for (name, text) in all() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(name.starts_with("store/") || !line.contains("sled::"), "{name}: {line}");
            assert!(name.starts_with("source/") || !line.contains("aws_sdk_"), "{name}: {line}");
        }
    }
}

#[test]
fn the_unit_and_the_image_are_there_and_say_what_they_must() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| {
        std::fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let unit = read("systemd/trailnoti.service");
    for word in [
        "Type=notify",
        "ExecReload=",
        "WatchdogSec=",
        "StateDirectory=trailnoti",
        "LoadCredential=",
        "DynamicUser=yes",
    ] {
        assert!(unit.contains(word), "the unit lacks {word}");
    }
    let image = read("Dockerfile");
    for word in ["HEALTHCHECK", "STOPSIGNAL SIGTERM", "USER ", "VOLUME"] {
        assert!(image.contains(word), "the Dockerfile lacks {word}");
    }
}
