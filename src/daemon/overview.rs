//! What the running daemon sees, on one page, for who asks from outside. Owns which facts; reads everything, and
//! changes only what somebody asks for: silences, and who looks after an incident.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::daemon::coverage::Read;
use crate::daemon::judge_state::AccountState;
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::Api;
use crate::domain::incident::brief::Brief;
use crate::domain::incident::{Acknowledged, Incident};
use crate::domain::instances::explain::{Place, explain};
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::Usage;
use crate::domain::json::Json;
use crate::domain::judge::decision::{Decision, Shown};
use crate::domain::judge::inputs::Waits;
use crate::domain::judge::silence::Silence;
use crate::domain::language::Language;
use crate::domain::rules::memory::HORIZON;
use crate::domain::rules::rule::Mode;
use crate::domain::text::{FACT, clean};
use crate::domain::time::later;
use crate::ops::page::{
    Alert, Coverage, DryRun, Exclusion, FORMAT, Feed, Held, History, Instances, Lane, Ledger, Memory, Sink,
    StatusPage,
};
use crate::ops::status::Pages;
use crate::store::{Commit, StoreError};

/// How many decisions a search finds at most.
const FOUND: usize = 100;
/// How many alerts the page has; all that are kept are on a page of their own.
const RECENT: usize = 20;

/// The pages of the loops that run.
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

    async fn page(&self) -> Result<StatusPage, StoreError> {
        let Shared { store, status, judge_state, .. } = &self.shared;
        let now = self.shared.clock.now();
        let (mut instances, mut memory) = (Instances::default(), Memory::default());
        for account in judge_state.accounts() {
            let state = judge_state.account(store, &account).await?;
            note_open(&state, &self.shared.config.ruleset.waits, now, &mut instances);
            note_learned(&state, &account, now, &mut memory);
        }
        Ok(StatusPage {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            since: self.since,
            not_seen: status.readiness(now).missing,
            state_kept_in_memory: store.degraded(),
            regions: self.feeds(now),
            coverage: self.coverage(now),
            sinks: self.sinks().await?,
            instances,
            exclusions: self.exclusions(&judge_state.usage(store).await?),
            memory,
            dry_run: self.dry_run().await?,
            alerts: self.last_alerts(RECENT),
            alerts_kept: judge_state.decisions(|decisions| decisions.alerts().count()),
        })
    }

    fn feeds(&self, now: Timestamp) -> Vec<Feed> {
        let readings = self.shared.status.readings().into_iter();
        let feeds = readings.map(|(feed, reading)| {
            let through = if feed.api == Api::CloudTrail { reading.through } else { reading.last_success };
            Feed {
                account: feed.account,
                region: feed.region,
                api: feed.api.name().to_owned(),
                lag_seconds: through.map(|through| now.duration_since(through).as_secs().max(0)),
                last_success: reading.last_success,
                asked_last_minute: reading.asked_last_minute(now),
                trouble: reading.trouble,
            }
        });
        feeds.collect()
    }

    fn coverage(&self, now: Timestamp) -> Coverage {
        let summary = self.shared.coverage.summary(now);
        let ledger = |read: Read| Ledger {
            account: read.region.0,
            region: read.region.1,
            since: read.ledger.since,
            lanes: read.lanes.into_iter().map(|(lane, read_up_to)| Lane { lane, read_up_to }).collect(),
            gaps: read.ledger.gaps,
        };
        Coverage {
            sentence: summary.to_string(),
            regions: summary.regions,
            in_time: summary.in_time,
            read_up_to: summary.up_to,
            since: summary.since,
            gaps: summary.missing,
            read_back: summary.read_back,
            ledgers: self.shared.coverage.reads().into_iter().map(ledger).collect(),
        }
    }

    async fn sinks(&self) -> Result<Vec<Sink>, StoreError> {
        let mut sendings = self.shared.status.sendings();
        let mut sinks = Vec::new();
        for route in self.shared.routes.iter() {
            let sending = sendings.remove(&route.sink).unwrap_or_default();
            sinks.push(Sink {
                name: route.sink.clone(),
                waiting: self.shared.store.queue(&route.sink).await?,
                dead: self.shared.store.dead(&route.sink).await?.len(),
                last_success: sending.last_success,
                trouble: sending.trouble,
            });
        }
        Ok(sinks)
    }

    fn exclusions(&self, usage: &BTreeMap<String, Usage>) -> Vec<Exclusion> {
        let exclusions = self.shared.config.ruleset.exclusions.iter().map(|exclusion| {
            let usage = usage.get(&exclusion.name).cloned().unwrap_or_default();
            Exclusion {
                name: exclusion.name.clone(),
                hidden: usage.count,
                last: usage.last,
                instance: usage.instance,
                principal: usage.principal,
            }
        });
        exclusions.collect()
    }

    /// What rules on trial would have alerted on since the last daily summary.
    async fn dry_run(&self) -> Result<Vec<DryRun>, StoreError> {
        let tried = self.shared.store.tally().await?.tried;
        let rules = self.shared.config.ruleset.rules.iter().filter(|rule| rule.mode == Mode::DryRun);
        let count = |id: &str| tried.get(id).copied().unwrap_or_default();
        Ok(rules.map(|rule| DryRun { rule: rule.id.clone(), would_have_alerted: count(&rule.id) }).collect())
    }

    fn last_alerts(&self, most: usize) -> Vec<Alert> {
        let shown = |one: &Decision| one.shown(&self.shared.routes);
        self.shared.judge_state.decisions(|decisions| decisions.alerts().take(most).map(shown).collect())
    }

    async fn explained(&self, id: &str) -> Result<Vec<Json>, StoreError> {
        let Shared { store, judge_state, .. } = &self.shared;
        let decision: Option<Shown> =
            judge_state.decisions(|decisions| decisions.get(id).map(|one| one.shown(&self.shared.routes)));
        let mut explained: Vec<Json> = decision.iter().filter_map(Json::of).collect();
        for account in judge_state.accounts() {
            let state = judge_state.account(store, &account).await?;
            explained.extend(self.stories(&state, &account, id));
        }
        Ok(explained)
    }

    /// Each story of an account that is about an instance or a launch, and why it is hidden or not.
    fn stories(&self, state: &AccountState, account: &str, id: &str) -> Vec<Json> {
        let (now, ruleset) = (self.shared.clock.now(), &self.shared.config.ruleset);
        let is_about = |story: &Story| {
            story.instance.id == id || story.launch.as_ref().is_some_and(|launch| launch.event == id)
        };
        let stories = state.regions.iter().flat_map(|(region, stories)| {
            stories.values().filter(|story| is_about(story)).map(move |story| (region, story))
        });
        let explained = stories.map(|(region, story)| {
            let place = Place {
                account,
                region,
                state: story.instance.state,
                tags_may_come: story.tags_may_come(ruleset.waits.tags, now),
                launch_may_come: story.launch_may_come(ruleset.waits.launch, now),
                is_own: state.own.as_ref().is_some_and(|own| story.is_launched_by(own.principal())),
            };
            explain(&ruleset.exclusions, story, place, |name| {
                state.usage.get(&(account.to_owned(), name.to_owned())).cloned()
            })
        });
        explained.collect()
    }
}

