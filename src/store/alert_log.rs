//! The last alerts and what became of each, the incidents that they are parts of, and the silences that hide some. Owns their rows.

use serde::{Deserialize, Serialize};

use crate::domain::incident::Incident;
use crate::domain::judge::decision::Decision;
use crate::domain::judge::decisions::Place;
use crate::domain::judge::silence::Silence;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{self, key};
use crate::store::state::Store;

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
        let rows = self.scan(key::silences()).await?;
        Ok(rows.iter().filter_map(|(_, row)| serde_json::from_slice(row).ok()).collect())
    }

    /// Writes a silence, flushed and synced.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn put_silence(&self, silence: &Silence) -> Result<(), StoreError> {
        self.write(vec![Change::put(key::silence(&silence.id), rows::json(silence))]).await
    }

    /// Takes a silence away.
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
