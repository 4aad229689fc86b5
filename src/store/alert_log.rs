//! The last alerts and what became of each. Owns their rows: a ring of them, so that no flood makes them more.

use serde::{Deserialize, Serialize};

use crate::domain::judge::decision::Decision;
use crate::domain::judge::decisions::ALERTS;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{self, key};
use crate::store::state::Store;

#[derive(Serialize, Deserialize)]
struct Row<D> {
    place: u64,
    #[serde(flatten)]
    decision: D,
}

/// Each decision in the row of its place.
pub(super) fn changes(numbered: &[(u64, Decision)]) -> impl Iterator<Item = Change> {
    numbered.iter().map(|(place, decision)| {
        let slot = u16::try_from(place % ALERTS as u64).unwrap_or_default();
        Change::put(key::alert(slot), rows::json(&Row { place: *place, decision }))
    })
}

impl Store {
    /// The last alerts' decisions with their places, in no order.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn alerts(&self) -> Result<Vec<(u64, Decision)>, StoreError> {
        let rows = self.scan(key::alerts()).await?;
        let read = |row: &[u8]| serde_json::from_slice::<Row<Decision>>(row).ok();
        Ok(rows.iter().filter_map(|(_, row)| read(row)).map(|row| (row.place, row.decision)).collect())
    }

    /// Notes what became of alerts. It is not waited for: it reaches the disk with what is synced next.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn note_deliveries(&self, numbered: &[(u64, Decision)]) -> Result<(), StoreError> {
        let changes: Vec<Change> = changes(numbered).collect();
        if !changes.is_empty() {
            self.engine.write(changes).await?;
        }
        Ok(())
    }
}
