//! What the running daemon sees, on one page, for who asks from outside. Owns which facts; reads everything and
//! changes nothing.

use jiff::Timestamp;

use crate::daemon::shared::Shared;
use crate::domain::health::subject::Api;
use crate::domain::instances::explain::{Place, explain};
use crate::domain::instances::story::Story;
use crate::domain::json::{Json, object};
use crate::domain::rules::memory::HORIZON;
use crate::domain::rules::rule::Mode;
use crate::domain::time::later;
use crate::ops::status::{Feed, Pages};

/// How many alerts the page has; all that are kept are on a page of their own.
const RECENT: usize = 20;

/// See the module.
pub struct Overview {
    shared: Shared,
    since: Timestamp,
}

impl Overview {
    /// Of the loops that begin now.
    pub fn new(shared: Shared) -> Self {
        let since = shared.clock.now();
        Overview { shared, since }
    }

    fn regions(&self, now: Timestamp) -> Json {
        let readings = self.shared.status.readings();
        let regions = readings.iter().map(|(Feed { account, region, api }, reading)| {
            let through = if *api == Api::CloudTrail { reading.through } else { reading.last_success };
            object([
                ("account", account.as_str().into()),
                ("region", region.as_str().into()),
                ("api", api.name().into()),
                ("lag_seconds", through.map_or(Json::Null, |through| seconds(through, now))),
                ("last_success", time(reading.last_success)),
                ("trouble", text(reading.trouble.as_deref())),
            ])
        });
        Json::Array(regions.collect())
    }

    fn sinks(&self) -> Json {
        let sendings = self.shared.status.sendings();
        let sinks = self.shared.routes.iter().map(|route| {
            let sending = sendings.get(&route.sink).cloned().unwrap_or_default();
            let count = |count: Result<usize, _>| count.map_or(Json::Null, number);
            object([
                ("name", route.sink.as_str().into()),
                ("waiting", count(self.shared.store.queue(&route.sink))),
                ("dead", count(self.shared.store.dead(&route.sink).map(|dead| dead.len()))),
                ("last_success", time(sending.last_success)),
                ("trouble", text(sending.trouble.as_deref())),
            ])
        });
        Json::Array(sinks.collect())
    }

    fn stories(&self, now: Timestamp) -> (Json, Json) {
        let waits = &self.shared.config.ruleset.waits;
        let looked = self.shared.judge_state.look(&self.shared.store, |known| {
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
                        if story.tags_may_come(waits.tags, now) { "its tags" } else { "its launch record" }
                            .into(),
                    ),
                ])
            });
            let stories = object([("open", number(open)), ("held", Json::Array(held.collect()))]);
            let exclusions = self.shared.config.ruleset.exclusions.iter().map(|exclusion| {
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
        let looked = self.shared.judge_state.look(&self.shared.store, |known| {
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
        let tried = self.shared.store.tally().map(|tally| tally.tried).unwrap_or_default();
        let rules = self.shared.config.ruleset.rules.iter().filter(|rule| rule.mode == Mode::DryRun);
        let trials = rules.map(|rule| {
            let count = tried.get(&rule.id).copied().unwrap_or_default();
            object([
                ("rule", rule.id.as_str().into()),
                ("would_have_told", i64::try_from(count).unwrap_or(i64::MAX).into()),
            ])
        });
        Json::Array(trials.collect())
    }

    /// The last alerts, at most so many.
    fn last_alerts(&self, most: usize) -> (Json, Json) {
        let looked = self.shared.judge_state.look(&self.shared.store, |known| {
            let shown = known.decisions.alerts().take(most).map(|one| one.shown(&self.shared.routes));
            (Json::Array(shown.collect()), number(known.decisions.alerts().count()))
        });
        looked.unwrap_or((Json::Null, Json::Null))
    }
}

impl Pages for Overview {
    fn overview(&self) -> Json {
        let now = self.shared.clock.now();
        let missing = self.shared.status.readiness(now).missing.into_iter().map(Json::from);
        let (stories, exclusions) = self.stories(now);
        let (alerts, kept) = self.last_alerts(RECENT);
        object([
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("now", now.to_string().into()),
            ("since", self.since.to_string().into()),
            ("not_seen", Json::Array(missing.collect())),
            ("state_kept_in_memory", text(self.shared.store.degraded().as_deref())),
            ("regions", self.regions(now)),
            ("sinks", self.sinks()),
            ("stories", stories),
            ("exclusions", exclusions),
            ("memory", self.memory(now)),
            ("trials", self.trials()),
            ("alerts", alerts),
            ("alerts_kept", kept),
        ])
    }

    fn alerts(&self) -> Json {
        self.last_alerts(usize::MAX).0
    }

    fn explain(&self, id: &str) -> Option<Json> {
        let (now, ruleset) = (self.shared.clock.now(), &self.shared.config.ruleset);
        let looked = self.shared.judge_state.look(&self.shared.store, |known| {
            let stories = known.regions.iter().flat_map(|((account, region), stories)| {
                stories.values().map(move |story| (account, region, story))
            });
            let named = stories.filter(|(_, _, story)| {
                let launch = story.launch.as_ref();
                story.instance.id == id || launch.is_some_and(|launch| launch.event == id)
            });
            let explained: Vec<Json> = named
                .map(|(account, region, story)| {
                    let tags_may_come = story.tags_may_come(ruleset.waits.tags, now);
                    let place = Place {
                        account,
                        region,
                        state: story.instance.state,
                        tags_may_come,
                        launch_may_come: story.launch_may_come(ruleset.waits.launch, now),
                        is_own: known.own.get(account).is_some_and(|own| story.is_launched_by(own)),
                    };
                    explain(&ruleset.exclusions, story, place, |name| known.usage.get(name).cloned())
                })
                .collect();
            let decision = known.decisions.get(id).map(|decision| decision.shown(&self.shared.routes));
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
