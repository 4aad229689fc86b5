//! What a CloudTrail record says of instances: which it names, who launched them, and with what. Owns reading the
//! record; what it means for a story is `story`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::context::principal::{IDENTITY_CENTER, SERVICE_LINKED, actor, is_of_aws};
use crate::domain::event::Event;
use crate::domain::event::instance::{Instance, Tags, record_tags};
use crate::domain::json::Json;
use crate::domain::text::{FACT, clean};

/// What EC2 answers to who only asked whether it would be allowed, and was (EC2 API reference, "Error codes").
pub const DRY_RUN: &str = "Client.DryRunOperation";

/// The calls that are about instances alone, and that exclusions may therefore hide. Changes of tags and of what an
/// instance may do are not among them: a thief would begin with those.
const ABOUT_INSTANCES: [&str; 7] = [
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "RebootInstances",
    "TerminateInstances",
    "MonitorInstances",
    "UnmonitorInstances",
];

/// Who launched an instance, and how. Texts are cleaned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// CloudTrail's id of the record.
    pub event: String,
    /// The call that launched it, with its service.
    pub call: String,
    /// When the call was made.
    pub time: Timestamp,
    /// Who called, in one name.
    pub principal: String,
    /// Every name of who called: the role or user first, then its session, then the AWS service.
    pub names: Vec<String>,
    /// Which person is behind it, or that it is not known.
    pub person: String,
    /// The key that signed.
    pub access_key: String,
    /// The address or service that it came from.
    pub address: String,
    /// The user agent that the tool sends.
    pub agent: String,
    /// What was asked for.
    pub asked: Vec<(String, String)>,
}

impl Launch {
    /// What a record says of who launched.
    pub fn of(event: &Event) -> Self {
        let detail = &event.detail;
        let text = |path: &str| clean(detail.text(path).unwrap_or_default(), FACT);
        let names =
            ["userIdentity.sessionContext.sessionIssuer.arn", "userIdentity.arn", "userIdentity.invokedBy"];
        Launch {
            event: text("eventID"),
            call: text("eventName"),
            time: event.time,
            principal: actor(event),
            names: names.iter().filter_map(|path| detail.text(path)).map(str::to_owned).collect(),
            person: person(detail),
            access_key: text("userIdentity.accessKeyId"),
            address: text("sourceIPAddress"),
            agent: text("userAgent"),
            asked: asked(detail),
        }
    }
}

impl Launch {
    /// Which person is behind it, where that is more than the principal's name says.
    pub fn person_beside(&self) -> Option<&str> {
        let is_named = ["user ", "session ", "root"].iter().any(|name| self.person.starts_with(name));
        Some(self.person.as_str()).filter(|person| !is_named || person.contains(", through "))
    }
}

/// Which person acted, as far as a record tells.
fn person(detail: &Json) -> String {
    let identity = |path: &str| detail.text(&format!("userIdentity.{path}")).unwrap_or_default();
    let (service, arn) = (identity("invokedBy"), identity("arn"));
    let role = identity("sessionContext.sessionIssuer.userName");
    let issuer = identity("sessionContext.sessionIssuer.arn");
    let session = arn.rsplit('/').next().unwrap_or_default();
    let person = match identity("type") {
        "Root" => "root".to_owned(),
        "IAMUser" => format!("user {}", identity("userName")),
        _ if is_of_aws(SERVICE_LINKED, arn, issuer) => String::new(),
        "AssumedRole" if is_of_aws(IDENTITY_CENTER, arn, issuer) => {
            format!("{session}, through Identity Center")
        }
        "AssumedRole" => format!("session {session} of role {role}"),
        _ => String::new(),
    };
    let text = match (person.is_empty(), service.is_empty()) {
        (true, true) => "not known".to_owned(),
        (true, false) => format!("none: {service} acted on its own"),
        (false, true) => person,
        (false, false) => format!("{person}, through {service}"),
    };
    clean(&text, FACT)
}

/// What a launch asked for, in facts that a person reads: how many of what, and what gives it away.
pub fn asked(detail: &Json) -> Vec<(String, String)> {
    let request =
        |path: &str| detail.text(&format!("requestParameters.{path}")).filter(|text| !text.is_empty());
    let item = detail.at("requestParameters.instancesSet.items").and_then(|items| items.items().first());
    let number = |name: &str| item.and_then(|item| item.get(name)).map(Json::to_string);
    let kind = request("instanceType").or_else(|| first_launched(detail)?.text("instanceType"));
    let mut asked = Vec::new();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.map(|value| clean(&value, FACT)).filter(|value| !value.is_empty()) {
            asked.push((name.to_owned(), value));
        }
    };
    let count = number("maxCount").unwrap_or_else(|| "1".to_owned());
    fact("asked for", kind.map(|kind| format!("{count} × {kind}")));
    let image =
        item.and_then(|item| item.text("imageId")).or_else(|| first_launched(detail)?.text("imageId"));
    fact("image", image.map(str::to_owned));
    fact("key pair", item.and_then(|item| item.text("keyName")).map(str::to_owned));
    let profile = request("iamInstanceProfile.arn").or_else(|| request("iamInstanceProfile.name"));
    fact("profile", profile.map(str::to_owned));
    fact("launch template", request("launchTemplate.launchTemplateId").map(str::to_owned));
    fact("market", request("instanceMarketOptions.marketType").map(str::to_owned));
    fact("user data", request("userData").map(|_| "given".to_owned()));
    asked
}

