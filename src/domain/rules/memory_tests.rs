use super::*;
use crate::domain::event::Event;

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
