//! How keys and values look on disk. Owns their bytes; a change here is a new [`super::SCHEMA`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Hidden;
use crate::domain::alert::Alert;
use crate::domain::cursor::{Cursor, Walk};
use crate::domain::inventory::{Instance, State, Tracked};
use crate::domain::outbox::{Pending, Sent};
use crate::domain::rule::Severity;

/// How many ids stand in one row.
pub(super) const IDS: usize = 64;

/// Keys; see the table in `store`.
pub(super) mod key {
    use super::Pending;

    fn joined(kind: u8, parts: &[&str]) -> Vec<u8> {
        let mut key = vec![kind];
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                key.push(0);
            }
            key.extend(part.bytes().filter(|byte| *byte != 0));
        }
        key
    }

    pub fn cursor(account: &str, region: &str, lane: &str) -> Vec<u8> {
        joined(b'c', &[account, region, lane])
    }

    pub fn cursors() -> Vec<u8> {
        vec![b'c']
    }

    pub fn marks() -> Vec<u8> {
        vec![b's']
    }

    pub fn seconds(account: &str) -> Vec<u8> {
        joined(b's', &[account, ""])
    }

    pub fn second(account: &str, second: i64) -> Vec<u8> {
        let mut key = seconds(account);
        key.extend(second.to_be_bytes());
        key
    }

    pub fn second_of(key: &[u8], from: usize) -> i64 {
        key.get(from..from + 8).and_then(|bytes| bytes.try_into().ok()).map_or(i64::MAX, i64::from_be_bytes)
    }

    pub fn chunk(prefix: &[u8], chunk: usize) -> Vec<u8> {
        let mut key = prefix.to_vec();
        key.extend(u16::try_from(chunk).unwrap_or(u16::MAX).to_be_bytes());
        key
    }

    pub fn listed(account: &str) -> Vec<u8> {
        joined(b'l', &[account])
    }

    pub fn region(account: &str, region: &str) -> Vec<u8> {
        joined(b'k', &[account, region])
    }

    pub fn baseline(account: &str, region: &str) -> Vec<u8> {
        joined(b'r', &[account, region])
    }

    pub fn instance(account: &str, region: &str, id: &str) -> Vec<u8> {
        joined(b'i', &[account, region, id])
    }

    pub fn outbox_all() -> Vec<u8> {
        vec![b'o']
    }

    pub fn outbox_of(sink: &str) -> Vec<u8> {
        joined(b'o', &[sink, ""])
    }

    pub fn outbox(sink: &str, pending: &Pending) -> Vec<u8> {
        let mut key = outbox_of(sink);
        key.push(u8::MAX - pending.alert.severity as u8);
        key.extend(pending.seq.to_be_bytes());
        key
    }

    /// The first text of a key: a sink, or an account.
    pub fn first_of(key: &[u8]) -> String {
        let end = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
        String::from_utf8_lossy(&key[1..end.max(1)]).into_owned()
    }

    pub fn group(sink: &str, group: &str) -> Vec<u8> {
        joined(b'g', &[sink, group])
    }

    pub fn wait(sink: &str) -> Vec<u8> {
        joined(b'w', &[sink])
    }

    pub fn dead(sink: &str, seq: Option<u64>) -> Vec<u8> {
        let mut key = joined(b'd', &[sink, ""]);
        key.extend(seq.into_iter().flat_map(u64::to_be_bytes));
        key
    }

    pub fn health(subject: &str) -> Vec<u8> {
        joined(b'h', &[subject])
    }

    pub fn exclusion(name: &str) -> Vec<u8> {
        joined(b'x', &[name])
    }

    pub fn born() -> Vec<u8> {
        vec![b'b']
    }

    pub fn lost() -> Vec<u8> {
        vec![b'z']
    }

    pub fn seq() -> Vec<u8> {
        vec![b'n']
    }

    pub fn part(key: &[u8], chunk: u8) -> Vec<u8> {
        let mut part = vec![b'p'];
        part.extend(key);
        part.push(chunk);
        part
    }
}

pub(super) fn number(row: &[u8]) -> u64 {
    row.try_into().map_or(0, u64::from_be_bytes)
}

pub(super) fn time(time: Timestamp) -> Vec<u8> {
    time.as_millisecond().to_be_bytes().to_vec()
}

pub(super) fn read_time(row: &[u8]) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::from_be_bytes(row.try_into().ok()?)).ok()
}

fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}

#[derive(Serialize, Deserialize)]
pub(super) struct CursorRow {
    floor: Timestamp,
    through: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<[Timestamp; 3]>,
}

impl CursorRow {
    pub fn of(cursor: &Cursor) -> Self {
        let walk = cursor.walk.as_ref().map(|walk| [walk.start, walk.end, walk.reached]);
        CursorRow { floor: cursor.floor, through: cursor.through, walk }
    }

    pub fn cursor(self) -> Cursor {
        let walk = self.walk.map(|[start, end, reached]| Walk { start, end, reached, token: None });
        Cursor { floor: self.floor, through: self.through, walk }
    }
}

