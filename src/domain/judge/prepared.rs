//! An event with what can be said of it before its turn: what it shows, and which rules it fits under the past that is
//! expected. Owns that work, which many can do side by side; judging is in the order of the times, and throws away what
//! another past makes wrong.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::context::launch::is_preparation;
use crate::domain::context::{Envelope, Past};
use crate::domain::event::Event;
use crate::domain::judge::inputs::Ruleset;
use crate::domain::rules::rule::{Finding, Scratch};
use crate::domain::rules::traits::Traits;
use crate::domain::time::later;

/// An event with everything that does not depend on what was before it.
#[derive(Debug)]
pub struct Prepared<'r> {
    /// The event and its facts.
    pub envelope: Envelope,
    /// What it shows of habits.
    pub traits: Traits,
    /// The past that was expected: everything else here holds under it alone.
    pub(super) past: Past,
    pub(super) findings: Vec<Finding<'r>>,
}

/// An event of a past: to be judged, or only to be known.
#[derive(Debug)]
pub enum Item<'r> {
    /// No rule can alert on it; it shows what is normal.
    Seen(Traits),
    /// A rule may alert on it.
    Judge(Box<Prepared<'r>>),
}

/// So long after what prepares it a launch is recorded, at most.
const PREPARED: Duration = Duration::from_secs(10);

impl Item<'_> {
    /// When it is its turn: what prepares a launch is looked at behind the launch.
    pub fn turn(&self) -> Timestamp {
        let time = self.traits().time;
        let prepares = |prepared: &Prepared<'_>| {
            prepared.envelope.event.detail.text("eventName").is_some_and(is_preparation)
        };
        match self {
            Item::Judge(prepared) if prepares(prepared) => later(time, PREPARED),
            _ => time,
        }
    }

    /// What it shows of habits.
    pub fn traits(&self) -> &Traits {
        match self {
            Item::Seen(traits) => traits,
            Item::Judge(prepared) => &prepared.traits,
        }
    }
}

impl<'r> Prepared<'r> {
    /// Prepares an event; `learned` when it is expected that nothing about it is new, and otherwise that nothing can be
    /// called new yet.
    pub fn of(event: Event, ruleset: &'r Ruleset, learned: bool, scratch: &mut Scratch) -> Self {
        let mut prepared = Prepared::without_findings(event, ruleset, learned);
        let text = prepared.envelope.after(Some(&prepared.past)).text();
        prepared.findings = ruleset.rules.findings(scratch, &text);
        prepared
    }

    /// Prepares an event that rules may fit only where something is new, or the call has an effect: without an effect, none is
    /// looked for.
    pub fn unlikely(event: Event, ruleset: &'r Ruleset, learned: bool, scratch: &mut Scratch) -> Self {
        let prepared = Prepared::without_findings(event, ruleset, learned);
        match prepared.envelope.facts.has_effect() {
            true => Prepared::of(prepared.envelope.event, ruleset, learned, scratch),
            false => prepared,
        }
    }

    fn without_findings(event: Event, ruleset: &'r Ruleset, learned: bool) -> Self {
        let envelope = Envelope::from(event);
        let traits = Traits::of(&envelope);
        let past = Past { own_accounts: ruleset.own_accounts.clone(), ..traits.expected(learned) };
        Prepared { envelope, traits, past, findings: Vec::new() }
    }
}
