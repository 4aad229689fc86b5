//! Facts beside an event: what its record means, and how it compares with the account's past. They stand under
//! `context` in the envelope, where patterns can use them. Owns which facts there are, and their names; what was
//! before is `memory`'s.

mod asked;
mod grants;
mod manner;
mod network;
mod principal;
mod tool;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{Event, INSTANCE_STATE, OWN_SOURCE};
use super::json::{Json, object};
use super::stream::is_read;

pub use manner::MANNERS;
pub use network::network;
pub(in crate::domain) use principal::{IDENTITY_CENTER, SERVICE_LINKED};
pub use principal::{KINDS, principal, principal_kind};
pub use tool::tool;

/// A kind of thing that an account has a habit of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Habit {
    /// Where something is done.
    Region,
    /// Who does it: a user, a role, a person of Identity Center.
    Principal,
    /// From where.
    Network,
    /// With what.
    Tool,
    /// With which service.
    Service,
    /// Which call.
    Call,
    /// The types of instances that are asked for.
    InstanceType,
}

impl Habit {
    /// Every habit.
    pub const ALL: [Habit; 7] = [
        Habit::Region,
        Habit::Principal,
        Habit::Network,
        Habit::Tool,
        Habit::Service,
        Habit::Call,
        Habit::InstanceType,
    ];

    /// Its name under `context.new`.
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

/// What an event shows of its account's habits.
pub fn habits(event: &Event) -> Vec<(Habit, String)> {
    if event.source == OWN_SOURCE {
        return Vec::new();
    }
    let mut habits = vec![(Habit::Region, event.region.clone())];
    if event.detail_type == INSTANCE_STATE {
        habits.extend(event.instance.iter().map(|one| (Habit::InstanceType, one.instance_type.clone())));
        return habits;
    }
    let detail = &event.detail;
    let call = detail.text("eventName").map(|name| format!("{}:{name}", event.source));
    habits.extend([
        (Habit::Principal, principal(detail).unwrap_or_default()),
        (Habit::Network, detail.text("sourceIPAddress").and_then(network).unwrap_or_default()),
        (Habit::Tool, used_tool(detail).to_owned()),
        (Habit::Service, event.source.clone()),
        (Habit::Call, call.unwrap_or_default()),
    ]);
    habits.extend(asked::types(event).into_iter().map(|one| (Habit::InstanceType, one)));
    habits.retain(|(_, value)| !value.is_empty());
    habits
}

/// Whether an event only reads.
pub fn reads(event: &Event) -> bool {
    let said = event.detail.at("readOnly").and_then(Json::as_bool);
    said.unwrap_or_else(|| event.detail.text("eventName").is_some_and(is_read))
}

/// How an event compares with the past of its account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Too little of the past is known to call something new.
    pub learning: bool,
    /// For each habit that the event shows, whether it began less than a day before.
    pub new: Vec<(Habit, bool)>,
    /// Accounts of the same owner.
    pub own_accounts: Arc<BTreeSet<String>>,
    /// The age of the access key that signed, in hours, where its creation was seen.
    pub key_age_hours: Option<i64>,
}

/// The facts of an event, as an object. `past` is none where nothing can remember.
pub fn context(event: &Event, past: Option<&Past>) -> Json {
    let mut facts = Facts::default();
    if let Some(instance) = &event.instance {
        facts.put("instance", Some(instance.context(event.starts)));
    }
    if let Some(past) = past.filter(|_| event.source != OWN_SOURCE) {
        if past.learning {
            facts.put("learning", Some(true.into()));
        }
        let new = past.new.iter().map(|(habit, new)| (habit.name().to_owned(), (*new).into())).collect();
        facts.put("new", Some(Json::Object(new)).filter(|_| !past.new.is_empty()));
    }
    if event.source != OWN_SOURCE && event.detail_type != INSTANCE_STATE {
        of_record(event, past, &mut facts);
    }
    let mut facts = Json::Object(facts.0);
    if let Some(given) = &event.context {
        lay_over(&mut facts, given);
    }
    facts
}

fn of_record(event: &Event, past: Option<&Past>, facts: &mut Facts) {
    let detail = &event.detail;
    let (kind, tool) = (principal_kind(detail), used_tool(detail));
    let by = manner::manner(detail, kind, tool, past).into_iter().map(Json::from);
    let principal = object([("kind", kind.into())]);
    facts.put("principal", Some(principal).filter(|_| detail.get("userIdentity").is_some()));
    facts.put("by", Some(Json::Array(by.collect())));
    facts.put("tool", Some(tool.into()));
    facts.put("network", detail.text("sourceIPAddress").and_then(network).map(Json::from));
    facts.put("access-key", access_key(detail, past));
    facts.put("target", principal::target(event).map(Json::from));
    let mut grants = grants::grants(event);
    if let Some(past) = past {
        grants.outside.retain(|account| !past.own_accounts.contains(account));
    }
    let outside = Json::Array(grants.outside.iter().map(|account| account.as_str().into()).collect());
    facts.put("outside", Some(outside).filter(|_| !grants.outside.is_empty()));
    facts.put("public", grants.public.then(|| true.into()));
    facts.put("admin", grants.admin.then(|| true.into()));
    facts.put("asked", asked::asked(event));
}

/// Whether the session was opened by the console; records say it as a text or as a truth.
fn is_of_console(detail: &Json) -> bool {
    let said = detail.get("sessionCredentialFromConsole");
    matches!(said, Some(Json::Bool(true))) || said.and_then(Json::as_str) == Some("true")
}

/// The tool, as far as its name is believed: a session of the console says so, whatever the agent; a key that lasts is
/// never the console's; and a service acts for itself.
fn used_tool(detail: &Json) -> &'static str {
    let agent = detail.text("userAgent").map_or("other", tool);
    let key = detail.text("userIdentity.accessKeyId").is_some_and(|key| key.starts_with("AKIA"));
    let by_aws = detail.text("userIdentity.invokedBy").is_some()
        || detail.text("sourceIPAddress").and_then(network).as_deref() == Some("aws");
    match agent {
        "console" | "aws-service" if key && !by_aws => "other",
        "aws-service" if is_of_console(detail) => "console",
        agent => agent,
    }
}

fn access_key(detail: &Json, past: Option<&Past>) -> Option<Json> {
    let key = detail.text("userIdentity.accessKeyId")?;
    // AKIA is the beginning of a key that lasts, ASIA of one that expires (IAM user guide, "Unique identifiers").
    let mut facts = Facts::default();
    facts.put("long-lived", Some(key.starts_with("AKIA").into()));
    facts.put("age-hours", past.and_then(|past| past.key_age_hours).map(Json::from));
    Some(Json::Object(facts.0))
}

#[derive(Default)]
struct Facts(Vec<(String, Json)>);

impl Facts {
    fn put(&mut self, name: &str, value: Option<Json>) {
        self.0.extend(value.map(|value| (name.to_owned(), value)));
    }
}

/// Lays facts that were given with an event over those that were found.
fn lay_over(facts: &mut Json, given: &Json) {
    let (Json::Object(members), Json::Object(over)) = (&mut *facts, given) else {
        *facts = given.clone();
        return;
    };
    for (name, value) in over {
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => lay_over(known, value),
            None => members.push((name.clone(), value.clone())),
        }
    }
}
