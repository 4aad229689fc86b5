//! The names that fields of an event have. Owns telling a typing mistake in a pattern from a field that AWS added.

use super::pattern::{Pattern, did_you_mean, nearest};

/// The names at the top of an envelope.
const ENVELOPE: [&str; 10] =
    ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "context"];

/// The names at the top of a CloudTrail record (CloudTrail user guide, "record contents"), and of the other
/// details that trailnoti makes.
const DETAIL: [&str; 40] = [
    "additionalEventData",
    "addendum",
    "apiVersion",
    "awsRegion",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "insightDetails",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "instance-id",
    "state",
    "reason",
    "subject",
    "sink",
    "since",
    "exclusion",
    "principal",
];

/// The names under `context`.
const CONTEXT: [&str; 13] = [
    "access-key",
    "admin",
    "asked",
    "by",
    "instance",
    "learning",
    "network",
    "new",
    "outside",
    "principal",
    "public",
    "target",
    "tool",
];

/// Paths of a pattern that look like a typing mistake: no event has the name, and one that is near to it is a
/// field. A name near to nothing may be a field that AWS added, and passes.
pub fn suspicious_paths(pattern: &Pattern) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = pattern.paths().filter_map(suspicious_path).collect();
    found.sort();
    found.dedup();
    found
}

/// The same for one path: the part of it that looks mistaken, and why.
pub fn suspicious_path(path: &str) -> Option<(String, String)> {
    let (parent, name, known, what): (_, _, &[&str], _) = match path.split_once('.') {
        Some(("detail", rest)) => ("detail.", rest.split('.').next()?, &DETAIL, "a CloudTrail record"),
        Some(("context", rest)) => ("context.", rest.split('.').next()?, &CONTEXT, "an event's context"),
        _ => ("", path.split('.').next()?, &ENVELOPE, "an event"),
    };
    if known.contains(&name) {
        return None;
    }
    let near = nearest(name, known.iter().copied())?;
    Some((format!("{parent}{name}"), format!("nothing in {what} has this name{}", did_you_mean(Some(near)))))
}
