//! An event with what can be said of it before its turn: what it shows, and which rules it fits under the past that is
//! expected. Owns that work, which many can do side by side; judging is `judge`'s, in the order of the times, and throws
//! away what another past makes wrong.

use super::context::Past;
use super::court::Law;
use super::event::Event;
use super::memory::Traits;
use super::rule::{Finding, Scratch};

/// See the module.
#[derive(Debug)]
pub struct Prepared<'r> {
    /// The event.
    pub event: Event,
    /// What it shows of habits.
    pub traits: Traits,
    /// The past that was expected: everything else here holds under it alone.
    pub(super) past: Past,
    pub(super) findings: Vec<Finding<'r>>,
}

impl<'r> Prepared<'r> {
    /// Prepares an event; `learned` when it is expected that nothing about it is new, and otherwise that nothing can be
    /// called new yet.
    pub fn of(event: Event, law: &'r Law, learned: bool, scratch: &mut Scratch) -> Self {
        let traits = Traits::of(&event);
        let past = Past { own_accounts: law.own_accounts.clone(), ..traits.expected(learned) };
        let findings = law.rules.findings(scratch, &event.text_after(Some(&past)));
        Prepared { event, traits, past, findings }
    }
}
