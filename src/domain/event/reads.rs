//! Is a call a read or a write? Owns what a name says where a record does not: reads are 99.7 % of a quiet account's
//! records, and are read only where a rule names them.

use crate::domain::event::Event;
use crate::domain::json::Json;

/// Beginnings of the names of calls that only read.
const READING: [&str; 15] = [
    "BatchGet", "Decode", "Describe", "Estimate", "Get", "Head", "List", "Lookup", "Preview", "Query",
    "Scan", "Search", "Select", "Simulate", "View",
];

/// Reads whose names do not begin so: what records say of themselves in `readOnly`.
const READS: [&str; 19] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "Converse",
    "ConverseStream",
    "Decrypt",
    "DownloadDBLogFilePortion",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateRandom",
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "ReEncrypt",
    "ResolveCase",
    "Sign",
    "TestEventPattern",
    "Verify",
];

/// Writes whose names begin like reads.
const WRITES: [&str; 2] = ["GetFederationToken", "GetSessionToken"];

/// Whether a call of this name is recorded as read-only.
pub fn is_read(name: &str) -> bool {
    READS.contains(&name) || (READING.iter().any(|start| name.starts_with(start)) && !WRITES.contains(&name))
}

/// Whether an event only reads.
pub fn reads(event: &Event) -> bool {
    let said = event.detail.at("readOnly").and_then(Json::as_bool);
    said.unwrap_or_else(|| event.detail.text("eventName").is_some_and(is_read))
}
