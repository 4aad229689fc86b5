use std::collections::BTreeMap;

use super::*;
use crate::domain::event::Event;
use crate::domain::rules::memory::{HORIZON, MOST};

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + hour * 3600).expect("a time")
}

fn event(hour: i64, region: &str) -> Traits {
    let record = format!(
        r#"{{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","eventTime":"{}","awsRegion":"{region}","recipientAccountId":"1"}}"#,
        at(hour)
    );
    Traits::of(&Event::from_record_text(record, "1").expect("an event").into())
}

fn new_region(memory: &Recollection<'_>, event: &Traits) -> Option<bool> {
    memory.past(event).new.iter().find(|(habit, _)| *habit == Habit::Region).map(|(_, new)| *new)
}

#[test]
fn what_began_is_new_for_a_day() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    assert_eq!(new_region(&memory, &event(0, "eu-west-1")), Some(true));
    memory.learn(&event(0, "eu-west-1"));
    assert_eq!(new_region(&memory, &event(23, "eu-west-1")), Some(true));
    assert_eq!(new_region(&memory, &event(25, "eu-west-1")), Some(false));
    assert_eq!(new_region(&memory, &event(25, "eu-west-2")), Some(true));
}

#[test]
fn a_late_event_moves_the_beginning_back() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    memory.learn(&event(10, "eu-west-1"));
    memory.learn(&event(0, "eu-west-1"));
    assert_eq!(new_region(&memory, &event(25, "eu-west-1")), Some(false));
}

#[test]
fn without_a_past_nothing_is_called_new() {
    let known = Memory::default();
    let accounts = BTreeMap::from([("1".to_owned(), at(7 * 24))]);
    let learned = Learned { accounts: Some(&accounts), ..Learned::default() };
    let mut memory = Recollection::new(&known, learned);
    assert_eq!(new_region(&memory, &event(1, "eu-west-1")), None);
    let token = Token::rule("1", "r", &["x"]);
    assert_eq!(memory.first_seen(&event(1, "eu-west-1"), token, HORIZON), None);
    assert_eq!(new_region(&memory, &event(7 * 24, "eu-west-1")), Some(true));
    assert_eq!(memory.first_seen(&event(7 * 24, "eu-west-1"), token, HORIZON), Some(false));
}

#[test]
fn the_history_of_writes_says_nothing_of_reads() {
    let known = Memory::default();
    let learned = Learned { habits: true, rules: true, since: Some(at(0)), accounts: None };
    let memory = Recollection::new(&known, learned);
    let read = Traits { reads: true, ..event(1, "eu-west-1") };
    assert_eq!(new_region(&memory, &read), None);
    assert_eq!(new_region(&memory, &Traits { time: at(7 * 24), ..read }), Some(true));
    assert_eq!(new_region(&memory, &event(1, "eu-west-1")), Some(true));
}

#[test]
fn a_value_that_pages_show_the_newest_first_is_told_once() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let token = Token::rule("1", "r", &["x"]);
    let new: Vec<_> = [30, 20, 10].map(|hour| memory.first_seen(&event(hour, "a"), token, HORIZON)).to_vec();
    assert_eq!(new, [Some(true), Some(false), Some(false)]);
}

#[test]
fn a_value_is_first_seen_once_and_again_when_it_was_forgotten() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let (token, week) = (Token::rule("1", "r", &["x"]), Duration::from_secs(7 * 24 * 3600));
    assert_eq!(memory.first_seen(&event(0, "a"), token, week), Some(true));
    assert_eq!(memory.first_seen(&event(0, "a"), token, week), Some(true), "the same event again");
    assert_eq!(memory.first_seen(&event(30, "a"), token, week), Some(false));
    assert_eq!(memory.first_seen(&event(30 + 9 * 24, "a"), token, week), Some(true));
}

#[test]
fn memory_is_bounded_and_forgets_what_was_not_seen_for_longest() {
    let mut memory = Memory::default();
    for n in 0..MOST + 10 {
        let time = at(i64::try_from(n).expect("small"));
        memory.put(Token::key(&n.to_string()), Some(Sighting { first: time, last: time, days: 1 }));
    }
    let now = at(24);
    let old = memory.forgettable(now);
    assert_eq!(old.len(), 10);
    assert!(old.contains(&Token::key("0")) && !old.contains(&Token::key("10")));
    old.into_iter().for_each(|token| memory.put(token, None));
    assert_eq!(memory.forgettable(now), []);
}

