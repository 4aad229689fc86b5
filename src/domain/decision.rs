//! What became of an event, kept for whoever asks why. Owns the words for it; deciding is `judge`'s.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::event::Event;
use super::json::{Json, object};
use super::rule::Severity;
use super::text::{FACT, clean};

/// How many decisions are kept.
pub const KEPT: usize = 2_000;

/// Why a rule whose pattern fits did not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// An exception of it fits: its place in `unless`.
    Excused(usize),
    /// Its value was seen before.
    SeenBefore,
    /// Too little of the past is known to say whether its value was seen before.
    Learning,
    /// There are not enough of them, or they were told already.
    TooFew,
}

/// What became of the alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// No rule tells of the event.
    NoRule,
    /// It was told.
    Told,
    /// This exclusion hid it.
    Hidden(String),
    /// It waits for the other half of an instance's story.
    Waits,
}

/// The decision on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The event's id.
    pub id: String,
    /// Its call, or what kind of event it is.
    pub name: String,
    /// When it happened.
    pub time: Timestamp,
    /// In which region.
    pub region: String,
    /// The rule that tells, how urgently, and the group of its message.
    pub rule: Option<(String, Severity, String)>,
    /// What became of that.
    pub fate: Fate,
    /// Rules that would have told, were they not on trial.
    pub tried: Vec<String>,
    /// Rules whose pattern fits and that did not tell.
    pub not: Vec<(String, Why)>,
}

impl Decision {
    /// Nothing is decided yet.
    pub fn of(event: &Event) -> Self {
        Decision {
            id: clean(&event.id, FACT),
            name: clean(event.detail.text("eventName").unwrap_or(&event.detail_type), FACT),
            time: event.time,
            region: clean(&event.region, FACT),
            rule: None,
            fate: Fate::NoRule,
            tried: Vec::new(),
            not: Vec::new(),
        }
    }

    /// Whether a rule could not say because too little of the past is known.
    pub fn is_learning(&self) -> bool {
        self.not.iter().any(|(_, why)| *why == Why::Learning)
    }

    /// As `explain` shows it.
    pub fn shown(&self) -> Json {
        let fate = match &self.fate {
            Fate::NoRule => "no rule tells of it".to_owned(),
            Fate::Told => "it was told".to_owned(),
            Fate::Hidden(exclusion) => format!("exclusion \"{exclusion}\" hides it"),
            Fate::Waits => "it waits for the other half of the instance's story".to_owned(),
        };
        let not = self.not.iter().map(|(rule, why)| {
            let why = match why {
                Why::Excused(n) => format!("its exception {} in `unless` fits", n + 1),
                Why::SeenBefore => "its value was seen before".to_owned(),
                Why::Learning => "learning: too little of the past is known yet".to_owned(),
                Why::TooFew => "not enough of them yet, or told already".to_owned(),
            };
            object([("rule", rule.as_str().into()), ("why", why.into())])
        });
        let tried = self.tried.iter().map(|rule| rule.as_str().into());
        let mut members = vec![
            ("event", self.id.as_str().into()),
            ("name", self.name.as_str().into()),
            ("time", self.time.to_string().into()),
            ("region", self.region.as_str().into()),
            ("decision", fate.into()),
        ];
        if let Some((rule, severity, group)) = &self.rule {
            members.push(("rule", rule.as_str().into()));
            members.push(("severity", severity.name().into()));
            members.push(("group", group.as_str().into()));
        }
        members.push(("dry_run", Json::Array(tried.collect())));
        members.push(("not", Json::Array(not.collect())));
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// The last decisions, the newest last.
#[derive(Debug, Default)]
pub struct Decisions(VecDeque<Decision>);

impl Decisions {
    /// Keeps decisions; of one event that is judged again without a rule, the first decision stays.
    pub fn keep(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            let known = self.0.iter().rev().any(|known| known.id == decision.id);
            if known && decision.fate == Fate::NoRule {
                continue;
            }
            self.0.push_back(decision);
        }
        while self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The last decision on an event.
    pub fn get(&self, id: &str) -> Option<&Decision> {
        self.0.iter().rev().find(|known| known.id == id)
    }
}
