//! The pages that the running daemon shows of itself, as data: what `/status` and `/alerts` answer, and what the commands of
//! these names read. Owns their shape and its version; `docs/operations.md` describes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::domain::health::ledger::{Gap, Why};
pub use crate::domain::judge::decision::Shown as Alert;

/// The version of the shape. A field is only ever added under the same number.
pub const FORMAT: u32 = 1;

/// What the running daemon sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    /// The version of the page's shape, [`FORMAT`].
    pub format: u32,
    /// The version of the daemon that made the page.
    pub version: String,
    /// When the page was made.
    pub now: Timestamp,
    /// When the configuration was loaded.
    pub since: Timestamp,
    /// Region feeds that are not being read, each with the reason; empty when all is well.
    pub not_seen: Vec<String>,
    /// Why the state is kept in memory alone, if it is.
    pub state_kept_in_memory: Option<String>,
    /// One entry for each account, region and API.
    pub regions: Vec<Feed>,
    /// What of the history is read, and what is not.
    #[serde(default)]
    pub coverage: Coverage,
    /// One entry for each queue of a sink.
    pub sinks: Vec<Sink>,
    /// Instances of which something is still awaited.
    pub instances: Instances,
    /// One entry for each exclusion.
    pub exclusions: Vec<Exclusion>,
    /// What was learned of the past.
    pub memory: Memory,
    /// One entry for each rule with `mode = "dry-run"`.
    pub dry_run: Vec<DryRun>,
    /// The last alerts, the newest first, at most twenty; `/alerts` has all that are kept.
    pub alerts: Vec<Alert>,
    /// How many alerts are kept.
    pub alerts_kept: usize,
}

/// One API of one account and region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: String,
    /// The region; empty for what is asked of the account.
    pub region: String,
    /// `cloudtrail`, `ec2`, `regions` or `identity`.
    pub api: String,
    /// By how many seconds what is known is behind; none before the first answer.
    pub lag_seconds: Option<i64>,
    /// When the last answer came.
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub trouble: Option<String>,
    /// How many requests were sent in the last whole minute.
    #[serde(default)]
    pub asked_last_minute: u32,
}

/// What of the history is read, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// All of it in one sentence.
    pub sentence: String,
    /// How many regions are watched.
    pub regions: usize,
    /// How many of them are read up to now.
    pub in_time: usize,
    /// Up to when all of these are read.
    pub read_up_to: Option<Timestamp>,
    /// Since when the first of all is watched.
    pub since: Option<Timestamp>,
    /// Gaps that are not read back yet, or never can be.
    pub gaps: usize,
    /// Gaps that were read back.
    pub read_back: usize,
    /// One entry for each account and region.
    pub ledgers: Vec<Ledger>,
}

/// What of one region's history is read, and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The account's number, twelve digits.
    pub account: String,
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// Since when it is watched.
    pub since: Timestamp,
    /// How far each lane has come.
    pub lanes: Vec<Lane>,
    /// What was not read when it happened: the last twenty, the oldest first.
    pub gaps: Vec<Gap>,
}

/// How far one lane has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its name (`ARCHITECTURE.md`, "How the history is read").
    pub lane: String,
    /// Up to when it has read.
    pub read_up_to: Timestamp,
}

/// One queue of a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// The sink's name, and its reader's where a sink has a queue for each.
    pub name: String,
    /// How many alerts wait there.
    pub waiting: usize,
    /// Alerts that the sink refused for good.
    pub dead: usize,
    /// When the last message was taken.
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub trouble: Option<String>,
}

/// Instances of which something is still awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    /// How many wait for their launch record or for the list that shows them.
    pub open: usize,
    /// Those with an alert that is held back.
    pub held: Vec<Held>,
}

/// An instance with an alert that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The instance's id, such as `i-0abc`.
    pub instance: String,
    /// The region that it runs in.
    pub region: String,
    /// Its type and what that means.
    pub size: String,
    /// Since when it is known.
    pub since: Timestamp,
    /// What it waits for, in words.
    pub waits_for: String,
}

/// What an exclusion hid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Its name in the configuration.
    pub name: String,
    /// How many events it hid.
    pub hidden: u64,
    /// When it hid something last.
    pub last: Option<Timestamp>,
    /// Which instance that was about.
    pub instance: String,
    /// Who had launched that.
    pub principal: String,
}

/// What was learned of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The history of some region is still being read.
    pub learning: bool,
    /// How many values are remembered.
    pub remembered: usize,
    /// How far the history of each region is read.
    pub regions: Vec<History>,
}

/// How far the history of a region is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: String,
    /// The region, such as `eu-west-1`; empty for what belongs to none.
    pub region: String,
    /// From when on it is read.
    pub read_back_to: Option<Timestamp>,
    /// How much of 90 days that is, from 0 to 100.
    pub percent: u8,
    /// Whether all of it is read.
    pub done: bool,
}

/// A rule that only counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// The id of the rule.
    pub rule: String,
    /// How often it would have alerted since the last daily summary.
    pub would_have_alerted: u64,
}
