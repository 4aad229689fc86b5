//! How an alert that waits for a sink is written. Owns that row; which alerts wait, and what becomes of them, is `outbox`'s.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::notify::alert::Alert;
use crate::domain::notify::outbox::Pending;
use crate::store::rows::{AlertRow, json, seq_of};

#[derive(Serialize)]
struct PendingRow<'a> {
    at: Timestamp,
    refusals: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(flatten)]
    alert: AlertRow<'a>,
}

/// What a row says beside its alert. The two are read one after the other: `flatten` would keep a copy of the whole row.
#[derive(Deserialize)]
struct Waiting {
    at: Timestamp,
    #[serde(default)]
    refusals: u8,
    #[serde(default)]
    not_before: Option<Timestamp>,
}

#[derive(Deserialize)]
struct OfGroup<'a> {
    #[serde(borrow)]
    group: Cow<'a, str>,
}

pub(super) fn row(pending: &Pending) -> Vec<u8> {
    json(&PendingRow {
        at: pending.enqueued,
        refusals: pending.refusals,
        not_before: pending.not_before,
        alert: AlertRow::of(&pending.alert),
    })
}

/// An alert that nobody refused yet, as it waits in every queue.
pub(super) fn enqueued(alert: &Alert, at: Timestamp) -> Vec<u8> {
    json(&PendingRow { at, refusals: 0, not_before: None, alert: AlertRow::of(alert) })
}

/// The row's seq is the end of its key.
pub(super) fn read(key: &[u8], row: &[u8]) -> Option<Pending> {
    let waiting: Waiting = serde_json::from_slice(row).ok()?;
    Some(Pending {
        seq: seq_of(key)?,
        enqueued: waiting.at,
        refusals: waiting.refusals,
        not_before: waiting.not_before,
        alert: serde_json::from_slice::<AlertRow<'_>>(row).ok()?.alert()?,
    })
}

/// The group of an alert that waits; nothing else of the row is kept.
pub(super) fn group_of(row: &[u8]) -> Option<Cow<'_, str>> {
    Some(serde_json::from_slice::<OfGroup<'_>>(row).ok()?.group)
}
