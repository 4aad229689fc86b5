//! The cursors in a small file beside the store, for when the store is lost. Owns that file: it is always whole,
//! and so far behind that nothing unsent lies before it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::lookup::cursor::Cursor;
use crate::store::engine::Engine;
use crate::store::error::StoreError;
use crate::store::rows;
use crate::store::rows::{CursorRow, key};

/// How many waiting alerts are looked at.
const LOOKED_AT: usize = 1000;

#[derive(Serialize, Deserialize)]
struct Checkpoint {
    /// The event time of the oldest alert that some sink still waits for.
    unsent: Option<Timestamp>,
    /// By `account/region/lane`.
    cursors: BTreeMap<String, CursorRow>,
}

fn file(path: &Path) -> PathBuf {
    path.join("checkpoint.json")
}

/// Writes the file anew. It is a copy for bad days, so a failure is logged and no more.
pub(super) fn write(path: &Path, engine: &mut Engine) {
    let written = (|| {
        let other = |error: StoreError| std::io::Error::other(error.to_string());
        let mut cursors = BTreeMap::new();
        for (key, row) in engine.scan(&key::cursors(), usize::MAX).map_err(other)? {
            if let Some(cursor) = rows::read_cursor(&row) {
                let name = String::from_utf8_lossy(&key[1..]).replace('\0', "/");
                cursors.insert(name, CursorRow::of(&cursor));
            }
        }
        let unsent = oldest_unsent(engine).map_err(other)?;
        let new = path.join("checkpoint.new");
        let mut out = File::create(&new)?;
        out.write_all(&serde_json::to_vec(&Checkpoint { unsent, cursors })?)?;
        out.sync_all()?;
        fs::rename(&new, file(path))?;
        File::open(path)?.sync_all()
    })();
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), "cannot write the checkpoint: {error}");
    }
}

/// The time of the oldest event that some sink still waits for. Of a long queue its most urgent part is looked at,
/// and the alert that was written first: reading it all would cost more memory than the daemon has.
fn oldest_unsent(engine: &mut Engine) -> Result<Option<Timestamp>, StoreError> {
    let mut rows = engine.scan(&key::outbox_all(), LOOKED_AT)?;
    if rows.len() == LOOKED_AT {
        let keys = engine.keys(&key::outbox_all())?;
        let first = keys.into_iter().min_by_key(|key| key[key.len().saturating_sub(8)..].to_vec());
        if let Some(first) = first
            && let Some(row) = engine.get(&first)?
        {
            rows.push((first, row));
        }
    }
    Ok(rows
        .iter()
        .filter_map(|(key, row)| rows::read_pending(key, row))
        .map(|pending| pending.alert.time)
        .min())
}

/// The cursors by their keys, set back to what was not sent.
pub(super) fn read(path: &Path) -> Vec<(Vec<u8>, Cursor)> {
    let Some(checkpoint) =
        fs::read(file(path)).ok().and_then(|bytes| serde_json::from_slice::<Checkpoint>(&bytes).ok())
    else {
        return Vec::new();
    };
    let unsent = checkpoint.unsent;
    checkpoint
        .cursors
        .into_iter()
        .filter_map(|(name, row)| {
            let mut parts = name.splitn(3, '/');
            let (account, region, lane) = (parts.next()?, parts.next()?, parts.next()?);
            let mut cursor = row.cursor();
            cursor.walk = None;
            if let Some(unsent) = unsent {
                cursor.through = cursor.through.min(unsent);
            }
            Some((key::cursor(account, region, lane), cursor))
        })
        .collect()
}
