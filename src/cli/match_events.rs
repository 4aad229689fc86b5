//! `match`: grep for events. Prints the events that fit an EventBridge pattern, each as it is, one a line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::arguments::exit;
use crate::domain::context::Envelope;
use crate::domain::event::Event;
use crate::domain::json::{Json, why_malformed};
use crate::domain::pattern::{Known, Pattern, Set, Sheet};
use crate::files::{Objects, Unwrap, find, inner_record, known_otherwise};

/// What the command line says.
pub(super) struct Wanted {
    pub pattern: Option<String>,
    pub paths: Vec<PathBuf>,
}

pub(super) fn run(wanted: Wanted) -> anyhow::Result<ExitCode> {
    let mut paths = wanted.paths;
    let (name, text) = match wanted.pattern {
        Some(text) => ("the pattern".to_owned(), text),
        None if paths.is_empty() => {
            eprintln!(
                "trailnoti: no pattern: name a file with an EventBridge pattern, or pass the pattern with --pattern"
            );
            return Ok(ExitCode::from(exit::USAGE));
        }
        None => {
            let file = paths.remove(0);
            match std::fs::read_to_string(&file) {
                Ok(text) => (file.display().to_string(), text),
                Err(error) => {
                    eprintln!("trailnoti: {}: cannot be read: {error}", file.display());
                    return Ok(ExitCode::from(exit::USAGE));
                }
            }
        }
    };
    let set = match compile(&text) {
        Ok(set) => set,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("trailnoti: {name}: {problem}"));
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    if paths.is_empty() {
        paths.push("-".into());
    }
    let inputs = match find(&paths) {
        Ok(inputs) => inputs,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("trailnoti: {problem}"));
            return Ok(ExitCode::from(exit::DATA));
        }
    };
    let mut grep = Grep { set, sheet: Sheet::default(), hits: Vec::new(), found: false, broken: false };
    for input in inputs {
        let name = input.name();
        match input.open() {
            Ok(read) => grep.read(&name, Objects::new(read, Unwrap::Lists)),
            Err(error) => grep.no_event(&format!("{name}: cannot be read: {error}")),
        }
        if grep.closed() {
            break;
        }
    }
    Ok(match (grep.broken, grep.found) {
        (true, _) => ExitCode::from(exit::DATA),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(exit::FAILED),
    })
}

fn compile(text: &str) -> Result<Set, Vec<String>> {
    let pattern = Json::parse(text)
        .map_err(|error| vec![format!("an EventBridge pattern must be valid JSON: {error}")])?;
    // As EventBridge's own engine takes it: a sign-in's documented spelling stays as it is written.
    let pattern = Pattern::compile(&pattern)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(Set::new([&pattern], &[]))
}

struct Grep {
    set: Set,
    sheet: Sheet,
    hits: Vec<u32>,
    found: bool,
    broken: bool,
}

impl Grep {
    fn no_event(&mut self, why: &str) {
        eprintln!("trailnoti: {why}");
        self.broken = true;
    }

    fn closed(&self) -> bool {
        std::io::stdout().lock().flush().is_err()
    }

    fn read(&mut self, name: &str, mut objects: Objects<impl std::io::Read>) {
        loop {
            let object = match objects.take() {
                Ok(None) => return,
                Ok(Some(object)) => object,
                Err(error) => {
                    let ends = matches!(error, crate::files::Broken::Unreadable(_));
                    self.no_event(&format!("{name}: {error}"));
                    if ends {
                        return;
                    }
                    continue;
                }
            };
            match wrap(object) {
                Ok(envelope) => {
                    if !self.event(name, envelope.as_deref().unwrap_or(object)) {
                        return;
                    }
                }
                Err(why) => self.no_event(&format!("{name}: {why}")),
            }
        }
    }

    /// Prints an event that fits; false when nobody reads any more.
    fn event(&mut self, name: &str, event: &str) -> bool {
        let Ok(laid) = self.set.lay(&mut self.sheet, event) else {
            self.no_event(&format!("{name}: invalid JSON: {}", why_malformed(event)));
            return true;
        };
        self.set.matching(&laid, Known::All, &mut self.hits);
        if self.hits.is_empty() {
            return true;
        }
        self.found = true;
        // A line break can only stand between values, where a space says the same.
        let line: String = event.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect();
        writeln!(std::io::stdout().lock(), "{line}").is_ok()
    }
}

/// What stands in a record, and in what is found beside records and is none.
const SIGNS: [&str; 4] =
    ["\"eventVersion\"", "\"eventSource\"", "digestSignatureAlgorithm", "CONTROL_MESSAGE"];

/// The envelope of a CloudTrail record, with the record in it as it was written; none for an object that is no record, which is
/// matched as it is.
fn wrap(object: &str) -> Result<Option<String>, String> {
    let record = inner_record(object);
    // A tree is only built of what may be a record.
    if !SIGNS.iter().any(|sign| record.contains(sign)) {
        return Ok(None);
    }
    // What cannot be read is said by who matches it.
    let Ok(json) = Json::parse(&record) else { return Ok(None) };
    if let Some(what) = known_otherwise(&json) {
        return Err(what.to_owned());
    }
    let has = |fields: &[&str]| fields.iter().all(|field| json.text(field).is_some());
    let is_record = has(&["eventVersion", "eventTime"]) || has(&["eventSource", "eventName", "eventTime"]);
    if !is_record || json.get("detail-type").is_some() {
        return Ok(None);
    }
    let event = Event::from_record_text(record.into_owned(), "").map_err(|error| error.to_string())?;
    Ok(Some(Envelope::from(event).after(None).text()))
}
