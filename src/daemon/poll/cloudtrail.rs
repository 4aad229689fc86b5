//! Reads CloudTrail's history of one account and region. One request at a time, so that its pace is the region's.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use tokio_util::sync::CancellationToken;

use crate::daemon::judge_state::History;
use crate::daemon::judging::{Batch, What};
use crate::daemon::poll::read_health::ReadHealth;
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::{Api, Subject};
use crate::domain::health::{Health, Notice, Patience};
use crate::domain::judge::When;
use crate::domain::lookup::cursor::{Page, Request};
use crate::domain::lookup::lanes::{Lanes, Plan};
use crate::domain::lookup::pacer::Pacer;
use crate::domain::lookup::stream::derive;
use crate::domain::time::{earlier, later};
use crate::ops::metrics::Asked;
use crate::source::{Account, FetchError, LookedUp, RegionAccess};
use crate::store::{Commit, StoreError};

/// How long a lag lasts before it is reported.
const LAG: Patience = Patience { times: 2, lasting: Duration::from_secs(5 * 60) };
/// How long after the state took no commit it is tried again.
const NO_ROOM: Duration = Duration::from_secs(10);

/// Runs until `stop`. A region that was never read is read from `since` on, where that is further back than the
/// first start reads.
pub(in crate::daemon) async fn run(
    shared: Shared,
    account: Arc<Account>,
    access: RegionAccess,
    since: Option<Timestamp>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("cloudtrail {} {}", account.id, access.region);
    let outcome = shared
        .persist(&name, &stop, || async {
            Reader::new(&shared, &account, &access, since, &name).await?.read(&stop).await
        })
        .await;
    shared.status.ended(&name);
    outcome?;
    Ok(())
}

struct Reader<'a> {
    shared: &'a Shared,
    account: &'a Account,
    access: &'a RegionAccess,
    name: &'a str,
    lanes: Lanes,
    pacer: Pacer,
    read_health: ReadHealth<'a>,
    lag: Health,
    /// The fingerprint of the rules that ask for the past.
    rules: String,
    /// Whether what came before the history was read was judged once more.
    late: Late,
}

/// What comes while the history is read is judged once more with what it taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// The history is not read yet.
    Waits,
    /// The *again* lane reads it.
    Reads,
    /// What came meanwhile was judged once more.
    Done,
}

