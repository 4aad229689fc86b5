//! The simulated AWS as a whole: what a test schedules in it, and which service answers a request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::simulator::account::Account;
use crate::simulator::faults::{Fault, Trouble};
use crate::simulator::state::{Observer, Other, State, Withheld};
use crate::simulator::wire::{Answer, Call, Made};
use crate::simulator::{cloudtrail, ec2, faults, sts};

/// The whole of the simulated AWS.
#[derive(Clone)]
pub struct World {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// An AWS without accounts.
    pub fn new(clock: Clock) -> Self {
        let state = State {
            accounts: BTreeMap::new(),
            keys: BTreeMap::new(),
            faults: Vec::new(),
            buckets: BTreeMap::new(),
            others: Vec::new(),
            tokens: BTreeMap::new(),
            issued: 0,
            skew: SignedDuration::ZERO,
            made: None,
            counts: BTreeMap::new(),
            shuffle: 0,
            empty_pages: false,
            records_calls: false,
            asked: BTreeMap::new(),
            withheld: Vec::new(),
            observer: None,
        };
        World { clock, state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock that it runs by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Adds an account with the regions that every account has; its permanent access key is answered.
    pub fn add_account(&self, id: &str) -> String {
        let key = format!("AKIASIM{id}");
        let mut state = self.lock();
        state.accounts.insert(id.to_owned(), Account::new());
        state.keys.insert(key.clone(), (id.to_owned(), None));
        key
    }

    /// Changes an account, or reads from it.
    pub fn account<T>(&self, id: &str, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut state = self.lock();
        change(state.accounts.entry(id.to_owned()).or_insert_with(Account::new))
    }

    /// Adds a fault to what AWS's side does.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Somebody else asks a region of every account for its history so often a second, in this time.
    pub fn spend(&self, region: &str, per_second: f64, from: Timestamp, until: Timestamp) {
        let region = region.to_owned();
        self.lock().others.push(Other { region, per_second, from, until });
    }

    /// What is asked of a region in this time shows up in its history only afterwards.
    pub fn withhold(&self, region: &str, from: Timestamp, until: Timestamp) {
        self.lock().withheld.push(Withheld { region: region.to_owned(), from, until });
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Sets AWS's clock ahead of, or behind, the world's.
    pub fn set_skew(&self, skew: SignedDuration) {
        self.lock().skew = skew;
    }

    /// Forgets every page token, as AWS may at any time: no lifetime is documented.
    pub fn expire_tokens(&self) {
        self.lock().tokens.clear();
    }

    /// From now on an empty page with a token stands before each page of events.
    pub fn send_empty_pages(&self) {
        self.lock().empty_pages = true;
    }

    /// From now on every call is itself recorded, as CloudTrail does: as a read, readable five minutes later.
    pub fn record_calls(&self) {
        self.lock().records_calls = true;
    }

    /// From now on keeps every call.
    pub fn keep_calls(&self) {
        self.lock().made = Some(Vec::new());
    }

    /// The calls kept so far; they are taken.
    pub fn take_calls(&self) -> Vec<Made> {
        self.lock().made.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// From now on tells of each call, before it is answered and after.
    pub fn at_each_call(&self, observer: Observer) {
        self.lock().observer = Some(observer);
    }

    /// How often each operation was called.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// The time on AWS's side, which faults can shift.
    pub fn aws_time(&self) -> Timestamp {
        let skew = self.lock().skew;
        self.clock.now().saturating_add(skew).unwrap_or(Timestamp::MAX)
    }

    /// Answers a request as AWS would, at this time.
    pub fn answer(&self, call: &Call) -> Answer {
        let now = self.clock.now();
        let mut state = self.lock();
        let operation = call.operation();
        let (account, answer) = answer(&mut state, call, &operation, now);
        if state.records_calls {
            state.record(call, &operation, &account, now);
        }
        *state.counts.entry(operation.clone()).or_default() += 1;
        if let Some(made) = &mut state.made {
            let outcome = match &answer {
                Answer::Reply { status, .. } => status.to_string(),
                Answer::Hang => "hang".to_owned(),
                Answer::Reset => "reset".to_owned(),
            };
            let (region, body) = (call.region.clone(), call.body.clone());
            made.push(Made { at: now, account, region, operation, body, outcome });
        }
        answer
    }
}

fn answer(state: &mut State, call: &Call, operation: &str, now: Timestamp) -> (String, Answer) {
    let Some((account, ends)) = state.keys.get(&call.access_key).cloned() else {
        return (String::new(), Answer::bad_credentials(&call.service));
    };
    let answer = match faults::apply(&mut state.faults, &account, &call.region, operation, now) {
        Some(Trouble::Slow(by)) => serve(state, call, operation, &account, now).slower(by),
        Some(Trouble::CutShort) => serve(state, call, operation, &account, now).cut_short(),
        Some(trouble) => trouble.answer(&call.service, &account, operation),
        None if ends.is_some_and(|ends| now >= ends) => {
            Trouble::Expired.answer(&call.service, &account, operation)
        }
        None => serve(state, call, operation, &account, now),
    };
    (account, answer)
}

fn serve(state: &mut State, call: &Call, operation: &str, account: &str, now: Timestamp) -> Answer {
    if call.service == "sts" {
        return sts::serve(state, call, operation, account, now);
    }
    let enabled = state.accounts.get(account).is_some_and(|account| account.is_enabled(&call.region, now));
    if !enabled {
        // The same codes as for bad credentials: AWS does not tell them apart.
        return Answer::bad_credentials(&call.service);
    }
    match call.service.as_str() {
        "cloudtrail" => cloudtrail::serve(state, call, operation, account, now),
        "ec2" => ec2::serve(state, call, operation, account, now),
        other => Answer::error(other, 400, "UnknownService", "not simulated"),
    }
}
