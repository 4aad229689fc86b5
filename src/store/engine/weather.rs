//! An engine with weather, for tests: its flushes wait until they are let go, and it is busy when it is told to be.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::store::engine::in_memory::InMemory;
use crate::store::engine::interface::{Answer, Change, Engine, Row, Written};
use crate::store::error::StoreError;

/// An engine whose flushes and answers a test decides on.
#[derive(Debug)]
pub struct Weather {
    inner: InMemory,
    /// As many flushes may end as there are permits.
    pub flushes: Semaphore,
    /// So many of the next answers say that it is busy.
    pub busy: AtomicUsize,
    /// How often rows were looked through.
    pub scans: AtomicUsize,
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            inner: InMemory::default(),
            flushes: Semaphore::new(0),
            busy: AtomicUsize::new(0),
            scans: AtomicUsize::new(0),
        }
    }
}

impl Weather {
    fn answer<'a, T>(&'a self, answer: Answer<'a, T>) -> Answer<'a, T> {
        let take_one = |left: usize| left.checked_sub(1);
        match self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one) {
            Ok(_) => Box::pin(async { Err(StoreError::Busy("the test says so".to_owned())) }),
            Err(_) => answer,
        }
    }
}

impl Engine for Weather {
    fn get<'a>(&'a self, keys: &'a [Vec<u8>]) -> Answer<'a, Vec<Option<Vec<u8>>>> {
        self.answer(self.inner.get(keys))
    }

    fn scan<'a>(&'a self, prefixes: &'a [Vec<u8>], limit: usize) -> Answer<'a, Vec<Vec<Row>>> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        self.answer(self.inner.scan(prefixes, limit))
    }

    fn keys<'a>(&'a self, prefix: &'a [u8]) -> Answer<'a, Vec<Vec<u8>>> {
        self.answer(self.inner.keys(prefix))
    }

    fn write(&self, changes: Vec<Change>) -> Answer<'_, Written> {
        self.answer(self.inner.write(changes))
    }

    fn settled(&self, upto: Written) -> Answer<'_, ()> {
        Box::pin(async move {
            let Ok(permit) = self.flushes.acquire().await else { return Ok(()) };
            permit.forget();
            self.inner.settled(upto).await
        })
    }

    fn last(&self) -> Written {
        self.inner.last()
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }
}
