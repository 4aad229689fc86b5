//! What can fail so that somebody must hear of it: reading, being in time, a sink, the clock, the state. Owns the names under
//! which that is remembered, which never change.

use crate::domain::event::scope::Scope;

/// What is asked of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// CloudTrail's history: `LookupEvents`.
    CloudTrail,
    /// The list of instances: `DescribeInstances`.
    Ec2,
    /// The list of regions: `DescribeRegions`.
    Regions,
    /// Whose the credentials are: `GetCallerIdentity`.
    Identity,
}

impl Api {
    /// Its name in metrics and on the status page.
    pub fn name(self) -> &'static str {
        match self {
            Api::CloudTrail => "cloudtrail",
            Api::Ec2 => "ec2",
            Api::Regions => "regions",
            Api::Identity => "identity",
        }
    }
}

/// Something of one place that can fail in many places at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Asking one of AWS's APIs.
    Reading(Api),
    /// Reading the history in time.
    Lag,
    /// Finding trailnoti's own calls in the history.
    Canary,
}

/// Where that can fail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: String,
    /// The region; empty for what is asked of the account.
    pub region: String,
    /// What fails there.
    pub what: What,
}

impl Place {
    /// What can fail in a scope.
    pub fn of(scope: Scope<'_>, what: What) -> Self {
        Place { account: scope.account().to_owned(), region: scope.region().to_owned(), what }
    }

    /// Where it is.
    pub fn scope(&self) -> Scope<'_> {
        match (self.account.as_str(), self.region.as_str()) {
            ("", _) => Scope::Program,
            (account, "") => Scope::Account(account),
            (account, region) => Scope::region_of(account, region),
        }
    }
}

/// What fails, or works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// What can fail in many places at once.
    Place(&'a Place),
    /// Reading the newest of a region's history, of which there is too much.
    Flood(Scope<'a>),
    /// Having the requests for oneself that AWS allows.
    Quota(Scope<'a>),
    /// Sending through a sink.
    Sink(&'a str),
    /// Having room for every alert that waits for a sink.
    Outbox(&'a str),
    /// This machine's clock, beside AWS's.
    Clock,
    /// Writing the state to the disk.
    State,
    /// Ending in order.
    Deaths,
}

impl Subject<'_> {
    /// The name under which it is kept that the failure was reported.
    pub fn key(&self) -> String {
        match self {
            Subject::Place(Place { account, region, what }) => {
                let what = match what {
                    What::Reading(Api::Regions) => "the list of regions",
                    What::Reading(Api::Identity) => "the account",
                    What::Reading(api) => api.name(),
                    What::Lag => "lag",
                    What::Canary => "canary",
                };
                format!("{account} {region} {what}")
            }
            Subject::Flood(scope) => format!("{} {} flood", scope.account(), scope.region()),
            Subject::Quota(scope) => format!("{} {} quota", scope.account(), scope.region()),
            Subject::Sink(name) => format!("sink {name}"),
            Subject::Outbox(name) => format!("outbox {name}"),
            Subject::Clock => "clock".to_owned(),
            Subject::State => "disk".to_owned(),
            Subject::Deaths => "deaths".to_owned(),
        }
    }
}