fn first_launched(detail: &Json) -> Option<&Json> {
    detail.at("responseElements.instancesSet.items")?.items().first()
}

/// The calls that prepare a launch, or only ask whether one would be allowed.
const PREPARES: [&str; 4] =
    ["CreateFleet", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "DeleteLaunchTemplate"];

/// Whether a call of this name belongs to launches that have records of their own, and says more once those are known.
pub fn is_preparation(name: &str) -> bool {
    PREPARES.contains(&name)
}

/// Whether an event only prepares a launch: it asks for a fleet, writes a template, or asks whether it may. What AWS refuses is none.
pub fn prepares(event: &Event) -> bool {
    let (name, error) = (event.detail.text("eventName").unwrap_or_default(), event.detail.text("errorCode"));
    event.source == "aws.ec2"
        && match error {
            Some(error) => error == DRY_RUN && (name == "RunInstances" || is_preparation(name)),
            None => is_preparation(name),
        }
}

/// The instances that an event is about, if it is about instances alone.
pub fn subjects(event: &Event) -> Vec<String> {
    let call = event.detail.text("eventName").unwrap_or_default();
    // What failed changed nothing of the instance, and is a warning of its own.
    let failed = event.detail.text("errorCode").is_some();
    if event.source != "aws.ec2" || failed || !ABOUT_INSTANCES.contains(&call) {
        return Vec::new();
    }
    let side = if call == "RunInstances" { "responseElements" } else { "requestParameters" };
    let items = event.detail.at(&format!("{side}.instancesSet.items")).map_or(&[][..], Json::items);
    items.iter().filter_map(|item| item.text("instanceId").map(str::to_owned)).collect()
}

/// The instances that a call started, with what it says of them. Empty for calls that started none.
pub fn started(event: &Event) -> Vec<Instance> {
    let detail = &event.detail;
    if event.source != "aws.ec2" || detail.text("errorCode").is_some() {
        return Vec::new();
    }
    match detail.text("eventName") {
        Some("RunInstances") => {
            let reservation = detail.text("responseElements.reservationId");
            let asked = asked_tags(detail);
            let items = detail.at("responseElements.instancesSet.items").map_or(&[][..], Json::items);
            let launched = items.iter().filter_map(|item| Instance::from_record(item, reservation));
            launched
                .map(|mut instance| {
                    let mut tags = asked.clone();
                    tags.append(&mut instance.tags);
                    Instance { tags, ..instance }
                })
                .collect()
        }
        Some("StartInstances") => {
            let answered = detail.at("responseElements.instancesSet.items").map_or(&[][..], Json::items);
            // The call succeeds for instances that run already, and starts nothing then.
            let ran = |item: &Json| matches!(item.text("previousState.name"), Some("running" | "pending"));
            let ran: Vec<&str> =
                answered.iter().filter(|item| ran(item)).filter_map(|item| item.text("instanceId")).collect();
            let named = subjects(event).into_iter().filter(|id| !ran.contains(&id.as_str()));
            named.map(|id| Instance { id, ..Instance::default() }).collect()
        }
        _ => Vec::new(),
    }
}

/// The instances that a fleet's own call names; who asks for a fleet is behind what the fleet launches.
pub fn asked_by_fleet(event: &Event) -> Vec<String> {
    if event.source != "aws.ec2" || event.detail.text("eventName") != Some("CreateFleet") {
        return Vec::new();
    }
    let mut ids = Vec::new();
    event.detail.get("responseElements").into_iter().for_each(|answer| collect_ids(answer, &mut ids));
    ids
}

fn collect_ids(value: &Json, ids: &mut Vec<String>) {
    match value {
        Json::String(text) if text.starts_with("i-") => ids.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        Json::Object(members) => members.iter().for_each(|(_, member)| collect_ids(member, ids)),
        _ => {}
    }
}

fn asked_tags(detail: &Json) -> Tags {
    let specifications =
        detail.at("requestParameters.tagSpecificationSet.items").map_or(&[][..], Json::items);
    let mut tags = Tags::new();
    for specification in specifications.iter().filter(|s| s.text("resourceType") == Some("instance")) {
        tags.append(&mut record_tags(specification.get("tags")));
    }
    tags
}

/// A change of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The ids of the instances that are tagged.
    pub ids: Vec<String>,
    /// Tags that are there now.
    pub added: Tags,
    /// Keys that are not there any more.
    pub removed: Vec<String>,
}

/// What a record says of changed tags of instances.
pub fn tagged(event: &Event) -> Option<Tagged> {
    let detail = &event.detail;
    if event.source != "aws.ec2" || detail.text("errorCode").is_some() {
        return None;
    }
    let tags = record_tags(detail.at("requestParameters.tagSet.items"));
    let (added, removed) = match detail.text("eventName")? {
        "CreateTags" => (tags, Vec::new()),
        "DeleteTags" => (Tags::new(), tags.into_keys().collect()),
        _ => return None,
    };
    let items = detail.at("requestParameters.resourcesSet.items").map_or(&[][..], Json::items);
    let ids = items.iter().filter_map(|item| item.text("resourceId")).filter(|id| id.starts_with("i-"));
    Some(Tagged { ids: ids.map(str::to_owned).collect(), added, removed })
}
