use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn pending(seq: u64, second: i64, group: &str, severity: Severity) -> Pending {
    let alert = Alert {
        id: format!("alert-{seq}"),
        rule: "rule".to_owned(),
        title: format!("title {seq}"),
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
        facts: Vec::new(),
    };
    Pending { seq, enqueued: at(second), refused: false, alert }
}

/// What is sent of these without any wait.
fn sent_at_once(waiting: &[Pending]) -> Digest {
    let grouping = Grouping { wait: Duration::ZERO, interval: Duration::ZERO };
    match due(waiting, &BTreeMap::new(), &grouping, at(0)) {
        Due::Send(digest) => digest,
        other => panic!("nothing is sent: {other:?}"),
    }
}

/// A sink that takes everything: what it was told, and when, until nothing waits any more.
fn deliver(mut waiting: Vec<Pending>, wait: u64, interval: u64) -> Vec<(i64, Vec<u64>)> {
    let grouping = Grouping { wait: Duration::from_secs(wait), interval: Duration::from_secs(interval) };
    let (mut sent, mut told, mut now) = (BTreeMap::new(), Vec::new(), 0);
    loop {
        let visible: Vec<Pending> = waiting.iter().filter(|p| p.enqueued <= at(now)).cloned().collect();
        match due(&visible, &sent, &grouping, at(now)) {
            Due::Send(digest) => {
                told.push((now, digest.alerts.iter().map(|p| p.seq).collect()));
                sent.extend(sent_now(&digest, &sent, at(now)));
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

#[test]
fn a_refused_message_is_tried_alert_by_alert_in_the_simplest_form_and_then_kept_among_the_dead() {
    let refusal = Err(Failure::Refused { why: "invalid_blocks".to_owned() });
    let mut waiting = vec![pending(0, 0, "a", Severity::Low), pending(1, 0, "a", Severity::Low)];
    let first = sent_at_once(&waiting);
    assert_eq!(settle(&first, &refusal, 1, 0, at(0)), Next::Simplify);
    waiting.iter_mut().for_each(|p| p.refused = true);
    let second = sent_at_once(&waiting);
    assert!(second.plain && second.alerts.len() == 1);
    assert_eq!(settle(&second, &refusal, 2, 0, at(0)), Next::Dead("invalid_blocks".to_owned()));
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
    let grouping = Grouping { wait: Duration::from_secs(20), interval: Duration::from_secs(300) };
    // Written, and sent before, by a clock that was a day ahead.
    let waiting = [pending(0, 86_400, "a", Severity::Low), pending(1, 86_400, "b", Severity::Low)];
    let sent = BTreeMap::from([("b".to_owned(), Sent { last: at(86_300), upto: at(86_300) })]);
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
