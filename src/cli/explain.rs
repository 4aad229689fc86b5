//! `explain`: why each rule matches an event or not, field by field, and why an instance is alerted on or hidden, condition by
//! condition. An id is asked of the running daemon; an event in a file needs none.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::Context;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::ask;
use crate::clock::Clock;
use crate::domain::context::launch::{Launch, started};
use crate::domain::context::{Envelope, Past};
use crate::domain::event::Event;
use crate::domain::instances::explain::{Place, explain};
use crate::domain::instances::story::Story;
use crate::domain::json::{Json, object};
use crate::domain::judge::inputs::Ruleset;
use crate::domain::pattern::{did_you_mean, nearest};
use crate::domain::replay::Hindsight;
use crate::domain::rules::nearest::near;
use crate::domain::rules::rule::Rule;
use crate::domain::rules::traits::Traits;
use crate::domain::text::clean;
use crate::files::{Input, Objects, Unwrap, find, inner_record, scan};

/// The longest text of another's that is shown, in characters.
const TEXT: usize = 600;
const BOLD: Style = Style::new().bold();

/// How many rules that miss are shown, the nearest first.
const NEAREST: usize = 5;

pub(super) fn run(
    file: &ConfigFile,
    what: &str,
    rule: Option<&str>,
    before: &[PathBuf],
    json: bool,
) -> anyhow::Result<ExitCode> {
    let explained = if is_id(what) { ask(file, what)? } else { read(file, what, rule, before)? };
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
        screens(explained.items(), rule.is_some())
    };
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// What there is to explain, or an exit code and why there is nothing.
type Explained = Result<Json, (u8, String)>;

fn is_id(what: &str) -> bool {
    what.starts_with("i-") || uuid::Uuid::parse_str(what).is_ok()
}

fn ask(file: &ConfigFile, id: &str) -> anyhow::Result<Explained> {
    let page = format!("/explain/{id}");
    let (status, text) = ask::ask(file, &page)?;
    ask::can_show(&page, status, &text)?;
    if !status.is_success() {
        let why = format!(
            "the daemon does not know {id}: it knows only listed instances, their launches, and its decisions on recent events"
        );
        return Ok(Err((exit::FAILED, why)));
    }
    ask::read(&text).map(Ok)
}

/// The first event of a file of any form, and whether there are more.
fn first(path: &str) -> Result<(String, bool), String> {
    let failed = |why: &dyn std::fmt::Display| format!("{path}: {why}");
    let inputs = find(&[path.into()]).map_err(|problems| problems.join("; "))?;
    let nothing = || failed(&"contains no event");
    let input = inputs.first().ok_or_else(nothing)?;
    let mut objects = Objects::new(input.open().map_err(|error| failed(&error))?, Unwrap::Lists);
    let record = match objects.take().map_err(|error| failed(&error))? {
        Some(object) => inner_record(object).into_owned(),
        None => return Err(nothing()),
    };
    Ok((record, matches!(objects.take(), Ok(Some(_))) || inputs.len() > 1))
}

