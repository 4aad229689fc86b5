//! What is sent next through one sink. Owns grouping and order; what follows from an answer is `answer`'s, the rows are the store's, and
//! the sending is `dispatch`'s.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::context::principal::role_of;
use crate::domain::incident::{CONVERSATION, OF_MACHINES};
use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::{Message, Pending, Receipt};
use crate::domain::retry::salt;
use crate::domain::severity::Severity;
use crate::domain::time::later;

/// The most alerts in one message; more follow in the next.
pub const PER_MESSAGE: usize = 40;
/// From how many groups that are ready at once on they share a message, so that a burst is not a flood.
const MERGE_FROM: usize = 4;
/// So many that wait are counted at once, whatever their groups wait for.
const CROWD: usize = 2_000;
/// How often what is counted of one group is said.
const COUNTED: Duration = Duration::from_secs(60);
/// How long more of the same of an incident, in another region or by another credential, waits after a message of it.
pub const SETTLED: Duration = Duration::from_secs(120);
/// The same of machines whose launcher nobody knows yet, of which that is all there is.
const MACHINES: Duration = Duration::from_secs(60);
/// How long after an incident's end that is told in its conversation.
const END: Duration = Duration::from_secs(3600);
/// The first and the longest wait before an alert is tried again that was refused alone.
pub(super) const ASIDE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));
/// How much news of a group is remembered. Who makes more of it waits for the interval with the rest, so that nobody can
/// flood a channel by changing names; what is more urgent than anything before never waits.
const NEWS: usize = 32;

/// What was sent of a group before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When its last message began.
    pub last: Timestamp,
    /// Alerts written up to then belong to that message, and follow at once if it could not hold them all.
    pub upto: Timestamp,
    /// What was news in it and in the messages just before: see [`Alert`]'s target, region, severity and error.
    pub news: Vec<u64>,
    /// The most urgent of it.
    pub severity: Severity,
    /// Where it stands, in the sink's own words; empty where the sink has none.
    pub thread: String,
}

impl Sent {
    fn thread(&self) -> Option<String> {
        Some(self.thread.clone()).filter(|thread| !thread.is_empty())
    }

    /// Whether an alert belongs to that message, which could not hold all.
    fn holds(&self, pending: &Pending) -> bool {
        !pending.alert.part.moved && pending.enqueued <= self.upto
    }

    /// Whether an alert says more than that the same happened again: another target, another region, another error, or
    /// worse.
    fn is_news(&self, alert: &Alert) -> bool {
        // Of an incident what is news is known: another stage, region or credential. Else it is what differs from what was said.
        if is_conversation(&alert.group) {
            return alert.part.news || alert.severity > self.severity;
        }
        alert.severity > self.severity || self.news.len() < NEWS && !self.news.contains(&news(alert))
    }
}

/// What of an alert a reader must not wait for, as one number. The title names the target; an instance's next state is none.
fn news(alert: &Alert) -> u64 {
    let target = if alert.instance.is_empty() { &alert.title } else { &alert.instance };
    let fact =
        |wanted: &str| alert.facts.iter().find(|(name, _)| name == wanted).map_or("", |(_, fact)| fact);
    let (error, call) = (fact("error"), fact("call"));
    salt(&format!("{}\u{1f}{}\u{1f}{error}\u{1f}{call}\u{1f}{target}", alert.region, alert.severity))
}

/// How alerts are collected; see the reference configuration.
#[derive(Debug, Clone, Default)]
pub struct Grouping {
    /// How long to collect before a group's first message.
    pub wait: Duration,
    /// The least time between two messages of a group.
    pub interval: Duration,
    /// How long after its last message an incident goes on in the same conversation.
    pub conversation: Duration,
    /// After how long without anybody a critical incident is told again; none for never.
    pub escalate_after: Option<Duration>,
    /// How long a sink fails before what is urgent goes to who stands by.
    pub fail_over_after: Duration,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Send this message now.
    Send(Message),
    /// Nothing before this time.
    Wait(Timestamp),
    /// Nothing until something is written.
    Idle,
}

