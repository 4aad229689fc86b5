//! A simulated AWS, behind the SDK's own `HttpClient`: real requests are built, signed, answered and parsed, and
//! no socket is opened, so that it runs on tokio's paused clock. Owns what AWS does; knows nothing of trailnoti.
//!
//! `trailnoti demo` and the tests both use it. What it does follows AWS's documented and measured behaviour, and
//! its own tests hold it to that; where nothing is known of AWS it can do either.
//!
//! Everything is scheduled: an event has a time it happened and a time it becomes visible, an instance a time for
//! each of its states, a region a time it is enabled. What AWS answers at a moment follows from that.

mod account;
mod cloudtrail;
mod connector;
mod ec2;
mod faults;
pub mod records;
pub mod story;
mod sts;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use account::{Account, DEFAULT_REGIONS, Launch, OPT_IN_REGIONS, Recorded};
pub use faults::{Fault, Trouble};

use crate::clock::Clock;

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(40);

/// A request as far as AWS looks at it.
#[derive(Debug, Clone)]
pub struct Call {
    /// From the signature.
    pub access_key: String,
    /// From the signature's scope: with an endpoint override the host does not tell.
    pub region: String,
    /// From the signature's scope.
    pub service: String,
    /// The `X-Amz-Target` header, if there is one.
    pub target: String,
    /// The body.
    pub body: String,
}

impl Call {
    /// Reads a request's signature (`Credential=KEY/DATE/REGION/SERVICE/aws4_request`).
    pub fn read(authorization: &str, target: &str, body: &[u8]) -> Option<Self> {
        let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
        let mut parts = scope.trim().split('/');
        let access_key = parts.next()?.to_owned();
        let _date = parts.next()?;
        Some(Call {
            access_key,
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
            target: target.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        })
    }

    /// The operation's name.
    pub fn operation(&self) -> String {
        match self.target.rsplit_once('.') {
            Some((_, operation)) => operation.to_owned(),
            None => self.form().remove("Action").unwrap_or_default(),
        }
    }

    fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// What AWS does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It answers.
    Reply {
        /// HTTP's.
        status: u16,
        /// HTTP's.
        content_type: &'static str,
        /// The body.
        body: String,
        /// How long it takes.
        after: Duration,
    },
    /// It never does.
    Hang,
    /// It closes the connection.
    Reset,
}

impl Answer {
    fn json(status: u16, body: String) -> Self {
        Answer::Reply { status, content_type: "application/x-amz-json-1.1", body, after: LATENCY }
    }

    fn xml(status: u16, body: String) -> Self {
        Answer::Reply { status, content_type: "text/xml;charset=UTF-8", body, after: LATENCY }
    }

    /// The error of a service, in that service's form.
    fn error(service: &str, status: u16, code: &str, message: &str) -> Self {
        match service {
            "cloudtrail" => {
                let body = serde_json::json!({ "__type": code, "message": message });
                Answer::json(status, body.to_string())
            }
            "ec2" => Answer::xml(
                status,
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{}</Message></Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>",
                    escape(message)
                ),
            ),
            _ => Answer::xml(
                status,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
                    escape(message)
                ),
            ),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One call that was made, for transcripts and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// When.
    pub at: Timestamp,
    /// In which account.
    pub account: String,
    /// In which region.
    pub region: String,
    /// Which operation.
    pub operation: String,
    /// What stood for the answer: a status, `hang` or `reset`.
    pub outcome: String,
}

/// The whole of the simulated AWS.
#[derive(Clone)]
pub struct World {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    accounts: BTreeMap<String, Account>,
    /// Which account an access key belongs to, and when it ends.
    keys: BTreeMap<String, (String, Option<Timestamp>)>,
    faults: Vec<Fault>,
    buckets: BTreeMap<(String, String), cloudtrail::Bucket>,
    tokens: BTreeMap<String, cloudtrail::TokenFor>,
    issued: u64,
    skew: SignedDuration,
    made: Option<Vec<Made>>,
    counts: BTreeMap<String, u64>,
    shuffle: u64,
    empty_pages: bool,
    records_calls: bool,
    observer: Option<Observer>,
}

