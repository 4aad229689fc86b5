//! Reads CloudTrail's history of one account and region. One request at a time, so that its pace is the region's.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use tokio_util::sync::CancellationToken;

use crate::daemon::judge_state::History;
use crate::daemon::judging::{Batch, What};
use crate::daemon::poll::pressure::Pressure;
use crate::daemon::poll::read_health::ReadHealth;
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::subject::Api;
use crate::domain::judge::When;
use crate::domain::lookup::canary::Canary;
use crate::domain::lookup::cursor::{Page, Request};
use crate::domain::lookup::follow::Follow;
use crate::domain::lookup::lane::RESCAN_EVERY;
use crate::domain::lookup::lanes::{Lanes, Plan, Reading};
use crate::domain::lookup::pacer::Pacer;
use crate::domain::lookup::stream::derive;
use crate::domain::retry::{phase, salt};
use crate::domain::time::{earlier, later};
use crate::ops::metrics::Asked;
use crate::source::{Account, FetchError, LookedUp, RegionAccess};
use crate::store::{Commit, StoreError};

/// Places that only moved on are written down so often: losing it costs reading that much once more.
const IDLE: Duration = Duration::from_secs(5 * 60);
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
    if !shared.wait_for_turn(&name, shared.config.cloudtrail.policy.poll_interval, &stop).await {
        return Ok(());
    }
    let outcome = shared
        .persist(&name, &stop, || async {
            let mut reader = Reader::new(&shared, &account, &access, since, &name).await?;
            reader.read(&stop).await?;
            reader.leave().await
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
    pressure: Pressure<'a>,
    canary: Canary,
    /// What is read of suspects, behind everything else.
    follow: Follow,
    /// When all places were last written down.
    written: Timestamp,
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
        let hourly = phase(RESCAN_EVERY, usize::MAX, salt(&format!("{name} again")));
        let lanes = Lanes::new(&streams, &rules, &first, hourly, now, |kind| kept.of(kind))
            .with_sweeps(shared.sweeps.clone());
        shared.coverage.begin(scope, shared.store.ledger(scope).await?, kept.asked(), &lanes, now);
        // Also the first places are kept: a start before the first answer must not move what is read first.
        let begun = Commit { cursors: lanes.cursors(), ..Commit::default() };
        shared.store.keep_lanes(scope, &begun.cursors).await?;
        shared.store.commit(scope, &begun, &shared.routes).await?;
        // Each region has its own moment in those five minutes: 1,700 that write all at once hold everybody up.
        let written = earlier(now, phase(IDLE, usize::MAX, salt(name)));
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
            pressure: Pressure::new(shared, scope, account.own.principal()).await?,
            canary: Canary::default(),
            follow: Follow::default(),
            written,
        })
    }

    async fn read(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let shared = self.shared;
        loop {
            let now = shared.clock.now();
            self.judge_late(now).await?;
            let (reading, request) = match self.plan(now) {
                Plan::Read(reading, request) => (reading, request),
                Plan::Wait(until) => {
                    if !shared.wait(self.name, until, stop).await {
                        return Ok(());
                    }
                    continue;
                }
            };
            let hurry = self.pressure.hurry(self.lanes.is_behind(now));
            if !shared.wait(self.name, self.pacer.take(now, hurry), stop).await {
                return Ok(());
            }
            let Some(answer) =
                shared.ask(self.name, stop, self.access.look_up_by(&request, shared.page)).await
            else {
                return Ok(());
            };
            let again = match answer {
                Ok(page) => {
                    self.pressure.answered(false);
                    self.read_health.succeeded(shared).await?;
                    shared.coverage.answered(self.scope(), now);
                    self.canary.answered(now);
                    self.is_blind(false).await?;
                    match reading {
                        Reading::Lane(lane) => self.judged(lane, &request, page).await?,
                        Reading::Sweep(number) => self.swept(number, &request, page).await,
                        Reading::Askers => {
                            self.pressure.note_askers(&page.events);
                            None
                        }
                        Reading::Suspect => self.followed(&request, page).await,
                        Reading::Canary => {
                            let missing = self.canary.heard(page.events.len(), page.next.is_some());
                            self.pressure.check_canary(missing).await?;
                            None
                        }
                    }
                }
                Err(FetchError::LostToken(why)) => {
                    tracing::debug!(region = self.access.region, "{why}; continuing without it");
                    self.lanes.lost_token(reading);
                    self.follow.unanswered(&request);
                    None
                }
                Err(error) => {
                    self.lanes.unanswered(reading);
                    let again = self.read_health.failed(shared, &error).await?;
                    let blind = self.read_health.is_blind(shared);
                    self.is_blind(blind).await?;
                    if blind {
                        shared.coverage.unanswered(self.scope(), self.lanes.all_through());
                    }
                    // What is refused as too many costs nothing: the pace alone says when to ask again.
                    let refused = matches!(error, FetchError::Throttled(_));
                    self.pressure.answered(refused);
                    if !refused {
                        self.canary.unanswered();
                    }
                    Some(again).filter(|_| !refused)
                }
            };
            self.pressure.check(&self.lanes, self.read_health.is_well()).await?;
            if let Some(again) = again
                && !shared.wait(self.name, again, stop).await
            {
                return Ok(());
            }
        }
    }

    /// What is asked next: whether trailnoti's own calls are there, what the lanes want, and behind these what suspects do.
    fn plan(&mut self, now: Timestamp) -> Plan {
        let policy = &self.shared.config.cloudtrail.policy;
        self.follow.keep(&self.shared.judge_state.told.suspects(&self.account.id), now);
        let suspect = |request| Plan::Read(Reading::Suspect, request);
        if let Some(request) = self.canary.look(now) {
            return Plan::Read(Reading::Canary, request);
        }
        if let Some(request) = self.follow.next(policy, false, now) {
            return suspect(request);
        }
        match self.lanes.plan(policy, self.pressure.is_spent(), now) {
            Plan::Wait(until) => match self.follow.next(policy, true, now) {
                Some(request) => suspect(request),
                None => Plan::Wait(until.min(self.follow.due(now))),
            },
            plan => plan,
        }
    }

    /// Judges what a suspect did. As with what is read by name, no place follows from it.
    async fn followed(&mut self, request: &Request, page: LookedUp) -> Option<Timestamp> {
        match self.kept_page(page, When::Followed).await {
            Ok((ahead, _)) => {
                self.follow.after(request, &ahead);
                None
            }
            Err(again) => Some(again),
        }
    }

    /// Writes down every place, so that a start knows when this one ended.
    async fn leave(&self) -> Result<(), StoreError> {
        let places = Commit { cursors: self.lanes.cursors(), ..Commit::default() };
        self.shared.store.commit(self.scope(), &places, &self.shared.routes).await?;
        Ok(())
    }

    fn scope(&self) -> Scope<'a> {
        Scope::region_of(&self.account.id, &self.access.region)
    }

    async fn is_blind(&self, blind: bool) -> Result<(), StoreError> {
        let scope = self.scope();
        let Shared { judge_state, store, .. } = self.shared;
        judge_state.read_history(store, scope, |history| history.blind = blind).await
    }

    /// Once the account's past is known, what came before it was known is judged again: rules that ask for the past
    /// could not say anything of it. A restart before that is done begins it anew.
    async fn judge_late(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let scope = self.scope();
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
        if self.lanes.is_of_writes(lane) && self.lanes.busy_since().is_some() {
            self.pressure.count(&page.events);
        }
        let now = shared.clock.now();
        // It is given back when the page was judged.
        let _room = page.room;
        let times: Vec<Timestamp> = page.events.iter().filter_map(|raw| raw.time).collect();
        let oldest = times.iter().min().copied();
        let cursor = self.lanes.lane(lane).cursor.after(request, &Page { oldest, next: page.next });
        let late = self.late == Late::Reads && self.lanes.is_rescan(lane);
        let ends = late && cursor.walk.is_none();
        let due = now >= later(self.written, IDLE) || now < self.written;
        let mut places = vec![(self.lanes.lane(lane).kind.clone(), cursor.clone())];
        if due {
            // One commit for all of them: each costs the disk as much, however little is in it.
            let others = self.lanes.cursors().into_iter().enumerate().filter(|(other, _)| *other != lane);
            places.extend(others.map(|(_, place)| place));
        }
        let commit = Commit {
            idle: cursor.walk.is_none() && !due,
            cursors: places,
            history: ends.then(|| self.rules.clone()),
            ..Commit::default()
        };
        let scope = self.scope();
        let count = page.events.len() as u64;
        let what = match (self.lanes.is_history(lane), late) {
            (true, _) => What::Past(page.events),
            (false, true) => What::Page(page.events, When::OnceKnown),
            (false, false) => What::Page(page.events, When::Now),
        };
        let alerts = match self.kept(what, commit).await {
            Ok(alerts) => alerts,
            Err(again) => return Ok(Some(again)),
        };
        self.lanes.set(lane, cursor);
        let events: &[Timestamp] = if self.lanes.is_gapless(lane) { &times } else { &[] };
        shared.coverage.read(scope, &self.lanes, (events, &alerts), now);
        if due {
            self.written = now;
        }
        let (reached, read) = self.lanes.history();
        let note = |history: &mut History| {
            (history.read, history.reached) = (read, reached);
            (history.known, history.known_before) = (history.known || ends, history.known_before || ends);
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

    /// Judges a page that was read by name. No place follows from it: its marks are what keeps it from being judged twice.
    async fn swept(&mut self, number: usize, request: &Request, page: LookedUp) -> Option<Timestamp> {
        match self.kept_page(page, When::Now).await {
            Ok((ahead, alerts)) => {
                let now = self.shared.clock.now();
                self.lanes.swept(number, request, &ahead, now);
                self.shared.coverage.read(self.scope(), &self.lanes, (&[], &alerts), now);
                None
            }
            Err(again) => Some(again),
        }
    }

    /// Keeps a page that was read beside the lanes and moves no cursor: where it goes on, and the times of what was alerted on;
    /// or the time at which it is to be read again.
    async fn kept_page(&self, page: LookedUp, when: When) -> Result<(Page, Vec<Timestamp>), Timestamp> {
        // It is given back when the page was judged.
        let _room = page.room;
        let oldest = page.events.iter().filter_map(|raw| raw.time).min();
        let ahead = Page { oldest, next: page.next };
        let alerts = self.kept(What::Page(page.events, when), Commit::default()).await?;
        Ok((ahead, alerts))
    }

    /// Judges what was read and writes it down. The times of what was alerted on are answered; where it cannot be written, the
    /// time at which it is to be read again.
    async fn kept(&self, what: What<'_>, commit: Commit) -> Result<Vec<Timestamp>, Timestamp> {
        let own = self.shared.own(self.account);
        let batch = Batch { scope: self.scope(), account_name: &self.account.name, own: Some(&own), what };
        match self.shared.judge_and_commit(batch, commit).await {
            Ok(judged) => Ok(judged.alerts),
            Err(error) => {
                let region = &self.access.region;
                tracing::error!(region, "cannot save what was read, reading it again: {error}");
                Err(later(self.shared.clock.now(), NO_ROOM))
            }
        }
    }
}
