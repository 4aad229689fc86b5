use super::*;
use crate::domain::notify::answer::{Failure, Next, settle};
use crate::domain::notify::storm::Like;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn pending(seq: u64, second: i64, group: &str, severity: Severity) -> Pending {
    let alert = Alert {
        id: format!("alert-{seq}"),
        title: "it happened".to_owned(),
        severity,
        group: group.to_owned(),
        time: at(second),
        ..Alert::sample()
    };
    Pending { seq, enqueued: at(second), refusals: 0, not_before: None, like: Vec::new(), counted: 0, alert }
}

/// What is sent of these without any wait.
fn sent_at_once(waiting: &[Pending]) -> Message {
    let grouping = Grouping::default();
    match due(waiting, &BTreeMap::new(), &grouping, at(0)) {
        Due::Send(digest) => digest,
        other => panic!("nothing is sent: {other:?}"),
    }
}

/// A sink that takes everything: what it was given, and when, until nothing waits any more.
fn deliver(mut waiting: Vec<Pending>, wait: u64, interval: u64) -> Vec<(i64, Vec<u64>)> {
    let grouping = Grouping {
        wait: Duration::from_secs(wait),
        interval: Duration::from_secs(interval),
        ..Grouping::default()
    };
    let (mut sent, mut told, mut now) = (BTreeMap::new(), Vec::new(), 0);
    loop {
        let visible: Vec<Pending> = waiting.iter().filter(|p| p.enqueued <= at(now)).cloned().collect();
        match due(&visible, &sent, &grouping, at(now)) {
            Due::Send(digest) => {
                told.push((now, digest.alerts.iter().map(|p| p.seq).collect()));
                sent.extend(sent_now(&digest, &Receipt::default(), &sent, &grouping, at(now)));
                waiting.retain(|p| !digest.alerts.contains(p));
            }
            Due::Wait(_) | Due::Idle if waiting.is_empty() => return told,
            Due::Wait(_) | Due::Idle => now += 1,
        }
    }
}

#[test]
fn what_belongs_together_within_the_wait_is_one_message_that_names_each() {
    let waiting = (0..5).map(|n| pending(n, i64::try_from(n).expect("small"), "a", Severity::Low)).collect();
    assert_eq!(deliver(waiting, 20, 300), [(20, vec![0, 1, 2, 3, 4])]);
}

#[test]
fn later_ones_of_a_group_update_at_most_once_an_interval() {
    let waiting =
        [0, 30, 60, 400].iter().enumerate().map(|(n, s)| pending(n as u64, *s, "a", Severity::Low)).collect();
    assert_eq!(deliver(waiting, 20, 300), [(20, vec![0]), (320, vec![1, 2]), (620, vec![3])]);
}

#[test]
fn no_wait_sends_at_once() {
    assert_eq!(deliver(vec![pending(0, 0, "a", Severity::Low)], 0, 300), [(0, vec![0])]);
}

#[test]
fn a_group_larger_than_a_message_goes_on_in_the_next_and_loses_nothing() {
    let waiting: Vec<Pending> = (0..100).map(|n| pending(n, 0, "a", Severity::Low)).collect();
    let told = deliver(waiting, 20, 300);
    assert_eq!(
        told.iter().map(|(second, alerts)| (*second, alerts.len())).collect::<Vec<_>>(),
        [(20, 40), (20, 40), (20, 20)]
    );
}

#[test]
fn a_burst_of_many_groups_is_merged_with_the_most_urgent_first() {
    let mut waiting: Vec<Pending> = (0..30).map(|n| pending(n, 0, &format!("g{n}"), Severity::Low)).collect();
    waiting.push(pending(30, 0, "urgent", Severity::Critical));
    let told = deliver(waiting, 20, 300);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1[0], 30);
    assert_eq!(told[0].1.len(), 31);
}

const REFUSED: fn() -> Result<(), Failure> = || Err(Failure::Refused { why: "invalid_blocks".to_owned() });

