//! What became of an event, kept for whoever asks why. Owns the words for it; deciding is `judge`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::json::{Json, object};
use crate::domain::notify::alert::Alert;
use crate::domain::notify::outbox::Route;
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, clean};

/// Why a rule whose pattern fits did not alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// An exception of it fits: its place in `unless`.
    Excused(usize),
    /// Its value was seen before.
    SeenBefore,
    /// Too little of the past is known to say whether its value was seen before.
    Learning,
    /// There are not enough of them, or they were alerted on already.
    TooFew,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// No rule alerts on it.
    NoRule,
    /// It is an alert, and waits for these sinks.
    Alerted {
        /// Their names; none when no sink takes it.
        queued_for: Vec<String>,
    },
    /// This exclusion hid it.
    Hidden(String),
    /// It waits for the other half of an instance's story.
    Waits,
}

/// How far an alert came through one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// The sink took it.
    Delivered(Timestamp),
    /// Not yet, because of this.
    Waits(String),
    /// The sink will never take it, because of this.
    Refused(String),
}

/// The alert that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The alert's id.
    pub alert: String,
    /// The rule that alerts.
    pub rule: String,
    /// How urgently.
    pub severity: Severity,
    /// The group of its message.
    pub group: String,
    /// What it says in one line.
    pub title: String,
}

/// The decision on one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The event's id.
    pub id: String,
    /// Its call, or what kind of event it is.
    pub name: String,
    /// When it happened.
    pub time: Timestamp,
    /// When it was decided on, of what is an alert.
    pub decided: Option<Timestamp>,
    /// In which account.
    pub account: String,
    /// In which region.
    pub region: String,
    /// The alert, if there is one.
    pub subject: Option<Subject>,
    /// What became of the event.
    pub fate: Fate,
    /// How far the alert came, by sink.
    pub deliveries: BTreeMap<String, Delivery>,
    /// Rules that would have alerted, were they not on trial.
    pub tried: Vec<String>,
    /// Rules whose pattern fits and that did not alert.
    pub not: Vec<(String, Why)>,
}

impl Decision {
    /// Nothing is decided yet.
    pub fn of(event: &Event) -> Self {
        Decision {
            id: clean(&event.id, FACT),
            name: clean(event.detail.text("eventName").unwrap_or(&event.detail_type), FACT),
            time: event.time,
            decided: None,
            account: clean(&event.account, FACT),
            region: clean(&event.region, FACT),
            subject: None,
            fate: Fate::NoRule,
            deliveries: BTreeMap::new(),
            tried: Vec::new(),
            not: Vec::new(),
        }
    }

    /// Nothing is decided yet, of an alert that waited.
    pub fn of_alert(alert: &Alert) -> Self {
        let event = if alert.event_id.is_empty() { &alert.id } else { &alert.event_id };
        let mut decision = Decision {
            id: event.clone(),
            name: alert.rule.clone(),
            time: alert.time,
            decided: None,
            account: alert.account.clone(),
            region: alert.region.clone(),
            subject: None,
            fate: Fate::Waits,
            deliveries: BTreeMap::new(),
            tried: Vec::new(),
            not: Vec::new(),
        };
        decision.is_about(alert);
        decision
    }

    /// The event is an alert.
    pub fn is_about(&mut self, alert: &Alert) {
        self.subject = Some(Subject {
            alert: alert.id.clone(),
            rule: alert.rule.clone(),
            severity: alert.severity,
            group: alert.group.clone(),
            title: alert.title.clone(),
        });
    }

    /// What became of it, in words.
    pub fn fate(&self, routes: &[Route]) -> String {
        match &self.fate {
            Fate::NoRule => "no rule alerts on it".to_owned(),
            Fate::Alerted { queued_for } if queued_for.is_empty() => {
                let least = routes.iter().map(|route| route.min_severity).min();
                let wants =
                    least.map_or("no sink is configured".to_owned(), |least| format!("all want {least}"));
                format!("alerted; no sink takes it ({wants})")
            }
            Fate::Alerted { queued_for } => format!("alerted; {}", self.routes(queued_for)),
            Fate::Hidden(exclusion) => format!("hidden by exclusion \"{exclusion}\""),
            Fate::Waits => "held back, waiting for the instance's tags or launch record".to_owned(),
        }
    }

    /// How far the alert came, in words: what the sinks took, what they did not, and where it was not tried yet.
    fn routes(&self, queued_for: &[String]) -> String {
        let (mut words, mut queued) = (Vec::new(), Vec::new());
        for sink in queued_for {
            match self.deliveries.get(sink) {
                Some(Delivery::Delivered(at)) => words.push(format!("delivered to {sink} at {at:.0}")),
                Some(Delivery::Waits(why)) => words.push(format!("waits for {sink}: {why}")),
                Some(Delivery::Refused(why)) => words.push(format!("refused by {sink}: {why}")),
                None => queued.push(sink.as_str()),
            }
        }
        if !queued.is_empty() {
            words.push(format!("queued for {}", queued.join(", ")));
        }
        words.join("; ")
    }

    /// Whether a rule could not say because too little of the past is known.
    pub fn is_learning(&self) -> bool {
        self.not.iter().any(|(_, why)| *why == Why::Learning)
    }

    /// As `explain` shows it.
    pub fn shown(&self, routes: &[Route]) -> Json {
        let not = self.not.iter().map(|(rule, why)| {
            let why = match why {
                Why::Excused(n) => format!("its exception {} in `unless` matches", n + 1),
                Why::SeenBefore => "not new: seen before".to_owned(),
                Why::Learning => "still learning: not enough history read yet".to_owned(),
                Why::TooFew => "threshold not reached, or already alerted".to_owned(),
            };
            object([("rule", rule.as_str().into()), ("why", why.into())])
        });
        let tried = self.tried.iter().map(|rule| rule.as_str().into());
        let mut members = vec![
            ("event", self.id.as_str().into()),
            ("name", self.name.as_str().into()),
            ("time", self.time.to_string().into()),
            ("account", self.account.as_str().into()),
            ("region", self.region.as_str().into()),
            ("decided", self.decided.map_or(Json::Null, |at| at.to_string().into())),
            ("decision", self.fate(routes).into()),
        ];
        if let Some(subject) = &self.subject {
            members.push(("alert", subject.alert.as_str().into()));
            members.push(("title", subject.title.as_str().into()));
            members.push(("rule", subject.rule.as_str().into()));
            members.push(("severity", subject.severity.name().into()));
            members.push(("group", subject.group.as_str().into()));
        }
        let deliveries = self.deliveries.iter().map(|(sink, delivery)| {
            let (name, value) = match delivery {
                Delivery::Delivered(at) => ("delivered_at", at.to_string()),
                Delivery::Waits(why) => ("waits", why.clone()),
                Delivery::Refused(why) => ("refused", why.clone()),
            };
            object([("sink", sink.as_str().into()), (name, value.into())])
        });
        members.push(("deliveries", Json::Array(deliveries.collect())));
        members.push(("dry_run", Json::Array(tried.collect())));
        members.push(("not", Json::Array(not.collect())));
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
