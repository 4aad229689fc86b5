use super::*;
use crate::domain::notify::answer::{Failure, Next, settle};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn pending(seq: u64, second: i64, group: &str, severity: Severity) -> Pending {
    let alert = Alert {
        id: format!("alert-{seq}"),
        rule: "rule".to_owned(),
        title: "it happened".to_owned(),
        description: String::new(),
        runbook: String::new(),
        severity,
        group: group.to_owned(),
        account: "111122223333".to_owned(),
        account_name: String::new(),
        region: "us-east-1".to_owned(),
        time: at(second),
        principal: String::new(),
        address: String::new(),
        event_id: String::new(),
        instance: String::new(),
        completes: false,
        part: Default::default(),
        facts: Vec::new(),
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