#[test]
fn a_refused_message_is_tried_alert_by_alert_in_the_simplest_form() {
    let mut waiting = vec![pending(0, 0, "a", Severity::Low), pending(1, 0, "a", Severity::Low)];
    let first = sent_at_once(&waiting);
    assert_eq!(settle(&first, &REFUSED(), 1, 0, at(0)), Next::Simplify);
    waiting.iter_mut().for_each(|p| p.refusals = 1);
    let second = sent_at_once(&waiting);
    assert!(second.plain && second.alerts.len() == 1);
    assert!(matches!(settle(&second, &REFUSED(), 2, 0, at(0)), Next::SetAside(_)));
}

#[test]
fn an_alert_that_is_refused_alone_is_given_up_only_while_the_sink_takes_others() {
    let refused =
        |refusals, not_before| Pending { refusals, not_before, ..pending(0, 0, "a", Severity::Critical) };
    let alone = sent_at_once(&[refused(2, None)]);
    // The sink has refused everything since: it is the sink.
    for times in 2..50 {
        let next = settle(&alone, &REFUSED(), times, 0, at(0));
        assert!(matches!(next, Next::SetAside(until) if until <= at(900)), "{times}: {next:?}");
    }
    // It took something just before: it is the alert.
    assert_eq!(settle(&alone, &REFUSED(), 1, 0, at(0)), Next::Dead("invalid_blocks".to_owned()));
    // The first time alone proves nothing: the message before may have been refused for another reason.
    let first = sent_at_once(&[refused(1, None)]);
    assert!(matches!(settle(&first, &REFUSED(), 1, 0, at(0)), Next::SetAside(_)));
}

#[test]
fn what_was_set_aside_holds_up_nobody() {
    let aside = Pending { refusals: 2, not_before: Some(at(60)), ..pending(0, 0, "a", Severity::Critical) };
    let waiting = [aside, pending(1, 0, "b", Severity::Low)];
    assert_eq!(sent_at_once(&waiting).alerts[0].seq, 1);
    let grouping = Grouping::default();
    assert_eq!(due(&waiting[..1], &BTreeMap::new(), &grouping, at(0)), Due::Wait(at(60)));
    let Due::Send(later) = due(&waiting[..1], &BTreeMap::new(), &grouping, at(60)) else {
        panic!("it waits")
    };
    assert!(later.plain);
}

#[test]
fn a_sinks_own_later_is_kept_to_and_never_believed_for_more_than_an_hour() {
    let digest = sent_at_once(&[pending(0, 0, "a", Severity::Low)]);
    let later =
        |seconds| Err(Failure::Later { after: Some(Duration::from_secs(seconds)), why: String::new() });
    assert_eq!(settle(&digest, &later(30), 1, 0, at(0)), Next::RetryAt(at(30)));
    assert_eq!(settle(&digest, &later(86_400), 1, 0, at(0)), Next::RetryAt(at(3600)));
}

#[test]
fn a_clock_set_back_does_not_stop_a_sink() {
    let grouping =
        Grouping { wait: Duration::from_secs(20), interval: Duration::from_secs(300), ..Grouping::default() };
    // Written, and sent before, by a clock that was a day ahead.
    let waiting = [pending(0, 86_400, "a", Severity::Low), pending(1, 86_400, "b", Severity::Low)];
    let sent = BTreeMap::from([(
        "b".to_owned(),
        Sent {
            last: at(86_300),
            upto: at(86_300),
            news: Vec::new(),
            severity: Severity::Low,
            thread: String::new(),
        },
    )]);
    let Due::Wait(until) = due(&waiting, &sent, &grouping, at(0)) else { panic!("it is sent at once") };
    assert!(until <= at(20), "{until}");
}

#[test]
fn a_sink_that_says_later_at_once_is_not_hammered() {
    let digest = sent_at_once(&[pending(0, 0, "a", Severity::Low)]);
    let now = Err(Failure::Later { after: Some(Duration::ZERO), why: String::new() });
    assert_eq!(settle(&digest, &now, 1, 0, at(0)), Next::RetryAt(at(1)));
}

