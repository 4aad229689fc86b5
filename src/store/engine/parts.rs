//! Rows as sled has them: a long value is cut into parts, and what is only in memory is laid over what the disk has. Owns
//! these two; when something is written is `disk`'s.

use std::collections::BTreeMap;

use crate::store::engine::interface::{Change, Row};
use crate::store::rows::key;

/// Longer values are cut into parts: a sled item that passes 4 KiB by far ends in files that are never freed.
const PART: usize = 3 * 1024;

/// Changes by their keys.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The value of a key.
pub(super) fn value(db: &sled::Db, overlay: &Changes, key: &[u8]) -> sled::Result<Option<Vec<u8>>> {
    match overlay.get(key) {
        Some(value) => Ok(value.clone()),
        None => db.get(key)?.map_or(Ok(None), |value| whole(db, key, &value)),
    }
}

/// The keys that begin with a prefix, in their order.
pub(super) fn keys(db: &sled::Db, overlay: &Changes, prefix: &[u8]) -> sled::Result<Vec<Vec<u8>>> {
    let mut keys = Vec::new();
    for key in db.scan_prefix(prefix).keys() {
        let key = key?.to_vec();
        if !overlay.contains_key(&key) {
            keys.push(key);
        }
    }
    if !overlay.is_empty() {
        keys.extend(over(overlay, prefix).map(|(key, _)| key));
        keys.sort();
    }
    Ok(keys)
}

/// The rows under a prefix that are only in memory.
fn over<'a>(overlay: &'a Changes, prefix: &'a [u8]) -> impl Iterator<Item = Row> {
    let over = overlay.range(prefix.to_vec()..).take_while(move |(key, _)| key.starts_with(prefix));
    over.filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
}

/// Up to `limit` rows whose keys begin with a prefix, in their order.
pub(super) fn scan(db: &sled::Db, overlay: &Changes, prefix: &[u8], limit: usize) -> sled::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for row in db.scan_prefix(prefix) {
        let (key, value) = row?;
        if rows.len() >= limit {
            break;
        }
        if !overlay.contains_key(key.as_ref())
            && let Some(value) = whole(db, &key, &value)?
        {
            rows.push((key.to_vec(), value));
        }
    }
    if !overlay.is_empty() {
        rows.extend(over(overlay, prefix));
        rows.sort();
        rows.truncate(limit);
    }
    Ok(rows)
}

/// Writes all changes or none.
pub(super) fn apply(db: &sled::Db, changes: &[Change]) -> sled::Result<()> {
    let mut batch = sled::Batch::default();
    for change in changes {
        cut(db, change, &mut batch)?;
    }
    db.apply_batch(batch)
}

/// Adds a change to a batch. A value's first byte says in how many parts it stands elsewhere; zero is none.
fn cut(db: &sled::Db, change: &Change, batch: &mut sled::Batch) -> sled::Result<()> {
    let before = db.get(&change.key)?.and_then(|value| value.first().copied()).unwrap_or(0);
    let mut parts = 0u8;
    match &change.value {
        None => batch.remove(change.key.as_slice()),
        Some(value) if value.len() <= PART => {
            let mut row = vec![0];
            row.extend(value);
            batch.insert(change.key.as_slice(), row);
        }
        Some(value) => {
            for part in value.chunks(PART) {
                batch.insert(key::part(&change.key, parts), part);
                parts = parts.saturating_add(1);
            }
            batch.insert(change.key.as_slice(), vec![parts]);
        }
    }
    for gone in parts..before {
        batch.remove(key::part(&change.key, gone));
    }
    Ok(())
}

fn whole(db: &sled::Db, key: &[u8], row: &[u8]) -> sled::Result<Option<Vec<u8>>> {
    let Some((parts, value)) = row.split_first() else { return Ok(None) };
    if *parts == 0 {
        return Ok(Some(value.to_vec()));
    }
    let mut whole = Vec::new();
    for part in 0..*parts {
        match db.get(key::part(key, part))? {
            Some(part) => whole.extend_from_slice(&part),
            None => return Ok(None),
        }
    }
    Ok(Some(whole))
}
