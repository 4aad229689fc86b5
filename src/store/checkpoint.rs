//! The cursors in a small file beside the store, for when the store is lost. Owns that file: it is always whole,
//! and so far behind that nothing unsent lies before it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::rows::{self, CursorRow, key};
use crate::domain::cursor::Cursor;

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

pub(super) fn exists(path: &Path) -> bool {
    file(path).exists()
}

/// Writes the file anew. It is a copy for bad days, so a failure is logged and no more.
pub(super) fn write(path: &Path, engine: &Engine) {
    let written = (|| {
        let other = |error: super::StoreError| std::io::Error::other(error.to_string());
        let mut cursors = BTreeMap::new();
        for (key, row) in engine.scan(&key::cursors(), usize::MAX).map_err(other)? {
            if let Some(cursor) = rows::read_cursor(&row) {
                let name = String::from_utf8_lossy(&key[1..]).replace('\0', "/");
                cursors.insert(name, CursorRow::of(&cursor));
            }
        }
        let waiting = engine.scan(&key::outbox_all(), usize::MAX).map_err(other)?;
        let unsent =
            waiting.iter().filter_map(|(k, row)| rows::read_pending(k, row)).map(|p| p.alert.time).min();
        let new = path.join("checkpoint.new");
        let mut out = File::create(&new)?;
        out.write_all(&serde_json::to_vec(&Checkpoint { unsent, cursors })?)?;
        out.sync_all()?;
        fs::rename(&new, file(path))?;
        File::open(path)?.sync_all()
    })();
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), "the checkpoint could not be written: {error}");
    }
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
