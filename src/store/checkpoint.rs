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
use crate::store::rows::{CursorRow, key};
use crate::store::{pending, rows};

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

/// Writes the file anew. It is a copy for bad days, so a failure is logged and no more. The cursors are read first: whatever
/// they have passed is in the queues by then, or was sent.
pub(super) async fn write(folder: &Path, engine: &dyn Engine) {
    let written = async {
        let other = |error: StoreError| std::io::Error::other(error.to_string());
        let mut cursors = BTreeMap::new();
        for (key, row) in engine.scan(&[key::cursors()], usize::MAX).await.map_err(other)?.concat() {
            if let Some(cursor) = rows::read_cursor(&row) {
                let name = String::from_utf8_lossy(&key[1..]).replace('\0', "/");
                cursors.insert(name, CursorRow::of(&cursor));
            }
        }
        let unsent = oldest_unsent(engine).await.map_err(other)?;
        let text = serde_json::to_vec(&Checkpoint { unsent, cursors })?;
        let folder = folder.to_owned();
        #[allow(clippy::disallowed_methods, reason = "a disk that hangs must not hold up the loops")]
        tokio::task::spawn_blocking(move || replace(&folder, &text)).await.map_err(std::io::Error::other)?
    };
    if let Err(error) = written.await {
        tracing::warn!(path = %folder.display(), "cannot write the checkpoint: {error}");
    }
}

/// The file is the old one or the new one, and never a part.
fn replace(folder: &Path, text: &[u8]) -> std::io::Result<()> {
    let new = folder.join("checkpoint.new");
    let mut out = File::create(&new)?;
    out.write_all(text)?;
    out.sync_all()?;
    fs::rename(&new, file(folder))?;
    File::open(folder)?.sync_all()
}

/// The time of the oldest event that some sink still waits for. Of a long queue its most urgent part is looked at,
/// and the alert that was written first: reading it all would cost more memory than the daemon has.
async fn oldest_unsent(engine: &dyn Engine) -> Result<Option<Timestamp>, StoreError> {
    let mut rows = engine.scan(&[key::outbox_all()], LOOKED_AT).await?.concat();
    if rows.len() == LOOKED_AT {
        let keys = engine.keys(&key::outbox_all()).await?;
        if let Some(first) = keys.into_iter().min_by_key(|key| rows::seq_of(key))
            && let Some(row) = engine.get(std::slice::from_ref(&first)).await?.pop().flatten()
        {
            rows.push((first, row));
        }
    }
    Ok(rows.iter().filter_map(|(key, row)| pending::read(key, row)).map(|pending| pending.alert.time).min())
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
