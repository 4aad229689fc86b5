//! What an incident laid hands on: keys, users, roles, machines, trails, addresses. Owns reading these from an event, so that the story
//! can say what they cost and what ends it; the commands are [`crate::domain::incident::commands`]'s.
//!
//! What does not look as AWS itself makes such names is left out: nothing that a thief wrote reaches a command.

use serde::{Deserialize, Serialize};

use crate::domain::context::launch::started;
use crate::domain::context::principal::{IDENTITY_CENTER, PrincipalKind, is_of_aws, principal_kind};
use crate::domain::event::instance::Instance;
use crate::domain::event::{Event, OWN_SOURCE};

/// The most machines that are taken from one call.
const MACHINES: usize = 100;

/// Something that a call used, made, took over or stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// The address that a call came from.
    Address(String),
    /// The account's root acted.
    Root,
    /// A key that does not end by itself, and whose it is.
    Key {
        /// Its id, as `AKIA…`.
        id: String,
        /// The user's name.
        user: String,
    },
    /// A user that acted: it may have sessions.
    User(String),
    /// A user that was made.
    NewUser(String),
    /// A user that was given a password.
    Password(String),
    /// A role whose session acted.
    Role(String),
    /// A person of Identity Center, by the name of the session.
    Person(String),
    /// An instance that was started.
    Machine {
        /// Its id, as `i-0abc`.
        id: String,
        /// Its type, as `g5.xlarge`.
        kind: String,
    },
    /// A trail that records nothing any more, by its name or ARN.
    Trail(String),
}

/// What an event used, made, took over or stopped.
pub fn touched(event: &Event) -> Vec<Resource> {
    if event.source == OWN_SOURCE {
        return Vec::new();
    }
    if let Some(instance) = event.instance.as_ref() {
        return machine(instance).filter(|_| instance.state.is_on()).into_iter().collect();
    }
    let mut all = callers(event);
    if event.detail.text("errorCode").is_none() {
        all.extend(made(event));
    }
    all
}

fn machine(instance: &Instance) -> Option<Resource> {
    let is_one = |id: &str| id.strip_prefix("i-").is_some_and(|id| id.chars().all(|c| c.is_ascii_hexdigit()));
    let (id, kind) = (instance.id.clone(), instance.instance_type.clone());
    (is_one(&id) && id.len() <= 40).then_some(Resource::Machine { id, kind })
}

/// By what a call was made.
fn callers(event: &Event) -> Vec<Resource> {
    let detail = &event.detail;
    let said = |path: &str| detail.text(&format!("userIdentity.{path}"));
    if principal_kind(detail) == PrincipalKind::Service {
        return Vec::new();
    }
    let mut all = Vec::new();
    let address = detail.text("sourceIPAddress").filter(|text| text.parse::<std::net::IpAddr>().is_ok());
    all.extend(address.map(|address| Resource::Address(address.to_owned())));
    match said("type") {
        Some("Root") => all.push(Resource::Root),
        Some("IAMUser") => {
            let user = said("userName").and_then(name);
            all.extend(user.iter().cloned().map(Resource::User));
            all.extend(key(said("accessKeyId"), user));
        }
        Some("AssumedRole") => {
            let (arn, issuer) = (
                said("arn").unwrap_or_default(),
                said("sessionContext.sessionIssuer.arn").unwrap_or_default(),
            );
            let session = arn.rsplit('/').next().and_then(name);
            let role = issuer.rsplit('/').next().and_then(name);
            match is_of_aws(IDENTITY_CENTER, arn, issuer) {
                true => all.extend(session.map(Resource::Person)),
                false => all.extend(role.map(Resource::Role)),
            }
        }
        Some("FederatedUser") => {
            all.extend(said("sessionContext.sessionIssuer.userName").and_then(name).map(Resource::User));
        }
        _ => {}
    }
    all
}

/// What a call that succeeded made, took over or stopped.
fn made(event: &Event) -> Vec<Resource> {
    let detail = &event.detail;
    let asked = |path: &str| detail.text(&format!("requestParameters.{path}"));
    let whose = || asked("userName").or_else(|| detail.text("userIdentity.userName")).and_then(name);
    let one = |resource: Option<Resource>| resource.into_iter().collect();
    match (event.source.as_str(), detail.text("eventName").unwrap_or_default()) {
        ("aws.iam", "CreateUser") => one(asked("userName").and_then(name).map(Resource::NewUser)),
        ("aws.iam", "CreateAccessKey") => {
            let answered = |path: &str| detail.text(&format!("responseElements.accessKey.{path}"));
            one(key(answered("accessKeyId"), answered("userName").and_then(name).or_else(whose)))
        }
        ("aws.iam", "UpdateAccessKey") if asked("status") == Some("Active") => {
            one(key(asked("accessKeyId"), whose()))
        }
        ("aws.iam", "CreateLoginProfile" | "UpdateLoginProfile") => one(whose().map(Resource::Password)),
        ("aws.cloudtrail", "StopLogging") => one(asked("name").and_then(trail).map(Resource::Trail)),
        ("aws.ec2", _) => started(event).iter().take(MACHINES).filter_map(machine).collect(),
        _ => Vec::new(),
    }
}

/// A name as IAM takes it (IAM API reference: `[\w+=,.@-]+`, at most 128).
fn name(text: &str) -> Option<String> {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    ((1..=128).contains(&text.len()) && text.chars().all(is_of_one)).then(|| text.to_owned())
}

/// A key that does not end by itself (IAM user guide, "IAM identifiers": `AKIA`).
fn key(id: Option<&str>, user: Option<String>) -> Option<Resource> {
    let id = id.filter(|id| id.starts_with("AKIA") && id.len() <= 128)?;
    id.chars()
        .all(|c| c.is_ascii_alphanumeric())
        .then(|| Resource::Key { id: id.to_owned(), user: user.unwrap_or_default() })
}

/// A trail's name or ARN (CloudTrail user guide, "Naming requirements").
fn trail(text: &str) -> Option<String> {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || "._-:/".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    (text.len() <= 256 && starts && text.chars().all(is_of_one) && !text.contains("://"))
        .then(|| text.to_owned())
}
