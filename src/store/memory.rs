//! What accounts did before, and what rules counted, as it stands on disk. Owns their rows; what is remembered is the
//! domain's.
//!
//! Values of one kind stand in 256 rows by the first byte of what they are made into: 23 bytes each, so that 16,000
//! values are 62 to a row, and a row is below 3 KiB.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::judge::inputs::Judgement;
use crate::domain::rules::memory::{Memory, SEVERAL, Sighting};
use crate::domain::rules::recollection::Sightings;
use crate::domain::rules::threshold::{ThresholdCount, ThresholdCounts};
use crate::domain::rules::token::Token;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{json, key};
use crate::store::state::Store;

/// Fifteen bytes of the value, then when it was seen first and last, in seconds since 1970.
const ENTRY: usize = 15 + 4 + 4;

fn seconds(time: Timestamp) -> [u8; 4] {
    u32::try_from(time.as_second()).unwrap_or_default().to_be_bytes()
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    Timestamp::from_second(u32::from_be_bytes(bytes.try_into().ok()?).into()).ok()
}

/// The bits of the last time that hold the number of days.
const BITS: i64 = 3;
const DAY: i64 = 86_400;

/// On how many days, by what was written; an earlier build wrote other bits, and then the time between says the most.
fn days(first: Timestamp, last: Timestamp) -> u8 {
    match (last.as_second() - first.as_second(), last.as_second() & BITS) {
        (span, _) if span < DAY => 1,
        (span, _) if span < 2 * DAY => 2,
        (_, 2) => 2,
        _ => SEVERAL,
    }
}

/// The last time and the number of days in four bytes.
fn last_of(sighting: &Sighting) -> [u8; 4] {
    let last = (sighting.last.as_second() & !BITS) | i64::from(sighting.days.min(SEVERAL));
    u32::try_from(last).unwrap_or_default().to_be_bytes()
}

fn entries(kind: u8, bucket: u8, row: &[u8]) -> BTreeMap<Token, Sighting> {
    let entry = |entry: &[u8]| {
        let mut id = [bucket; 16];
        id[1..].copy_from_slice(entry.get(..15)?);
        let (first, last) = (time(entry.get(15..19)?)?, time(entry.get(19..23)?)?);
        let days = days(first, last);
        // Of the last time only the day matters, and its last bits say on how many.
        let last = Timestamp::from_second(last.as_second() & !BITS).ok()?.max(first);
        let sighting = Sighting { first, last, days };
        Some((Token { kind, id }, sighting))
    };
    row.chunks_exact(ENTRY).filter_map(entry).collect()
}

impl Store {
    /// What a batch has taught, added to what its account's rows say.
    pub(super) async fn learned(
        &self,
        scope: Scope<'_>,
        judgement: &Judgement,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        self.sightings(scope.account(), &judgement.sightings, changes).await?;
        let counted = judgement.thresholds.iter();
        let put = |(id, count): (&[u8; 16], &ThresholdCount)| {
            Change::put(key::threshold(scope.account(), id), json(count))
        };
        changes.extend(counted.map(put));
        Ok(())
    }

    async fn sightings(
        &self,
        account: &str,
        sightings: &Sightings,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut buckets: BTreeMap<(u8, u8), Sightings> = BTreeMap::new();
        for (token, sighting) in sightings {
            buckets.entry((token.kind, token.id[0])).or_default().push((*token, *sighting));
        }
        let keys: Vec<_> =
            buckets.keys().map(|(kind, bucket)| key::memory(account, *kind, *bucket)).collect();
        let rows = self.engine.get(&keys).await?;
        for ((((kind, bucket), changed), row), key) in buckets.into_iter().zip(rows).zip(keys) {
            let mut known = entries(kind, bucket, &row.unwrap_or_default());
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
                row.extend(last_of(&sighting));
            }
            changes.push(if row.is_empty() { Change::delete(key) } else { Change::put(key, row) });
        }
        Ok(())
    }

    /// What an account did before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn memory(&self, account: &str) -> Result<Memory, StoreError> {
        let mut memory = Memory::default();
        for (key, row) in self.scan(key::memories(account)).await? {
            let [.., kind, bucket] = key.as_slice() else { continue };
            for (token, sighting) in entries(*kind, *bucket, &row) {
                memory.put(token, Some(sighting));
            }
        }
        Ok(memory)
    }

    /// What rules with a threshold have counted in an account.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn thresholds(&self, account: &str) -> Result<ThresholdCounts, StoreError> {
        let rows = self.scan(key::thresholds(account)).await?;
        let count = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let id = key.get(key.len().checked_sub(16)?..)?.try_into().ok()?;
            Some((id, serde_json::from_slice::<ThresholdCount>(row).ok()?))
        };
        Ok(rows.iter().filter_map(count).collect())
    }

    /// Forgets. Whoever asks holds the account's lock.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn forget_past(
        &self,
        account: &str,
        old: &[Token],
        over: &[[u8; 16]],
    ) -> Result<(), StoreError> {
        if old.is_empty() && over.is_empty() {
            return Ok(());
        }
        let mut changes: Vec<Change> =
            over.iter().map(|id| Change::delete(key::threshold(account, id))).collect();
        let gone = old.iter().map(|token| (*token, None)).collect();
        self.sightings(account, &gone, &mut changes).await?;
        self.engine.write(changes).await?;
        Ok(())
    }

    /// Under which rules the history of a region was read and judged, if it was.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn history_of(&self, scope: Scope<'_>) -> Result<Option<String>, StoreError> {
        let row = self.get(key::history(scope.account(), scope.region())).await?;
        Ok(row.map(|row| String::from_utf8_lossy(&row).into_owned()))
    }
}