#[test]
fn a_running_instance_is_not_the_title_of_a_message_about_its_critical_launch() {
    let waiting = vec![pending(0, 0, "a", Severity::Low), pending(1, 5, "a", Severity::Critical)];
    assert_eq!(deliver(waiting, 20, 300), [(20, vec![1, 0])]);
}

#[test]
fn what_says_who_launched_it_does_not_wait_for_the_interval() {
    let mut who = pending(1, 100, "a", Severity::Medium);
    who.alert.completes = true;
    let waiting = vec![pending(0, 0, "a", Severity::High), pending(2, 90, "a", Severity::Low), who];
    assert_eq!(deliver(waiting, 20, 300), [(20, vec![0]), (110, vec![1, 2])]);
}

#[test]
fn what_is_new_or_worse_in_a_group_does_not_wait_for_the_interval() {
    type Change = fn(&mut Alert);
    let changes: [(&str, Change); 4] = [
        ("another target", |alert| alert.title = "it happened to another trail".to_owned()),
        ("another region", |alert| alert.region = "eu-west-1".to_owned()),
        ("worse", |alert| alert.severity = Severity::Critical),
        ("another error", |alert| alert.facts.push(("error".to_owned(), "AccessDenied".to_owned()))),
    ];
    for (what, change) in changes {
        let mut new = pending(1, 30, "a", Severity::High);
        change(&mut new.alert);
        let again = pending(2, 60, "a", Severity::High);
        let told = deliver(vec![pending(0, 0, "a", Severity::High), new, again], 20, 300);
        assert_eq!(told, [(20, vec![0]), (50, vec![1]), (350, vec![2])], "{what}");
    }
}

#[test]
fn who_makes_news_without_end_does_not_flood_a_channel_and_what_is_worse_still_comes_through() {
    let mut waiting: Vec<Pending> = (0..1000)
        .map(|n| {
            let mut one = pending(n, i64::try_from(n).expect("small"), "a", Severity::Medium);
            one.alert.title = format!("it happened to {n}");
            one
        })
        .collect();
    waiting.push(pending(1000, 500, "a", Severity::Critical));
    let told = deliver(waiting, 20, 300);
    assert!(told.len() <= 30, "{} messages for 1,001 alerts of one group", told.len());
    let worst = told.iter().find(|(_, alerts)| alerts.contains(&1000)).expect("it is told");
    assert!(worst.0 <= 520, "{}", worst.0);
}

/// An alert of an incident: whether it is news there, and the first of its kind.
fn of_incident(seq: u64, second: i64, severity: Severity, news: bool, first: bool) -> Pending {
    let mut pending = pending(seq, second, "incident 7F3A", severity);
    pending.alert.part.incident = "7F3A".to_owned();
    (pending.alert.part.news, pending.alert.part.first) = (news, first);
    pending
}

/// What was sent of an incident at a second, up to `severity`.
fn told(group: &str, second: i64, severity: Severity) -> BTreeMap<String, Sent> {
    let sent =
        Sent { last: at(second), upto: at(second), news: Vec::new(), severity, thread: "thread".to_owned() };
    [(group.to_owned(), sent)].into()
}

const COLLECTED: Grouping = Grouping {
    wait: Duration::from_secs(20),
    interval: Duration::from_secs(300),
    conversation: Duration::from_secs(6 * 3600),
    escalate_after: None,
    fail_over_after: Duration::from_secs(600),
};

/// When the first message of these goes out.
fn goes_out(waiting: &[Pending], sent: &BTreeMap<String, Sent>, now: i64) -> i64 {
    match due(waiting, sent, &COLLECTED, at(now)) {
        Due::Send(_) => now,
        Due::Wait(until) => until.as_second(),
        Due::Idle => panic!("something waits"),
    }
}

