//! Reads CloudTrail's history of one account and region. One request at a time, so that its pace is the region's.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use tokio_util::sync::CancellationToken;

use super::sight::Sight;
use super::{History, Sitting, Watch, earlier};
use crate::domain::cursor::{Page, Request};
use crate::domain::event::{Event, Unreadable};
use crate::domain::halves::Heard;
use crate::domain::health::{Health, Notice, Patience};
use crate::domain::lanes::{Lanes, Plan};
use crate::domain::pacer::{Pacer, later};
use crate::domain::report::Report;
use crate::domain::stream::derive;
use crate::metrics::Asked;
use crate::source::{Account, FetchError, LookedUp, Raw, RegionAccess};
use crate::store::{Commit, Scope, StoreError};

/// How long a lag lasts before it is told.
const LAG: Patience = Patience { times: 2, lasting: Duration::from_secs(5 * 60) };
/// How long after the state took no commit it is tried again.
const NO_ROOM: Duration = Duration::from_secs(10);

/// Runs until `stop`. A region that was never read is read from `since` on, where that is further back than the
/// first start reads.
pub(super) async fn run(
    watch: Watch,
    account: Arc<Account>,
    access: RegionAccess,
    since: Option<Timestamp>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("cloudtrail {} {}", account.id, access.region);
    let outcome = Reader::new(&watch, &account, &access, since, &name)?.read(&stop).await;
    watch.status.ended(&name);
    Ok(outcome?)
}

struct Reader<'a> {
    watch: &'a Watch,
    account: &'a Account,
    access: &'a RegionAccess,
    name: &'a str,
    lanes: Lanes,
    pacer: Pacer,
    sight: Sight,
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
    /// It is judged.
    Done,
}

