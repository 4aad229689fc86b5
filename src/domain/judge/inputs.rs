//! What a judgement has before it, and what comes of it. Owns these and no decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::domain::context::own::Own;
use crate::domain::event::scope::Scope;
use crate::domain::event::{Event, derived_id, short_id};
use crate::domain::incident::incidents::Link;
use crate::domain::instances::exclusion::Exclusion;
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::{Usage, UsedIn};
use crate::domain::judge::decision::Decision;
use crate::domain::language::Language;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::route::Route;
use crate::domain::rules::memory::{Learned, Memory};
use crate::domain::rules::recollection::Sightings;
use crate::domain::rules::rule::Rules;
use crate::domain::rules::threshold::ThresholdCounts;

/// What events are judged by.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    /// What is alerted on.
    pub rules: Rules,
    /// What is hidden, of instances.
    pub exclusions: Vec<Exclusion>,
    /// How long halves of a story are waited for.
    pub waits: Waits,
    /// Accounts of the same owner: what is opened to them is opened to nobody outside.
    pub own_accounts: Arc<BTreeSet<String>>,
    /// Networks of the same owner: who comes from one comes from nowhere new.
    pub own_networks: Arc<Vec<IpNet>>,
    /// In which language trailnoti reports of itself.
    pub language: Language,
}

/// How long halves of a story are waited for.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    /// For tags that could hide an instance.
    pub tags: Duration,
    /// For the record of a launch that could hide an instance.
    pub launch: Duration,
    /// After this, a launch that was not found is reported.
    pub lateness: Duration,
}

/// By what an event is known again: whose, when, which. Only events that matched a rule are remembered; the
/// others say nothing however often they are judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The account's number, twelve digits.
    pub account: String,
    /// When it happened, in seconds since 1970.
    pub second: i64,
    /// The event's id in sixteen bytes, as [`Event::short_id`] makes them.
    pub id: [u8; 16],
}

impl Mark {
    /// The mark of an event.
    pub fn of(event: &Event) -> Self {
        Mark { account: event.account.clone(), second: event.time.as_second(), id: event.short_id() }
    }

    /// The mark of the same event, once it was alerted on again because it turned out worse.
    pub fn raised(&self) -> Self {
        let id: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        Mark { id: short_id(&derived_id(&[&id, "late"])), ..self.clone() }
    }
}

/// The marks that were found in the store, of those that were asked for.
pub type Known = BTreeSet<Mark>;

/// What was decided of a batch.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The alerts that are to be sent.
    pub alerts: Vec<Alert>,
    /// The marks that are to be remembered.
    pub marks: BTreeSet<Mark>,
    /// Hidden: the exclusion's name, once for each event.
    pub excluded: Vec<String>,
    /// Stories that changed, and those that ended.
    pub stories: BTreeMap<String, Option<Story>>,
    /// Who was brought into being, and by whom.
    pub links: Vec<Link>,
    /// Exclusions' memories that changed.
    pub usage: BTreeMap<UsedIn, Usage>,
    /// How many were remembered from before.
    pub repeated: usize,
    /// How many matched no rule.
    pub unmatched: usize,
    /// What was seen, for the account's memory.
    pub sightings: Sightings,
    /// What rules with a threshold counted.
    pub thresholds: ThresholdCounts,
    /// Rules that only count, once for each event that they would have alerted on.
    pub tried: Vec<String>,
    /// What became of each event, for who asks.
    pub decisions: Vec<Decision>,
    /// When something that waits must be decided, at the latest.
    pub decide_at: Option<Timestamp>,
}

/// Where a batch is from, and by what and when it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What it is judged by.
    pub ruleset: &'a Ruleset,
    /// Where alerts can go; none where nothing is sent.
    pub routes: &'a [Route],
    /// No alert of the batch goes to this sink: it is about that sink.
    pub not_to: Option<&'a str>,
    /// What the batch is about.
    pub scope: Scope<'a>,
    /// The account's name in the configuration; empty for one that has none.
    pub account_name: &'a str,
    /// What trailnoti itself is there, where that is known; what its role or user launches is never hidden.
    pub own: Option<&'a Own>,
    /// The time that it is judged at.
    pub now: Timestamp,
}

impl Inputs<'_> {
    /// The sinks that take an alert.
    pub fn takers(&self, alert: &Alert) -> Vec<String> {
        let takes = |route: &&Route| route.takes(alert, self.now) && self.not_to != Some(route.sink.as_str());
        self.routes.iter().filter(takes).map(|route| route.sink.clone()).collect()
    }
}

/// What was written down before.
#[derive(Debug, Clone, Copy)]
pub struct StateView<'a> {
    /// The stories of the region, by instance.
    pub stories: &'a BTreeMap<String, Story>,
    /// What each exclusion hid in the account.
    pub usage: &'a BTreeMap<UsedIn, Usage>,
    /// Exclusions that other accounts use: whoever uses one here for the first time is new.
    pub used_elsewhere: &'a BTreeSet<String>,
    /// What the account did before.
    pub memory: &'a Memory,
    /// How much of that is known.
    pub learned: Learned<'a>,
    /// What rules with a threshold have counted.
    pub thresholds: &'a ThresholdCounts,
}
