//! What can fail so that somebody must hear of it: reading, being in time, a sink, the clock, the state. Owns the names under
//! which that is remembered, which never change, and in messages.

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

/// What fails, or works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// Asking one of AWS's APIs, in one place.
    Reading(Scope<'a>, Api),
    /// Reading a region's history in time.
    Lag(Scope<'a>),
    /// Reading the newest of a region's history, of which there is too much.
    Flood(Scope<'a>),
    /// Having the requests for oneself that AWS allows.
    Quota(Scope<'a>),
    /// Sending through a sink.
    Sink(&'a str),
    /// This machine's clock, beside AWS's.
    Clock,
    /// Writing the state to the disk.
    State,
}

impl Subject<'_> {
    /// The name under which it is kept that the failure was reported.
    pub fn key(&self) -> String {
        match self {
            Subject::Reading(scope, api) => {
                let api = match api {
                    Api::Regions => "the list of regions",
                    Api::Identity => "the account",
                    api => api.name(),
                };
                format!("{} {} {api}", scope.account(), scope.region())
            }
            Subject::Lag(scope) => format!("{} {} lag", scope.account(), scope.region()),
            Subject::Flood(scope) => format!("{} {} flood", scope.account(), scope.region()),
            Subject::Quota(scope) => format!("{} {} quota", scope.account(), scope.region()),
            Subject::Sink(name) => format!("sink {name}"),
            Subject::Clock => "clock".to_owned(),
            Subject::State => "disk".to_owned(),
        }
    }

    /// What cannot be seen, as it follows "trailnoti cannot read".
    pub fn unseen(&self) -> String {
        let Subject::Reading(scope, api) = self else { return self.key() };
        match (api, scope) {
            (Api::CloudTrail, scope) => format!("CloudTrail events in {}", scope.region()),
            (Api::Ec2, scope) => format!("instances in {}", scope.region()),
            (Api::Regions, scope) => format!("the list of regions of account {}", scope.account()),
            (Api::Identity, _) => "which account the AWS credentials belong to".to_owned(),
        }
    }
}
