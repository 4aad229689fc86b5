//! What the running daemon sees, on one page, for who asks from outside. Owns which facts; reads everything and
//! changes nothing.

use jiff::Timestamp;

use crate::domain::decision::Decision;
use crate::domain::explain::{Place, explain};
use crate::domain::json::{Json, object};
use crate::domain::memory::HORIZON;
use crate::domain::pacer::later;
use crate::domain::rule::Mode;
use crate::domain::story::Story;
use crate::poll::Watch;
use crate::status::Pages;

/// See the module.
pub struct Overview {
    watch: Watch,
    since: Timestamp,
}

impl Overview {
    /// Of the loops that begin now.
    pub fn new(watch: Watch) -> Self {
        let since = watch.clock.now();
        Overview { watch, since }
    }

    fn regions(&self, now: Timestamp) -> Json {
        let readings = self.watch.status.readings();
        let regions = readings.iter().map(|((account, region, api), reading)| {
            let through = if *api == "cloudtrail" { reading.through } else { reading.last_success };
            object([
                ("account", account.as_str().into()),
                ("region", region.as_str().into()),
                ("api", (*api).into()),
                ("lag_seconds", through.map_or(Json::Null, |through| seconds(through, now))),
                ("last_success", time(reading.last_success)),
                ("trouble", text(reading.trouble.as_deref())),
            ])
        });
        Json::Array(regions.collect())
    }

    fn sinks(&self) -> Json {
        let sendings = self.watch.status.sendings();
        let sinks = self.watch.routes.iter().map(|route| {
            let sending = sendings.get(&route.sink).cloned().unwrap_or_default();
            let count = |count: Result<usize, _>| count.map_or(Json::Null, number);
            object([
                ("name", route.sink.as_str().into()),
                ("waiting", count(self.watch.store.queue(&route.sink))),
                ("dead", count(self.watch.store.dead(&route.sink).map(|dead| dead.len()))),
                ("last_success", time(sending.last_success)),
                ("trouble", text(sending.trouble.as_deref())),
            ])
        });
        Json::Array(sinks.collect())
    }

    fn stories(&self, now: Timestamp) -> (Json, Json) {
        let waits = &self.watch.config.law.waits;
        let looked = self.watch.casebook.look(&self.watch.store, |known| {
            let all = known.regions.iter().flat_map(|((_, region), stories)| {
                stories.values().map(move |story| (region.as_str(), story))
            });
            let new: Vec<(&str, &Story)> = all.filter(|(_, story)| story.is_new).collect();
            let is_open = |story: &Story| !story.is_whole() && now < later(story.opened, waits.lateness);
            let open = new.iter().filter(|(_, story)| is_open(story)).count();
            let held = new.iter().filter(|(_, story)| !story.held.is_empty()).map(|(region, story)| {
                object([
                    ("instance", story.instance.id.as_str().into()),
                    ("region", (*region).into()),
                    ("size", story.instance.size().into()),
                    ("since", story.opened.to_string().into()),
                    (
                        "waits_for",
                        if story.tags_may_come(waits.tags, now) { "its tags" } else { "its launch" }.into(),
                    ),
                ])
            });
            let stories = object([("open", number(open)), ("held", Json::Array(held.collect()))]);
            let exclusions = self.watch.config.law.exclusions.iter().map(|exclusion| {
                let usage = known.usage.get(&exclusion.name).cloned().unwrap_or_default();
                object([
                    ("name", exclusion.name.as_str().into()),
                    ("hidden", i64::try_from(usage.count).unwrap_or(i64::MAX).into()),
                    ("last", time(usage.last)),
                    ("instance", usage.instance.as_str().into()),
                    ("principal", usage.principal.as_str().into()),
                ])
            });
            (stories, Json::Array(exclusions.collect()))
        });
        looked.unwrap_or((Json::Null, Json::Null))
    }