pub(super) fn cursor(cursor: &Cursor) -> Vec<u8> {
    json(&CursorRow::of(cursor))
}

pub(super) fn read_cursor(row: &[u8]) -> Option<Cursor> {
    serde_json::from_slice::<CursorRow>(row).ok().map(CursorRow::cursor)
}

#[derive(Serialize, Deserialize)]
struct SentRow {
    last: Timestamp,
    upto: Timestamp,
}

pub(super) fn sent(sent: &Sent) -> Vec<u8> {
    json(&SentRow { last: sent.last, upto: sent.upto })
}

pub(super) fn read_sent(row: &[u8]) -> Option<Sent> {
    let row: SentRow = serde_json::from_slice(row).ok()?;
    Some(Sent { last: row.last, upto: row.upto })
}

#[derive(Serialize, Deserialize)]
struct HiddenRow {
    count: u64,
    last: Timestamp,
}

pub(super) fn hidden(hidden: &Hidden) -> Vec<u8> {
    json(&HiddenRow { count: hidden.count, last: hidden.last })
}

pub(super) fn read_hidden(row: &[u8]) -> Option<Hidden> {
    let row: HiddenRow = serde_json::from_slice(row).ok()?;
    Some(Hidden { count: row.count, last: row.last })
}

#[derive(Serialize, Deserialize)]
struct TrackedRow {
    id: String,
    state: String,
    kind: String,
    launched: Option<Timestamp>,
    image: Option<String>,
    key: Option<String>,
    address: Option<String>,
    lifecycle: Option<String>,
    profile: Option<String>,
    tags: BTreeMap<String, String>,
    seen: Timestamp,
    #[serde(default, skip_serializing_if = "is_zero")]
    missing: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    held: Vec<(String, Timestamp)>,
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

pub(super) fn tracked(tracked: &Tracked) -> Vec<u8> {
    let instance = tracked.instance.clone();
    json(&TrackedRow {
        id: instance.id,
        state: instance.state.name().to_owned(),
        kind: instance.instance_type,
        launched: instance.launch_time,
        image: instance.image,
        key: instance.key_name,
        address: instance.public_address,
        lifecycle: instance.lifecycle,
        profile: instance.profile,
        tags: instance.tags,
        seen: tracked.first_seen,
        missing: tracked.missing,
        held: tracked.held.iter().map(|(state, time)| (state.name().to_owned(), *time)).collect(),
    })
}

pub(super) fn read_tracked(row: &[u8]) -> Option<Tracked> {
    let row: TrackedRow = serde_json::from_slice(row).ok()?;
    Some(Tracked {
        instance: Instance {
            id: row.id,
            state: State::parse(&row.state)?,
            instance_type: row.kind,
            launch_time: row.launched,
            image: row.image,
            key_name: row.key,
            public_address: row.address,
            lifecycle: row.lifecycle,
            profile: row.profile,
            tags: row.tags,
        },
        first_seen: row.seen,
        missing: row.missing,
        held: row.held.iter().filter_map(|(state, time)| Some((State::parse(state)?, *time))).collect(),
    })
}

#[derive(Serialize, Deserialize)]
struct PendingRow {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    refused: bool,
    id: String,
    rule: String,
    title: String,
    description: String,
    runbook: String,
    severity: String,
    group: String,
    account: String,
    name: String,
    region: String,
    time: Timestamp,
    who: String,
    from: String,
    event: String,
    instance: String,
    facts: Vec<(String, String)>,
}

pub(super) fn pending(pending: &Pending) -> Vec<u8> {
    let alert = pending.alert.clone();
    json(&PendingRow {
        at: pending.enqueued,
        refused: pending.refused,
        id: alert.id,
        rule: alert.rule,
        title: alert.title,
        description: alert.description,
        runbook: alert.runbook,
        severity: alert.severity.name().to_owned(),
        group: alert.group,
        account: alert.account,
        name: alert.account_name,
        region: alert.region,
        time: alert.time,
        who: alert.principal,
        from: alert.address,
        event: alert.event_id,
        instance: alert.instance,
        facts: alert.facts,
    })
}

/// The row's seq is the end of its key.
pub(super) fn read_pending(key: &[u8], row: &[u8]) -> Option<Pending> {
    let row: PendingRow = serde_json::from_slice(row).ok()?;
    let seq = u64::from_be_bytes(key.get(key.len().checked_sub(8)?..)?.try_into().ok()?);
    Some(Pending {
        seq,
        enqueued: row.at,
        refused: row.refused,
        alert: Alert {
            id: row.id,
            rule: row.rule,
            title: row.title,
            description: row.description,
            runbook: row.runbook,
            severity: Severity::parse(&row.severity)?,
            group: row.group,
            account: row.account,
            account_name: row.name,
            region: row.region,
            time: row.time,
            principal: row.who,
            address: row.from,
            event_id: row.event,
            instance: row.instance,
            facts: row.facts,
        },
    })
}