impl<'a> Reader<'a> {
    fn new(
        watch: &'a Watch,
        account: &'a Account,
        access: &'a RegionAccess,
        since: Option<Timestamp>,
        name: &'a str,
    ) -> Result<Self, StoreError> {
        let config = &watch.config.cloudtrail;
        let (scope, now) = (Scope { account: &account.id, region: &access.region }, watch.clock.now());
        let rules = &watch.config.law.rules;
        let (streams, rules) = (derive(rules).streams, rules.fingerprint());
        let mut first = config.policy.clone();
        if let Some(back) = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()) {
            first.first_start = first.first_start.max(back);
        }
        let mut failed = None;
        let lanes = Lanes::new(&streams, &rules, &first, now, |kind| {
            watch.store.cursor(scope, &kind.name()).unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        // Also the first places are kept: a start before the first answer must not move what is read first.
        let begun = Commit { cursors: lanes.cursors(), ..Commit::default() };
        watch.store.keep_lanes(scope, &begun.cursors)?;
        watch.store.commit(scope, &begun, &watch.routes)?;
        let judged_under = watch.store.history_of(scope)?;
        let ((reached, read), since) = (lanes.history(), lanes.history_since());
        let known = judged_under.as_ref() == Some(&rules);
        watch.casebook.read_history(scope, |history| {
            *history =
                History { read, known_before: judged_under.is_some(), known, since, reached, blind: false };
        });
        let period = config.policy.poll_interval;
        watch.status.watching(
            &account.id,
            &access.region,
            "cloudtrail",
            (period * 4).max(Duration::from_secs(180)),
        );
        Ok(Reader {
            watch,
            account,
            access,
            name,
            lanes,
            pacer: Pacer::new(config.requests_per_second, now),
            sight: Sight::new(watch, &account.id, &access.region, "cloudtrail", period)?,
            late: if known { Late::Done } else { Late::Waits },
            rules,
            lag: match watch.store.told(&lag_subject(&account.id, &access.region))? {
                Some(since) => Health::Told { since },
                None => Health::Well,
            },
        })
    }

    async fn read(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let (watch, policy) = (self.watch, &self.watch.config.cloudtrail.policy);
        loop {
            let now = watch.clock.now();
            self.judge_late(now);
            let (lane, request) = match self.lanes.plan(policy, now) {
                Plan::Read(lane, request) => (lane, request),
                Plan::Wait(until) => {
                    if !watch.wait(self.name, until, stop).await {
                        return Ok(());
                    }
                    continue;
                }
            };
            if !watch.wait(self.name, self.pacer.take(now), stop).await {
                return Ok(());
            }
            let Some(answer) = watch.ask(self.name, stop, self.access.look_up(&request)).await else {
                return Ok(());
            };
            let again = match answer {
                Ok(page) => {
                    self.pacer.answered();
                    self.sight.succeeded(watch)?;
                    self.is_blind(false);
                    self.judged(lane, &request, page)
                }
                Err(FetchError::LostToken(why)) => {
                    tracing::debug!(region = self.access.region, "{why}; the walk goes on without it");
                    let cursor = self.lanes.lane(lane).cursor.without_token();
                    self.lanes.set(lane, cursor);
                    None
                }
                Err(error) => {
                    if matches!(error, FetchError::Throttled(_)) {
                        self.pacer.throttled(watch.clock.now());
                    }
                    let again = self.sight.failed(watch, &error)?;
                    self.is_blind(self.sight.is_blind());
                    Some(again)
                }
            };
            self.check_lag()?;
            if let Some(again) = again
                && !watch.wait(self.name, again, stop).await
            {
                return Ok(());
            }
        }
    }

    fn is_blind(&self, blind: bool) {
        let scope = Scope { account: &self.account.id, region: &self.access.region };
        self.watch.casebook.read_history(scope, |history| history.blind = blind);
    }

    /// Once the account's past is known, what came before it was known is judged again: rules that ask for the past
    /// could not say anything of it. A restart before that is done begins it anew.
    fn judge_late(&mut self, now: Timestamp) {
        let scope = Scope { account: &self.account.id, region: &self.access.region };
        if self.late == Late::Waits && self.watch.casebook.learned(scope).rules {
            tracing::info!(
                region = self.access.region,
                "the past is known: what came meanwhile is judged again"
            );
            self.late = Late::Reads;
            self.lanes.read_again(now);
        }
    }

    /// Judges a page and writes it down; only then the cursor has moved. If it cannot be written, the same page is
    /// read again at the time that is answered.
    fn judged(&mut self, lane: usize, request: &Request, page: LookedUp) -> Option<Timestamp> {
        let watch = self.watch;
        let oldest = page.events.iter().filter_map(|raw| raw.time).min();
        let cursor = self.lanes.lane(lane).cursor.after(request, &Page { oldest, next: page.next });
        let late = self.late == Late::Reads && self.lanes.is_again(lane);
        let ends = late && cursor.walk.is_none();
        let commit = Commit {
            cursors: vec![(self.lanes.lane(lane).kind.name(), cursor.clone())],
            history: ends.then(|| self.rules.clone()),
            ..Commit::default()
        };
        let scope = Scope { account: &self.account.id, region: &self.access.region };
        let account = self.account;
        let sitting = Sitting { scope, account_name: &account.name, own: &account.principal };
        let count = page.events.len() as u64;
        // Oldest first, so that alerts come in the order of what happened; one at a time, so that a page of large
        // records is never there as fifty trees.
        let events =
            page.events.into_iter().rev().map(|raw| event(raw, account, &self.access.region, request));
        let past = self.lanes.is_history(lane);
        let judged = watch.sit(sitting, commit, |desk| {
            if past {
                desk.remember(events);
                return Ok(());
            }
            if late {
                desk.judge_late(events, |mark| watch.store.seen(mark))?;
            } else {
                desk.judge(events, |mark| watch.store.seen(mark))?;
            }
            desk.settle(Heard::default(), false);
            Ok(())
        });
        match judged {
            Ok(_) => {
                self.lanes.set(lane, cursor);
                let (reached, read) = self.lanes.history();
                watch.casebook.read_history(scope, |history| {
                    (history.read, history.reached) = (read, reached);
                    (history.known, history.known_before) =
                        (history.known || ends, history.known_before || ends);
                });
                if ends {
                    self.late = Late::Done;
                }
                let labels = Asked {
                    account: self.account.id.clone(),
                    region: self.access.region.clone(),
                    api: "cloudtrail",
                };
                watch.status.metrics.events.get_or_create(&labels).inc_by(count);
                if let Some(through) = self.lanes.through() {
                    watch.status.metrics.lag.get_or_create(&labels).set(watch.age(through));
                    watch.status.read_through(&self.account.id, &self.access.region, through);
                }
                None
            }
            Err(error) => {
                tracing::error!(region = self.access.region, "a page was judged and cannot be kept: {error}");
                Some(later(watch.clock.now(), NO_ROOM))
            }
        }
    }

    fn check_lag(&mut self) -> Result<(), StoreError> {
        let (watch, lateness) = (self.watch, self.watch.config.cloudtrail.policy.lateness);
        let Some(through) = self.lanes.all_through() else { return Ok(()) };
        // A failed answer says nothing of the lag, and a region that cannot be read at all is told as blind.
        if !self.sight.is_well() {
            return Ok(());
        }
        let now = watch.clock.now();
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
        let health = vec![(lag_subject(&self.account.id, &self.access.region), since)];
        let scope = Scope { account: &self.account.id, region: &self.access.region };
        watch.report(&report, scope, Commit { health, ..Commit::default() })
    }
}

/// What an entry of a page says; what is no record is an event that says so.
fn event(raw: Raw, account: &Account, region: &str, request: &Request) -> Event {
    let read = match &raw.record {
        Some(record) => Event::from_record_text(record, &account.id),
        None => Err(Unreadable::Missing("record")),
    };
    read.unwrap_or_else(|why| {
        let subject = format!("{} {}", raw.name, raw.id);
        let report = Report::Unreadable { subject, reason: why.to_string() };
        report.event(&account.id, region, raw.time.unwrap_or(request.start))
    })
}

fn lag_subject(account: &str, region: &str) -> String {
    format!("{account} {region} lag")
}
