//! How an alert that waits for a sink is written. Owns that row; which alerts wait, and what becomes of them, is `outbox`'s.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::context::principal::role_of;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::Pending;
use crate::domain::notify::storm::{Kind, Like};
use crate::domain::severity::Severity;
use crate::store::alert_row::AlertRow;
use crate::store::rows::{json, seq_of};

#[derive(Serialize)]
struct PendingRow<'a> {
    at: Timestamp,
    refusals: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_none")]
    counted: u64,
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
    #[serde(default)]
    counted: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_none(counted: &u64) -> bool {
    *counted == 0
}

/// What is looked at of every alert that waits.
#[derive(Deserialize)]
pub(super) struct Glance<'a> {
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow)]
    who: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    #[serde(borrow)]
    severity: Cow<'a, str>,
    #[serde(default)]
    pub refusals: u8,
    /// How many alike ones are kept as this number alone.
    #[serde(default)]
    pub counted: u64,
}

impl Glance<'_> {
    pub fn kind(&self) -> Kind {
        let text = |text: &str| text.to_owned();
        Kind {
            rule: text(&self.rule),
            // Whoever takes on a role chooses the session's name.
            principal: role_of(&self.who),
            region: text(&self.region),
            severity: Severity::parse(&self.severity).unwrap_or(Severity::Critical),
        }
    }

    /// The rule alone, where there are too many kinds.
    pub fn rule(&self) -> String {
        self.rule.clone().into_owned()
    }

    pub fn id(&self) -> String {
        self.id.clone().into_owned()
    }

    pub fn like(&self, key: &[u8]) -> Option<Like> {
        Some(Like { seq: seq_of(key)?, id: self.id() })
    }
}

pub(super) fn row(pending: &Pending) -> Vec<u8> {
    json(&PendingRow {
        at: pending.enqueued,
        refusals: pending.refusals,
        not_before: pending.not_before,
        counted: pending.counted,
        alert: AlertRow::of(&pending.alert),
    })
}

/// An alert that nobody refused yet, as it waits in every queue.
pub(super) fn enqueued(alert: &Alert, at: Timestamp) -> Vec<u8> {
    json(&PendingRow { at, refusals: 0, not_before: None, counted: 0, alert: AlertRow::of(alert) })
}

/// The row's seq is the end of its key.
pub(super) fn read(key: &[u8], row: &[u8]) -> Option<Pending> {
    let waiting: Waiting = serde_json::from_slice(row).ok()?;
    Some(Pending {
        seq: seq_of(key)?,
        enqueued: waiting.at,
        refusals: waiting.refusals,
        not_before: waiting.not_before,
        like: Vec::new(),
        counted: waiting.counted,
        alert: serde_json::from_slice::<AlertRow<'_>>(row).ok()?.alert()?,
    })
}

/// A look at an alert that waits; nothing else of the row is kept.
pub(super) fn glance(row: &[u8]) -> Option<Glance<'_>> {
    serde_json::from_slice(row).ok()
}
