//! What was told, hidden and missed since the last daily summary. Owns the counts; the summary's words are the
//! domain's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::engine::Change;
use super::rows::{json, key};
use super::{Inner, Store, StoreError};
use crate::domain::judge::Judgement;

/// How many gaps are named; more are counted.
const GAPS: usize = 20;
/// The rules that tell of what was not seen, or not in time.
const GAP_RULES: [&str; 3] = ["trailnoti-blind", "trailnoti-behind", "trailnoti-state"];

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Since when it counts.
    pub since: Option<Timestamp>,
    /// Alerts by severity.
    pub told: BTreeMap<String, u64>,
    /// Hidden events by exclusion.
    pub hidden: BTreeMap<String, u64>,
    /// What was not seen, or not in time: when, and its title.
    pub gaps: Vec<(Timestamp, String)>,
}

impl Tally {
    fn add(&mut self, judgement: &Judgement) {
        for alert in &judgement.alerts {
            *self.told.entry(alert.severity.name().to_owned()).or_default() += 1;
            if GAP_RULES.contains(&alert.rule.as_str()) && self.gaps.len() < GAPS {
                self.gaps.push((alert.time, alert.title.clone()));
            }
        }
        for name in &judgement.excluded {
            *self.hidden.entry(name.clone()).or_default() += 1;
        }
    }
}

impl Inner {
    pub(super) fn tally(
        &mut self,
        judgement: &Judgement,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        if judgement.alerts.is_empty() && judgement.excluded.is_empty() {
            return Ok(());
        }
        let mut tally = self.read_tally()?;
        tally.add(judgement);
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