    /// What is known of the past: how far the history of each region is read, and how much is remembered.
    fn memory(&self, now: Timestamp) -> Json {
        let looked = self.watch.casebook.look(&self.watch.store, |known| {
            let whole = HORIZON.as_secs_f64();
            let regions = known.history.iter().map(|((account, region), history)| {
                let read = history.reached.map(|reached| now.duration_since(reached).as_secs_f64() / whole);
                let percent = if history.read { 100.0 } else { read.unwrap_or(0.0).clamp(0.0, 0.99) * 100.0 };
                object([
                    ("account", account.as_str().into()),
                    ("region", region.as_str().into()),
                    ("read_back_to", time(history.reached)),
                    ("percent", (percent as i64).into()),
                    ("done", history.read.into()),
                ])
            });
            let learning = known.history.values().any(|history| !history.read && !history.blind);
            object([
                ("learning", learning.into()),
                ("remembered", number(known.remembered)),
                ("regions", Json::Array(regions.collect())),
            ])
        });
        looked.unwrap_or(Json::Null)
    }

    /// What rules on trial would have told since the last daily summary.
    fn trials(&self) -> Json {
        let tried = self.watch.store.tally().map(|tally| tally.tried).unwrap_or_default();
        let rules = self.watch.config.law.rules.iter().filter(|rule| rule.mode == Mode::DryRun);
        let trials = rules.map(|rule| {
            let count = tried.get(&rule.id).copied().unwrap_or_default();
            object([
                ("rule", rule.id.as_str().into()),
                ("would_have_told", i64::try_from(count).unwrap_or(i64::MAX).into()),
            ])
        });
        Json::Array(trials.collect())
    }

    fn alerts(&self) -> Json {
        let alerts = self.watch.status.recent().into_iter().map(|told| {
            object([
                ("at", told.at.to_string().into()),
                ("severity", told.severity.name().into()),
                ("title", told.title.into()),
                ("region", told.region.into()),
            ])
        });
        Json::Array(alerts.collect())
    }
}

impl Pages for Overview {
    fn overview(&self) -> Json {
        let now = self.watch.clock.now();
        let missing = self.watch.status.readiness(now).missing.into_iter().map(Json::from);
        let (stories, exclusions) = self.stories(now);
        object([
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("now", now.to_string().into()),
            ("since", self.since.to_string().into()),
            ("not_seen", Json::Array(missing.collect())),
            ("state_kept_in_memory", text(self.watch.store.degraded().as_deref())),
            ("regions", self.regions(now)),
            ("sinks", self.sinks()),
            ("stories", stories),
            ("exclusions", exclusions),
            ("memory", self.memory(now)),
            ("trials", self.trials()),
            ("alerts", self.alerts()),
        ])
    }

    fn explain(&self, id: &str) -> Option<Json> {
        let (now, law) = (self.watch.clock.now(), &self.watch.config.law);
        let looked = self.watch.casebook.look(&self.watch.store, |known| {
            let stories = known.regions.iter().flat_map(|((account, region), stories)| {
                stories.values().map(move |story| (account, region, story))
            });
            let named = stories.filter(|(_, _, story)| {
                let launch = story.launch.as_ref();
                story.instance.id == id || launch.is_some_and(|launch| launch.event == id)
            });
            let explained: Vec<Json> = named
                .map(|(account, region, story)| {
                    let tags_may_come = story.tags_may_come(law.waits.tags, now);
                    let place = Place {
                        account,
                        region,
                        state: story.instance.state,
                        tags_may_come,
                        launch_may_come: story.launch_may_come(law.waits.launch, now),
                        is_own: known.own.get(account).is_some_and(|own| story.is_launched_by(own)),
                    };
                    explain(law, story, place, |name| known.usage.get(name).cloned())
                })
                .collect();
            let decision = known.decisions.get(id).map(Decision::shown);
            decision.into_iter().chain(explained).collect::<Vec<Json>>()
        });
        looked.ok().filter(|explained| !explained.is_empty()).map(Json::Array)
    }
}

fn seconds(time: Timestamp, now: Timestamp) -> Json {
    now.duration_since(time).as_secs().max(0).into()
}

fn number(count: usize) -> Json {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

fn time(time: Option<Timestamp>) -> Json {
    time.map_or(Json::Null, |time| time.to_string().into())
}

fn text(text: Option<&str>) -> Json {
    text.map_or(Json::Null, Json::from)
}