/// Decides what to send now. `pending` is what waits, in the order of its keys.
pub fn due(pending: &[Pending], sent: &BTreeMap<String, Sent>, grouping: &Grouping, now: Timestamp) -> Due {
    let mut wake: Option<Timestamp> = None;
    let mut groups: BTreeMap<&str, Vec<&Pending>> = BTreeMap::new();
    let mut refused: Option<&Pending> = None;
    for waiting in pending {
        // A clock that was set back must not keep it aside for longer.
        let at = waiting.not_before.map_or(now, |at| at.min(later(now, ASIDE.1)));
        if waiting.refusals == 0 {
            groups.entry(&waiting.alert.group).or_default().push(waiting);
        } else if at <= now {
            refused = refused.filter(|known| known.refusals <= waiting.refusals).or(Some(waiting));
        } else {
            wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
        }
    }
    // What was refused with others is tried alone at once; what was refused alone lets others go first.
    let alone = |refused: &Pending| alone(refused, sent.get(&refused.alert.group));
    if let Some(refused) = refused.filter(|refused| refused.refusals == 1) {
        return Due::Send(alone(refused));
    }
    let crowded = pending.iter().map(|pending| 1 + pending.like.len()).sum::<usize>() >= CROWD;
    let mut ready: Vec<(&str, Vec<&Pending>)> = Vec::new();
    for (group, waiting) in groups {
        let mut at = ready_at(&waiting, sent.get(group), grouping, now);
        if waiting.iter().any(|pending| pending.more() > 0) {
            // What is counted is news by how much it is; it must not fill the queue until its interval is over.
            at = if crowded {
                now
            } else {
                at.min(later(sent.get(group).map_or(now, |sent| sent.last), COUNTED))
            };
        }
        if at <= now {
            ready.push((group, waiting));
        } else {
            wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
        }
    }
    ready.sort_by_key(|(_, waiting)| {
        let urgent = waiting.iter().map(|pending| pending.alert.severity).max();
        (std::cmp::Reverse(urgent), waiting.iter().map(|pending| came(pending)).min())
    });
    share_among_principals(&mut ready);
    if ready.is_empty() {
        return refused.map_or(wake.map_or(Due::Idle, Due::Wait), |refused| Due::Send(alone(refused)));
    }
    if ready.len() < MERGE_FROM {
        ready.truncate(1);
    }
    let mut message = Message { update: true, ..Message::default() };
    for (group, mut waiting) in ready {
        let room = PER_MESSAGE - message.alerts.len();
        if room == 0 {
            break;
        }
        // The most urgent is the message's title.
        waiting.sort_by_key(|pending| (std::cmp::Reverse(pending.alert.severity), came(pending)));
        let before = sent.get(group).filter(|sent| !is_over(group, sent, grouping, now));
        message.update &= before.is_some();
        message.louder |= before.is_some_and(|sent| is_worse(sent, &waiting));
        message.thread = before.and_then(Sent::thread);
        message.groups.push(group.to_owned());
        message.alerts.extend(waiting.into_iter().take(room).cloned());
    }
    if message.groups.len() > 1 {
        message.thread = None;
    }
    Due::Send(message)
}

/// In which order alerts came. What two regions say in the same moment is in the order of their names, and not of who was written first.
fn came(pending: &Pending) -> (Timestamp, Timestamp, &str, u64) {
    (pending.enqueued, pending.alert.time, &pending.alert.region, pending.seq)
}

/// What of those that wait says only how an incident stands of which the sink was told nothing.
pub fn untold<'a>(pending: &'a [Pending], sent: &BTreeMap<String, Sent>) -> Vec<&'a Pending> {
    let stands = |pending: &&Pending| pending.alert.part.standing.is_some();
    let is_told = |group: &str| {
        sent.contains_key(group) || pending.iter().any(|one| !stands(&one) && one.alert.group == group)
    };
    pending.iter().filter(|one| stands(one) && !is_told(&one.alert.group)).collect()
}

/// Of groups that are equally urgent, one of each principal comes first, then a second of each: nobody's many delay another's
/// first.
fn share_among_principals(ready: &mut [(&str, Vec<&Pending>)]) {
    let mut before: BTreeMap<(Option<Severity>, String), usize> = BTreeMap::new();
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    let urgency = |waiting: &[&Pending]| waiting.iter().map(|pending| pending.alert.severity).max();
    for (group, waiting) in ready.iter() {
        let principal = waiting.first().map_or_else(String::new, |pending| role_of(&pending.alert.principal));
        let turn = before.entry((urgency(waiting), principal)).or_default();
        turns.insert(group, *turn);
        *turn += 1;
    }
    ready.sort_by_key(|(group, waiting)| (std::cmp::Reverse(urgency(waiting)), turns.get(group).copied()));
}