/// Hears of each call, before it is answered and after.
type Observer = Arc<dyn Fn() + Send + Sync>;

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
            tokens: BTreeMap::new(),
            issued: 0,
            skew: SignedDuration::ZERO,
            made: None,
            counts: BTreeMap::new(),
            shuffle: 0,
            empty_pages: false,
            records_calls: false,
            observer: None,
        };
        World { clock, state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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

    /// Changes an account.
    pub fn account<T>(&self, id: &str, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut state = self.lock();
        change(state.accounts.entry(id.to_owned()).or_insert_with(Account::new))
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
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

    /// AWS's clock.
    pub fn aws_time(&self) -> Timestamp {
        let skew = self.lock().skew;
        self.clock.now().saturating_add(skew).unwrap_or(Timestamp::MAX)
    }

    /// Answers a request.
    pub fn answer(&self, call: &Call) -> Answer {
        let now = self.clock.now();
        let mut state = self.lock();
        let operation = call.operation();
        let (account, answer) = state.answer(call, &operation, now);
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
            made.push(Made { at: now, account, region: call.region.clone(), operation, outcome });
        }
        answer
    }
}

impl State {
    fn record(&mut self, call: &Call, operation: &str, account: &str, now: Timestamp) {
        let Some(owner) = self.accounts.get_mut(account) else { return };
        let caller = records::Caller {
            account,
            user: "trailnoti",
            key: &call.access_key,
            address: "198.51.100.9",
            agent: "aws-sdk-rust/1",
        };
        let request = call.body.as_str().into();
        let record = records::call(
            &caller,
            now,
            &call.region,
            &call.service,
            operation,
            request,
            crate::domain::json::Json::Null,
        );
        owner.record(record, SignedDuration::from_mins(5));
    }

    /// A new page token.
    fn issue(&mut self, token: cloudtrail::TokenFor) -> String {
        self.issued += 1;
        let name = format!("token-{}", self.issued);
        self.tokens.insert(name.clone(), token);
        name
    }

    fn answer(&mut self, call: &Call, operation: &str, now: Timestamp) -> (String, Answer) {
        let Some((account, ends)) = self.keys.get(&call.access_key).cloned() else {
            return (String::new(), bad_credentials(&call.service));
        };
        let answer = match faults::apply(&mut self.faults, &account, &call.region, operation, now) {
            Some(Trouble::Slow(by)) => self.serve(call, operation, &account, now).slower(by),
            Some(Trouble::CutShort) => self.serve(call, operation, &account, now).cut_short(),
            Some(trouble) => trouble.answer(&call.service, &account, operation),
            None if ends.is_some_and(|ends| now >= ends) => {
                Trouble::Expired.answer(&call.service, &account, operation)
            }
            None => self.serve(call, operation, &account, now),
        };
        (account, answer)
    }

    fn serve(&mut self, call: &Call, operation: &str, account: &str, now: Timestamp) -> Answer {
        if call.service == "sts" {
            return sts::serve(self, call, operation, account, now);
        }
        let enabled = self.accounts.get(account).is_some_and(|account| account.is_enabled(&call.region, now));
        if !enabled {
            // The same codes as for bad credentials: AWS does not tell them apart.
            return bad_credentials(&call.service);
        }
        match call.service.as_str() {
            "cloudtrail" => cloudtrail::serve(self, call, operation, account, now),
            "ec2" => ec2::serve(self, call, operation, account, now),
            other => Answer::error(other, 400, "UnknownService", "not simulated"),
        }
    }
}

fn bad_credentials(service: &str) -> Answer {
    match service {
        "ec2" => Answer::error(
            service,
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        ),
        "cloudtrail" => Answer::error(
            service,
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid",
        ),
        _ => Answer::error(
            service,
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
        ),
    }
}