impl<'a> Reader<'a> {
    async fn new(
        shared: &'a Shared,
        account: &'a Account,
        access: &'a RegionAccess,
        since: Option<Timestamp>,
        name: &'a str,
    ) -> Result<Self, StoreError> {
        let config = &shared.config.cloudtrail;
        let (scope, now) = (Scope::region_of(&account.id, &access.region), shared.clock.now());
        let rules = &shared.config.ruleset.rules;
        let (streams, rules) = (derive(rules).streams, rules.fingerprint());
        let mut first = config.policy.clone();
        if let Some(back) = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()) {
            first.first_start = first.first_start.max(back);
        }
        let kept = shared.store.cursors(scope).await?;
        let lanes = Lanes::new(&streams, &rules, &first, now, |kind| kept.of(kind));
        // Also the first places are kept: a start before the first answer must not move what is read first.
        let begun = Commit { cursors: lanes.cursors(), ..Commit::default() };
        shared.store.keep_lanes(scope, &begun.cursors).await?;
        shared.store.commit(scope, &begun, &shared.routes).await?;
        let judged_under = shared.store.history_of(scope).await?;
        let ((reached, read), since) = (lanes.history(), lanes.history_since());
        let known = judged_under.as_ref() == Some(&rules);
        let known_before = judged_under.is_some();
        let begun = History { read, known_before, known, since, reached, blind: false };
        shared.judge_state.read_history(&shared.store, scope, |history| *history = begun).await?;
        let period = config.policy.poll_interval;
        shared.status.watching(scope, Api::CloudTrail, (period * 4).max(Duration::from_secs(180)));
        Ok(Reader {
            shared,
            account,
            access,
            name,
            lanes,
            pacer: Pacer::new(config.requests_per_second, now),
            read_health: ReadHealth::new(shared, scope, Api::CloudTrail, period).await?,
            late: if known { Late::Done } else { Late::Waits },
            rules,
            lag: shared.store.reported(Subject::Lag(scope)).await?,
        })
    }

    async fn read(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let (shared, policy) = (self.shared, &self.shared.config.cloudtrail.policy);
        loop {
            let now = shared.clock.now();
            self.judge_late(now).await?;
            let (lane, request) = match self.lanes.plan(policy, now) {
                Plan::Read(lane, request) => (lane, request),
                Plan::Wait(until) => {
                    if !shared.wait(self.name, until, stop).await {
                        return Ok(());
                    }
                    continue;
                }
            };
            if !shared.wait(self.name, self.pacer.take(now), stop).await {
                return Ok(());
            }
            let Some(answer) = shared.ask(self.name, stop, self.access.look_up(&request)).await else {
                return Ok(());
            };
            let again = match answer {
                Ok(page) => {
                    self.pacer.answered();
                    self.read_health.succeeded(shared).await?;
                    self.is_blind(false).await?;
                    self.judged(lane, &request, page).await?
                }
                Err(FetchError::LostToken(why)) => {
                    tracing::debug!(region = self.access.region, "{why}; continuing without it");
                    let cursor = self.lanes.lane(lane).cursor.without_token();
                    self.lanes.set(lane, cursor);
                    None
                }
                Err(error) => {
                    if matches!(error, FetchError::Throttled(_)) {
                        self.pacer.throttled(shared.clock.now());
                    }
                    let again = self.read_health.failed(shared, &error).await?;
                    self.is_blind(self.read_health.is_blind()).await?;
                    Some(again)
                }
            };
            self.check_lag().await?;
            if let Some(again) = again
                && !shared.wait(self.name, again, stop).await
            {
                return Ok(());
            }
        }
    }

    async fn is_blind(&self, blind: bool) -> Result<(), StoreError> {
        let scope = Scope::region_of(&self.account.id, &self.access.region);
        let Shared { judge_state, store, .. } = self.shared;
        judge_state.read_history(store, scope, |history| history.blind = blind).await
    }

    /// Once the account's past is known, what came before it was known is judged again: rules that ask for the past
    /// could not say anything of it. A restart before that is done begins it anew.
    async fn judge_late(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let scope = Scope::region_of(&self.account.id, &self.access.region);
        let Shared { judge_state, store, .. } = self.shared;
        if self.late == Late::Waits && judge_state.learned(store, scope).await?.rules {
            tracing::info!(
                region = self.access.region,
                "history read in all regions; checking recent events again"
            );
            self.late = Late::Reads;
            self.lanes.read_again(now);
        }
        Ok(())
    }

    /// Judges a page and writes it down; only then the cursor has moved. If it cannot be written, the same page is
    /// read again at the time that is answered.
    async fn judged(
        &mut self,
        lane: usize,
        request: &Request,
        page: LookedUp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let shared = self.shared;
        let oldest = page.events.iter().filter_map(|raw| raw.time).min();
        let cursor = self.lanes.lane(lane).cursor.after(request, &Page { oldest, next: page.next });
        let late = self.late == Late::Reads && self.lanes.is_rescan(lane);
        let ends = late && cursor.walk.is_none();
        let commit = Commit {
            cursors: vec![(self.lanes.lane(lane).kind.clone(), cursor.clone())],
            history: ends.then(|| self.rules.clone()),
            ..Commit::default()
        };
        let scope = Scope::region_of(&self.account.id, &self.access.region);
        let count = page.events.len() as u64;
        let what = match (self.lanes.is_history(lane), late) {
            (true, _) => What::Past(page.events),
            (false, true) => What::Page(page.events, When::OnceKnown),
            (false, false) => What::Page(page.events, When::Now),
        };
        let (account_name, own) = (&self.account.name, Some(self.account.principal.as_str()));
        let judged = shared.judge_and_commit(Batch { scope, account_name, own, what }, commit).await;
        match judged {
            Ok(_) => {
                self.lanes.set(lane, cursor);
                let (reached, read) = self.lanes.history();
                let note = |history: &mut History| {
                    (history.read, history.reached) = (read, reached);
                    (history.known, history.known_before) =
                        (history.known || ends, history.known_before || ends);
                };
                shared.judge_state.read_history(&shared.store, scope, note).await?;
                if ends {
                    self.late = Late::Done;
                }
                let labels = Asked {
                    account: self.account.id.clone(),
                    region: self.access.region.clone(),
                    api: Api::CloudTrail.name(),
                };
                shared.status.metrics.events.get_or_create(&labels).inc_by(count);
                if let Some(through) = self.lanes.through() {
                    shared.status.metrics.lag.get_or_create(&labels).set(shared.age(through));
                    shared.status.read_through(scope, through);
                }
                Ok(None)
            }
            Err(error) => {
                tracing::error!(
                    region = self.access.region,
                    "cannot save what was read, reading it again: {error}"
                );
                Ok(Some(later(shared.clock.now(), NO_ROOM)))
            }
        }
    }

    async fn check_lag(&mut self) -> Result<(), StoreError> {
        let (shared, lateness) = (self.shared, self.shared.config.cloudtrail.policy.lateness);
        let Some(through) = self.lanes.all_through() else { return Ok(()) };
        // A failed answer says nothing of the lag, and a region that cannot be read at all is reported as blind.
        if !self.read_health.is_well() {
            return Ok(());
        }
        let now = shared.clock.now();
        let (lag, notice) = self.lag.after(through < earlier(now, lateness), LAG, now);
        self.lag = lag;
        let subject = self.access.region.clone();
        let (report, since) = match notice {
            Some(Notice::Failed(since)) => {
                let late = now.duration_since(through).as_mins();
                let reason = format!("{late} minutes of events are still to be read");
                (Report::Behind { subject, reason }, Some(since))
            }
            Some(Notice::Healed(_)) => (Report::CaughtUp { subject }, None),
            None => return Ok(()),
        };
        let scope = Scope::region_of(&self.account.id, &self.access.region);
        shared.report(&report, scope, Commit::of_health(Subject::Lag(scope), since)).await
    }
}
