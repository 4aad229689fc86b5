//! The judgement: what of a batch of events is told, what is hidden by whom, and what was told before. Owns the
//! decision for an event; writing it down is the store's.

use jiff::Timestamp;

use super::alert::Alert;
use super::event::{Event, INSTANCE_STATE};
use super::exclusion::{Exclusion, excluding};
use super::inventory::{Instance, State};
use super::json::Json;
use super::pattern::Fields;
use super::rule::Rules;

/// What events are judged by.
#[derive(Debug, Clone, Default)]
pub struct Law {
    /// What is told.
    pub rules: Rules,
    /// What is hidden, of instances.
    pub exclusions: Vec<Exclusion>,
}

/// By what an event is known again: whose, when, which. Only events that matched a rule are remembered; the
/// others say nothing however often they are judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The account.
    pub account: String,
    /// When it happened, in seconds since 1970.
    pub second: i64,
    /// [`Event::short_id`].
    pub id: [u8; 16],
}

impl Mark {
    fn of(event: &Event) -> Self {
        Mark { account: event.account.clone(), second: event.time.as_second(), id: event.short_id() }
    }
}

/// What was decided of a batch.
#[derive(Debug, Default)]
pub struct Judgement {
    /// To be told.
    pub alerts: Vec<Alert>,
    /// To be remembered.
    pub marks: Vec<Mark>,
    /// Hidden: the exclusion's name and the event's time, one for each event.
    pub excluded: Vec<(String, Timestamp)>,
    /// How many were remembered from before.
    pub repeated: usize,
    /// How many matched no rule.
    pub unmatched: usize,
}

impl Judgement {
    /// Adds what was decided of another batch.
    pub fn append(&mut self, mut other: Judgement) {
        self.alerts.append(&mut other.alerts);
        self.marks.append(&mut other.marks);
        self.excluded.append(&mut other.excluded);
        self.repeated += other.repeated;
        self.unmatched += other.unmatched;
    }
}

/// Judges events, in the given order. `seen` says which are remembered from before.
pub fn judge<E>(
    law: &Law,
    events: &[Event],
    account_name: &str,
    mut seen: impl FnMut(&Mark) -> Result<bool, E>,
) -> Result<Judgement, E> {
    let mut judgement = Judgement::default();
    for event in events {
        let envelope = event.envelope();
        let fields = Fields::of(&envelope);
        let Some(rule) = law.rules.matching(&fields).next() else {
            judgement.unmatched += 1;
            continue;
        };
        let mark = Mark::of(event);
        if judgement.marks.contains(&mark) || seen(&mark)? {
            judgement.repeated += 1;
            continue;
        }
        judgement.marks.push(mark);
        match hidden_by(law, event) {
            Some(exclusion) => judgement.excluded.push((exclusion.name.clone(), event.time)),
            None => judgement.alerts.push(Alert::new(rule, event, &envelope, account_name)),
        }
    }
    Ok(judgement)
}

/// The exclusion that hides an event about instances: each of them must be excluded.
fn hidden_by<'a>(law: &'a Law, event: &Event) -> Option<&'a Exclusion> {
    if let (INSTANCE_STATE, Some(instance)) = (event.detail_type.as_str(), &event.instance) {
        let state = event.detail.text("state").and_then(State::parse)?;
        return excluding(&law.exclusions, instance, state, &event.region);
    }
    if event.source != "aws.ec2" || event.detail.text("eventName") != Some("RunInstances") {
        return None;
    }
    let launched = event.detail.at("responseElements.instancesSet.items")?.items();
    let mut hiding = None;
    for item in launched {
        let instance = launched_instance(item);
        hiding = Some(excluding(&law.exclusions, &instance, instance.state, &event.region)?);
    }
    hiding
}

/// An instance as `RunInstances` answers it.
fn launched_instance(item: &Json) -> Instance {
    let text = |path| item.text(path).map(str::to_owned);
    let tags = item.at("tagSet.items").map_or(&[][..], Json::items);
    Instance {
        id: text("instanceId").unwrap_or_default(),
        state: State::Pending,
        instance_type: text("instanceType").unwrap_or_default(),
        launch_time: None,
        image: text("imageId"),
        key_name: text("keyName"),
        public_address: None,
        lifecycle: text("instanceLifecycle"),
        profile: text("iamInstanceProfile.arn"),
        tags: tags
            .iter()
            .filter_map(|tag| Some((tag.text("key")?.to_owned(), tag.get("value")?.as_str()?.to_owned())))
            .collect(),
    }
}