fn from(hour: i64, address: &str, call: &str, error: &str) -> Traits {
    let record = format!(
        r#"{{"eventSource":"ec2.amazonaws.com","eventName":"{call}","eventTime":"{}","awsRegion":"eu-west-1","recipientAccountId":"1","sourceIPAddress":"{address}"{error}}}"#,
        at(hour)
    );
    Traits::of(&Event::from_record_text(record, "1").expect("an event").into())
}

fn new_network(memory: &Recollection<'_>, event: &Traits) -> Option<bool> {
    memory.past(event).new.iter().find(|(habit, _)| *habit == Habit::Network).map(|(_, new)| *new)
}

#[test]
fn one_harmless_call_the_day_before_makes_no_network_known() {
    let (known, thief) = (Memory::default(), "203.0.113.66");
    let mut memory = Recollection::new(&known, Learned::all());
    memory.learn(&from(0, thief, "CreateTags", ""));
    for hour in [30, 31, 47] {
        assert_eq!(new_network(&memory, &from(hour, thief, "RunInstances", "")), Some(true), "{hour}");
        memory.learn(&from(hour, thief, "RunInstances", ""));
    }
    memory.learn(&from(60, thief, "CreateTags", ""));
    // A colleague who comes back is known on the third day, however the days lie.
    assert_eq!(new_network(&memory, &from(200, thief, "RunInstances", "")), Some(false));
}

#[test]
fn what_fails_or_is_free_for_all_teaches_nothing() {
    let (known, thief) = (Memory::default(), "203.0.113.66");
    let mut memory = Recollection::new(&known, Learned::all());
    for day in 0..5 {
        memory.learn(&from(day * 24, thief, "CreateTags", r#","errorCode":"Client.UnauthorizedOperation""#));
        memory.learn(&from(day * 24, thief, "GetSessionToken", ""));
    }
    assert_eq!(new_network(&memory, &from(150, thief, "RunInstances", "")), Some(true));
    assert_eq!(
        memory.past(&from(150, thief, "CreateTags", "")).new.iter().filter(|(_, new)| !new).count(),
        0
    );
}

#[test]
fn days_that_are_read_from_the_end_are_counted_too() {
    let (known, ours) = (Memory::default(), "198.51.100.1");
    let mut memory = Recollection::new(&known, Learned::all());
    for hour in [72, 71, 48, 20] {
        memory.learn(&from(hour, ours, "CreateTags", ""));
    }
    assert_eq!(new_network(&memory, &from(100, ours, "CreateTags", "")), Some(false));
}

#[test]
fn what_was_remembered_before_the_batch_counts_in_it() {
    let mut known = Memory::default();
    assert!(known.is_empty());
    let token = Token::rule("1", "r", &["x"]);
    known.put(token, Some(Sighting { first: at(0), last: at(30), days: 2 }));
    assert_eq!((known.len(), known.is_empty(), known.get(&token).map(|one| one.days)), (1, false, Some(2)));
    let mut memory = Recollection::new(&known, Learned::all());
    assert_eq!(memory.first_seen(&event(40, "a"), token, HORIZON), Some(false));
    assert!(memory.changes.is_empty(), "less than a step after the last time");
}

#[test]
fn what_is_older_than_the_history_is_forgotten_and_nothing_else() {
    let mut known = Memory::default();
    let (old, young) = (Token::rule("1", "r", &["old"]), Token::rule("1", "r", &["young"]));
    known.put(old, Some(Sighting { first: at(0), last: at(0), days: 1 }));
    known.put(young, Some(Sighting { first: at(0), last: at(48), days: 2 }));
    assert_eq!(known.forgettable(later(at(0), HORIZON)), []);
    assert_eq!(known.forgettable(later(at(1), HORIZON)), [old]);
}

/// Many services have a call of one name.
#[test]
fn a_call_is_known_with_its_service_and_a_region_without() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let of = |source: &str| {
        let record = format!(
            r#"{{"eventSource":"{source}.amazonaws.com","eventName":"CreateCluster","eventTime":"{}","awsRegion":"eu-west-1","recipientAccountId":"1"}}"#,
            at(48)
        );
        Traits::of(&Event::from_record_text(record, "1").expect("an event").into())
    };
    memory.learn(&Traits { time: at(0), ..of("eks") });
    let is_new = |memory: &Recollection<'_>, source: &str, wanted: Habit| {
        memory.past(&of(source)).new.iter().find(|(habit, _)| *habit == wanted).map(|(_, new)| *new)
    };
    assert_eq!(is_new(&memory, "eks", Habit::Call), Some(false));
    assert_eq!(is_new(&memory, "ecs", Habit::Call), Some(true));
    assert_eq!(is_new(&memory, "ecs", Habit::Region), Some(false));
}