/// Notes which instances of an account are still waited for.
fn note_open(state: &AccountState, waits: &Waits, now: Timestamp, instances: &mut Instances) {
    for (region, stories) in &state.regions {
        for story in stories.values().filter(|story| story.is_new) {
            if !story.is_whole() && now < later(story.opened, waits.lateness) {
                instances.open += 1;
            }
            if !story.held.is_empty() {
                let tags = story.tags_may_come(waits.tags, now);
                instances.held.push(Held {
                    instance: story.instance.id.clone(),
                    region: region.clone(),
                    size: story.instance.size(),
                    since: story.opened,
                    waits_for: if tags { "its tags" } else { "its launch record" }.to_owned(),
                });
            }
        }
    }
}

/// Notes how far the history of each region of an account is read, and how much is remembered of it.
fn note_learned(state: &AccountState, account: &str, now: Timestamp, memory: &mut Memory) {
    memory.remembered += state.memory.len();
    let whole = HORIZON.as_secs_f64();
    for (region, history) in &state.history {
        memory.learning |= !history.read && !history.blind;
        let read = history.reached.map(|reached| now.duration_since(reached).as_secs_f64() / whole);
        let part = if history.read { 1.0 } else { read.unwrap_or(0.0).clamp(0.0, 0.99) };
        memory.regions.push(History {
            account: account.to_owned(),
            region: region.clone(),
            read_back_to: history.reached,
            percent: (part * 100.0) as u8,
            done: history.read,
        });
    }
}

impl Pages for Overview {
    fn status(&self) -> BoxFuture<'_, Result<StatusPage, String>> {
        Box::pin(async { self.page().await.map_err(|error| error.to_string()) })
    }

    fn alerts(&self) -> Vec<Alert> {
        self.last_alerts(usize::MAX)
    }

    fn search(&self, text: &str) -> Vec<Alert> {
        let shown = |one: &Decision| one.shown(&self.shared.routes);
        self.shared.judge_state.decisions(|decisions| decisions.search(text).take(FOUND).map(shown).collect())
    }

    fn language(&self) -> Language {
        self.shared.config.language
    }

    fn incidents(&self) -> Vec<Incident> {
        self.shared.judge_state.told.incidents()
    }

    fn silences(&self) -> Vec<Silence> {
        self.shared.judge_state.told.silences(self.shared.clock.now())
    }

    fn add_silence(&self, silence: Silence) -> BoxFuture<'_, Result<Silence, String>> {
        let Shared { store, judge_state, clock, .. } = &self.shared;
        let added = async { judge_state.told.add(store, silence, clock.now()).await };
        Box::pin(async { added.await.map_err(|problems| problems.join("\n")) })
    }

    fn expire_silence<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        let Shared { store, judge_state, .. } = &self.shared;
        Box::pin(async { judge_state.told.expire(store, id).await.map_err(|error| error.to_string()) })
    }

    fn acknowledge<'a>(
        &'a self,
        id: &'a str,
        said: Acknowledged,
    ) -> BoxFuture<'a, Result<Option<Incident>, String>> {
        let now = self.shared.clock.now();
        let said = Acknowledged { by: clean(&said.by, 80), note: clean(&said.note, FACT), at: now };
        Box::pin(async move {
            let Some(incident) = self.shared.judge_state.told.acknowledge(id, said.clone()) else {
                return Ok(None);
            };
            let report = Report::IncidentAcknowledged {
                what: Brief::of(&incident, now, self.shared.config.language).what,
                incident: incident.id.clone(),
                by: said.by,
                note: said.note,
                alerts: incident.alerts,
                worst: incident.worst,
            };
            // That is what writes it.
            let told = self.shared.report(&report, Scope::Program, Commit::default()).await;
            told.map(|()| Some(incident)).map_err(|error| error.to_string())
        })
    }

    fn explain<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Json>, String>> {
        Box::pin(async { self.explained(id).await.map_err(|error| error.to_string()) })
    }
}
