//! What an incident and an alert say of each other: what an alert tells, and what of it is news.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::incident::credential::Credential;
use crate::domain::incident::resource::Resource;
use crate::domain::incident::stage::Stage;
use crate::domain::severity::Severity;

/// A region of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The account's number.
    pub account: String,
    /// The region's name.
    pub region: String,
}

/// Of what an alert is a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Whom its call spoke as, the narrowest first; nobody where nobody is known to have called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Credential>,
    /// How far it has come, by its rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// What it laid hands on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<Resource>,
    /// The incident's id; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub incident: String,
    /// It is news of that: it does not wait for the next update.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub news: bool,
    /// Nothing of its kind was told of that incident: it waits for nothing, and must be heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// It is for who stands by too: another sink could not send it, or nobody looks after its incident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_on: bool,
    /// It says no more than how the incident stands now.
    #[serde(default, alias = "end", skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// It waited in another conversation, which turned out to be a part of this one.
    #[serde(skip)]
    pub moved: bool,
}

/// That somebody looks after an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What he says of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How an incident stands now, as far as choosing who hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What became of it.
    #[serde(default)]
    pub turn: Turn,
    /// How many alerts it had.
    pub alerts: u64,
}

/// What became of an incident.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// It is over.
    #[default]
    Over,
    /// Somebody looks after it.
    Acknowledged,
}

/// What an incident is told by an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// The rule that it is by.
    pub rule: &'a str,
    /// How urgent the alert is.
    pub severity: Severity,
    /// Who did it, by a short name; empty where that is not known.
    pub who: &'a str,
    /// What happened, in one line.
    pub title: &'a str,
    /// The account's number and name.
    pub account: (&'a str, &'a str),
    /// Where it happened.
    pub region: &'a str,
    /// What its rule says of how far it has come.
    pub stages: &'a [Stage],
    /// What it laid hands on.
    pub touched: &'a [Resource],
    /// The address that it came from, and where that is; empty where that is not known.
    pub origin: (&'a str, &'a str),
}

/// What of an incident a reader must hear at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// It is a new one.
    Opened,
    /// It was closed, and goes on.
    Reopened,
    /// It is worse than before.
    Worse(Severity),
    /// It has come further.
    Stage(Stage),
    /// It is in another region.
    Region(Place),
    /// The first alert of an urgent rule.
    Rule,
    /// Something urgent that did not happen in it before, by a rule that alerted in it already.
    Urgent,
    /// Somebody else belongs to it.
    Credential(Credential),
    /// Another incident turned out to be part of it.
    Joined(String),
}
