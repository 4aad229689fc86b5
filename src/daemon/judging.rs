//! Judging and writing down as one step, so that a list and a record of one instance cannot miss each other: find the marks,
//! look them up together, decide, commit. Owns that order; each decision is the domain's.

use jiff::Timestamp;

use crate::daemon::judge_state::Region;
use crate::daemon::shared::Shared;
use crate::domain::context::own::Own;
use crate::domain::event::scope::Scope;
use crate::domain::event::{Event, Received};
use crate::domain::judge::inputs::{Inputs, Judgement, StateView};
use crate::domain::judge::list::{List, Listing};
use crate::domain::judge::panics::without_panics;
use crate::domain::judge::{self, When};
use crate::ops::metrics::{ByExclusion, ByRule};
use crate::store::{Commit, StoreError};

/// What is to be judged.
pub(in crate::daemon) enum What<'a> {
    /// A page of the history, the newest first.
    Page(Vec<Received>, When),
    /// A page of the time before the first start: it teaches, and nothing of it is alerted on.
    Past(Vec<Received>),
    /// A complete list of the region's instances.
    List(Listing<'a>),
    /// What trailnoti has to say of itself.
    Reports(Vec<Event>),
    /// Everything that waits there, since nobody reads the region any more.
    Release,
}

/// A batch: what is to be judged, where it is from, and as whom that was read.
pub(in crate::daemon) struct Batch<'a> {
    pub scope: Scope<'a>,
    pub account_name: &'a str,
    pub own: Option<&'a Own>,
    pub what: What<'a>,
}

/// What follows from a batch that was judged.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Judged {
    /// By when something that waits must be decided.
    pub decide_at: Option<Timestamp>,
    /// Its alerts, each by the time of its event.
    pub alerts: Vec<Timestamp>,
}

impl Shared {
    /// Finds the marks of a batch, looks them up together, judges, and writes what was decided together with `commit`. What
    /// follows is answered once what was written lasts: until then the account is judged on, and nothing is sent.
    ///
    /// # Errors
    /// When it could not be read or written. Then nothing of it happened, or all of it and it is not known to last: the
    /// same batch may be judged again in both cases.
    pub(in crate::daemon) async fn judge_and_commit(
        &self,
        batch: Batch<'_>,
        mut commit: Commit,
    ) -> Result<Judged, StoreError> {
        let Batch { scope, account_name, own, what } = batch;
        let (store, state, now) = (&self.store, &self.judge_state, self.clock.now());
        let mut locked = state.account(store, scope.account()).await?;
        let account = &mut *locked;
        account.need(store, scope).await?;
        if let Some(own) = own {
            account.own = Some(own.clone());
        }
        let not_to = commit.not_to.clone();
        let inputs = Inputs {
            ruleset: &self.config.ruleset,
            routes: &self.routes,
            not_to: not_to.as_deref(),
            scope,
            account_name,
            own,
            now,
        };
        let (nothing, elsewhere) = (Region::new(), state.used_elsewhere(scope.account()));
        let stories = account.regions.get(scope.region()).unwrap_or(&nothing);
        let view = account.view(stories, scope.region(), &elsewhere);
        commit.judgement = self.judge(inputs, view, what).await?;
        for alert in &mut commit.judgement.alerts {
            alert.origin = self.config.geo.of(&alert.address).unwrap_or_default();
        }
        let batch = state.told.assign(&mut commit, now);
        commit.alert_log = state.number(&mut commit.judgement.decisions, now);
        let written = match commit.says_something() {
            true => store.commit(scope, &commit, &self.routes).await,
            false => Ok(None),
        };
        state.told.written(batch, std::mem::take(&mut commit.incidents), written.is_ok());
        let written = written?;
        let mut judgement = commit.judgement;
        state.keep(scope.account(), commit.alert_log, &mut judgement);
        for (used, now) in &judgement.usage {
            // Which instance that was is shown over the socket, and not to everybody who may read numbers.
            if let Some(last) = now.last {
                let labels = ByExclusion { exclusion: used.1.clone() };
                self.status.metrics.last_hidden.get_or_create(&labels).set(last.as_second());
            }
        }
        account.take_in(scope.region(), &mut judgement);
        drop(locked);
        if let Some(written) = written {
            store.settled(written).await?;
        }
        self.announce(&judgement);
        let alerts = judgement.alerts.iter().map(|alert| alert.time).collect();
        Ok(Judged { decide_at: judgement.decide_at, alerts })
    }

    async fn judge(
        &self,
        inputs: Inputs<'_>,
        view: StateView<'_>,
        what: What<'_>,
    ) -> Result<Judgement, StoreError> {
        Ok(match what {
            What::Page(mut page, when) => {
                let marks =
                    |page: &_| judge::marks_of_page(inputs.ruleset, inputs.scope, page, when, inputs.now);
                let known = self.store.seen(&without_panics(&mut page, marks)).await?;
                without_panics(&mut page, |page| judge::page(inputs, view, page, when, &known))
            }
            What::Past(mut page) => {
                without_panics(&mut page, |page| judge::page_of_the_past(inputs, view, page))
            }
            What::List(listing) => {
                let list = List::compare(inputs, view, listing);
                let known = self.store.seen(&list.marks()).await?;
                list.judge(&known)
            }
            What::Reports(events) => judge::reports(inputs, view, events),
            What::Release => judge::release(inputs, view),
        })
    }

    fn announce(&self, judgement: &Judgement) {
        for alert in &judgement.alerts {
            let labels = ByRule { rule: alert.rule.clone(), severity: alert.severity.name() };
            self.status.metrics.alerts.get_or_create(&labels).inc();
        }
        for exclusion in &judgement.excluded {
            self.status.metrics.excluded.get_or_create(&ByExclusion { exclusion: exclusion.clone() }).inc();
            tracing::debug!(exclusion, "event hidden");
        }
        if !judgement.alerts.is_empty() {
            self.nudges.values().for_each(|nudge| nudge.notify_one());
        }
    }
}
