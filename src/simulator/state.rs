//! What the simulated AWS holds: accounts, keys, faults that are scheduled, and what was asked of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::json::Json;
use crate::simulator::account::{Account, Recorded};
use crate::simulator::faults::Fault;
use crate::simulator::records;
use crate::simulator::wire::{Call, Made};

/// How many page tokens are known at once.
const TOKENS: usize = 10_000;

/// When calls of trailnoti itself show up.
const OWN_CALLS: SignedDuration = SignedDuration::from_mins(5);

/// A time of which CloudTrail shows nothing before it is over.
#[derive(Debug)]
pub(super) struct Withheld {
    pub region: String,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// What is left of a quota.
#[derive(Debug)]
pub(super) struct Bucket {
    pub left: f64,
    pub at: Timestamp,
    /// When somebody else last asked.
    pub other: Timestamp,
}

/// Somebody else who asks for the history.
#[derive(Debug)]
pub(super) struct Other {
    pub region: String,
    pub per_second: f64,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// What a token stands for: it is bound to the parameters it was given for.
#[derive(Debug)]
pub(super) struct TokenFor {
    pub parameters: String,
    pub from: usize,
    /// The page before was empty, on purpose.
    pub after_empty: bool,
}

pub(super) struct State {
    pub accounts: BTreeMap<String, Account>,
    /// Which account an access key belongs to, and when it ends.
    pub keys: BTreeMap<String, (String, Option<Timestamp>)>,
    pub faults: Vec<Fault>,
    pub buckets: BTreeMap<(String, String), Bucket>,
    pub others: Vec<Other>,
    pub tokens: BTreeMap<String, TokenFor>,
    pub issued: u64,
    pub skew: SignedDuration,
    pub made: Option<Vec<Made>>,
    pub counts: BTreeMap<String, u64>,
    pub shuffle: u64,
    pub empty_pages: bool,
    pub records_calls: bool,
    /// When each account asked for the history of a region, about once a minute: what `LookupEvents` shows of itself, where
    /// not every call is recorded.
    pub asked: BTreeMap<(String, String), VecDeque<Timestamp>>,
    /// Where calls of a time show up only after it.
    pub withheld: Vec<Withheld>,
    pub observer: Option<Observer>,
}

/// Hears of each call, before it is answered and after.
pub type Observer = Arc<dyn Fn() + Send + Sync>;

impl State {
    pub fn record(&mut self, call: &Call, operation: &str, account: &str, now: Timestamp) {
        let record = own(call, operation, account, now);
        if let Some(owner) = self.accounts.get_mut(account) {
            owner.record(record, OWN_CALLS);
        }
    }

    /// Notes that the history was asked for: about one call a minute is kept, for as long as one looks for them.
    pub fn note_asked(&mut self, account: &str, region: &str, now: Timestamp) {
        let asked = self.asked.entry((account.to_owned(), region.to_owned())).or_default();
        if asked.back().is_none_or(|last| *last + SignedDuration::from_mins(1) <= now) {
            asked.push_back(now);
            if asked.len() > 90 {
                asked.pop_front();
            }
        }
    }

    /// The records of these calls that are visible by now.
    pub fn asked(&self, call: &Call, account: &str, now: Timestamp) -> Vec<Recorded> {
        if self.records_calls {
            return Vec::new();
        }
        let withheld = |at: Timestamp| {
            self.withheld.iter().any(|one| one.region == call.region && one.from <= at && now < one.until)
        };
        let asked = self.asked.get(&(account.to_owned(), call.region.clone()));
        let visible = asked.into_iter().flatten().filter(|at| **at + OWN_CALLS <= now && !withheld(**at));
        visible
            .map(|at| Recorded {
                record: own(call, "LookupEvents", account, *at),
                happened: at.as_second(),
                visible: *at + OWN_CALLS,
                text: None,
            })
            .collect()
    }

    /// A new page token.
    pub fn issue(&mut self, token: TokenFor) -> String {
        self.issued += 1;
        let name = format!("token-{:012}", self.issued);
        self.tokens.insert(name.clone(), token);
        // A walk asks with the newest; in a simulated month there are a million.
        if self.tokens.len() > TOKENS {
            self.tokens.pop_first();
        }
        name
    }
}

/// The record of a call of trailnoti itself.
fn own(call: &Call, operation: &str, account: &str, at: Timestamp) -> Json {
    let caller = records::Caller {
        account,
        user: "trailnoti",
        key: &call.access_key,
        address: "198.51.100.9",
        agent: "aws-sdk-rust/1",
    };
    let request = call.body.as_str().into();
    records::call(&caller, at, &call.region, &call.service, operation, request, Json::Null)
}
