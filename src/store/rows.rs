//! How keys and values look on disk. Owns their bytes; a change here is a new `SCHEMA`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::instances::usage::Usage;
use crate::domain::lookup::cursor::{Cursor, Walk};
use crate::domain::notify::outbox::Sent;
use crate::domain::severity::Severity;

/// How many ids stand in one row.
pub(super) const IDS: usize = 64;

/// Keys; see the table in `store`.
pub(super) mod key {
    use crate::domain::notify::message::Pending;
    use crate::domain::severity::Severity;

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

    pub fn instances() -> Vec<u8> {
        vec![b'i']
    }

    pub fn outbox_all() -> Vec<u8> {
        vec![b'o']
    }

    pub fn outbox_of(sink: &str) -> Vec<u8> {
        joined(b'o', &[sink, ""])
    }

    pub fn outbox(sink: &str, severity: Severity, seq: u64) -> Vec<u8> {
        let mut key = outbox_at(sink, severity);
        key.extend(seq.to_be_bytes());
        key
    }

    pub fn outbox_at(sink: &str, severity: Severity) -> Vec<u8> {
        let mut key = outbox_of(sink);
        key.push(u8::MAX - severity as u8);
        key
    }

    pub fn pending(sink: &str, pending: &Pending) -> Vec<u8> {
        outbox(sink, pending.alert.severity, pending.seq)
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

    pub fn dead_all() -> Vec<u8> {
        vec![b'd']
    }

    pub fn dead(sink: &str, seq: Option<u64>) -> Vec<u8> {
        let mut key = joined(b'd', &[sink, ""]);
        key.extend(seq.into_iter().flat_map(u64::to_be_bytes));
        key
    }

    pub fn ledger(account: &str, region: &str) -> Vec<u8> {
        joined(b'v', &[account, region])
    }

    pub fn starts() -> Vec<u8> {
        vec![b'n']
    }

    pub fn health(subject: &str) -> Vec<u8> {
        joined(b'h', &[subject])
    }

    pub fn exclusion(account: &str, name: &str) -> Vec<u8> {
        joined(b'x', &[account, name])
    }

    pub fn exclusions() -> Vec<u8> {
        vec![b'x']
    }

    pub fn memories(account: &str) -> Vec<u8> {
        joined(b'm', &[account, ""])
    }

    pub fn memory(account: &str, kind: u8, bucket: u8) -> Vec<u8> {
        [memories(account), vec![kind, bucket]].concat()
    }

    pub fn thresholds(account: &str) -> Vec<u8> {
        joined(b'q', &[account, ""])
    }

    pub fn threshold(account: &str, key: &[u8; 16]) -> Vec<u8> {
        [&thresholds(account)[..], key].concat()
    }

    /// Everything that is known of what was before, under any version: prefixes.
    pub fn learned() -> [Vec<u8>; 5] {
        [vec![b'm'], vec![b'q'], vec![b'x'], vec![b'e'], vec![b't']]
    }

    /// Whether a cursor is that of a lane which learns.
    pub fn is_history(cursor: &[u8]) -> bool {
        String::from_utf8_lossy(cursor).contains("\0history ")
    }

    pub fn history(account: &str, region: &str) -> Vec<u8> {
        joined(b'e', &[account, region])
    }

    pub fn alerts() -> Vec<u8> {
        vec![b'a']
    }

    pub fn alert(slot: u16) -> Vec<u8> {
        [&[b'a'][..], &slot.to_be_bytes()].concat()
    }

    pub fn incidents() -> Vec<u8> {
        vec![b'f']
    }

    pub fn incident(id: &str) -> Vec<u8> {
        joined(b'f', &[id])
    }

    pub fn silences() -> Vec<u8> {
        vec![b'j']
    }

    pub fn silence(id: &str) -> Vec<u8> {
        joined(b'j', &[id])
    }

    pub fn silences_ended() -> Vec<u8> {
        vec![b'J']
    }

    pub fn silence_ended(id: &str) -> Vec<u8> {
        joined(b'J', &[id])
    }

    pub fn tallies() -> Vec<u8> {
        vec![b't']
    }

    pub fn tally(account: &str) -> Vec<u8> {
        joined(b't', &[account])
    }

    pub fn day() -> Vec<u8> {
        vec![b'y']
    }

    pub fn born() -> Vec<u8> {
        vec![b'b']
    }

    pub fn lost() -> Vec<u8> {
        vec![b'z']
    }

    pub fn part(key: &[u8], chunk: u8) -> Vec<u8> {
        let mut part = vec![b'p'];
        part.extend(key);
        part.push(chunk);
        part
    }
}

/// The seq of a waiting or a dead alert: the end of its key.
pub(super) fn seq_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(key.len().checked_sub(8)?..)?.try_into().ok()?))
}

pub(super) fn time(time: Timestamp) -> Vec<u8> {
    time.as_millisecond().to_be_bytes().to_vec()
}

pub(super) fn read_time(row: &[u8]) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::from_be_bytes(row.try_into().ok()?)).ok()
}

pub(super) fn json(row: &impl Serialize) -> Vec<u8> {
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
    #[serde(default)]
    news: Vec<u64>,
    #[serde(default)]
    severity: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    thread: String,
}

pub(super) fn sent(sent: &Sent) -> Vec<u8> {
    json(&SentRow {
        last: sent.last,
        upto: sent.upto,
        news: sent.news.clone(),
        severity: sent.severity.name().to_owned(),
        thread: sent.thread.clone(),
    })
}

pub(super) fn read_sent(row: &[u8]) -> Option<Sent> {
    let row: SentRow = serde_json::from_slice(row).ok()?;
    let severity = Severity::parse(&row.severity).unwrap_or(Severity::Critical);
    Some(Sent { last: row.last, upto: row.upto, news: row.news, severity, thread: row.thread })
}

pub(super) fn usage(usage: &Usage) -> Vec<u8> {
    json(usage)
}

pub(super) fn read_usage(row: &[u8]) -> Option<Usage> {
    serde_json::from_slice(row).ok()
}