#[test]
fn of_an_incident_what_is_first_or_worse_waits_for_nothing_and_more_of_the_same_for_a_while() {
    let sent = told("incident 7F3A", 1000, Severity::High);
    let when = |severity, news, first| goes_out(&[of_incident(1, 1010, severity, news, first)], &sent, 1010);
    assert_eq!(when(Severity::High, true, true), 1030, "the first of its kind");
    assert_eq!(when(Severity::Critical, false, false), 1030, "worse than before");
    assert_eq!(when(Severity::High, true, false), 1120, "another region or credential");
    assert_eq!(when(Severity::High, false, false), 1300, "the same again");
    assert_eq!(when(Severity::Low, false, false), 1300);
    let completes = |mut pending: Pending| {
        pending.alert.completes = true;
        goes_out(&[pending], &sent, 1010)
    };
    assert_eq!(completes(of_incident(1, 1010, Severity::Low, false, false)), 1120, "who launched it");
    // Machines whose launcher nobody knows have nothing but each other.
    let mut machine = of_incident(1, 1010, Severity::High, true, false);
    machine.alert.group = format!("{OF_MACHINES}1");
    let machines = told(&machine.alert.group, 1000, Severity::High);
    assert_eq!(goes_out(&[machine], &machines, 1010), 1060);
    // What could not be held by the last message follows at once; what was moved here from another conversation was never in it.
    let mut rest = of_incident(1, 990, Severity::Low, false, false);
    assert_eq!(goes_out(std::slice::from_ref(&rest), &sent, 1010), 1010);
    rest.alert.part.moved = true;
    assert_eq!(goes_out(&[rest], &sent, 1010), 1300);
}

#[test]
fn a_message_of_one_conversation_knows_its_thread_and_whether_it_must_be_heard() {
    let message = |severity, first, sent: &BTreeMap<String, Sent>| match due(
        &[of_incident(1, 1010, severity, true, first)],
        sent,
        &COLLECTED,
        at(5000),
    ) {
        Due::Send(message) => message,
        other => panic!("nothing is sent: {other:?}"),
    };
    let sent = told("incident 7F3A", 1000, Severity::High);
    let louder = |severity, first| message(severity, first, &sent).louder;
    assert!(louder(Severity::Critical, false), "worse than before");
    assert!(!louder(Severity::High, true) && !louder(Severity::Low, false));
    let critical = told("incident 7F3A", 1000, Severity::Critical);
    assert!(message(Severity::Critical, true, &critical).louder, "critical, and the first of its kind");
    assert!(!message(Severity::Critical, false, &critical).louder);
    let goes_on = message(Severity::Low, false, &sent);
    assert_eq!((goes_on.update, goes_on.thread.as_deref()), (true, Some("thread")));
    let begins = message(Severity::Critical, true, &BTreeMap::new());
    assert_eq!((begins.update, begins.louder, begins.thread), (false, false, None));
    // After its end is told, another message begins anew.
    let old = told("incident 7F3A", -30_000, Severity::High);
    assert_eq!(message(Severity::Low, false, &old).thread, None);
    assert!(is_over("incident 7F3A", &old["incident 7F3A"], &COLLECTED, at(5000)));
    assert!(!is_over("incident 7F3A", &sent["incident 7F3A"], &COLLECTED, at(5000)));
    // Of several groups in one message none has a thread of its own.
    let mut burst: Vec<Pending> = (0..4).map(|n| pending(n, 0, &format!("g{n}"), Severity::Low)).collect();
    burst.push(of_incident(9, 0, Severity::High, true, true));
    let Due::Send(merged) = due(&burst, &sent, &COLLECTED, at(5000)) else { panic!("nothing is sent") };
    assert_eq!((merged.groups.len(), merged.thread, merged.update), (5, None, false));
}

