//! What accounts did before, and what rules counted, as it stands on disk. Owns their rows; what is remembered is the
//! domain's.
//!
//! Values of one kind stand in 256 rows by the first byte of what they are made into: 23 bytes each, so that 16,000
//! values are 62 to a row, and a row is below 3 KiB.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::judge::inputs::Judgement;
use crate::domain::rules::memory::{Memory, Sighting, Sightings, Token};
use crate::domain::rules::threshold::{ThresholdCount, ThresholdCounts};
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{json, key};
use crate::store::state::Inner;
use crate::store::state::Store;

/// Fifteen bytes of the value, then when it was seen first and last, in seconds since 1970.
const ENTRY: usize = 15 + 4 + 4;

fn seconds(time: Timestamp) -> [u8; 4] {
    u32::try_from(time.as_second()).unwrap_or_default().to_be_bytes()
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    Timestamp::from_second(u32::from_be_bytes(bytes.try_into().ok()?).into()).ok()
}

fn entries(kind: u8, bucket: u8, row: &[u8]) -> BTreeMap<Token, Sighting> {
    let entry = |entry: &[u8]| {
        let mut id = [bucket; 16];
        id[1..].copy_from_slice(entry.get(..15)?);
        let sighting = Sighting { first: time(entry.get(15..19)?)?, last: time(entry.get(19..23)?)? };
        Some((Token { kind, id }, sighting))
    };
    row.chunks_exact(ENTRY).filter_map(entry).collect()
}

impl Inner {
    pub(super) fn past(
        &mut self,
        judgement: &Judgement,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        self.sightings(&judgement.sightings, changes)?;
        changes
            .extend(judgement.thresholds.iter().map(|(id, burst)| Change::put(key::burst(id), json(burst))));
        Ok(())
    }

    fn sightings(&mut self, sightings: &Sightings, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        let mut buckets: BTreeMap<(u8, u8), Sightings> = BTreeMap::new();
        for (token, sighting) in sightings {
            buckets.entry((token.kind, token.id[0])).or_default().push((*token, *sighting));
        }
        for ((kind, bucket), changed) in buckets {
            let key = key::memory(kind, bucket);
            let row = self.engine.get(&key)?.unwrap_or_default();
            let mut known = entries(kind, bucket, &row);
            for (token, sighting) in changed {
                match sighting {
                    Some(sighting) => known.insert(token, sighting),
                    None => known.remove(&token),
                };
            }
            let mut row = Vec::with_capacity(known.len() * ENTRY);
            for (token, sighting) in known {
                row.extend(&token.id[1..]);
                row.extend(seconds(sighting.first));
                row.extend(seconds(sighting.last));
            }
            changes.push(if row.is_empty() { Change::delete(key) } else { Change::put(key, row) });
        }
        Ok(())
    }
}

impl Store {
    /// What accounts did before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn memory(&self) -> Result<Memory, StoreError> {
        let mut memory = Memory::default();
        for (key, row) in self.lock().engine.scan(&key::memories(), usize::MAX)? {
            let [_, kind, bucket] = key.as_slice() else { continue };
            for (token, sighting) in entries(*kind, *bucket, &row) {
                memory.put(token, Some(sighting));
            }
        }
        Ok(memory)
    }

    /// What rules with a threshold have counted.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn thresholds(&self) -> Result<ThresholdCounts, StoreError> {
        let rows = self.lock().engine.scan(&key::thresholds(), usize::MAX)?;
        let burst = |(key, row): &(Vec<u8>, Vec<u8>)| {
            Some((key.get(1..)?.try_into().ok()?, serde_json::from_slice::<ThresholdCount>(row).ok()?))
        };
        Ok(rows.iter().filter_map(burst).collect())
    }

    /// Forgets.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn forget_past(&self, old: &[Token], over: &[[u8; 16]]) -> Result<(), StoreError> {
        if old.is_empty() && over.is_empty() {
            return Ok(());
        }
        let mut inner = self.lock();
        let mut changes: Vec<Change> = over.iter().map(|id| Change::delete(key::burst(id))).collect();
        inner.sightings(&old.iter().map(|token| (*token, None)).collect(), &mut changes)?;
        inner.engine.write(changes, false)
    }

    /// Under which rules the history of a region was read and judged, if it was.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn history_of(&self, scope: Scope<'_>) -> Result<Option<String>, StoreError> {
        let row = self.lock().engine.get(&key::history(scope.account(), scope.region()))?;
        Ok(row.map(|row| String::from_utf8_lossy(&row).into_owned()))
    }
}
