//! The simulated CloudTrail's trails: `DescribeTrails`, `GetTrailStatus` and `GetEventSelectors` (CloudTrail API reference). Owns
//! which trails a region shows, and by which name it knows them; what they write is nowhere.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::simulator::wire::{Answer, Call};

/// What is answered here.
pub(super) const OPERATIONS: [&str; 3] = ["DescribeTrails", "GetTrailStatus", "GetEventSelectors"];

/// A trail that an account has, or that an organization has in it.
#[derive(Debug, Clone)]
pub struct SimulatedTrail {
    /// Its name.
    pub name: String,
    /// The account that it belongs to: another one for the organization's trail in a member account.
    pub owner: String,
    /// The region that it was made in.
    pub home: String,
    /// It is there in every region.
    pub multi_region: bool,
    /// It is an organization's.
    pub organization: bool,
    /// It is set to record the events of global services.
    pub global_events: bool,
    /// The regions in which it does not log.
    pub silent: Vec<String>,
    /// Its selectors: `EventSelectors` or `AdvancedEventSelectors`, as `GetEventSelectors` answers them.
    pub selectors: Value,
}

impl SimulatedTrail {
    /// A trail of one region that logs and records all management events, as a new one does.
    pub fn new(owner: &str, name: &str, home: &str) -> Self {
        SimulatedTrail {
            name: name.to_owned(),
            owner: owner.to_owned(),
            home: home.to_owned(),
            multi_region: false,
            organization: false,
            global_events: true,
            silent: Vec::new(),
            selectors: json!({ "EventSelectors": [{
                "ReadWriteType": "All",
                "IncludeManagementEvents": true,
                "DataResources": [],
                "ExcludeManagementEventSources": [],
            }] }),
        }
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:cloudtrail:{}:{}:trail/{}", self.home, self.owner, self.name)
    }

    fn is_in(&self, region: &str) -> bool {
        self.multi_region || self.home == region
    }

    /// Whether it is no shadow: made here, and by this account.
    fn is_own(&self, region: &str, account: &str) -> bool {
        self.home == region && self.owner == account
    }

    /// By its ARN wherever it is, by its name only at home.
    fn is_named(&self, wanted: &str, region: &str, account: &str) -> bool {
        self.arn() == wanted || (self.name == wanted && self.is_own(region, account))
    }
}

pub(super) fn serve(
    trails: &[SimulatedTrail],
    call: &Call,
    operation: &str,
    account: &str,
    now: Timestamp,
) -> Answer {
    let error = |code: &str, message: &str| Answer::error("cloudtrail", 400, code, message);
    let Ok(request) = serde_json::from_str::<Map<String, Value>>(&call.body) else {
        return error("SerializationException", "not JSON");
    };
    let here = trails.iter().filter(|trail| trail.is_in(&call.region));
    if operation == "DescribeTrails" {
        let named: Vec<&str> = request
            .get("trailNameList")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let shadows = request.get("includeShadowTrails").and_then(Value::as_bool).unwrap_or(true);
        let wanted = here.filter(|trail| {
            let is_named = |name: &&str| trail.is_named(name, &call.region, account);
            (shadows || trail.is_own(&call.region, account))
                && (named.is_empty() || named.iter().any(is_named))
        });
        let list: Vec<Value> = wanted.map(described).collect();
        return Answer::json(200, json!({ "trailList": list }).to_string());
    }
    let key = if operation == "GetTrailStatus" { "Name" } else { "TrailName" };
    let Some(wanted) = request.get(key).and_then(Value::as_str) else {
        return error("InvalidTrailNameException", "Trail name cannot be blank!");
    };
    let mut named = here.filter(|trail| trail.is_named(wanted, &call.region, account));
    let Some(trail) = named.next() else {
        return error("TrailNotFoundException", &format!("Unknown trail: {wanted} for the user: {account}"));
    };
    let answer =
        if operation == "GetTrailStatus" { status(trail, &call.region, now) } else { selected(trail) };
    Answer::json(200, answer.to_string())
}

fn described(trail: &SimulatedTrail) -> Value {
    json!({
        "Name": trail.name,
        "S3BucketName": format!("logs-of-{}", trail.owner),
        "IncludeGlobalServiceEvents": trail.global_events,
        "IsMultiRegionTrail": trail.multi_region,
        "HomeRegion": trail.home,
        "TrailARN": trail.arn(),
        "LogFileValidationEnabled": true,
        "HasCustomEventSelectors": false,
        "HasInsightSelectors": false,
        "IsOrganizationTrail": trail.organization,
    })
}

/// Times are floats here and texts there; the texts are no longer in use.
fn status(trail: &SimulatedTrail, region: &str, now: Timestamp) -> Value {
    let logging = !trail.silent.iter().any(|silent| silent == region);
    let ago = |minutes: i64| (now - SignedDuration::from_mins(minutes)).as_second() as f64;
    json!({
        "IsLogging": logging,
        "LatestDeliveryTime": ago(4),
        "StartLoggingTime": ago(30 * 24 * 60),
        "LatestDigestDeliveryTime": ago(40),
        "LatestDeliveryAttemptTime": "",
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "LatestDeliveryAttemptSucceeded": "",
        "TimeLoggingStarted": "",
        "TimeLoggingStopped": "",
    })
}

fn selected(trail: &SimulatedTrail) -> Value {
    let mut answer = trail.selectors.clone();
    if let Value::Object(members) = &mut answer {
        members.insert("TrailARN".to_owned(), json!(trail.arn()));
    }
    answer
}
