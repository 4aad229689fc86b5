//! The facts of an event, found once: who, from where, with what, what it opens to whom, how much it asks for. Owns
//! that each is computed once an event; how it compares with the past is added when that is known.

use crate::domain::context::effect::effect;
use crate::domain::context::grants::{Grants, grants};
use crate::domain::context::manner::manner;
use crate::domain::context::network::network_of;
use crate::domain::context::past::{Habit, Past};
use crate::domain::context::principal::{PrincipalKind, principal, principal_kind, target};
use crate::domain::context::tool::{Tool, used_tool};
use crate::domain::context::{asked, counted};
use crate::domain::event::reads::reads;
use crate::domain::event::{Event, INSTANCE_STATE, OWN_SOURCE};
use crate::domain::json::Json;

/// What a record means beside what it says.
#[derive(Debug, PartialEq)]
struct OfRecord {
    kind: PrincipalKind,
    principal: Option<String>,
    network: Option<String>,
    tool: Tool,
    access_key: Option<String>,
    target: Option<&'static str>,
    grants: Grants,
    effect: Option<&'static str>,
    types: Vec<String>,
    asked: Option<Json>,
    left_out: Vec<&'static str>,
}

/// The facts of one event.
#[derive(Debug, PartialEq)]
pub struct Facts {
    /// Whether the event only reads.
    pub reads: bool,
    /// Of a CloudTrail record; none of what the inventory or trailnoti itself says.
    record: Option<OfRecord>,
}

impl Facts {
    /// Finds the facts of an event.
    pub(super) fn of(event: &Event) -> Self {
        let recorded = event.source != OWN_SOURCE && event.detail_type != INSTANCE_STATE;
        Facts { reads: reads(event), record: recorded.then(|| OfRecord::of(event)) }
    }

    /// What the event shows of its account's habits.
    pub fn habits<'e>(&'e self, event: &'e Event) -> Vec<(Habit, &'e str)> {
        if event.source == OWN_SOURCE {
            return Vec::new();
        }
        let mut habits = vec![(Habit::Region, event.region.as_str())];
        let Some(record) = &self.record else {
            habits.extend(event.instance.iter().map(|one| (Habit::InstanceType, one.instance_type.as_str())));
            return habits;
        };
        habits.extend(record.principal.as_deref().map(|name| (Habit::Principal, name)));
        habits.extend(record.network.as_deref().map(|network| (Habit::Network, network)));
        habits.extend([(Habit::Tool, record.tool.name()), (Habit::Service, event.source.as_str())]);
        habits.extend(event.detail.text("eventName").map(|call| (Habit::Call, call)));
        habits.extend(record.types.iter().map(|one| (Habit::InstanceType, one.as_str())));
        habits.retain(|(_, value)| !value.is_empty());
        habits
    }

    /// The types of instances that it asks for.
    pub fn types(&self) -> &[String] {
        self.record.as_ref().map_or(&[], |record| &record.types)
    }

    /// Whether the call has an effect, or opens something.
    pub fn has_effect(&self) -> bool {
        self.record.as_ref().is_some_and(|record| {
            record.effect.is_some() || record.grants.public || !record.grants.outside.is_empty()
        })
    }

    /// Whether the principal is one that has habits of its own: what a service of AWS does is everybody's.
    pub fn has_own_habits(&self) -> bool {
        self.record
            .as_ref()
            .is_some_and(|record| record.kind != PrincipalKind::Service && record.principal.is_some())
    }

    /// The facts as an object, under a past; none where nothing can remember.
    pub(super) fn context(&self, event: &Event, past: Option<&Past>) -> Json {
        let mut members = Members::default();
        if let Some(instance) = &event.instance {
            members.put("instance", Some(instance.context(event.starts)));
        }
        if let Some(past) = past.filter(|_| event.source != OWN_SOURCE) {
            members.put("followed", past.followed.then(|| true.into()));
            if past.learning {
                members.put("learning", Some(true.into()));
            }
            let new = past.new.iter().map(|(habit, new)| (habit.name().to_owned(), (*new).into())).collect();
            members.put("new", Some(Json::Object(new)).filter(|_| !past.new.is_empty()));
            members.put("own", own_habits(past));
        }
        if let Some(record) = &self.record {
            record.context(event, past, &mut members);
        }
        let mut facts = Json::Object(members.0);
        if let Some(given) = &event.context {
            lay_over(&mut facts, given);
        }
        facts
    }
}

