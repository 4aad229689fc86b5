//! What one simulated account has: regions, recorded events, instances, trails. Owns what is there at a moment; how it is
//! asked for is `cloudtrail`'s and `ec2`'s.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::event::instance::State as InstanceState;
use crate::domain::json::Json;
use crate::simulator::trails::SimulatedTrail;

/// The regions that every account has and cannot disable (AWS account management guide).
pub const DEFAULT_REGIONS: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
];

/// Regions that an account has only once somebody enables them.
pub const OPT_IN_REGIONS: [&str; 4] = ["af-south-1", "ap-east-1", "eu-south-1", "me-south-1"];

/// A simulated account: regions, instances, history.
#[derive(Debug)]
pub struct Account {
    /// From when on, and until when, a region is enabled.
    regions: BTreeMap<String, (Timestamp, Timestamp)>,
    /// By region, and in it by the second in which it happened and by the order of recording.
    events: BTreeMap<String, BTreeMap<(i64, u64), Recorded>>,
    recorded: u64,
    instances: Vec<Instance>,
    launched: u32,
    /// Whether instances that AWS manages are hidden from who does not ask for them.
    pub hides_managed: bool,
    /// Whether a region of this account answers that it is enabled before it works; minutes to hours in reality.
    pub slow_to_work: BTreeMap<String, Timestamp>,
    /// Its trails, and those that its organization has in it.
    pub trails: Vec<SimulatedTrail>,
}

/// An event in the history.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The record, as CloudTrail writes it.
    pub record: Json,
    /// The second in which it happened.
    pub happened: i64,
    /// When it can first be read.
    pub visible: Timestamp,
    /// `CloudTrailEvent` is this text instead of the record, for what must not happen and might.
    pub text: Option<String>,
}

/// An instance to launch.
#[derive(Debug, Clone)]
pub struct Launch<'a> {
    /// In which region.
    pub region: &'a str,
    /// The instance type, such as `t3.micro`.
    pub instance_type: &'a str,
    /// When it is asked for.
    pub at: Timestamp,
    /// Its tags, and how long after the launch they can be seen.
    pub tags: &'a [(&'a str, &'a str)],
    /// How long after the launch the tags can be seen.
    pub tags_after: SignedDuration,
    /// Whether a service of AWS manages the instance.
    pub managed: bool,
    /// How long after the launch it is missing from lists, which are eventually consistent.
    pub listed_after: SignedDuration,
    /// The first instance of the same launch; none for the first itself.
    pub together_with: Option<&'a str>,
}

