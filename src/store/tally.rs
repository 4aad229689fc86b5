//! What was counted since the last daily summary, as it stands on disk. Owns its row; what counts is the domain's.

use jiff::Timestamp;

use crate::domain::health::daily::Tally;
use crate::domain::judge::inputs::Judgement;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{json, key};
use crate::store::state::Inner;
use crate::store::state::Store;

impl Inner {
    pub(super) fn tally(
        &mut self,
        judgement: &Judgement,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        if judgement.alerts.is_empty() && judgement.excluded.is_empty() && judgement.tried.is_empty() {
            return Ok(());
        }
        let mut tally = self.read_tally()?;
        tally.add(&judgement.alerts, &judgement.excluded, &judgement.tried);
        changes.push(Change::put(key::tally(), json(&tally)));
        Ok(())
    }

    fn read_tally(&mut self) -> Result<Tally, StoreError> {
        let row = self.engine.get(&key::tally())?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
    }
}

impl Store {
    /// What was counted since the last summary.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn tally(&self) -> Result<Tally, StoreError> {
        self.lock().read_tally()
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn begin_tally(&self, since: Timestamp) -> Result<(), StoreError> {
        let tally = Tally { since: Some(since), ..Tally::default() };
        self.lock().engine.write(vec![Change::put(key::tally(), json(&tally))], true)
    }
}
