//! How the running daemon is doing, as its loops say. Owns what is asked of it from outside: is it alive, is it
//! ready, what are its numbers. Decides nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::event::scope::Scope;
use crate::domain::health::subject::Api;
use crate::domain::incident::{Acknowledged, Incident};
use crate::domain::json::Json;
use crate::domain::judge::silence::Silence;
use crate::domain::language::Language;
use crate::domain::time::later;
use crate::ops::metrics::{Asked, Metrics};
use crate::ops::page::{Alert, StatusPage};

/// One API of one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feed {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: String,
    /// The region; empty for what is asked of the account.
    pub region: String,
    /// Which of AWS's APIs is asked.
    pub api: Api,
}

impl Feed {
    fn of(scope: Scope<'_>, api: Api) -> Self {
        Feed { account: scope.account().to_owned(), region: scope.region().to_owned(), api }
    }
}

/// What is known of reading one API in one region.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// When the last answer came.
    pub last_success: Option<Timestamp>,
    /// Why there is none now.
    pub trouble: Option<String>,
    /// Up to when everything is read, of what is read in order.
    pub through: Option<Timestamp>,
    /// A success that is older than this is stale.
    fresh_for: Duration,
    /// The minute of the last request, since 1970, with how many requests it and the one before have.
    minute: (i64, u32, u32),
}

impl Reading {
    /// How many requests were sent in the last whole minute.
    pub fn asked_last_minute(&self, now: Timestamp) -> u32 {
        match now.as_second().div_euclid(60) - self.minute.0 {
            0 => self.minute.2,
            1 => self.minute.1,
            _ => 0,
        }
    }

    fn count(&mut self, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        let before = self.asked_last_minute(now);
        let already = if minute == self.minute.0 { self.minute.1 } else { 0 };
        self.minute = (minute, already + 1, before);
    }
}

/// What is known of sending through one sink.
#[derive(Debug, Clone, Default)]
pub struct Sending {
    /// When the last message was taken.
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub trouble: Option<String>,
}

/// What the running loops answer to who asks from outside.
///
/// Each answer is an error, in words, where the state cannot be read.
pub trait Pages: Send + Sync {
    /// Everything, on one page.
    fn status(&self) -> BoxFuture<'_, Result<StatusPage, String>>;
    /// The last alerts and what became of each, the newest first.
    fn alerts(&self) -> Vec<Alert>;
    /// The decisions that have a text in their id, title, call, rule, account, region or principal, the newest first.
    fn search(&self, text: &str) -> Vec<Alert>;
    /// In which language incidents are told.
    fn language(&self) -> Language;
    /// Every incident that is known, those that grew last first.
    fn incidents(&self) -> Vec<Incident>;
    /// Every silence that is in force.
    fn silences(&self) -> Vec<Silence>;
    /// Takes a silence in; all that is wrong with it is answered as an error, a line each.
    fn add_silence(&self, silence: Silence) -> BoxFuture<'_, Result<Silence, String>>;
    /// Ends a silence; false where there is none of that id.
    fn expire_silence<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, String>>;
    /// Somebody looks after an incident; none where there is none of that id.
    fn acknowledge<'a>(
        &'a self,
        id: &'a str,
        said: Acknowledged,
    ) -> BoxFuture<'a, Result<Option<Incident>, String>>;
    /// Why the instance, or the launch of this event id, is alerted on or hidden; empty for what is not known.
    fn explain<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Json>, String>>;
}

/// A loop's word that it will be heard of again.
#[derive(Debug, Clone)]
struct Pulse {
    due: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    readings: BTreeMap<Feed, Reading>,
    pulses: BTreeMap<String, Pulse>,
    /// How many accounts are to be watched.
    accounts: usize,
    /// Accounts whose regions are known, with the regions that are configured and not enabled.
    discovered: BTreeMap<String, Vec<String>>,
    sendings: BTreeMap<String, Sending>,
}

/// What the loops have said of themselves so far.
#[derive(Default)]
pub struct Status {
    inner: Mutex<Inner>,
    pages: Mutex<Option<Arc<dyn Pages>>>,
    /// The numbers that `/metrics` shows.
    pub metrics: Metrics,
}

/// Whether the daemon sees everything that it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Regions and APIs that are read in time.
    pub fresh: usize,
    /// What is not, and why.
    pub missing: Vec<String>,
}

impl Status {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A loop says by when it will be heard of again, at the latest.
    pub fn expect(&self, name: &str, within: Duration) {
        let due = Instant::now() + within;
        self.lock().pulses.insert(name.to_owned(), Pulse { due });
    }

    /// A loop ends as it should.
    pub fn ended(&self, name: &str) {
        self.lock().pulses.remove(name);
    }

    /// The loops that were not heard of in time.
    pub fn stalled(&self) -> Vec<String> {
        let now = Instant::now();
        self.lock().pulses.iter().filter(|(_, pulse)| pulse.due < now).map(|(name, _)| name.clone()).collect()
    }

    /// An account's regions are known; these are configured, and not among them.
    pub fn discovered(&self, account: &str, absent: Vec<String>) {
        self.lock().discovered.insert(account.to_owned(), absent);
    }

