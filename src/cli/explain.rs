//! `explain`: why an instance is told or hidden, condition by condition. An id is asked of the running daemon; an
//! event in a file needs none.

use std::io::{Read, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context;

use super::{ConfigFile, daemon, exit};
use crate::clock::Clock;
use crate::domain::event::Event;
use crate::domain::explain::{Place, explain};
use crate::domain::json::Json;
use crate::domain::judge::Law;
use crate::domain::launch::{Launch, started};
use crate::domain::story::Story;

const BOLD: Style = Style::new().bold();

pub(super) fn run(file: &ConfigFile, what: &str, json: bool) -> anyhow::Result<ExitCode> {
    let explained = if is_id(what) { ask(file, what)? } else { read(file, what)? };
    let explained = match explained {
        Ok(explained) => explained,
        Err((code, why)) => {
            eprintln!("trailnoti: {why}");
            return Ok(ExitCode::from(code));
        }
    };
    let text = if json {
        explained.items().iter().map(|one| format!("{one}\n")).collect()
    } else {
        explained.items().iter().map(screen).collect::<Vec<_>>().join("\n")
    };
    anstream::stdout().write_all(text.as_bytes()).context("print")?;
    Ok(ExitCode::SUCCESS)
}

/// What there is to explain, or an exit code and why there is nothing.
type Explained = Result<Json, (u8, String)>;

fn is_id(what: &str) -> bool {
    what.starts_with("i-") || uuid::Uuid::parse_str(what).is_ok()
}

fn ask(file: &ConfigFile, id: &str) -> anyhow::Result<Explained> {
    let (status, text) = daemon::ask(file, &format!("/explain/{id}"))?;
    if !status.is_success() {
        let why = format!(
            "the daemon knows nothing of {id}: it keeps the instances that are listed, and their launches"
        );
        return Ok(Err((exit::FAILED, why)));
    }
    Ok(Ok(Json::parse(&text).map_err(|error| anyhow::anyhow!("the daemon's answer: {error}"))?))
}

/// Explains an event of a file, an envelope or a CloudTrail record; what the event does not say is not known.
fn read(file: &ConfigFile, path: &str) -> anyhow::Result<Explained> {
    let mut text = String::new();
    if path == "-" {
        std::io::stdin().read_to_string(&mut text).context("read standard input")?;
    } else {
        text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return Ok(Err((exit::DATA, format!("{path}: cannot be read: {error}")))),
        };
    }
    let event = match Json::parse(text.trim()) {
        Ok(json) if json.get("detail-type").is_some() => Event::from_envelope(&json),
        Ok(json) => Event::from_record(json, ""),
        Err(error) => return Ok(Err((exit::DATA, format!("{path}: {error}")))),
    };
    let event = match event {
        Ok(event) => event,
        Err(error) => return Ok(Err((exit::DATA, format!("{path}: {error}")))),
    };
    let stories = stories(&event);
    if stories.is_empty() {
        let why = format!("{path}: the event is about no instance, so no exclusion can hide it");
        return Ok(Err((exit::DATA, why)));
    }
    let law: Law = file.load()?.law;
    let explained = stories.iter().map(|story| {
        let state = story.instance.state;
        let place = Place {
            account: &event.account,
            region: &event.region,
            state,
            tags_may_come: false,
            launch_may_come: true,
            is_own: false,
        };
        explain(&law, story, place, |_| None)
    });
    Ok(Ok(Json::Array(explained.collect())))
}

/// The stories that begin with an event.
fn stories(event: &Event) -> Vec<Story> {
    let now = Clock::system().now();
    if let Some(instance) = &event.instance {
        return vec![Story::seen(instance, true, now)];
    }
    let named = started(event).into_iter().map(|instance| {
        let mut story = Story::named(instance.clone(), now);
        story.launched(Launch::of(event), &instance);
        story
    });
    named.collect()
}

fn screen(one: &Json) -> String {
    let word = |path: &str| one.text(path).unwrap_or_default();
    let mut out = format!(
        "{BOLD}{}{BOLD:#} ({}) in {}, {}\n",
        word("instance"),
        word("size"),
        word("region"),
        word("state")
    );
    match one.text("launch.principal") {
        Some(principal) => out.push_str(&format!(
            "  launched by {principal} with {} from {} (person: {})\n",
            word("launch.call"),
            word("launch.address"),
            word("launch.person")
        )),
        None => out.push_str("  its launch is not known\n"),
    }
    let exclusions = one.get("exclusions").map_or(&[][..], Json::items);
    if exclusions.is_empty() {
        out.push_str("  no exclusion is configured: it is told\n");
    }
    for exclusion in exclusions {
        let verdict = match exclusion.text("verdict") {
            Some("yes") => "hides it".to_owned(),
            Some("no") => "does not hide it".to_owned(),
            other => format!("would hide it, and {}", other.unwrap_or_default()),
        };
        out.push_str(&format!("  exclusion \"{}\" {verdict}\n", exclusion.text("name").unwrap_or_default()));
        for condition in exclusion.get("conditions").map_or(&[][..], Json::items) {
            let (ink, mark) = match condition.text("holds") {
                Some("yes") => (AnsiColor::Green.on_default(), "✓"),
                Some("no") => (AnsiColor::Red.on_default(), "✗"),
                _ => (AnsiColor::Yellow.on_default(), "?"),
            };
            out.push_str(&format!(
                "    {ink}{mark}{ink:#} {}: {}\n",
                condition.text("wanted").unwrap_or_default(),
                crate::domain::text::clean(condition.text("found").unwrap_or_default(), 200)
            ));
        }
    }
    out
}
