//! The rules of the house that no compiler knows: who may use whom, what the domain may not touch, how long a
//! file may be, and what no file may say.

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
const MAY_USE: [(&str, &[&str]); 19] = [
    ("domain", &["domain"]),
    ("config", &["config", "domain"]),
    ("clock", &[]),
    ("metrics", &[]),
    ("status", &["domain", "metrics"]),
    ("store", &["clock", "domain"]),
    ("source", &["clock", "config", "domain", "simulator"]),
    ("sink", &["config", "domain"]),
    ("files", &["domain"]),
    ("scan", &["domain", "files"]),
    ("poll", &["clock", "config", "domain", "metrics", "source", "status", "store", "supervisor"]),
    ("dispatch", &["domain", "metrics", "poll", "sink", "store"]),
    ("supervisor", &[]),
    ("systemd", &["status"]),
    ("http", &["clock", "domain", "status"]),
    ("overview", &["domain", "poll", "status", "store"]),
    ("telemetry", &[]),
    ("simulator", &["clock", "domain"]),
    (
        "app",
        &[
            "clock",
            "config",
            "dispatch",
            "domain",
            "metrics",
            "overview",
            "poll",
            "sink",
            "source",
            "status",
            "store",
            "supervisor",
            "systemd",
        ],
    ),
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
