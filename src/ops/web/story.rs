//! An incident as the page and the report of a scan show it. Owns which of its lines are shown, and how many.

use askama::Template;
use jiff::Timestamp;

use crate::domain::incident::Incident;
use crate::domain::incident::brief::Brief;
use crate::domain::incident::stage::Stage;
use crate::domain::language::Language;
use crate::domain::text::{clean, counted};

/// The longest text of another's, in characters.
const TEXT: usize = 300;
/// So much of an incident is shown at once.
const BEATS: usize = 12;

/// Something that happened in an incident.
#[derive(Debug)]
pub struct Beat {
    when: String,
    region: String,
    severity: &'static str,
    title: String,
    times: u64,
}

/// An incident, of the page or of a scan.
#[derive(Debug, Template)]
#[template(path = "incident.html")]
pub struct Story {
    id: String,
    severity: &'static str,
    about: String,
    place: String,
    began: Timestamp,
    span: String,
    alerts: String,
    /// Each stage, and whether it was reached.
    stages: Vec<(&'static str, bool)>,
    lines: Vec<String>,
    beats: Vec<Beat>,
    more: String,
}

impl Story {
    /// Of an incident; of one that is `live`, also what to do with it.
    pub fn of(incident: &Incident, now: Timestamp, language: Language, live: bool) -> Self {
        let brief = Brief::of(incident, now, language);
        let state = match live {
            true if brief.is_open => format!("nobody looks after it yet: trailnoti ack {}", incident.id),
            true => brief.state,
            false => String::new(),
        };
        let stages = Stage::ALL.map(|stage| (stage.words(language), incident.stages.contains_key(&stage)));
        let beats = incident.timeline.iter().rev().take(BEATS).map(|beat| Beat {
            when: beat.time.strftime("%m-%d %H:%M").to_string(),
            region: clean(&beat.region, 40),
            severity: beat.severity.name(),
            title: clean(&beat.title, TEXT),
            times: beat.times,
        });
        let more = incident.timeline.len().saturating_sub(BEATS) as u64 + incident.beyond;
        let (began, last) = (incident.began, incident.last);
        Story {
            id: incident.id.clone(),
            severity: incident.severity.name(),
            about: clean(&brief.about, TEXT),
            place: clean(&format!("{} · {}", brief.account, brief.places), TEXT),
            began,
            span: format!("{} – {} UTC", began.strftime("%Y-%m-%d %H:%M"), last.strftime("%m-%d %H:%M")),
            alerts: counted(incident.alerts, "alert"),
            stages: stages.to_vec(),
            lines: [vec![brief.from, state], brief.so_far, brief.credentials]
                .concat()
                .into_iter()
                .filter(|line| !line.is_empty())
                .map(|line| clean(&line, TEXT))
                .collect(),
            beats: beats.collect(),
            more: match more {
                0 => String::new(),
                more if live => format!("and {more} more: trailnoti incident {}", incident.id),
                more => format!("and {more} more"),
            },
        }
    }
}
