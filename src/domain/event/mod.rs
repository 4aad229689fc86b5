//! An event is an EventBridge envelope, whether CloudTrail recorded it, the inventory showed it, or trailnoti
//! reports it of itself. Owns the envelope; what it means is for rules.
//!
//! Envelope and `detail-type`: EventBridge user guide, "Events from AWS services" and "AWS service events
//! delivered via AWS CloudTrail".

pub mod instance;
pub mod instance_type;
pub mod reads;
pub(crate) mod record;
pub mod scope;

use std::borrow::Cow;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::event::instance::{Instance, State, state_detail};
use crate::domain::event::scope::Scope;
use crate::domain::json::{Json, object};

/// The `detail-type` of an observed instance change.
pub const INSTANCE_STATE: &str = "EC2 Instance State-change Notification";
/// The `source` of what trailnoti reports of itself.
pub const OWN_SOURCE: &str = "trailnoti";
/// The `detail-type` of a console sign-in, as EventBridge really spells it.
pub const SIGN_IN: &str = "AWS Console Sign In via CloudTrail";
/// The spelling in AWS's documentation, which patterns may use.
const SIGN_IN_DOCUMENTED: &str = "AWS Console Signin via CloudTrail";

/// One event in EventBridge's envelope. It is large, and goes its way without being cloned.
#[derive(Debug, PartialEq)]
pub struct Event {
    /// CloudTrail's `eventID`; for other events a UUID made from what the event says, so that the same
    /// observation has the same id.
    pub id: String,
    /// Such as `AWS API Call via CloudTrail`.
    pub detail_type: String,
    /// The service that it is from, such as `aws.iam`.
    pub source: String,
    /// The account that the event is of: twelve digits.
    pub account: String,
    /// When it happened, to the second.
    pub time: Timestamp,
    /// The region's name, such as `eu-west-1`.
    pub region: String,
    /// ARNs; empty for what came by CloudTrail, as in EventBridge.
    pub resources: Vec<String>,
    /// The CloudTrail record itself, or what the event's own kind says.
    pub detail: Json,
    /// The record's text, as it was received.
    text: Option<String>,
    /// The instance that the event is about, where the inventory knows it: `context.instance` in the envelope.
    pub instance: Option<Instance>,
    /// The instance was not there before, or was stopped.
    pub starts: bool,
    /// Facts that came with the event; they stand above those that are found.
    pub context: Option<Json>,
}

/// An entry of a page, as a source gives it. It stays text: a record as a tree takes ten times the memory, and a page holds
/// fifty.
#[derive(Debug)]
pub struct Received {
    /// The source's id of it.
    pub id: String,
    /// The call's name, if the source says.
    pub name: String,
    /// When it happened, if the source says.
    pub time: Option<Timestamp>,
    /// The record's text, or why there is none.
    pub record: Result<String, Unreadable>,
}

/// Why a record is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or not an object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A field without which nothing can be said.
    #[error("missing or invalid {0}")]
    Missing(&'static str),
    /// Judging it panics: a mistake in trailnoti.
    #[error("a mistake in trailnoti keeps it from judging this record")]
    Panics,
}

impl Event {
    /// Reads an envelope, such as `trailnoti events` prints.
    ///
    /// # Errors
    /// When it names no source, time or region.
    pub fn from_envelope(mut envelope: Json) -> Result<Self, Unreadable> {
        let detail = envelope.take("detail").ok_or(Unreadable::Missing("detail"))?;
        let text = |path: &'static str| envelope.text(path).ok_or(Unreadable::Missing(path));
        let instance = envelope.at("context.instance").and_then(|context| {
            let state = detail.text("state").and_then(State::parse)?;
            Some(Instance::from_context(detail.text("instance-id")?, state, context))
        });
        Ok(Event {
            starts: envelope.at("context.instance.new") == Some(&Json::Bool(true)),
            // Other facts are found again, and what was new when it was printed cannot be.
            context: envelope.at("context.new").map(|new| object([("new", new.clone())])),
            instance,
            id: envelope
                .text("id")
                .map_or_else(|| derived_id(&[&envelope.to_string(), &detail.to_string()]), str::to_owned),
            detail_type: text("detail-type")?.to_owned(),
            source: text("source")?.to_owned(),
            account: envelope.text("account").unwrap_or_default().to_owned(),
            time: text("time")?.parse().map_err(|_| Unreadable::Missing("time"))?,
            region: text("region")?.to_owned(),
            resources: envelope
                .get("resources")
                .map_or(&[][..], Json::items)
                .iter()
                .filter_map(|arn| arn.as_str().map(str::to_owned))
                .collect(),
            text: None,
            detail,
        })
    }

