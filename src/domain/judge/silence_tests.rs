//! What a silence hides, and what none may.

use jiff::{SignedDuration, Timestamp};

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + hour * 3600).expect("a time")
}

fn silence(change: impl FnOnce(&mut Silence)) -> Silence {
    let mut silence = Silence {
        id: "s1".to_owned(),
        since: at(0),
        until: at(2),
        owner: "alice".to_owned(),
        why: "a migration".to_owned(),
        ..Silence::default()
    };
    change(&mut silence);
    silence
}

fn alert(change: impl FnOnce(&mut Alert)) -> Alert {
    let principal = "arn:aws:iam::111122223333:role/deploy".to_owned();
    let mut alert = Alert { principal, ..Alert::sample() };
    change(&mut alert);
    alert
}

#[test]
fn a_silence_hides_what_it_names_until_it_ends() {
    let by_rule = silence(|silence| silence.rule = "iam-*".to_owned());
    assert!(by_rule.hides(&alert(|_| {}), at(1)));
    assert!(!by_rule.hides(&alert(|_| {}), at(2)), "it is over");
    assert!(!by_rule.hides(&alert(|alert| alert.rule = "root-sign-in".to_owned()), at(1)));
    let place = silence(|silence| {
        silence.account = "111122223333".to_owned();
        silence.region = "us-*".to_owned();
    });
    assert!(place.hides(&alert(|_| {}), at(1)));
    assert!(!place.hides(&alert(|alert| alert.region = "eu-west-1".to_owned()), at(1)));
    assert!(!place.hides(&alert(|alert| alert.account = "2".to_owned()), at(1)));
}

/// What a thief may choose makes him nobody else: not his session's name, and not his role's path.
#[test]
fn a_session_of_an_honest_name_is_not_silenced_with_the_honest_one() {
    let honest = silence(|silence| silence.principal = "arn:aws:iam::111122223333:role/deploy".to_owned());
    let of = |arn: &str| honest.hides(&alert(|alert| alert.principal = arn.to_owned()), at(1));
    assert!(of("arn:aws:iam::111122223333:role/deploy"));
    assert!(of("arn:aws:sts::111122223333:assumed-role/deploy/anything"), "every session of the role");
    assert!(!of("arn:aws:sts::111122223333:assumed-role/evil/deploy"));
    assert!(!of("arn:aws:iam::111122223333:user/role/deploy"));
    let all = silence(|silence| silence.principal = "arn:aws:iam::111122223333:role/*".to_owned());
    assert!(!all.hides(
        &alert(|alert| alert.principal = "arn:aws:iam::111122223333:role/x/deploy".to_owned()),
        at(1)
    ));
}

#[test]
fn what_is_critical_of_trailnoti_itself_or_a_gpu_is_not_silenced() {
    let region = silence(|silence| silence.region = "us-east-1".to_owned());
    assert!(!region.hides(&alert(|alert| alert.severity = Severity::Critical), at(1)));
    assert!(!region.hides(&alert(|alert| alert.rule = "trailnoti-blind".to_owned()), at(1)));
    let gpu = |alert: &mut Alert| {
        alert.rule = "instances-launched".to_owned();
        alert.part.touched = vec![Resource::Machine { id: "i-0a".to_owned(), kind: "g5.xlarge".to_owned() }];
    };
    assert!(!region.hides(&alert(gpu), at(1)));
    let by_name = silence(|silence| silence.rule = "instances-launched".to_owned());
    assert!(by_name.hides(&alert(gpu), at(1)), "who names the rule means it");
}

#[test]
fn all_that_is_wrong_with_a_silence_is_said_at_once() {
    let wrong = Silence { until: at(0) + SignedDuration::from_hours(24 * 90), ..Silence::default() };
    assert_eq!(wrong.problems(at(0)).len(), 3, "{:?}", wrong.problems(at(0)));
    let wrong = silence(|silence| {
        silence.principal = "deploy".to_owned();
        silence.account = "prod".to_owned();
    });
    assert_eq!(wrong.problems(at(0)).len(), 2, "{:?}", wrong.problems(at(0)));
    assert!(silence(|silence| silence.rule = "iam-*".to_owned()).problems(at(0)).is_empty());
}

#[test]
fn what_was_silenced_is_no_alert_and_its_decision_says_by_what() {
    let told = alert(|_| {});
    let mut judgement = Judgement {
        decisions: vec![crate::domain::judge::decision::Decision::of_alert(&told)],
        alerts: vec![
            told,
            alert(|alert| {
                alert.id = "2".to_owned();
                alert.severity = Severity::Critical;
            }),
        ],
        ..Judgement::default()
    };
    let by = super::silence(&[silence(|silence| silence.rule = "iam-*".to_owned())], &mut judgement, at(1));
    assert_eq!((by, judgement.alerts.len()), (vec!["s1".to_owned()], 1));
    assert_eq!(judgement.decisions[0].fate, Fate::Silenced("s1".to_owned()));
    assert_eq!(judgement.decisions[0].fate(&[]), "hidden by silence s1");
}