impl OfRecord {
    fn of(event: &Event) -> Self {
        counted::facts();
        let detail = &event.detail;
        let types = asked::types(event);
        let (effect, left_out) = (effect(event), left_out(detail));
        let mut grants = grants(event);
        // What nobody can read may grant anything.
        if effect == Some("grants") && left_out.contains(&"request") {
            (grants.public, grants.admin) = (true, true);
        }
        OfRecord {
            kind: principal_kind(detail),
            principal: principal(detail),
            network: network_of(detail),
            tool: used_tool(detail),
            access_key: detail.text("userIdentity.accessKeyId").map(str::to_owned),
            target: target(event),
            grants,
            effect,
            asked: asked::asked(event, &types, !left_out.is_empty()),
            left_out,
            types,
        }
    }

    fn context(&self, event: &Event, past: Option<&Past>, members: &mut Members) {
        let detail = &event.detail;
        let by = manner(detail, self.kind, self.tool, past).into_iter().map(Json::from);
        let mut principal = Members::default();
        principal.put("kind", Some(self.kind.name().into()));
        principal.put("known-days", past.and_then(|past| past.known_days).map(Json::from));
        let tools = past.map_or(&[][..], |past| past.known_tools.as_slice());
        let tools: Vec<Json> = tools.iter().map(|tool| (*tool).into()).collect();
        let network = past.and_then(|past| past.known_network);
        principal.put("known-network", network.map(|network| network.to_string().into()));
        principal.put("known-tools", (!tools.is_empty()).then_some(Json::Array(tools)));
        members.put(
            "principal",
            Some(Json::Object(principal.0)).filter(|_| detail.get("userIdentity").is_some()),
        );
        members.put("by", Some(Json::Array(by.collect())));
        members.put("tool", Some(self.tool.name().into()));
        members.put("network", self.network.as_deref().map(Json::from));
        members.put("access-key", self.access_key(past));
        let own = past.and_then(|past| past.own.as_ref());
        let on_own = own.is_some_and(|own| own.is_changed_by(event)).then_some("trailnoti");
        members.put("target", on_own.or(self.target).map(Json::from));
        let is_own = |account: &&String| past.is_some_and(|past| past.own_accounts.contains(*account));
        let outside = self.grants.outside.iter().filter(|account| !is_own(account));
        let outside: Vec<Json> = outside.map(|account| account.as_str().into()).collect();
        let opens = (self.grants.public || !outside.is_empty()).then_some("opens");
        let effects: Vec<Json> = self.effect.into_iter().chain(opens).map(Json::from).collect();
        members.put("effect", Some(Json::Array(effects)).filter(|effects| !effects.items().is_empty()));
        members.put("outside", (!outside.is_empty()).then_some(Json::Array(outside)));
        members.put("public", self.grants.public.then(|| true.into()));
        members.put("admin", self.grants.admin.then(|| true.into()));
        members.put("asked", self.asked.clone());
        let left_out: Vec<Json> = self.left_out.iter().map(|side| (*side).into()).collect();
        members.put("left-out", (!left_out.is_empty()).then_some(Json::Array(left_out)));
    }

    fn access_key(&self, past: Option<&Past>) -> Option<Json> {
        let key = self.access_key.as_ref()?;
        // AKIA is the beginning of a key that lasts, ASIA of one that expires (IAM user guide, "Unique identifiers").
        let mut members = Members::default();
        members.put("long-lived", Some(key.starts_with("AKIA").into()));
        members.put("age-hours", past.and_then(|past| past.key_age_hours).map(Json::from));
        Some(Json::Object(members.0))
    }
}

/// Which sides of a call AWS left out of its record, because they were too large: it then writes so in their place (CloudTrail user
/// guide, "Record contents").
fn left_out(detail: &Json) -> Vec<&'static str> {
    let is_left_out = |side: &Json| match side {
        Json::String(_) => true,
        side => {
            ["omitted", "truncated"].iter().any(|word| side.get(word).and_then(Json::as_bool) == Some(true))
        }
    };
    [("requestParameters", "request"), ("responseElements", "answer")]
        .into_iter()
        .filter(|(path, _)| detail.get(path).is_some_and(is_left_out))
        .map(|(_, side)| side)
        .collect()
}

/// What is new to who acts.
fn own_habits(past: &Past) -> Option<Json> {
    let mut own: Vec<(String, Json)> =
        past.own_new.iter().map(|(habit, new)| (habit.name().to_owned(), (*new).into())).collect();
    own.extend(past.roams.then(|| ("roams".to_owned(), true.into())));
    Some(Json::Object(own)).filter(|_| !past.own_new.is_empty())
}

#[derive(Default)]
struct Members(Vec<(String, Json)>);

impl Members {
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
