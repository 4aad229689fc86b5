//! What an account has habits of, and how an event compares with them. Owns the words; what was before is
//! `rules::memory`'s.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;

use crate::domain::context::own::Own;

/// A kind of thing that an account has a habit of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Habit {
    /// Where something is done.
    Region,
    /// Who does it: a user, a role, a person of Identity Center.
    Principal,
    /// The network that a call came from.
    Network,
    /// The tool that a call was made with.
    Tool,
    /// The service that was called.
    Service,
    /// The call that was made.
    Call,
    /// The types of instances that are asked for.
    InstanceType,
}

impl Habit {
    /// Every habit that is remembered.
    pub const ALL: [Habit; 7] = [
        Habit::Region,
        Habit::Principal,
        Habit::Network,
        Habit::Tool,
        Habit::Service,
        Habit::Call,
        Habit::InstanceType,
    ];

    /// Those that each principal has of its own.
    pub const OWN: [Habit; 5] = [Habit::Region, Habit::Network, Habit::Tool, Habit::Service, Habit::Call];

    /// Its name under `context.new` and `context.own`.
    pub fn name(self) -> &'static str {
        match self {
            Habit::Region => "region",
            Habit::Principal => "principal",
            Habit::Network => "network",
            Habit::Tool => "tool",
            Habit::Service => "service",
            Habit::Call => "call",
            Habit::InstanceType => "instance-type",
        }
    }
}

/// How an event compares with the past of its account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Too little of the past is known to call something new.
    pub learning: bool,
    /// The event was asked for because an open incident is about who acts.
    pub followed: bool,
    /// The event is judged again once the past is known: what its caller says of himself is believed until then.
    pub again: bool,
    /// For each habit that the event shows, whether it began less than a day before.
    pub new: Vec<(Habit, bool)>,
    /// The same of who acts alone: what is new to the user, the role, the person, or the key that signed.
    pub own_new: Vec<(Habit, bool)>,
    /// Everything that it shows was seen on several days, of who acts alone: this call, from this network, with this tool, here.
    pub usual: bool,
    /// How long who acts is known, or the long-lived key that signed, in days.
    pub known_days: Option<i64>,
    /// The tools that who acts is known by, where something is new to it.
    pub known_tools: Vec<&'static str>,
    /// A network that who acts is known from, where something is new to it.
    pub known_network: Option<IpNet>,
    /// A new network is nothing new from who acts: it came from other networks week after week.
    pub roams: bool,
    /// Accounts of the same owner.
    pub own_accounts: Arc<BTreeSet<String>>,
    /// As whom trailnoti asks in the account: the ARN of a role or user.
    pub own: Option<Own>,
    /// The age of the access key that signed, in hours, where its creation was seen.
    pub key_age_hours: Option<i64>,
}

impl Past {
    /// The record says who acts.
    pub(in crate::domain) fn knows_who(&self) -> bool {
        self.new.iter().any(|(habit, _)| *habit == Habit::Principal)
    }

    /// The network is known after all: somebody vouches for it.
    pub(in crate::domain) fn knows_the_network(&mut self) {
        let known =
            self.new.iter_mut().chain(&mut self.own_new).filter(|(habit, _)| *habit == Habit::Network);
        known.for_each(|(_, new)| *new = false);
    }
}
