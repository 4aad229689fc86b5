//! The state in memory: what an engine is at its least. For tests and trials; it is gone with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::engine::interface::{Answer, Change, Engine, Row, Written};

/// The state in this process's memory.
#[derive(Debug, Default)]
pub(in crate::store) struct InMemory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    written: Written,
}

impl InMemory {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows whose keys begin with a prefix.
fn under<'a>(
    rows: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    prefix: &'a [u8],
) -> impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)> {
    rows.range(prefix.to_vec()..).take_while(move |(key, _)| key.starts_with(prefix))
}

impl Engine for InMemory {
    fn get<'a>(&'a self, keys: &'a [Vec<u8>]) -> Answer<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(async move {
            let inner = self.lock();
            Ok(keys.iter().map(|key| inner.rows.get(key).cloned()).collect())
        })
    }

    fn scan<'a>(&'a self, prefixes: &'a [Vec<u8>], limit: usize) -> Answer<'a, Vec<Vec<Row>>> {
        Box::pin(async move {
            let inner = self.lock();
            let rows = |prefix: &Vec<u8>| -> Vec<Row> {
                let rows = under(&inner.rows, prefix).take(limit);
                rows.map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            Ok(prefixes.iter().map(rows).collect())
        })
    }

    fn keys<'a>(&'a self, prefix: &'a [u8]) -> Answer<'a, Vec<Vec<u8>>> {
        Box::pin(async move { Ok(under(&self.lock().rows, prefix).map(|(key, _)| key.clone()).collect()) })
    }

    fn write(&self, changes: Vec<Change>) -> Answer<'_, Written> {
        Box::pin(async move {
            let mut inner = self.lock();
            for change in changes {
                match change.value {
                    Some(value) => inner.rows.insert(change.key, value),
                    None => inner.rows.remove(&change.key),
                };
            }
            inner.written.0 += 1;
            Ok(inner.written)
        })
    }

    fn settled(&self, _upto: Written) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn last(&self) -> Written {
        self.lock().written
    }

    fn size(&self) -> u64 {
        let inner = self.lock();
        inner.rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}
