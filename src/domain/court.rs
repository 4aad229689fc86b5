//! What a judgement has before it, and what comes of it. Owns these and no decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::alert::Alert;
use super::burst::Bursts;
use super::decision::Decision;
use super::event::Event;
use super::exclusion::Exclusion;
use super::memory::{Learned, Memory, Sightings};
use super::rule::Rules;
use super::story::Story;
use super::usage::Usage;

/// What events are judged by.
#[derive(Debug, Clone, Default)]
pub struct Law {
    /// What is told.
    pub rules: Rules,
    /// What is hidden, of instances.
    pub exclusions: Vec<Exclusion>,
    /// How long halves of a story are waited for.
    pub waits: Waits,
    /// Accounts of the same owner: what is opened to them is opened to nobody outside.
    pub own_accounts: Arc<BTreeSet<String>>,
}

/// How long halves of a story are waited for.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    /// For tags that could hide an instance.
    pub tags: Duration,
    /// For the record of a launch that could hide an instance.
    pub launch: Duration,
    /// After this, a launch that was not found is told.
    pub lateness: Duration,
}

/// By what an event is known again: whose, when, which. Only events that matched a rule are remembered; the
/// others say nothing however often they are judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The account.
    pub account: String,
    /// When it happened, in seconds since 1970.
    pub second: i64,
    /// [`Event::short_id`].
    pub id: [u8; 16],
}

impl Mark {
    pub(super) fn of(event: &Event) -> Self {
        Mark { account: event.account.clone(), second: event.time.as_second(), id: event.short_id() }
    }
}

/// What was decided of a batch.
#[derive(Debug, Default)]
pub struct Judgement {
    /// To be told.
    pub alerts: Vec<Alert>,
    /// To be remembered.
    pub marks: Vec<Mark>,
    /// Hidden: the exclusion's name, once for each event.
    pub excluded: Vec<String>,
    /// Stories that changed, and those that ended.
    pub stories: BTreeMap<String, Option<Story>>,
    /// Exclusions' memories that changed.
    pub usage: BTreeMap<String, Usage>,
    /// How many were remembered from before.
    pub repeated: usize,
    /// How many matched no rule.
    pub unmatched: usize,
    /// What was seen, for the account's memory.
    pub sightings: Sightings,
    /// What rules with a threshold counted.
    pub bursts: Bursts,
    /// Rules that only count, once for each event that they would have told.
    pub tried: Vec<String>,
    /// What became of each event, for who asks.
    pub decisions: Vec<Decision>,
    /// When something that waits must be decided, at the latest.
    pub decide_at: Option<Timestamp>,
}

/// Where a batch is from, and when it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Court<'a> {
    /// What it is judged by.
    pub law: &'a Law,
    /// The account's number.
    pub account: &'a str,
    /// Its name in the configuration.
    pub account_name: &'a str,
    /// The region.
    pub region: &'a str,
    /// The role or user that trailnoti itself acts as; what that one launches is never hidden.
    pub own: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// What was written down before.
#[derive(Debug, Clone, Copy)]
pub struct OnFile<'a> {
    /// The region's stories.
    pub stories: &'a BTreeMap<String, Story>,
    /// Every exclusion's memory.
    pub usage: &'a BTreeMap<String, Usage>,
    /// What the account did before.
    pub memory: &'a Memory,
    /// How much of that is known.
    pub learned: Learned<'a>,
    /// What rules with a threshold have counted.
    pub bursts: &'a Bursts,
}
