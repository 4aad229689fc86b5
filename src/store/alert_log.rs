//! The last alerts and what became of each, the incidents that they are parts of, and the silences that hide some. Owns their rows.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::incident::Incident;
use crate::domain::judge::decision::Decision;
use crate::domain::judge::decisions::Place;
use crate::domain::judge::silence::{DAYS, Silence};
use crate::domain::time::later;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{self, key};
use crate::store::state::Store;

/// No silence is in force for longer.
const LONGEST: Duration = Duration::from_secs(DAYS as u64 * 24 * 3600);

#[derive(Serialize, Deserialize)]
struct Row<D> {
    #[serde(rename = "place")]
    number: u64,
    #[serde(flatten)]
    decision: D,
}

/// Each decision in the row of its place.
pub(super) fn changes(numbered: &[(Place, Decision)]) -> impl Iterator<Item = Change> {
    numbered.iter().map(|(place, decision)| {
        Change::put(key::alert(place.row), rows::json(&Row { number: place.number, decision }))
    })
}

impl Store {
    /// The last alerts' decisions with their places, in no order.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn alerts(&self) -> Result<Vec<(Place, Decision)>, StoreError> {
        let rows = self.scan(key::alerts()).await?;
        let read = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let at = u16::from_be_bytes(key.get(1..)?.try_into().ok()?);
            let row = serde_json::from_slice::<Row<Decision>>(row).ok()?;
            Some((Place { number: row.number, row: at }, row.decision))
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Every incident that is known.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let rows = self.scan(key::incidents()).await?;
        Ok(rows.iter().filter_map(|(_, row)| serde_json::from_slice(row).ok()).collect())
    }

    /// Every silence that was not taken away.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        let ended = self.scan(key::silences_ended()).await?;
        let ended: BTreeSet<String> = ended.iter().map(|(key, _)| key::first_of(key)).collect();
        let rows = self.scan(key::silences()).await?;
        let silences = rows.iter().filter_map(|(_, row)| serde_json::from_slice(row).ok());
        Ok(silences.filter(|silence: &Silence| !ended.contains(&silence.id)).collect())
    }

    /// Writes a silence, flushed and synced.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn put_silence(&self, silence: &Silence) -> Result<(), StoreError> {
        self.write(vec![Change::put(key::silence(&silence.id), rows::json(silence))]).await
    }

    /// Ends a silence for good: a batch that counted what it hid may write it again, and does not bring it back. The marks of those
    /// that are over by now anyway go with it.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn end_silence(&self, id: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let marks = self.scan(key::silences_ended()).await?;
        let is_over = |row: &[u8]| rows::read_time(row).is_none_or(|ended| later(ended, LONGEST) < now);
        let mut changes: Vec<Change> =
            marks.into_iter().filter(|(_, row)| is_over(row)).map(|(key, _)| Change::delete(key)).collect();
        changes.push(Change::delete(key::silence(id)));
        changes.push(Change::put(key::silence_ended(id), rows::time(now)));
        self.write(changes).await
    }

    /// Takes away a silence whose time is over.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn delete_silence(&self, id: &str) -> Result<(), StoreError> {
        self.write(vec![Change::delete(key::silence(id))]).await
    }

    /// Notes what became of alerts. It is not waited for: it reaches the disk with what is synced next.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn note_deliveries(&self, numbered: &[(Place, Decision)]) -> Result<(), StoreError> {
        let changes: Vec<Change> = changes(numbered).collect();
        if !changes.is_empty() {
            self.engine.write(changes).await?;
        }
        Ok(())
    }
}