/// One alert in the simplest form.
fn alone(refused: &Pending, sent: Option<&Sent>) -> Message {
    Message {
        groups: vec![refused.alert.group.clone()],
        alerts: vec![Pending { like: Vec::new(), ..refused.clone() }],
        thread: sent.and_then(Sent::thread),
        plain: true,
        ..Message::default()
    }
}

fn ready_at(waiting: &[&Pending], sent: Option<&Sent>, grouping: &Grouping, now: Timestamp) -> Timestamp {
    let first = waiting.iter().map(|pending| pending.enqueued).min().unwrap_or(Timestamp::MAX);
    // A clock that was set back leaves times of the future behind; they count as now.
    let continues = sent.is_some_and(|sent| waiting.iter().any(|pending| sent.holds(pending)));
    let first = first.min(now);
    match sent {
        Some(_) if continues => now,
        // Who did it is what a reader waits for, and comes once. Neither does what is new or worse wait: only repeats are worth an
        // interval.
        Some(sent) if waiting.iter().any(|p| p.alert.completes || sent.is_news(&p.alert)) => {
            let at = later(first, grouping.wait);
            // An incident's next region or credential waits for those that come right behind it; what is worse, or the first of its
            // kind, does not.
            let is_incident = waiting.iter().any(|pending| is_conversation(&pending.alert.group));
            let is_first = |alert: &Alert| alert.part.first || alert.severity > sent.severity;
            match is_incident && !waiting.iter().any(|pending| is_first(&pending.alert)) {
                true => {
                    let of_machines =
                        waiting.iter().any(|pending| pending.alert.group.starts_with(OF_MACHINES));
                    let settled = if of_machines { MACHINES } else { SETTLED };
                    at.max(later(sent.last.min(now), grouping.interval.min(settled)))
                }
                false => at,
            }
        }
        Some(sent) => later(sent.last.min(now), grouping.interval).max(later(first, grouping.wait)),
        None => later(first, grouping.wait),
    }
}

/// Whether a group is an incident's.
fn is_conversation(group: &str) -> bool {
    group.starts_with(CONVERSATION)
}

fn is_worse(sent: &Sent, waiting: &[&Pending]) -> bool {
    let is_worse = |alert: &Alert| {
        alert.severity > sent.severity || alert.severity == Severity::Critical && alert.part.first
    };
    waiting.iter().any(|pending| sent.is_news(&pending.alert) && is_worse(&pending.alert))
}

/// What is remembered of each group of a message that was delivered.
pub fn sent_now(
    message: &Message,
    receipt: &Receipt,
    sent: &BTreeMap<String, Sent>,
    grouping: &Grouping,
    now: Timestamp,
) -> Vec<(String, Sent)> {
    message
        .groups
        .iter()
        .map(|group| {
            let own = || message.alerts.iter().filter(|pending| pending.alert.group == *group);
            let before = sent.get(group).filter(|sent| !is_over(group, sent, grouping, now));
            let continues = sent.get(group).filter(|sent| own().any(|pending| sent.holds(pending)));
            let (last, upto) = continues.map_or((now, now), |sent| (sent.last, sent.upto));
            let mut said = before.map(|sent| sent.news.clone()).unwrap_or_default();
            for new in own().map(|pending| news(&pending.alert)) {
                if said.len() < NEWS && !said.contains(&new) {
                    said.push(new);
                }
            }
            let severities = own().map(|pending| pending.alert.severity).chain(before.map(|s| s.severity));
            let severity = severities.max().unwrap_or(Severity::Info);
            let stood = || before.map(|sent| sent.thread.clone()).unwrap_or_default();
            let thread = receipt.thread.clone().unwrap_or_else(stood);
            (group.clone(), Sent { last, upto, news: said, severity, thread })
        })
        .collect()
}

/// Whether what is remembered of a group can be forgotten.
pub fn is_over(group: &str, sent: &Sent, grouping: &Grouping, now: Timestamp) -> bool {
    let kept = if is_conversation(group) { grouping.conversation + END } else { Duration::ZERO };
    now > later(sent.last, grouping.interval.max(Duration::from_secs(60)).max(kept))
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
