//! Reading files of events on all cores, in order: workers take what files hold apart and pass over what no rule looks
//! at; what is left is judged by one, in the order of the files. Owns that order, and that memory stays small whatever the
//! size of the input.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::domain::event::Event;
use crate::domain::json::{Json, why_malformed};
use crate::domain::judge::inputs::Ruleset;
use crate::domain::judge::prepared::{Item, Prepared};

use crate::domain::rules::rule::{Glance, Scratch};
use crate::domain::rules::traits::Traits;
use crate::files::{Broken, Input, Objects, Unwrap, inner_record, known_otherwise};

/// How many events go to the judge together, in the order of their times: records in a log file have no order, and
/// `LookupEvents` gives the newest first.
const BATCH: usize = 1024;
/// After so many records progress is shown, whether or not any is for the judge.
const MANY: u64 = 50_000;
/// How many batches of one file may wait for the judge.
const WAITING: usize = 1;
/// How many mistakes of one file are shown; more are counted.
const SHOWN: usize = 5;

/// Some records of one file, in their order.
#[derive(Debug, Default)]
pub struct Batch<'r> {
    /// What is to be judged or known of them, in the order of their times.
    pub items: Vec<Item<'r>>,
    /// How many of them are events.
    pub records: u64,
    /// What could not be read, with its place.
    pub problems: Vec<String>,
    /// How many could not be read beside those.
    pub more_problems: u64,
    /// The file is done.
    pub ends: bool,
}

/// Reads the inputs with so many workers, and hands over batches in the order of the inputs until `stop` is set or
/// `judge` says no. `learned` is set by the judge once the past is known, and saves work only.
pub fn read<'r>(
    inputs: &[Input],
    ruleset: &'r Ruleset,
    workers: usize,
    stop: &AtomicBool,
    learned: &AtomicBool,
    mut judge: impl FnMut(Batch<'r>) -> bool,
) {
    let next = AtomicUsize::new(0);
    // No worker is more than a file ahead of the judge, whose work would pile up otherwise.
    let (line_up, lined_up): (SyncSender<Receiver<Batch<'r>>>, Receiver<Receiver<Batch<'r>>>) =
        sync_channel(1);
    // Taking the next file and lining up for the judge are one step, so that the line has the order of the files.
    let take = Mutex::new(line_up);
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                let mut scratch = Scratch::default();
                loop {
                    let line_up = take.lock().unwrap_or_else(PoisonError::into_inner);
                    let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    let (give, batches) = sync_channel(WAITING);
                    let lined_up = line_up.send(batches);
                    drop(line_up);
                    if lined_up.is_err() || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    one(input, (ruleset, learned), &mut scratch, stop, &give);
                }
            });
        }
        let mut done = 0;
        // Every file has its place in the line, also one that cannot be opened.
        'files: while done < inputs.len() && !stop.load(Ordering::Relaxed) {
            let Ok(batches) = lined_up.recv() else { break };
            for batch in batches {
                if stop.load(Ordering::Relaxed) || !judge(batch) {
                    break 'files;
                }
            }
            done += 1;
        }
        stop.store(true, Ordering::Relaxed);
        drop(lined_up);
    });
}

/// Reads one file. When nobody takes its batches any more, it ends.
fn one<'r>(
    input: &Input,
    (ruleset, learned): (&'r Ruleset, &AtomicBool),
    scratch: &mut Scratch,
    stop: &AtomicBool,
    give: &SyncSender<Batch<'r>>,
) {
    let mut batch = Batch::default();
    let mut found = 0;
    let mut problem = |batch: &mut Batch<'r>, why: String| {
        found += 1;
        if found <= SHOWN {
            batch.problems.push(format!("{}: {why}", input.name()));
        } else {
            batch.more_problems += 1;
        }
    };
    let opened: Result<Box<dyn Read + Send>, _> = input.open();
    match opened {
        Err(error) => problem(&mut batch, format!("cannot be read: {error}")),
        Ok(read) => {
            let mut objects = Objects::new(read, Unwrap::Lists);
            loop {
                match objects.take() {
                    Ok(None) => break,
                    Ok(Some(object)) => {
                        let learned = learned.load(Ordering::Relaxed);
                        match item(&inner_record(object), ruleset, learned, scratch) {
                            Ok(item) => {
                                batch.records += 1;
                                batch.items.extend(item);
                            }
                            Err(why) => problem(&mut batch, why),
                        }
                    }
                    Err(broken @ Broken::Unreadable(_)) => {
                        problem(&mut batch, broken.to_string());
                        break;
                    }
                    Err(broken) => problem(&mut batch, broken.to_string()),
                }
                if batch.items.len() < BATCH && batch.records < MANY {
                    continue;
                }
                batch.items.sort_by_key(Item::turn);
                if stop.load(Ordering::Relaxed) || give.send(std::mem::take(&mut batch)).is_err() {
                    return;
                }
            }
        }
    }
    batch.items.sort_by_key(Item::turn);
    batch.ends = true;
    let _nobody_listens_after_the_end = give.send(batch);
}

/// What an object is to the judge: nothing, when it is a read that no rule looks at. `learned` when it is expected that
/// the account's past is known.
///
/// # Errors
/// Why it is no event.
pub fn item<'r>(
    object: &str,
    ruleset: &'r Ruleset,
    learned: bool,
    scratch: &mut Scratch,
) -> Result<Option<Item<'r>>, String> {
    let no_json = || format!("invalid JSON: {}", why_malformed(object));
    let glance = if is_envelope(object) {
        Glance { may_match: true, is_unlikely: false, reads: false, named: None }
    } else {
        ruleset.rules.glance(scratch, object).map_err(|_| no_json())?
    };
    if glance.reads && !glance.may_match {
        return Ok(None);
    }
    let event = if is_envelope(object) {
        let json = Json::parse(object).map_err(|_| no_json())?;
        Event::from_any(json, "")
    } else {
        Event::from_record_text(object.to_owned(), "")
    };
    let event = event.map_err(|error| {
        let what = Json::parse(object).ok().and_then(|object| known_otherwise(&object));
        what.map_or_else(|| error.to_string(), str::to_owned)
    })?;
    Ok(Some(if glance.may_match {
        let prepared = match glance.is_unlikely {
            true => Prepared::unlikely(event, ruleset, learned, scratch),
            false => Prepared::of(event, ruleset, learned, scratch),
        };
        Item::Judge(Box::new(prepared))
    } else {
        Item::Seen(Traits::of(&event.into()))
    }))
}

fn is_envelope(object: &str) -> bool {
    memchr::memmem::find(object.as_bytes(), b"\"detail-type\"").is_some()
}
