//! What is known of an instance. Owns its facts and AWS's words for them; what follows from them is for others.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::event::instance_type;
use crate::domain::json::{Json, object};

/// Tags: key and value.
pub type Tags = BTreeMap<String, String>;

/// An instance's state (EC2 API reference, InstanceState).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Starting for the first time, or again.
    #[default]
    Pending,
    /// It runs, and is billed.
    Running,
    /// On its way to be stopped.
    Stopping,
    /// Not running, and may run again.
    Stopped,
    /// On its way to be gone.
    ShuttingDown,
    /// It has ended, and does not come back.
    Terminated,
}

impl State {
    /// Every state that EC2 has for an instance.
    pub const ALL: [State; 6] = [
        State::Pending,
        State::Running,
        State::Stopping,
        State::Stopped,
        State::ShuttingDown,
        State::Terminated,
    ];

    /// AWS's word for it.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::ShuttingDown => "shutting-down",
            State::Terminated => "terminated",
        }
    }

    /// The state of AWS's word.
    pub fn parse(name: &str) -> Option<Self> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the instance is on, or about to be.
    pub fn is_on(self) -> bool {
        matches!(self, State::Pending | State::Running)
    }
}

/// What is known of an instance. Texts are AWS's own or their owner's: hostile until rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// The instance's id, such as `i-0abc`.
    pub id: String,
    /// Its state when it was last listed.
    pub state: State,
    /// The instance type, such as `t3.micro`.
    pub instance_type: String,
    /// The last launch; it changes with every stop and start.
    pub launch_time: Option<Timestamp>,
    /// The image that it was started from.
    pub image: Option<String>,
    /// The key pair that opens it.
    pub key_name: Option<String>,
    /// Its public IPv4 address.
    pub public_address: Option<String>,
    /// `spot`, `scheduled`, …; none for on-demand.
    pub lifecycle: Option<String>,
    /// The ARN of its instance profile.
    pub profile: Option<String>,
    /// The launch that it came from: instances of one call share it.
    pub reservation: Option<String>,
    /// How many virtual processors it has.
    pub vcpus: Option<u32>,
    /// Its tags, by their keys.
    pub tags: Tags,
}

impl Instance {
    /// Its tags, each as `key=value`.
    pub fn shown_tags(&self) -> impl Iterator<Item = String> {
        self.tags.iter().map(|(key, value)| format!("{key}={value}"))
    }

    /// `on-demand`, or AWS's word for another way of buying it.
    pub fn lifecycle(&self) -> &str {
        self.lifecycle.as_deref().unwrap_or("on-demand")
    }

    /// Whether it was started anew since, when this is what a list says of it now. A stop and a start between two
    /// lists show in the launch time alone.
    pub fn starts_again(&self, listed: &Instance) -> bool {
        let launched_later = self.launch_time.is_some() && self.launch_time < listed.launch_time;
        listed.state.is_on() && (self.state == State::Stopped || launched_later)
    }

    /// What computes in it beside processors.
    pub fn accelerator(&self) -> Option<&'static str> {
        instance_type::spec(&self.instance_type).accelerator
    }

    /// Its virtual processors, or more: whoever launches may switch some off, and pays for them all.
    pub fn processors(&self) -> u32 {
        instance_type::spec(&self.instance_type).vcpus.max(self.vcpus.unwrap_or(0))
    }

    /// Such as `p5.48xlarge, 192 vCPUs, GPU`; what only the type's name suggests is marked so.
    pub fn size(&self) -> String {
        let vcpus = self.vcpus.map(|vcpus| format!("{vcpus} vCPUs"));
        let mark = if instance_type::spec(&self.instance_type).guessed { " (by its name)" } else { "" };
        let accelerator = self.accelerator().map(|kind| format!("{kind}{mark}"));
        let parts = [Some(self.instance_type.clone()), vcpus, accelerator];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// An instance as the answer to `RunInstances` names it. Tags that follow are not there yet.
    pub fn from_record(item: &Json, reservation: Option<&str>) -> Option<Self> {
        let text = |path| item.text(path).filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Instance {
            id: text("instanceId")?,
            instance_type: text("instanceType").unwrap_or_default(),
            image: text("imageId"),
            key_name: text("keyName"),
            lifecycle: text("instanceLifecycle"),
            profile: text("iamInstanceProfile.arn"),
            reservation: reservation.map(str::to_owned),
            tags: record_tags(item.at("tagSet.items")),
            ..Instance::default()
        })
    }

    /// The facts that patterns can use, beside an event's `detail`.
    pub fn context(&self, new: bool) -> Json {
        let text = |value: &Option<String>| value.as_deref().map_or(Json::Null, Json::from);
        let tags = self.tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let facts = [
            ("type", self.instance_type.as_str().into()),
            ("vcpus", self.vcpus.map_or(Json::Null, |vcpus| i64::from(vcpus).into())),
            ("accelerator", self.accelerator().map_or(Json::Null, Json::from)),
            ("lifecycle", self.lifecycle().into()),
            ("image", text(&self.image)),
            ("key", text(&self.key_name)),
            ("public-address", text(&self.public_address)),
            ("profile", text(&self.profile)),
            ("reservation", text(&self.reservation)),
            ("new", new.into()),
            ("tags", Json::Object(tags)),
        ];
        let known = facts.into_iter().filter(|(_, value)| *value != Json::Null);
        Json::Object(known.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Reads what [`Instance::context`] wrote.
    pub fn from_context(id: &str, state: State, context: &Json) -> Self {
        let text = |path| context.text(path).map(str::to_owned);
        let tags = match context.get("tags") {
            Some(Json::Object(tags)) => tags.as_slice(),
            _ => &[],
        };
        Instance {
            id: id.to_owned(),
            state,
            instance_type: text("type").unwrap_or_default(),
            launch_time: None,
            image: text("image"),
            key_name: text("key"),
            public_address: text("public-address"),
            lifecycle: text("lifecycle").filter(|lifecycle| lifecycle != "on-demand"),
            profile: text("profile"),
            reservation: text("reservation"),
            vcpus: match context.get("vcpus") {
                Some(Json::Number(number)) => number.to_string().parse().ok(),
                _ => None,
            },
            tags: tags
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        }
    }
}

/// Tags as a CloudTrail record of EC2 lists them.
pub fn record_tags(items: Option<&Json>) -> Tags {
    let tags = items.map_or(&[][..], Json::items).iter();
    tags.filter_map(|tag| {
        Some((tag.text("key")?.to_owned(), tag.text("value").unwrap_or_default().to_owned()))
    })
    .collect()
}

/// The instance as `detail` of its own: what an event about it says.
pub fn state_detail(id: &str, state: State) -> Json {
    object([("instance-id", id.into()), ("state", state.name().into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_patterns_see_of_an_instance_can_be_read_back() {
        let instance = Instance {
            id: "i-1".to_owned(),
            instance_type: "g5.xlarge".to_owned(),
            vcpus: Some(4),
            lifecycle: Some("spot".to_owned()),
            reservation: Some("r-1".to_owned()),
            tags: Tags::from([("team".to_owned(), "ci".to_owned())]),
            ..Instance::default()
        };
        assert_eq!(Instance::from_context("i-1", State::Pending, &instance.context(true)), instance);
    }
}