/// A call by somebody, from an address.
fn call(hour: i64, identity: &str, address: &str, name: &str) -> Traits {
    let record = format!(
        r#"{{"eventSource":"s3.amazonaws.com","eventName":"{name}","eventTime":"{}","awsRegion":"us-east-1","recipientAccountId":"1","sourceIPAddress":"{address}","userIdentity":{identity}}}"#,
        at(hour)
    );
    Traits::of(&Event::from_record_text(record, "1").expect("an event").into())
}

fn key_of(user: &str, key: &str) -> String {
    format!(
        r#"{{"type":"IAMUser","arn":"arn:aws:iam::1:user/{user}","userName":"{user}","accessKeyId":"{key}"}}"#
    )
}

fn own(memory: &Recollection<'_>, traits: &Traits, habit: Habit) -> Option<bool> {
    memory.past(traits).own_new.iter().find(|(of, _)| *of == habit).map(|(_, new)| *new)
}

#[test]
fn what_others_do_is_new_to_who_never_did_it() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let (anna, bob) = (key_of("anna", "AKIAA"), key_of("bob", "AKIAB"));
    for day in 0..10 {
        memory.learn(&call(day * 24, &anna, "203.0.113.1", "PutBucketTagging"));
        memory.learn(&call(day * 24, &bob, "198.51.100.1", "DeleteBucket"));
    }
    let thief = call(240, &anna, "198.51.100.9", "DeleteBucket");
    assert_eq!(own(&memory, &thief, Habit::Network), Some(true));
    assert_eq!(own(&memory, &thief, Habit::Call), Some(true));
    assert_eq!(own(&memory, &thief, Habit::Service), Some(false));
    assert!(memory.past(&thief).new.contains(&(Habit::Network, false)), "the account knows it by bob");
    let owner = call(240, &anna, "203.0.113.9", "PutBucketTagging");
    assert_eq!(
        (own(&memory, &owner, Habit::Network), own(&memory, &owner, Habit::Call)),
        (Some(false), Some(false))
    );
    let nobody = call(240, &key_of("new", "AKIAC"), "203.0.113.1", "PutBucketTagging");
    assert!(memory.past(&nobody).own_new.iter().all(|(_, new)| *new), "a fresh principal has no habits");
}

#[test]
fn a_key_that_is_in_use_for_long_has_habits_of_its_own_and_a_fresh_one_its_users() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let (builds, laptop) = (key_of("anna", "AKIAB"), key_of("anna", "AKIAL"));
    for day in 0..10 {
        memory.learn(&call(day * 24, &builds, "192.0.2.1", "PutBucketTagging"));
        memory.learn(&call(day * 24, &laptop, "203.0.113.1", "DeleteBucket"));
    }
    assert_eq!(own(&memory, &call(240, &builds, "192.0.2.1", "DeleteBucket"), Habit::Call), Some(true));
    let rotated = call(240, &key_of("anna", "AKIAN"), "203.0.113.1", "DeleteBucket");
    assert_eq!(
        (own(&memory, &rotated, Habit::Call), own(&memory, &rotated, Habit::Network)),
        (Some(false), Some(false))
    );
}

#[test]
fn a_sign_in_with_a_second_factor_vouches_for_a_network_for_a_day_and_for_nobody_else() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let sign_in = |mfa: &str| {
        let record = format!(
            r#"{{"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventTime":"{}","awsRegion":"us-east-1","recipientAccountId":"1","sourceIPAddress":"192.0.2.7","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::1:user/anna","userName":"anna"}},"responseElements":{{"ConsoleLogin":"Success"}},"additionalEventData":{{"MFAUsed":"{mfa}"}}}}"#,
            at(100)
        );
        Traits::of(&Event::from_record_text(record, "1").expect("an event").into())
    };
    let anna = |hour| call(hour, &key_of("anna", "AKIAA"), "192.0.2.9", "PutBucketTagging");
    memory.learn(&sign_in("No"));
    assert_eq!(own(&memory, &anna(101), Habit::Network), Some(true));
    assert_eq!(own(&memory, &sign_in("Yes"), Habit::Network), Some(true), "not for itself");
    memory.learn(&sign_in("Yes"));
    let past = memory.past(&anna(101));
    assert!(past.own_new.contains(&(Habit::Network, false)) && past.new.contains(&(Habit::Network, false)));
    assert_eq!(own(&memory, &anna(125), Habit::Network), Some(true), "a day later");
    let bob = call(101, &key_of("bob", "AKIAB"), "192.0.2.9", "PutBucketTagging");
    assert_eq!(own(&memory, &bob, Habit::Network), Some(true));
}