/// Explains an event of a file, an envelope or a CloudTrail record; what the event does not say is not known.
fn read(file: &ConfigFile, path: &str, rule: Option<&str>, before: &[PathBuf]) -> anyhow::Result<Explained> {
    let (record, more) = match first(path) {
        Ok(read) => read,
        Err(why) => return Ok(Err((exit::DATA, why))),
    };
    if more {
        eprintln!("trailnoti: {path} contains more than one event: explaining the first");
    }
    let event = match Json::parse(&record) {
        Ok(json) => Event::from_any(json, "").map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let event = match event {
        Ok(event) => event,
        Err(error) => return Ok(Err((exit::DATA, format!("{path}: {error}")))),
    };
    let ruleset: Ruleset = file.load_without_secrets()?.ruleset;
    let inputs = match find(before) {
        Ok(inputs) => inputs,
        Err(problems) => return Ok(Err((exit::DATA, problems.join("; ")))),
    };
    if let Some(id) = rule.filter(|id| ruleset.rules.get(id).is_none()) {
        let hint = nearest(id, ruleset.rules.iter().map(|rule| rule.id.as_str()));
        return Ok(Err((exit::USAGE, format!("there is no rule \"{id}\"{}", did_you_mean(hint)))));
    }
    let (rules, event) = {
        let envelope = Envelope::from(event);
        let own_accounts = ruleset.own_accounts.clone();
        let past = match inputs.is_empty() {
            true => Past { own_accounts, ..Past::default() },
            false => Past { own_accounts, ..learned(&ruleset, &inputs, &envelope) },
        };
        let notes = notes(&ruleset, &envelope.event, before.is_empty());
        let rules = near(&ruleset.rules, &envelope.after(Some(&past)), rule);
        (rules.into_iter().chain(notes), envelope.event)
    };
    let stories = if rule.is_some() { Vec::new() } else { stories(&event) };
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
        explain(&ruleset.exclusions, story, place, |_| None)
    });
    Ok(Ok(Json::Array(rules.chain(explained).collect())))
}

/// The past of who is behind an event, as these files tell it.
fn learned(ruleset: &Ruleset, inputs: &[Input], envelope: &Envelope) -> Past {
    let mut hindsight = Hindsight::new(ruleset, Duration::ZERO);
    let (stop, learned) = (AtomicBool::new(false), AtomicBool::new(false));
    scan::read(inputs, ruleset, 1, &stop, &learned, |batch| {
        batch.problems.iter().for_each(|problem| eprintln!("trailnoti: {problem}"));
        hindsight.remember(&batch.items);
        true
    });
    hindsight.is_learned();
    hindsight.past(&Traits::of(envelope))
}

