//! What the store asks of an engine, and what every engine promises. Owns no byte; `contract` holds each engine to it.

use std::fmt::Debug;

use futures_util::future::BoxFuture;

use crate::store::error::StoreError;

/// A key and its value.
pub(in crate::store) type Row = (Vec<u8>, Vec<u8>);

/// An answer that may take a while.
pub(in crate::store) type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// One key's new value, or its end.
#[derive(Debug, Clone)]
pub(in crate::store) struct Change {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Change {
    pub fn put(key: Vec<u8>, value: Vec<u8>) -> Self {
        Change { key, value: Some(value) }
    }

    pub fn delete(key: Vec<u8>) -> Self {
        Change { key, value: None }
    }
}

/// A place in the order of what was written: everything up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Written(pub(super) u64);

/// What every engine promises; `contract` holds each of them to it.
///
/// Whoever reads a key, changes its value and writes it holds the lock of the account that the key is of: an engine knows no
/// transactions beyond a batch. [`StoreError::Busy`] is an error that may pass: nothing happened, and the same may be asked
/// again.
pub(in crate::store) trait Engine: Debug + Send + Sync {
    /// The values of several keys, in the order of the keys.
    fn get<'a>(&'a self, keys: &'a [Vec<u8>]) -> Answer<'a, Vec<Option<Vec<u8>>>>;

    /// For each prefix, up to `limit` rows whose keys begin with it, in the order of the keys.
    fn scan<'a>(&'a self, prefixes: &'a [Vec<u8>], limit: usize) -> Answer<'a, Vec<Vec<Row>>>;

    /// The keys that begin with a prefix, in their order.
    fn keys<'a>(&'a self, prefix: &'a [u8]) -> Answer<'a, Vec<Vec<u8>>>;

    /// Writes all changes or none. Whoever reads afterwards reads them; a crash may still lose them, and then also
    /// everything that was written after them.
    fn write(&self, changes: Vec<Change>) -> Answer<'_, Written>;

    /// Waits until a crash or a power loss takes nothing of what was written up to a place. Others read and write
    /// meanwhile.
    fn settled(&self, upto: Written) -> Answer<'_, ()>;

    /// The place of what was written last.
    fn last(&self) -> Written;

    /// Why what is written does not last, if it does not.
    fn degraded(&self) -> Option<String> {
        None
    }

    /// Tries to make what is written last; true where it does.
    fn recover(&self) -> bool {
        true
    }

    /// How large the state is, in bytes.
    fn size(&self) -> u64;
}