    /// Reads an envelope, or wraps a CloudTrail record, whichever it is.
    ///
    /// # Errors
    /// When it is neither.
    pub fn from_any(json: Json, account: &str) -> Result<Self, Unreadable> {
        match json.get("detail-type") {
            Some(_) => Event::from_envelope(json),
            None => Event::from_record(json, account),
        }
    }

    /// An observed change of an instance, as EventBridge shows it (EC2 user guide, "State change events").
    pub fn instance_state(
        account: &str,
        region: &str,
        instance: Instance,
        starts: bool,
        time: Timestamp,
    ) -> Self {
        let state = instance.state;
        let arn = format!("arn:{}:ec2:{region}:{account}:instance/{}", partition(region), instance.id);
        Event {
            id: derived_id(&["instance", &arn, state.name(), &time.as_second().to_string()]),
            detail_type: INSTANCE_STATE.to_owned(),
            source: "aws.ec2".to_owned(),
            account: account.to_owned(),
            time,
            region: region.to_owned(),
            resources: vec![arn],
            detail: state_detail(&instance.id, state),
            text: None,
            instance: Some(instance),
            starts,
            context: None,
        }
    }

    /// What trailnoti reports of itself: `kind` is the `detail-type`.
    pub fn own(kind: &str, scope: Scope<'_>, detail: Json, time: Timestamp) -> Self {
        let (account, region) = (scope.account(), scope.region());
        Event {
            id: derived_id(&[kind, account, region, &detail.to_string(), &time.as_second().to_string()]),
            detail_type: kind.to_owned(),
            source: OWN_SOURCE.to_owned(),
            account: account.to_owned(),
            time,
            region: region.to_owned(),
            resources: Vec::new(),
            detail,
            text: None,
            instance: None,
            starts: false,
            context: None,
        }
    }

    /// The text of `detail`: the record as it was received, byte for byte, where the event came as text.
    pub fn detail_text(&self) -> Cow<'_, str> {
        match &self.text {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.detail.to_string()),
        }
    }

    /// What stands in the envelope before `detail`.
    pub(in crate::domain) fn head(&self) -> [(&'static str, Json); 8] {
        [
            ("version", "0".into()),
            ("id", self.id.as_str().into()),
            ("detail-type", self.detail_type.as_str().into()),
            ("source", self.source.as_str().into()),
            ("account", self.account.as_str().into()),
            ("time", self.time.to_string().into()),
            ("region", self.region.as_str().into()),
            ("resources", Json::Array(self.resources.iter().map(|arn| arn.as_str().into()).collect())),
        ]
    }

    /// The sixteen bytes by which the event is remembered: its UUID, or one made from an id of another form.
    pub fn short_id(&self) -> [u8; 16] {
        short_id(&self.id)
    }
}

/// Sixteen bytes made of an id, as [`Event::short_id`] has them.
pub fn short_id(id: &str) -> [u8; 16] {
    let uuid = Uuid::parse_str(id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()));
    *uuid.as_bytes()
}

/// The same UUID for the same parts.
pub fn derived_id(parts: &[&str]) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, parts.join("\u{1f}").as_bytes()).to_string()
}

/// The partition that a region belongs to (AWS general reference, "Amazon Resource Names").
pub fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// A pattern in which the documented spelling of the sign-in `detail-type` stands as the real one.
pub fn with_real_spelling(mut pattern: Json) -> Json {
    if let Json::Object(members) = &mut pattern {
        for (name, value) in members {
            match name.as_str() {
                "detail-type" => respell(value),
                "$or" => {
                    if let Json::Array(branches) = value {
                        for branch in branches {
                            *branch = with_real_spelling(std::mem::replace(branch, Json::Null));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    pattern
}

fn respell(value: &mut Json) {
    match value {
        Json::String(text) if text == SIGN_IN_DOCUMENTED => *text = SIGN_IN.to_owned(),
        Json::Array(items) => items.iter_mut().for_each(respell),
        Json::Object(members) => members.iter_mut().for_each(|(_, member)| respell(member)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_time_is_told_and_not_guessed() {
        assert_eq!(
            Event::from_record_text(r#"{"eventSource":"a"}"#.to_owned(), "1"),
            Err(Unreadable::Missing("eventTime"))
        );
        assert!(matches!(Event::from_record_text("[1]".to_owned(), "1"), Err(Unreadable::NotJson(_))));
    }

    #[test]
    fn the_documented_spelling_of_sign_in_is_read_as_the_real_one() {
        let pattern =
            Json::parse(r#"{"detail-type":["AWS Console Signin via CloudTrail","x"]}"#).expect("json");
        assert_eq!(
            with_real_spelling(pattern).to_string(),
            r#"{"detail-type":["AWS Console Sign In via CloudTrail","x"]}"#
        );
    }
}
