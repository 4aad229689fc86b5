//! Stories of instances as they stand on disk. Owns their rows; when they change is the domain's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::context::launch::Launch;
use crate::domain::event::instance::{Instance, State, Tags};
use crate::domain::event::scope::Scope;
use crate::domain::instances::note::Note;
use crate::domain::instances::story::{Held, Story};
use crate::store::alert_row::AlertRow;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{json, key};
use crate::store::state::Store;

#[derive(Serialize, Deserialize)]
struct StoryRow<'a> {
    id: String,
    state: String,
    kind: String,
    launched: Option<Timestamp>,
    image: Option<String>,
    key: Option<String>,
    address: Option<String>,
    lifecycle: Option<String>,
    profile: Option<String>,
    #[serde(default)]
    reservation: Option<String>,
    #[serde(default)]
    vcpus: Option<u32>,
    tags: Tags,
    #[serde(default)]
    seen: Option<Timestamp>,
    #[serde(default)]
    missing: u8,
    #[serde(default)]
    opened: Option<Timestamp>,
    #[serde(default)]
    new: bool,
    /// Only where they differ from the tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    launch: Option<Launch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fleet: Option<Launch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<HeldRow<'a>>,
    #[serde(default, alias = "told")]
    alerted: bool,
    /// In a version before without the times, under another name: a place is then taken once more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    admitted_at: BTreeMap<String, Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    noted: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct HeldRow<'a> {
    alert: AlertRow<'a>,
    ids: Vec<String>,
    state: String,
    #[serde(default)]
    starts: bool,
}

fn row(story: &Story) -> Vec<u8> {
    let Story { instance, .. } = story.clone();
    let held = story.held.iter().map(|held| HeldRow {
        alert: AlertRow::of(&held.alert),
        ids: held.ids.clone(),
        state: held.state.name().to_owned(),
        starts: held.starts,
    });
    json(&StoryRow {
        id: instance.id,
        state: instance.state.name().to_owned(),
        kind: instance.instance_type,
        launched: instance.launch_time,
        image: instance.image,
        key: instance.key_name,
        address: instance.public_address,
        lifecycle: instance.lifecycle,
        profile: instance.profile,
        reservation: instance.reservation,
        vcpus: instance.vcpus,
        began: (story.began_with != instance.tags).then(|| story.began_with.clone()),
        tags: instance.tags,
        seen: story.first_seen,
        missing: story.missing,
        opened: Some(story.opened),
        new: story.is_new,
        launch: story.launch.clone(),
        fleet: story.fleet.clone(),
        waiting: held.collect(),
        alerted: story.alerted,
        admitted_at: story.admitted.clone(),
        noted: story.noted.iter().map(ToString::to_string).collect(),
    })
}

fn read(row: &[u8]) -> Option<Story> {
    let row: StoryRow<'_> = serde_json::from_slice(row).ok()?;
    let held = row.waiting.into_iter().filter_map(|held| {
        Some(Held {
            alert: held.alert.alert()?,
            ids: held.ids,
            state: State::parse(&held.state)?,
            starts: held.starts,
        })
    });
    Some(Story {
        held: held.collect(),
        began_with: row.began.unwrap_or_else(|| row.tags.clone()),
        instance: Instance {
            id: row.id,
            state: State::parse(&row.state)?,
            instance_type: row.kind,
            launch_time: row.launched,
            image: row.image,
            key_name: row.key,
            public_address: row.address,
            lifecycle: row.lifecycle,
            profile: row.profile,
            reservation: row.reservation,
            vcpus: row.vcpus,
            tags: row.tags,
        },
        first_seen: row.seen,
        missing: row.missing,
        opened: row.opened.or(row.seen).unwrap_or_default(),
        is_new: row.new,
        launch: row.launch,
        fleet: row.fleet,
        alerted: row.alerted,
        admitted: row.admitted_at,
        noted: row.noted.iter().filter_map(|note| Note::parse(note)).collect(),
    })
}

/// What is to be written of a region's stories.
pub(super) fn changes(scope: Scope<'_>, stories: &BTreeMap<String, Option<Story>>) -> Vec<Change> {
    let change = |(id, story): (&String, &Option<Story>)| {
        let key = key::instance(scope.account(), scope.region(), id);
        story.as_ref().map_or(Change::delete(key.clone()), |story| Change::put(key, row(story)))
    };
    stories.iter().map(change).collect()
}

impl Store {
    /// The stories of a region.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn stories(&self, scope: Scope<'_>) -> Result<BTreeMap<String, Story>, StoreError> {
        let rows = self.scan(key::instance(scope.account(), scope.region(), "")).await?;
        let stories = rows.iter().filter_map(|(_, row)| read(row));
        Ok(stories.map(|story| (story.instance.id.clone(), story)).collect())
    }

    /// Every account and region of which there are stories.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn places(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut places = BTreeSet::new();
        for key in self.engine.keys(&key::instances()).await? {
            let mut parts = key[1..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
            if let (Some(account), Some(region)) = (parts.next(), parts.next()) {
                places.insert((account.into_owned(), region.into_owned()));
            }
        }
        Ok(places.into_iter().collect())
    }

    /// Whether a region's instances were listed before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn has_baseline(&self, scope: Scope<'_>) -> Result<bool, StoreError> {
        Ok(self.get(key::baseline(scope.account(), scope.region())).await?.is_some())
    }
}
