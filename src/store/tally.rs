//! What was counted since the last daily summary, as it stands on disk. Owns its rows, one for each account; what counts is the
//! domain's.

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::health::daily::Tally;
use crate::domain::judge::inputs::Judgement;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{self, json, key};
use crate::store::state::Store;

fn read(row: &[u8]) -> Option<Tally> {
    serde_json::from_slice(row).ok()
}

impl Store {
    pub(super) async fn count(
        &self,
        scope: Scope<'_>,
        judgement: &Judgement,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        if judgement.alerts.is_empty() && judgement.excluded.is_empty() && judgement.tried.is_empty() {
            return Ok(());
        }
        let rows = self.engine.get(&[key::day(), key::tally(scope.account())]).await?;
        let [day, tally] = rows.as_slice() else { return Ok(()) };
        let since = day.as_deref().and_then(rows::read_time);
        // What was counted for the last summary is counted for no other.
        let tally = tally.as_deref().and_then(read).filter(|tally| tally.since == since);
        let mut tally = tally.unwrap_or(Tally { since, ..Tally::default() });
        tally.add(&judgement.alerts, &judgement.excluded, &judgement.tried);
        changes.push(Change::put(key::tally(scope.account()), json(&tally)));
        Ok(())
    }

    /// What was counted since the last summary.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn tally(&self) -> Result<Tally, StoreError> {
        let since = self.get(key::day()).await?.as_deref().and_then(rows::read_time);
        let rows = self.scan(key::tallies()).await?;
        let of_accounts = rows.iter().filter_map(|(_, row)| read(row)).filter(|tally| tally.since == since);
        Ok(Tally { since, ..of_accounts.sum() })
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn begin_tally(&self, since: Timestamp) -> Result<(), StoreError> {
        self.write(vec![Change::put(key::day(), rows::time(since))]).await
    }
}
