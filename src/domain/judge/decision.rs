//! What became of an event, kept for whoever asks why. Owns the words for it; deciding is `judge`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::route::Route;
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
    /// A silence of this id hid it.
    Silenced(String),
    /// It waits for the other half of an instance's story.
    Waits,
}

/// How far an alert came through one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// The sink took it.
    #[serde(rename = "delivered_at", alias = "Delivered")]
    Delivered(Timestamp),
    /// Not yet, because of this.
    #[serde(rename = "waits", alias = "Waits")]
    Waits(String),
    /// The sink will never take it, because of this.
    #[serde(rename = "refused", alias = "Refused")]
    Refused(String),
    /// Not by itself: too many waited, and from then on it was counted beside one like it.
    #[serde(rename = "counted_at")]
    Counted(Timestamp),
}

/// The alert that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The alert's id, the same in every message about it.
    pub alert: String,
    /// The rule that alerts.
    pub rule: String,
    /// How urgent the alert is.
    pub severity: Severity,
    /// The group of its message.
    pub group: String,
    /// What it says in one line.
    pub title: String,
    /// Who did it; empty when nobody did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub principal: String,
}

/// The decision on one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The event's id, as its source gave it.
    pub id: String,
    /// Its call, or what kind of event it is.
    pub name: String,
    /// When the event happened, as its source says.
    pub time: Timestamp,
    /// When it was decided on, of what is an alert.
    pub decided: Option<Timestamp>,
    /// The number of the account that it happened in.
    pub account: String,
    /// The region that it happened in, such as `eu-west-1`.
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
            principal: alert.principal.clone(),
        });
    }

    /// Whether a text in small letters stands in what it is about.
    pub(super) fn has(&self, text: &str) -> bool {
        let subject = self
            .subject
            .iter()
            .flat_map(|one| [&one.alert, &one.rule, &one.group, &one.title, &one.principal]);
        let rules = self.tried.iter().chain(self.not.iter().map(|(rule, _)| rule));
        let own = [&self.id, &self.name, &self.account, &self.region];
        own.into_iter().chain(subject).chain(rules).any(|part| part.to_lowercase().contains(text))
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
            Fate::Silenced(silence) => format!("hidden by silence {silence}"),
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
                Some(Delivery::Counted(_)) => {
                    words
                        .push(format!("counted for {sink} beside one like it, since too many alerts waited"));
                }
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

    /// As pages and commands show it.
    pub fn shown(&self, routes: &[Route]) -> Shown {
        let not = self.not.iter().map(|(rule, why)| {
            let why = match why {
                Why::Excused(n) => format!("its exception {} in `unless` matches", n + 1),
                Why::SeenBefore => "not new: seen before".to_owned(),
                Why::Learning => "still learning: not enough history read yet".to_owned(),
                Why::TooFew => "threshold not reached, or already alerted".to_owned(),
            };
            NoAlert { rule: rule.clone(), why }
        });
        let deliveries =
            self.deliveries.iter().map(|(sink, how)| SinkDelivery { sink: sink.clone(), how: how.clone() });
        Shown {
            event: self.id.clone(),
            name: self.name.clone(),
            time: self.time,
            account: self.account.clone(),
            region: self.region.clone(),
            decided: self.decided,
            decision: self.fate(routes),
            subject: self.subject.clone(),
            deliveries: deliveries.collect(),
            dry_run: self.tried.clone(),
            not: not.collect(),
        }
    }
}

/// A decision as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The event's id, as its source gave it.
    pub event: String,
    /// Its call, or what kind of event it is.
    pub name: String,
    /// When the event happened, as its source says.
    pub time: Timestamp,
    /// The number of the account that it happened in.
    pub account: String,
    /// The region that it happened in, such as `eu-west-1`.
    pub region: String,
    /// When it was decided on, of what is an alert.
    pub decided: Option<Timestamp>,
    /// What became of it, in words.
    pub decision: String,
    /// The alert, if there is one.
    #[serde(flatten)]
    pub subject: Option<Subject>,
    /// How far the alert came, by sink.
    pub deliveries: Vec<SinkDelivery>,
    /// Rules on trial that would have alerted.
    pub dry_run: Vec<String>,
    /// Rules whose pattern fits and that did not alert.
    pub not: Vec<NoAlert>,
}

/// How far an alert came through one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkDelivery {
    /// The name of the sink's queue.
    pub sink: String,
    /// How far the alert came through it.
    #[serde(flatten)]
    pub how: Delivery,
}

/// A rule that did not alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoAlert {
    /// The id of the rule.
    pub rule: String,
    /// Why not, in words.
    pub why: String,
}
