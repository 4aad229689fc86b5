//! Every fact by its name: what stands below it, which words it may hold, and what it says. Owns the names under `context`;
//! the check of patterns and the table in `docs/rules.md` follow from this list. What a fact is, `facts` finds.

use crate::domain::context::effect::EFFECTS;
use crate::domain::context::manner::MANNERS;
use crate::domain::context::principal::KINDS;

/// A fact, or several that stand below one name.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    /// Its name under `context`.
    pub name: &'static str,
    /// The names below it; none where the fact is a value, `*` where any name may stand there.
    pub below: &'static [&'static str],
    /// The only words that it may hold, or its first name below; none where it may hold anything.
    pub words: &'static [&'static str],
    /// What it says, for `docs/rules.md`.
    pub says: &'static str,
}

const fn fact(name: &'static str, below: &'static [&'static str], says: &'static str) -> Fact {
    Fact { name, below, words: &[], says }
}

/// Every fact, in the order of the page.
pub const FACTS: &[Fact] = &[
    Fact { words: &MANNERS, ..fact("by", &[], "how the call was made, a list of words: see below") },
    fact(
        "new",
        &["region", "principal", "network", "tool", "service", "call", "instance-type"],
        "true when that began in this account less than a day before, a network also until it was seen on several days; only calls that succeeded and needed a right count; absent while too little is known",
    ),
    fact(
        "own",
        &["network", "tool", "call", "service", "region", "roams"],
        "the same of who acts alone: new to this user, role, person or long-lived key, whatever others in the account do; everything is, to one that is itself new; not of AWS's services. `roams`: a network that is new is nothing new from this one",
    ),
    fact(
        "followed",
        &[],
        "true of calls that are read because an open incident is about who makes them; a rule that asks for it is asked of nothing else",
    ),
    fact("learning", &[], "true while the history is being read"),
    Fact {
        words: &KINDS,
        ..fact(
            "principal",
            &["kind", "known-days", "known-network", "known-tools"],
            "`root`, `person` (an IAM user), `federated` (people of a company), `role`, `workload` (builds, pods, certificates), `instance`, `service`, `account`, `unknown`; for how many days it, or the long-lived key that signed, is known, from where, and with which tools, where something is new to it",
        )
    },
    fact(
        "left-out",
        &[],
        "`request`, `answer`: what AWS left out of the record because it was too large; the worst is assumed of it",
    ),
    fact(
        "tool",
        &[],
        "what the user agent names: `console`, `aws-cli`, `boto3`, `terraform`, …; `other`. Whoever calls chooses it",
    ),
    fact("network", &[], "`203.0.113.0/24`, a `/48` of IPv6, or `aws` for a service's own name"),
    fact(
        "access-key",
        &["long-lived", "age-hours"],
        "a key that lasts (AKIA…); its age, where its creation is known",
    ),
    Fact {
        words: &["self", "other", "trailnoti"],
        ..fact(
            "target",
            &[],
            "`self` or `other`: of IAM calls on a user, whether that is the caller; `trailnoti`: a call that changes the role or user that trailnoti asks as, a policy named `trailnoti…`, the machine it runs on, or what `[aws] own_resources` names",
        )
    },
    fact(
        "outside",
        &[],
        "account numbers in the request that are neither the event's own nor in `[aws] own_accounts`: trust, policies, shared snapshots",
    ),
    Fact {
        words: &EFFECTS,
        ..fact(
            "effect",
            &[],
            "what the call does, a list of words: `way-in`, `grants`, `opens` (to everyone, or to an account outside), `launches`, `destroys`, `blinds`; by a table of services and calls, dates and versions behind a call's name aside",
        )
    },
    fact("public", &[], "the request opens something to everyone"),
    fact("admin", &[], "the request grants everything"),
    fact(
        "asked",
        &["vcpus", "accelerators", "count", "instance-type", "guessed"],
        "how much computing a launch asks for, whether it was given or not; `guessed` where the type is newer than our table",
    ),
    fact(
        "instance",
        &["*"],
        "of observed instances: type, vcpus, accelerator, lifecycle, image, key, public-address, profile, reservation, new, tags",
    ),
];

impl Fact {
    /// The path whose words are known.
    pub fn path(&self) -> String {
        match self.below.first() {
            Some(below) => format!("context.{}.{below}", self.name),
            None => format!("context.{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::context::Habit;

    /// The row of a fact in `docs/rules.md`.
    fn row(fact: &Fact) -> String {
        let rest = fact.below.iter().skip(1).map(|below| format!(", `.{below}`"));
        format!("| `{}`{} | {} |\n", fact.path(), rest.collect::<String>(), fact.says)
    }

    #[test]
    fn the_page_for_rules_has_every_fact_as_it_stands_here() {
        let rows: String = FACTS.iter().map(row).collect();
        let page = include_str!("../../../docs/rules.md");
        assert!(page.contains(&rows), "docs/rules.md wants these rows:\n{rows}");
    }

    #[test]
    fn every_habit_is_a_fact_when_it_is_new() {
        let new = FACTS.iter().find(|fact| fact.name == "new").expect("it is there");
        let mut habits = Habit::ALL.map(Habit::name);
        let mut named: Vec<&str> = new.below.to_vec();
        habits.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, habits);
        let own = FACTS.iter().find(|fact| fact.name == "own").expect("it is there");
        let habits = Habit::OWN.map(Habit::name);
        assert!(own.below.iter().all(|name| habits.contains(name) || *name == "roams"));
        assert_eq!(own.below.len(), habits.len() + 1);
    }
}
