//! What the simulated AWS holds: accounts, keys, faults that are scheduled, and what was asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::json::Json;
use crate::simulator::account::Account;
use crate::simulator::faults::Fault;
use crate::simulator::records;
use crate::simulator::wire::{Call, Made};

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
    pub observer: Option<Observer>,
}

/// Hears of each call, before it is answered and after.
pub type Observer = Arc<dyn Fn() + Send + Sync>;

impl State {
    pub fn record(&mut self, call: &Call, operation: &str, account: &str, now: Timestamp) {
        let Some(owner) = self.accounts.get_mut(account) else { return };
        let caller = records::Caller {
            account,
            user: "trailnoti",
            key: &call.access_key,
            address: "198.51.100.9",
            agent: "aws-sdk-rust/1",
        };
        let request = call.body.as_str().into();
        let record = records::call(&caller, now, &call.region, &call.service, operation, request, Json::Null);
        owner.record(record, SignedDuration::from_mins(5));
    }

    /// A new page token.
    pub fn issue(&mut self, token: TokenFor) -> String {
        self.issued += 1;
        let name = format!("token-{}", self.issued);
        self.tokens.insert(name.clone(), token);
        name
    }
}
