//! The simulated CloudTrail: `LookupEvents` with its rules (CloudTrail API reference). Owns order, windows, pages,
//! tokens and the quota; trails are `trails`'s.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::domain::json::Json;
use crate::simulator::account::Recorded;
use crate::simulator::state::{Bucket, State, TokenFor};
use crate::simulator::trails;
use crate::simulator::wire::{Answer, Call};

/// Requests that may come at once, and that come back each second.
const QUOTA: f64 = 2.0;
/// The most events in a page, and how many without `MaxResults`.
const PAGE: usize = 50;
const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);
const KEYS: [&str; 8] = [
    "EventId",
    "EventName",
    "ReadOnly",
    "Username",
    "ResourceType",
    "ResourceName",
    "EventSource",
    "AccessKeyId",
];

impl Bucket {
    /// What somebody else, who asks so often a second, took since the last request.
    fn take_by_another(&mut self, per_second: f64, now: Timestamp) {
        let pause = SignedDuration::from_secs_f64(1.0 / per_second);
        while self.other + pause <= now {
            self.other += pause;
            let at = self.other;
            self.take(at);
        }
    }

    fn take(&mut self, now: Timestamp) -> bool {
        let passed = now.duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * QUOTA).min(QUOTA);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

pub(super) fn serve(
    state: &mut State,
    call: &Call,
    operation: &str,
    account: &str,
    now: Timestamp,
) -> Answer {
    let error = |code: &str, message: &str| Answer::error("cloudtrail", 400, code, message);
    if trails::OPERATIONS.contains(&operation) {
        let trails = state.accounts.get(account).map_or(&[][..], |owner| owner.trails.as_slice());
        return trails::serve(trails, call, operation, account, now);
    }
    if operation != "LookupEvents" {
        return error("UnsupportedOperationException", "not simulated");
    }
    let bucket = state.buckets.entry((account.to_owned(), call.region.clone())).or_insert(Bucket {
        left: QUOTA,
        at: now,
        other: now,
    });
    let others = state.others.iter();
    let another =
        others.filter(|other| other.region == call.region && other.from <= now && now < other.until);
    match another.map(|other| other.per_second).reduce(f64::max) {
        Some(per_second) => bucket.take_by_another(per_second, now),
        None => bucket.other = now,
    }
    if !bucket.take(now) {
        return error("ThrottlingException", "Rate exceeded");
    }
    let Ok(mut request) = serde_json::from_str::<Map<String, Value>>(&call.body) else {
        return error("SerializationException", "not JSON");
    };
    let token = request.remove("NextToken").and_then(|token| token.as_str().map(str::to_owned));
    let most = match request.get("MaxResults").map(|most| most.as_u64()) {
        None => PAGE,
        Some(Some(most @ 1..=50)) => usize::try_from(most).unwrap_or(PAGE),
        Some(_) => return error("InvalidMaxResultsException", "A limit between 1 and 50 is allowed"),
    };
    let seconds = |key: &str| request.get(key).and_then(Value::as_f64);
    let start = seconds("StartTime").unwrap_or(f64::MIN).max((now - HISTORY).as_second() as f64);
    let end = seconds("EndTime").unwrap_or(now.as_second() as f64);
    if seconds("StartTime").is_some_and(|start| start > end) {
        return error("InvalidTimeRangeException", "the start time is after the end time");
    }
    let attributes = request.get("LookupAttributes").and_then(Value::as_array).cloned().unwrap_or_default();
    let attribute = match attributes.as_slice() {
        [] => None,
        [one] => {
            let (key, value) = (one["AttributeKey"].as_str(), one["AttributeValue"].as_str());
            match (key.filter(|key| KEYS.contains(key)), value) {
                (Some(key), Some(value)) => Some((key.to_owned(), value.to_owned())),
                _ => return error("InvalidLookupAttributesException", "an attribute is not valid"),
            }
        }
        _ => return error("InvalidLookupAttributesException", "only one attribute is allowed"),
    };
    let parameters = format!("{account}/{}/{}", call.region, Value::Object(request.clone()));
    let (from, after_empty) = match &token {
        None => (0, false),
        Some(token) => match state.tokens.get(token) {
            Some(known) if known.parameters == parameters => (known.from, known.after_empty),
            _ => return error("InvalidNextTokenException", "the token is not valid"),
        },
    };
    if state.empty_pages && !after_empty {
        // Nothing is known of empty pages with a token; this is the other way that it can be.
        let token = state.issue(TokenFor { parameters, from, after_empty: true });
        return Answer::json(200, json!({ "Events": [], "NextToken": token }).to_string());
    }
    state.note_asked(account, &call.region, now);
    let asks_for_itself = attribute.as_ref().is_some_and(|(_, value)| value == "LookupEvents");
    let own = if asks_for_itself { state.asked(call, account, now) } else { Vec::new() };
    let Some(owner) = state.accounts.get(account) else {
        return error("AccessDeniedException", "no account");
    };
    let within = |event: &&Recorded| (start..=end).contains(&(event.happened as f64));
    let is_asked_for = |event: &&Recorded| {
        event.visible <= now && attribute.as_ref().is_none_or(|(key, value)| has(&event.record, key, value))
    };
    let all = owner.happened(&call.region, start.ceil() as i64, end.floor() as i64);
    let mut found: Vec<&Recorded> = all.chain(own.iter().filter(within)).filter(is_asked_for).collect();
    // Nothing is known of the order inside a second: here it is that of the ids, not of the recording.
    let order = |event: &&Recorded| {
        (std::cmp::Reverse(event.happened), event.record.text("eventID").unwrap_or_default().to_owned())
    };
    if found.len() > from + most {
        // Of many, only those up to the end of the page need an order.
        let before =
            |a: &&Recorded, b: &&Recorded| b.happened.cmp(&a.happened).then_with(|| order(a).cmp(&order(b)));
        found.select_nth_unstable_by(from + most, before);
        found[..from + most].sort_by(before);
    } else {
        found.sort_by_key(order);
    }
    let events: Vec<Value> = found.iter().skip(from).take(most).map(|event| wire(event)).collect();
    let mut reply = json!({ "Events": events });
    if found.len() > from + most {
        let next = TokenFor { parameters, from: from + most, after_empty: false };
        reply["NextToken"] = json!(state.issue(next));
    }
    Answer::json(200, reply.to_string())
}

/// Whether a record has this value of an attribute.
fn has(record: &Json, key: &str, value: &str) -> bool {
    let text = |path: &str| record.text(path) == Some(value);
    match key {
        "EventId" => text("eventID"),
        "EventName" => text("eventName"),
        "EventSource" => text("eventSource"),
        "AccessKeyId" => text("userIdentity.accessKeyId"),
        "Username" => username(record).as_deref() == Some(value),
        "ReadOnly" => {
            let reads = record.at("readOnly").and_then(Json::as_bool).unwrap_or(false);
            value == if reads { "true" } else { "false" }
        }
        _ => false,
    }
}

/// The user's name, a role's session name, or `root`.
fn username(record: &Json) -> Option<String> {
    match record.text("userIdentity.type")? {
        "Root" => Some("root".to_owned()),
        "AssumedRole" => record.text("userIdentity.arn")?.rsplit('/').next().map(str::to_owned),
        _ => record.text("userIdentity.userName").map(str::to_owned),
    }
}

/// An event as it goes over the wire: `ReadOnly` is a text, the time a float, and what is not known is absent.
fn wire(event: &Recorded) -> Value {
    let record = &event.record;
    let mut wire = json!({
        "EventId": record.text("eventID"),
        "EventName": record.text("eventName"),
        "EventSource": record.text("eventSource"),
        "ReadOnly": record.at("readOnly").and_then(Json::as_bool).unwrap_or(false).to_string(),
        "EventTime": event.happened as f64,
        "Resources": [],
        "CloudTrailEvent": event.text.clone().unwrap_or_else(|| record.to_string()),
    });
    if let Some(name) = username(record) {
        wire["Username"] = json!(name);
    }
    if let Some(key) = record.text("userIdentity.accessKeyId") {
        wire["AccessKeyId"] = json!(key);
    }
    if let Some(role) = record.text("requestParameters.roleArn") {
        wire["Resources"] = json!([{ "ResourceType": null, "ResourceName": role }]);
    }
    wire
}