impl<'a> Launch<'a> {
    /// An instance without tags, by nobody in particular.
    pub fn new(region: &'a str, instance_type: &'a str, at: Timestamp) -> Self {
        Launch {
            region,
            instance_type,
            at,
            tags: &[],
            tags_after: SignedDuration::ZERO,
            managed: false,
            listed_after: SignedDuration::ZERO,
            together_with: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Instance {
    pub id: String,
    region: String,
    pub kind: String,
    /// The launch that it came from.
    pub reservation: String,
    states: Vec<(Timestamp, InstanceState)>,
    /// Key, value, from when on, and until when.
    tags: Vec<(String, String, Timestamp, Timestamp)>,
    pub managed: bool,
    listed_from: Timestamp,
}

impl Instance {
    pub fn state(&self, now: Timestamp) -> InstanceState {
        let mut states = self.states.iter().rev();
        states.find(|(at, _)| *at <= now).map_or(InstanceState::Pending, |(_, state)| *state)
    }

    /// The last launch, which changes with every stop and start.
    pub fn launched(&self, now: Timestamp) -> Timestamp {
        let starts = self.states.iter().filter(|(_, state)| *state == InstanceState::Pending);
        starts.map(|(at, _)| *at).filter(|at| *at <= now).max().unwrap_or(now)
    }

    pub fn tags(&self, now: Timestamp) -> Vec<(&str, &str)> {
        if self.state(now) == InstanceState::Terminated {
            return Vec::new();
        }
        let tags = self.tags.iter().filter(|(_, _, from, until)| *from <= now && now < *until);
        tags.map(|(key, value, ..)| (key.as_str(), value.as_str())).collect()
    }

    /// When it was terminated, or will be.
    fn ended(&self) -> Option<Timestamp> {
        self.states.iter().find(|(_, state)| *state == InstanceState::Terminated).map(|(at, _)| *at)
    }

    /// Terminated instances stay listed for about an hour.
    fn is_listed(&self, now: Timestamp) -> bool {
        self.listed_from <= now
            && self.ended().is_none_or(|ended| now < ended + SignedDuration::from_mins(55))
    }
}

impl Account {
    pub(super) fn new() -> Self {
        let regions =
            DEFAULT_REGIONS.iter().map(|region| ((*region).to_owned(), (Timestamp::MIN, Timestamp::MAX)));
        Account {
            regions: regions.collect(),
            events: BTreeMap::new(),
            recorded: 0,
            instances: Vec::new(),
            launched: 0,
            hides_managed: true,
            slow_to_work: BTreeMap::new(),
            trails: Vec::new(),
        }
    }

    /// Only these regions are enabled: for scenarios that are about few.
    pub fn only_regions(&mut self, regions: &[&str]) {
        self.regions.retain(|region, _| regions.contains(&region.as_str()));
    }

    /// The region is enabled from then on.
    pub fn enable(&mut self, region: &str, at: Timestamp) {
        self.regions.insert(region.to_owned(), (at, Timestamp::MAX));
    }

    /// The region is disabled from then on.
    pub fn disable(&mut self, region: &str, at: Timestamp) {
        if let Some((_, until)) = self.regions.get_mut(region) {
            *until = at;
        }
    }

    /// The regions that are listed as enabled.
    pub fn enabled(&self, now: Timestamp) -> Vec<String> {
        let enabled = self.regions.iter().filter(|(_, (from, until))| *from <= now && now < *until);
        enabled.map(|(region, _)| region.clone()).collect()
    }

    pub(super) fn is_enabled(&self, region: &str, now: Timestamp) -> bool {
        let works = self.slow_to_work.get(region).is_none_or(|from| *from <= now);
        works && self.regions.get(region).is_some_and(|(from, until)| *from <= now && now < *until)
    }

    /// Puts a record into the history, visible after a while.
    pub fn record(&mut self, record: Json, after: SignedDuration) {
        self.put(record, None, after);
    }

    /// Puts something into the history as `CloudTrailEvent` that is not the record.
    pub fn record_text(&mut self, record: Json, text: &str, after: SignedDuration) {
        self.put(record, Some(text.to_owned()), after);
    }

    /// One that does not say when it happened is in no window, and is never read.
    fn put(&mut self, record: Json, text: Option<String>, after: SignedDuration) {
        let happened = record.text("eventTime").and_then(|time| time.parse::<Timestamp>().ok());
        let Some(happened) = happened else { return };
        self.recorded += 1;
        let region = record.text("awsRegion").unwrap_or_default().to_owned();
        let visible = happened + after;
        let happened = happened.as_second();
        let events = self.events.entry(region).or_default();
        events.insert((happened, self.recorded), Recorded { record, happened, visible, text });
    }

    /// What happened in a region in these seconds, both included, the oldest first.
    pub(super) fn happened(&self, region: &str, from: i64, until: i64) -> impl Iterator<Item = &Recorded> {
        let events = self.events.get(region).filter(|_| from <= until);
        events
            .into_iter()
            .flat_map(move |events| events.range((from, 0)..=(until, u64::MAX)))
            .map(|(_, one)| one)
    }

    /// Forgets what happened before a time: CloudTrail keeps 90 days of it, and a long simulation less.
    pub fn forget(&mut self, before: Timestamp) {
        for events in self.events.values_mut() {
            *events = events.split_off(&(before.as_second(), 0));
        }
        self.instances.retain(|instance| instance.ended().is_none_or(|ended| ended >= before));
    }

    /// Launches an instance: pending, and running half a minute later. Its id is answered.
    pub fn launch(&mut self, launch: &Launch<'_>) -> String {
        self.launched += 1;
        let id = format!("i-{:017x}", u64::from(self.launched) * 0x1_0003 + 0xa_bc00_0000);
        self.instances.push(Instance {
            id: id.clone(),
            region: launch.region.to_owned(),
            kind: launch.instance_type.to_owned(),
            reservation: crate::simulator::records::reservation(launch.together_with.unwrap_or(&id)),
            states: vec![
                (launch.at, InstanceState::Pending),
                (launch.at + SignedDuration::from_secs(32), InstanceState::Running),
            ],
            tags: launch
                .tags
                .iter()
                .map(|(key, value)| {
                    let from = launch.at + launch.tags_after;
                    ((*key).to_owned(), (*value).to_owned(), from, Timestamp::MAX)
                })
                .collect(),
            managed: launch.managed,
            listed_from: launch.at + launch.listed_after,
        });
        id
    }

    /// Launches several with one call.
    pub fn launch_many(&mut self, launch: &Launch<'_>, count: usize) -> Vec<String> {
        let first = self.launch(launch);
        let mut ids = vec![first.clone()];
        ids.extend(
            (1..count).map(|_| self.launch(&Launch { together_with: Some(&first), ..launch.clone() })),
        );
        ids
    }

    fn instance(&mut self, id: &str) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|instance| instance.id == id)
    }

    /// Puts a tag on an instance.
    pub fn tag(&mut self, id: &str, key: &str, value: &str, at: Timestamp) {
        self.untag(id, key, at);
        if let Some(instance) = self.instance(id) {
            instance.tags.push((key.to_owned(), value.to_owned(), at, Timestamp::MAX));
        }
    }

    /// Takes a tag off an instance.
    pub fn untag(&mut self, id: &str, key: &str, at: Timestamp) {
        let tags = self.instance(id).map_or(&mut [][..], |instance| &mut instance.tags);
        tags.iter_mut().filter(|(k, ..)| k == key).for_each(|(.., until)| *until = at.min(*until));
    }

    /// Stops an instance, and starts it again.
    pub fn stop_and_start(&mut self, id: &str, stop: Timestamp, start: Timestamp) {
        if let Some(instance) = self.instance(id) {
            instance.states.push((stop, InstanceState::Stopping));
            instance.states.push((stop + SignedDuration::from_secs(30), InstanceState::Stopped));
            instance.states.push((start, InstanceState::Pending));
            instance.states.push((start + SignedDuration::from_secs(32), InstanceState::Running));
        }
    }

    /// Ends an instance: shutting down, and terminated half a minute later.
    pub fn terminate(&mut self, id: &str, at: Timestamp) {
        if let Some(instance) = self.instance(id) {
            instance.states.push((at, InstanceState::ShuttingDown));
            instance.states.push((at + SignedDuration::from_secs(35), InstanceState::Terminated));
        }
    }

    pub(super) fn listed(&self, region: &str, managed: bool, now: Timestamp) -> Vec<&Instance> {
        let managed = managed || !self.hides_managed;
        let here = self.instances.iter().filter(|instance| instance.region == region);
        here.filter(|instance| instance.is_listed(now) && (managed || !instance.managed)).collect()
    }
}