#[test]
fn what_was_sent_is_remembered_with_where_it_stands() {
    let mut message = sent_at_once(&[of_incident(1, 1010, Severity::High, true, true)]);
    let receipt = Receipt { thread: Some("1772.1".to_owned()) };
    let now = |message: &Message, receipt: &Receipt, sent: &BTreeMap<String, Sent>| {
        sent_now(message, receipt, sent, &COLLECTED, at(2000)).pop().expect("one").1
    };
    let begun = now(&message, &receipt, &BTreeMap::new());
    assert_eq!((begun.thread.as_str(), begun.severity, begun.last), ("1772.1", Severity::High, at(2000)));
    message.alerts[0].alert.severity = Severity::Low;
    let went_on = now(&message, &Receipt::default(), &told("incident 7F3A", 1000, Severity::Critical));
    assert_eq!(
        (went_on.thread.as_str(), went_on.severity),
        ("thread", Severity::Critical),
        "the worst of all"
    );
    assert_eq!(message.said(), 1);
    let like = Like { seq: 2, id: "alert-2".to_owned() };
    (message.alerts[0].like, message.alerts[0].counted) = (vec![like], 3);
    assert_eq!((message.alerts[0].more(), message.said()), (4, 5));
    assert_eq!(message.ids().collect::<Vec<_>>(), ["alert-1", "alert-2"]);
}

/// Nobody's many groups delay another's first, however they are named.
#[test]
fn of_equally_urgent_groups_each_principal_has_its_turn() {
    let by = |seq: u64, principal: &str| {
        let mut one = pending(seq, 0, &format!("g{seq:02}"), Severity::High);
        one.alert.principal = format!("arn:aws:iam::111122223333:user/{principal}");
        one
    };
    let mut waiting: Vec<Pending> = (0..10).map(|seq| by(seq, "noisy")).collect();
    waiting.push(by(10, "thief"));
    let Due::Send(message) = due(&waiting, &BTreeMap::new(), &COLLECTED, at(5000)) else { panic!("nothing") };
    assert_eq!(message.groups[..3], ["g00", "g10", "g01"]);
}

#[test]
fn how_an_incident_stands_is_for_whom_it_was_told() {
    use crate::domain::incident::{Standing, Turn};
    let standing = |seq, group: &str| {
        let mut one = pending(seq, 0, group, Severity::Info);
        one.alert.part.standing = Some(Standing { turn: Turn::Acknowledged, alerts: 1 });
        one
    };
    let waiting = [
        standing(1, "incident A"),
        standing(2, "incident B"),
        standing(3, "incident C"),
        pending(4, 0, "incident C", Severity::High),
    ];
    let before = sent_now(
        &sent_at_once(&[pending(0, 0, "incident B", Severity::High)]),
        &Receipt::default(),
        &BTreeMap::new(),
        &Grouping::default(),
        at(0),
    );
    let seqs: Vec<u64> = untold(&waiting, &before.into_iter().collect()).iter().map(|one| one.seq).collect();
    assert_eq!(seqs, [1], "B was told, and C is told with it");
}

#[test]
fn what_was_refused_alone_waits_for_its_time_and_stays_in_its_conversation() {
    let refused = Pending { refusals: 1, not_before: Some(at(60)), ..pending(1, 0, "a", Severity::Low) };
    let sent = told("a", 0, Severity::Low);
    assert_eq!(goes_out(std::slice::from_ref(&refused), &sent, 0), 60);
    let Due::Send(message) = due(&[refused], &sent, &COLLECTED, at(60)) else { panic!("it is its time") };
    assert_eq!((message.groups, message.thread.as_deref()), (vec!["a".to_owned()], Some("thread")));
    assert!(message.plain);
}

#[test]
fn what_is_counted_is_said_once_a_minute_and_a_crowd_at_once() {
    let like = |n| Like { seq: n, id: n.to_string() };
    let counting = |count: u64| Pending {
        like: (10..10 + count).map(like).collect(),
        ..pending(1, 5, "incident A", Severity::Low)
    };
    let sent = told("incident A", 0, Severity::Low);
    assert_eq!(goes_out(&[counting(5)], &sent, 10), 60);
    assert_eq!(goes_out(&[counting(1_998)], &sent, 10), 60);
    assert_eq!(goes_out(&[counting(1_999)], &sent, 10), 10);
}