#[test]
fn a_sign_in_at_the_access_portal_vouches_for_its_person() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let record = format!(
        r#"{{"eventSource":"signin.amazonaws.com","eventName":"UserAuthentication","eventTime":"{}","awsRegion":"us-east-1","recipientAccountId":"1","sourceIPAddress":"192.0.2.7","userIdentity":{{"type":"IdentityCenterUser","accountId":"1"}},"additionalEventData":{{"CredentialType":"PASSWORD,TOTP","UserName":"mira"}},"serviceEventDetails":{{"UserAuthentication":"Success"}}}}"#,
        at(100)
    );
    memory.learn(&Traits::of(&Event::from_record_text(record, "1").expect("an event").into()));
    let session = |person: &str| {
        format!(
            r#"{{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_0123/{person}","sessionContext":{{"sessionIssuer":{{"arn":"arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123"}}}}}}"#
        )
    };
    let from = |person: &str| own(&memory, &call(101, &session(person), "192.0.2.7", "X"), Habit::Network);
    assert_eq!((from("mira"), from("tom")), (Some(false), Some(true)));
}

#[test]
fn who_is_everywhere_week_after_week_roams_and_who_travels_does_not() {
    let known = Memory::default();
    let mut memory = Recollection::new(&known, Learned::all());
    let (builds, anna) = (key_of("terraform", "AKIAT"), key_of("anna", "AKIAA"));
    for day in 0..28 {
        memory.learn(&call(day * 24, &builds, &format!("20.0.{day}.1"), "PutBucketTagging"));
        let anna_is = if day == 9 { "192.0.2.1" } else { "203.0.113.1" };
        memory.learn(&call(day * 24, &anna, anna_is, "PutBucketTagging"));
    }
    let roams = |who: &str| memory.past(&call(28 * 24, who, "20.9.9.9", "PutBucketTagging")).roams;
    assert_eq!((roams(&builds), roams(&anna)), (true, false));
}

/// After an update the history is read anew for the habits of principals: until then every Terraform would have been a stranger's.
#[test]
fn a_state_that_does_not_know_principals_yet_believes_them_until_it_does() {
    let known = Memory::default();
    let learned = Learned { rules: false, ..Learned::all() };
    let memory = Recollection::new(&known, learned);
    let past = memory.past(&call(240, &key_of("terraform", "AKIAT"), "203.0.113.1", "PutBucketTagging"));
    assert!(past.again && !past.learning && past.own_new.is_empty());
}

#[test]
fn what_is_remembered_of_a_full_account_is_small() {
    assert_eq!(size_of::<(Token, crate::domain::rules::memory::Packed)>(), 32);
}

#[test]
fn who_is_known_from_a_network_is_said_to_be_known_from_there() {
    let mut known = Memory::default();
    let anna = key_of("anna", "AKIAA");
    for (day, from) in [(0, "203.0.113.9"), (1, "203.0.113.7"), (2, "203.0.113.9"), (3, "192.0.2.1")] {
        let mut memory = Recollection::new(&known, Learned::all());
        memory.learn(&call(day * 24, &anna, from, "PutBucketTagging"));
        let changes = memory.changes;
        changes.into_iter().for_each(|(token, sighting)| known.put(token, Some(sighting)));
    }
    let from_there = |known: &Memory, who: &str| {
        Recollection::new(known, Learned::all()).past(&call(240, who, "198.51.100.1", "X"))
    };
    let past = from_there(&known, &anna);
    assert_eq!(past.known_network.map(|one| one.to_string()).as_deref(), Some("203.0.113.0/24"));
    assert_eq!(from_there(&known, &key_of("bob", "AKIAB")).known_network, None, "a stranger has no home");
    let all = known.forgettable(at(24 * 365));
    all.into_iter().for_each(|token| known.put(token, None));
    assert_eq!(from_there(&known, &anna).known_network, None, "it is forgotten with the rest");
}

#[test]
fn a_home_is_read_from_its_token_again() {
    for network in ["203.0.113.0/24", "2001:db8:7::/48"] {
        let whose = Token::key("AKIAA");
        let home = whose.home(network.parse().expect("a network"));
        assert_eq!(
            home.as_home().map(|(of, at)| (of, at.to_string())),
            Some((whose.whose_home(), network.to_owned()))
        );
        assert_eq!(whose.used().as_home(), None);
    }
}
