//! A message: the alerts that one delivery says, and what a sink says of having taken it. Which alerts these are is `outbox`'s, how they
//! look is `render`'s.

use jiff::Timestamp;

use crate::domain::incident::CONVERSATION;
use crate::domain::incident::brief::Brief;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::storm::Like;
use crate::domain::severity::Severity;

/// An alert that waits for a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its place in the order of writing; with the severity, its key.
    pub seq: u64,
    /// When it was written.
    pub enqueued: Timestamp,
    /// How often the sink refused it: at first with others in one message, then alone in the simplest form.
    pub refusals: u8,
    /// It is not tried before this.
    pub not_before: Option<Timestamp>,
    /// Those of a storm that are only counted beside it.
    pub like: Vec<Like>,
    /// How many alike ones are kept as this number alone, since there was no room for them.
    pub counted: u64,
    /// What stands in it.
    pub alert: Alert,
}

impl Pending {
    /// How many alike ones are only counted beside it.
    pub fn more(&self) -> u64 {
        self.like.len() as u64 + self.counted
    }
}

/// One message to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What it names, grouped, the most urgent group first. Never empty.
    pub alerts: Vec<Pending>,
    /// The groups in it.
    pub groups: Vec<String>,
    /// The incidents in it, as they are when it is sent.
    pub incidents: Vec<Brief>,
    /// It continues what was sent before.
    pub update: bool,
    /// It is worse than all that was sent of it before: it must be heard.
    pub louder: bool,
    /// Where what it continues stands, in the sink's own words; see [`Receipt`].
    pub thread: Option<String>,
    /// A sink refused it in its full form: say it as simply as can be.
    pub plain: bool,
}

impl Message {
    /// How many alerts it says, or counts.
    pub fn said(&self) -> u64 {
        self.alerts.iter().map(|pending| 1 + pending.more()).sum()
    }

    /// The ids of all the alerts that it says, or counts, as far as they are kept.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.alerts.iter().flat_map(|pending| {
            std::iter::once(pending.alert.id.as_str()).chain(pending.like.iter().map(|like| like.id.as_str()))
        })
    }

    /// The incident that it is a part of, where it is about nothing else: it belongs into that conversation.
    pub fn conversation(&self) -> Option<&Brief> {
        let ([group], [incident]) = (self.groups.as_slice(), self.incidents.as_slice()) else { return None };
        let own = &self.alerts.first()?.alert.part.incident;
        // Machines whose launcher nobody knows share a group, and are no conversation.
        (group.strip_prefix(CONVERSATION) == Some(own)).then_some(incident)
    }

    /// How urgent its most urgent alert is.
    pub fn severity(&self) -> Severity {
        self.alerts.iter().map(|pending| pending.alert.severity).max().unwrap_or(Severity::Info)
    }
}

/// What a sink says of a message that it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Where the conversation stands that the message began or went on with, in the sink's own words: it is given the same with
    /// the next message of that conversation.
    pub thread: Option<String>,
}
