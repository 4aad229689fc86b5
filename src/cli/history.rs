//! The account's own history for `scan`: every region at once, at the configured pace, kept in a file that nobody else
//! sees until it is judged in the order of its times. `LookupEvents` gives the newest first.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;

use crate::cli::progress::bar;
use crate::cli::{events, runtime};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::lookup::cursor::Request;
use crate::domain::lookup::pacer::{Hurry, Pacer};
use crate::domain::lookup::stream::{Stream, derive};
use crate::domain::time::earlier;
use crate::source;
use crate::source::{Account, FetchError, RegionAccess};

/// How often a page is asked for before its region is given up.
const ATTEMPTS: usize = 5;

/// What was read, by place in the file.
pub(super) struct Spool {
    file: File,
    /// When it happened, in seconds; where it stands; how long it is.
    places: Vec<(i64, u64, usize)>,
    /// Regions that could not be read, or not to the end.
    pub unread: usize,
}

impl Spool {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The records in the order of their times.
    pub fn in_order(mut self) -> impl Iterator<Item = std::io::Result<String>> {
        self.places.sort_unstable();
        let mut file = self.file;
        self.places.into_iter().map(move |(_, at, length)| {
            let mut record = vec![0; length];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut record)?;
            String::from_utf8(record).map_err(std::io::Error::other)
        })
    }
}

struct Spooling {
    file: File,
    places: Vec<(i64, u64, usize)>,
    end: u64,
}

impl Spooling {
    fn add(&mut self, second: i64, record: &str) -> std::io::Result<()> {
        self.file.write_all(record.as_bytes())?;
        self.places.push((second, self.end, record.len()));
        self.end += record.len() as u64;
        Ok(())
    }
}

/// Reads everything that the rules look at, `since` back. What could not be read is said, and the rest is there.
///
/// # Errors
/// When AWS does not say whose account it is, or the file cannot be written.
pub(super) fn read(config: &Config, since: Duration, stop: &AtomicBool) -> anyhow::Result<Spool> {
    let file = tempfile::tempfile().context("cannot create a temporary file")?;
    let spool = Mutex::new(Spooling { file, places: Vec::new(), end: 0 });
    let mut unread = 0;
    runtime::one_thread()?.block_on(async {
        let sdk = source::from_environment().await?;
        Account::check_credentials(&sdk).await?;
        let clock = Clock::system();
        for account in events::accounts(config, &sdk).await? {
            let regions = account.enabled_regions(&[]).await;
            let regions = regions.map_err(|error| anyhow::anyhow!("cannot list regions: {error}"))?;
            let skew = source::skew(clock);
            let bar = bar("event history", 0);
            let all = regions.len() as u64 * since.as_secs() / 60;
            let reading =
                Reading { config, clock, since, spool: &spool, stop, bar, minutes: AtomicU64::new(0) };
            reading.bar.set_length(all);
            let watched = regions.iter().filter(|region| config.regions.admits(region));
            let (number, done) = (watched.clone().count(), AtomicU64::new(0));
            reading.bar.set_message(format!("0 of {number} regions,"));
            let reads = watched.clone().map(|region| async {
                let outcome = reading.region(account.region(region, &skew)).await;
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                reading.bar.set_message(format!("{done} of {number} regions,"));
                outcome
            });
            for (region, outcome) in watched.zip(join_all(reads).await) {
                if let Err(error) = outcome {
                    eprintln!("trailnoti: {} {region}: {error}", account.id);
                    unread += 1;
                }
            }
            reading.bar.finish_and_clear();
        }
        anyhow::Ok(())
    })?;
    let spool = spool.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Spool { file: spool.file, places: spool.places, unread })
}

struct Reading<'a> {
    config: &'a Config,
    clock: Clock,
    since: Duration,
    spool: &'a Mutex<Spooling>,
    stop: &'a AtomicBool,
    bar: indicatif::ProgressBar,
    minutes: AtomicU64,
}

impl Reading<'_> {
    async fn region(&self, access: RegionAccess) -> Result<(), FetchError> {
        let end = self.clock.now();
        let start = earlier(end, self.since);
        let mut pacer = Pacer::new(self.config.cloudtrail.requests_per_second, end);
        for stream in derive(&self.config.ruleset.rules).streams {
            let mut request = Request { stream: stream.clone(), start, end, token: None };
            let (mut reached, mut failures) = (end, 0);
            loop {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.clock.sleep_until(pacer.take(self.clock.now(), Hurry::None)).await;
                let page = match access.look_up(&request).await {
                    Err(FetchError::Throttled(_)) => {
                        pacer.throttled(self.clock.now());
                        continue;
                    }
                    // The walk goes on from where it was; what is read twice is known by its id.
                    Err(FetchError::LostToken(_)) => {
                        (request.token, request.end) = (None, reached);
                        continue;
                    }
                    Err(FetchError::Transient(_) | FetchError::Unreachable(_)) if failures < ATTEMPTS => {
                        failures += 1;
                        pacer.throttled(self.clock.now());
                        continue;
                    }
                    answer => answer?,
                };
                pacer.answered();
                failures = 0;
                for raw in &page.events {
                    let (Ok(record), Some(time)) = (&raw.record, raw.time) else {
                        eprintln!("trailnoti: {} {}: CloudTrail returned no record", access.region, raw.id);
                        continue;
                    };
                    let mut spool = self.spool.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    spool.add(time.as_second(), record).map_err(|error| {
                        FetchError::Malformed(format!("cannot write it to a temporary file: {error}"))
                    })?;
                }
                let oldest = page.events.iter().filter_map(|raw| raw.time).min().unwrap_or(reached);
                let reach = if page.next.is_some() { oldest } else { start };
                if stream == Stream::Writes {
                    let minutes = reached.duration_since(reach).as_mins().max(0).unsigned_abs();
                    self.bar.set_position(self.minutes.fetch_add(minutes, Ordering::Relaxed) + minutes);
                }
                reached = reach;
                match page.next {
                    Some(token) => request.token = Some(token),
                    None => break,
                }
            }
        }
        Ok(())
    }
}