    /// A region is to be read from now on.
    pub fn watching(&self, scope: Scope<'_>, api: Api, fresh_for: Duration) {
        let key = Feed::of(scope, api);
        self.lock().readings.entry(key).or_default().fresh_for = fresh_for;
    }

    /// A region is not read any more.
    pub fn retired(&self, account: &str, region: &str) {
        self.lock()
            .readings
            .retain(|feed, _| (feed.account.as_str(), feed.region.as_str()) != (account, region));
    }

    /// Nothing is watched and no loop runs any more: a new configuration begins, with so many accounts.
    pub fn begin(&self, accounts: usize) {
        let mut inner = self.lock();
        inner.accounts = accounts;
        inner.readings.clear();
        inner.pulses.clear();
        inner.discovered.clear();
        inner.sendings.clear();
        drop(inner);
        *self.pages.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// From now on these answer.
    pub fn open_pages(&self, pages: Arc<dyn Pages>) {
        *self.pages.lock().unwrap_or_else(PoisonError::into_inner) = Some(pages);
    }

    /// Who answers; nobody between two configurations.
    pub fn pages(&self) -> Option<Arc<dyn Pages>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything of a region up to a time is read.
    pub fn read_through(&self, scope: Scope<'_>, through: Timestamp) {
        let key = Feed::of(scope, Api::CloudTrail);
        if let Some(reading) = self.lock().readings.get_mut(&key) {
            reading.through = Some(through);
        }
    }

    /// Up to when everything of a region is read.
    pub fn through(&self, scope: Scope<'_>) -> Option<Timestamp> {
        let key = Feed::of(scope, Api::CloudTrail);
        self.lock().readings.get(&key)?.through
    }

    /// A delivery went through, or did not.
    pub fn sent(&self, sink: &str, outcome: Result<(), String>, now: Timestamp) {
        let mut inner = self.lock();
        let sending = inner.sendings.entry(sink.to_owned()).or_default();
        match outcome {
            Ok(()) => *sending = Sending { last_success: Some(now), trouble: None },
            Err(why) => sending.trouble = Some(why),
        }
    }

    /// How sending goes, by sink.
    pub fn sendings(&self) -> BTreeMap<String, Sending> {
        self.lock().sendings.clone()
    }

    /// How reading goes, by account, region and API.
    pub fn readings(&self) -> BTreeMap<Feed, Reading> {
        self.lock().readings.clone()
    }

    /// A request was answered, or failed.
    pub fn asked(&self, scope: Scope<'_>, api: Api, outcome: Result<(), String>, now: Timestamp) {
        let (account, region) = (scope.account().to_owned(), scope.region().to_owned());
        let labels = Asked { account, region, api: api.name() };
        self.metrics.requests.get_or_create(&labels).inc();
        let mut inner = self.lock();
        // What is asked once, such as whose account it is, is not watched.
        let mut unwatched = Reading::default();
        let key = Feed::of(scope, api);
        let reading = inner.readings.get_mut(&key).unwrap_or(&mut unwatched);
        reading.count(now);
        match outcome {
            Ok(()) => {
                reading.last_success = Some(now);
                reading.trouble = None;
                self.metrics.last_success.get_or_create(&labels).set(now.as_second() as f64);
            }
            Err(why) => {
                reading.trouble = Some(why);
                self.metrics.request_errors.get_or_create(&labels).inc();
            }
        }
    }

    /// Whether any other region of the account was read after `since`.
    pub fn read_elsewhere(&self, scope: Scope<'_>, since: Timestamp) -> bool {
        let elsewhere = |feed: &Feed| feed.account == scope.account() && feed.region != scope.region();
        let read = |reading: &Reading| reading.last_success.is_some_and(|last| last > since);
        self.lock().readings.iter().any(|(feed, reading)| elsewhere(feed) && read(reading))
    }

    /// Whether everything is seen.
    pub fn readiness(&self, now: Timestamp) -> Readiness {
        let inner = self.lock();
        let mut readiness = Readiness { fresh: 0, missing: Vec::new() };
        let unknown = inner.accounts.saturating_sub(inner.discovered.len());
        if unknown > 0 {
            readiness
                .missing
                .push(format!("the regions of {unknown} of {} accounts are not known yet", inner.accounts));
        } else if inner.readings.is_empty() {
            readiness.missing.push("no region is watched".to_owned());
        }
        for (account, absent) in &inner.discovered {
            let absent =
                absent.iter().map(|region| format!("{account} {region}: configured, but not enabled"));
            readiness.missing.extend(absent);
        }
        for (Feed { account, region, api }, reading) in &inner.readings {
            let place = format!("{account} {region} {}", api.name());
            match (reading.last_success, &reading.trouble) {
                (Some(last), _) if later(last, reading.fresh_for) >= now => readiness.fresh += 1,
                (Some(last), trouble) => readiness.missing.push(format!(
                    "{place}: not read since {last:.0}{}",
                    trouble.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
                )),
                (None, Some(why)) => readiness.missing.push(format!("{place}: {why}")),
                (None, None) => readiness.missing.push(format!("{place}: not read yet")),
            }
        }
        readiness
    }
}