/// What to know before the rules are read: that nothing can be called new, and that no rule names the call.
fn notes(ruleset: &Ruleset, event: &Event, without_past: bool) -> Vec<Json> {
    let mut notes = Vec::new();
    let call = event.detail.text("eventName").unwrap_or_default();
    let names = |rule: &Rule| {
        rule.pattern.named_texts("detail.eventName").iter().flatten().any(|(names, _)| names.contains(&call))
    };
    if !call.is_empty() && !ruleset.rules.iter().any(names) {
        let call = clean(call, TEXT);
        notes.push(format!(
            "no rule names {call}: only broad rules can alert on it, by who calls and what is new to them"
        ));
    }
    if without_past {
        notes.push("judged without a past: nothing is called new; --before FILES gives one".to_owned());
    }
    notes.into_iter().map(|note| object([("note", note.into())])).collect()
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

/// Rules first: those that match, then those that nearly do; then decisions and instances.
fn screens(explained: &[Json], whole: bool) -> String {
    let mut out = Vec::new();
    let is_rule = |one: &&Json| one.get("verdict").is_some() && one.get("rule").is_some();
    let matches = |one: &&Json| one.get("matches").and_then(Json::as_bool) == Some(true);
    let rules: Vec<&Json> = explained.iter().filter(is_rule).collect();
    out.extend(rules.iter().copied().filter(matches).map(rule_screen));
    let misses = rules.iter().copied().filter(|one| !matches(one));
    out.extend(misses.take(if whole { usize::MAX } else { NEAREST }).map(rule_screen));
    if !whole && rules.len() > out.len() {
        out.push(format!(
            "and {} more rules that match less; --rule ID shows one\n",
            rules.len() - out.len()
        ));
    }
    let notes = explained.iter().filter_map(|one| one.text("note"));
    let notes: String = notes.map(|note| format!("{}\n", clean(note, TEXT))).collect();
    if !notes.is_empty() {
        out.insert(0, notes);
    }
    for one in explained.iter().filter(|one| !is_rule(one) && one.get("note").is_none()) {
        out.push(if one.get("decision").is_some() { decision_screen(one) } else { screen(one) });
    }
    out.join("\n")
}

fn rule_screen(one: &Json) -> String {
    let matches = one.get("matches").and_then(Json::as_bool) == Some(true);
    let ink = if matches { AnsiColor::Green.on_default().bold() } else { Style::new().dimmed() };
    let word = |name: &str| clean(one.text(name).unwrap_or_default(), TEXT);
    let severity = if matches { format!(" ({})", word("severity")) } else { String::new() };
    let mut out = format!("{BOLD}{}{BOLD:#}: {ink}{}{ink:#}{severity}\n", word("rule"), word("verdict"));
    for field in one.get("fields").map_or(&[][..], Json::items) {
        let fits = field.get("fits").and_then(Json::as_bool) == Some(true);
        let (ink, mark) =
            if fits { (AnsiColor::Green.on_default(), "✓") } else { (AnsiColor::Red.on_default(), "✗") };
        let text = |name: &str| clean(field.text(name).unwrap_or_default(), 160);
        out.push_str(&format!("    {ink}{mark}{ink:#} {}: {}\n", text("path"), text("found")));
        if !fits {
            out.push_str(&format!("        expected {}\n", text("wanted")));
        }
    }
    if let Some(because) = one.text("because").filter(|_| matches) {
        out.push_str(&format!("    {} because {}\n", word("severity"), clean(because, 160)));
    }
    for unmet in one.get("unmet").map_or(&[][..], Json::items).iter().filter_map(Json::as_str) {
        out.push_str(&format!("    not {}\n", clean(unmet, TEXT)));
    }
    if let Some(also) = one.text("also") {
        out.push_str(&format!("    also requires: {also}\n"));
    }
    out
}

fn decision_screen(one: &Json) -> String {
    let word = |name: &str| clean(one.text(name).unwrap_or_default(), TEXT);
    let mut out = format!(
        "{BOLD}{}{BOLD:#} in {}, {}: {}\n",
        word("name"),
        word("region"),
        word("time"),
        word("decision")
    );
    if let Some(rule) = one.text("rule") {
        out.push_str(&format!("  rule {rule}, severity {}, group {}\n", word("severity"), word("group")));
    }
    for rule in one.get("dry_run").map_or(&[][..], Json::items).iter().filter_map(Json::as_str) {
        out.push_str(&format!("  dry-run rule, would have alerted: {}\n", clean(rule, TEXT)));
    }
    for not in one.get("not").map_or(&[][..], Json::items) {
        let word = |name: &str| clean(not.text(name).unwrap_or_default(), TEXT);
        out.push_str(&format!("  no alert from {}: {}\n", word("rule"), word("why")));
    }
    out
}

fn screen(one: &Json) -> String {
    let word = |path: &str| clean(one.text(path).unwrap_or_default(), TEXT);
    let mut out = format!(
        "{BOLD}{}{BOLD:#} ({}) in {}, {}\n",
        word("instance"),
        word("size"),
        word("region"),
        word("state")
    );
    match one.text("launch.principal") {
        Some(_) => out.push_str(&format!(
            "  launched by {} with {} from {} (person: {})\n",
            word("launch.principal"),
            word("launch.call"),
            word("launch.address"),
            word("launch.person")
        )),
        None => out.push_str("  launcher not known\n"),
    }
    let exclusions = one.get("exclusions").map_or(&[][..], Json::items);
    if exclusions.is_empty() {
        out.push_str("  no exclusion is configured, so it is not hidden\n");
    }
    for exclusion in exclusions {
        let verdict = match exclusion.text("verdict") {
            Some("yes") => "hides it".to_owned(),
            Some("no") => "does not hide it".to_owned(),
            other => format!("is undecided: {}", other.unwrap_or_default()),
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
                clean(condition.text("found").unwrap_or_default(), 200)
            ));
        }
    }
    out
}
