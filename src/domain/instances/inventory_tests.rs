use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

const GRACE: Duration = Duration::from_secs(20);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).expect("a time")
}

fn instance(id: &str, state: State) -> Instance {
    Instance { id: id.to_owned(), state, instance_type: "t3.micro".to_owned(), ..Instance::default() }
}

fn tagged(id: &str, state: State) -> Instance {
    let mut instance = instance(id, state);
    instance.tags.insert("role".to_owned(), "worker".to_owned());
    instance
}

/// A region that is listed again and again.
#[derive(Default)]
struct Region {
    listed: bool,
    known: BTreeMap<String, Story>,
    lost: Option<Timestamp>,
}

impl Region {
    fn empty() -> Self {
        Region { listed: true, ..Region::default() }
    }

    fn list(&mut self, second: i64, listed: &[Instance]) -> Vec<String> {
        let known = if self.listed { Known::Stories } else { Known::Nothing { lost: self.lost } };
        let mut stories = Stories::new(&self.known);
        let seen = observe(known, &mut stories, listed, GRACE, true, at(second));
        seen.gone.iter().for_each(|id| stories.end(id));
        for (id, story) in stories.into_changes() {
            match story {
                Some(story) => self.known.insert(id, story),
                None => self.known.remove(&id),
            };
        }
        self.listed = true;
        seen.changes.iter().map(|c| format!("{} {}", c.id, c.state.name())).collect()
    }
}

#[test]
fn the_first_list_is_a_baseline_and_not_a_flood() {
    let mut region = Region::default();
    assert!(region.list(0, &[tagged("i-1", State::Running)]).is_empty());
    assert_eq!(region.list(15, &[tagged("i-1", State::Stopping)]), ["i-1 stopping"]);
}

#[test]
fn after_the_state_was_lost_what_was_launched_since_is_news() {
    let mut region = Region { lost: Some(at(0)), ..Region::default() };
    let launched = |id, second| Instance { launch_time: Some(at(second)), ..tagged(id, State::Running) };
    assert_eq!(region.list(60, &[launched("i-old", -10), launched("i-new", 10)]), ["i-new running"]);
}

#[test]
fn tags_that_come_within_the_grace_are_those_it_began_with_and_later_ones_are_not() {
    let mut region = Region::empty();
    region.list(0, &[instance("i-1", State::Pending)]);
    region.list(15, &[tagged("i-1", State::Running)]);
    assert_eq!(region.known["i-1"].began_with.len(), 1);
    region.list(20, &[instance("i-2", State::Pending)]);
    region.list(50, &[tagged("i-2", State::Running)]);
    assert_eq!((region.known["i-2"].began_with.len(), region.known["i-2"].instance.tags.len()), (0, 1));
}

#[test]
fn a_start_after_a_stop_is_a_new_story() {
    let mut region = Region::default();
    region.list(0, &[tagged("i-1", State::Stopped)]);
    assert!(!region.known["i-1"].is_new);
    assert_eq!(region.list(15, &[tagged("i-1", State::Pending)]), ["i-1 pending"]);
    assert!(region.known["i-1"].is_new && region.known["i-1"].opened == at(15));
}

#[test]
fn one_list_without_an_instance_is_not_taken_for_its_end() {
    let mut region = Region::empty();
    region.list(0, &[tagged("i-1", State::Running)]);
    assert!(region.list(15, &[]).is_empty());
    assert!(region.list(30, &[tagged("i-1", State::Running)]).is_empty());
    assert!(region.list(45, &[]).is_empty());
    assert_eq!(region.list(60, &[]), ["i-1 terminated"]);
    assert!(region.list(75, &[]).is_empty());
}

#[test]
fn a_terminated_instance_keeps_the_tags_it_had() {
    let mut region = Region::empty();
    region.list(0, &[tagged("i-1", State::Running)]);
    region.list(15, &[instance("i-1", State::Terminated)]);
    let kept = &region.known["i-1"].instance;
    assert_eq!(kept.tags.get("role").map(String::as_str), Some("worker"));
    assert!(region.list(30, &[]).is_empty(), "its end was seen already");
}

fn states() -> impl Strategy<Value = Option<State>> {
    prop::option::of(prop::sample::select(State::ALL.to_vec()))
}

proptest! {
    /// Whatever is listed, what is known afterwards is what was listed, and every new state was an event.
    #[test]
    fn every_change_is_told_exactly_once(lists in prop::collection::vec(prop::collection::vec(states(), 3), 1..12)) {
        let mut region = Region::empty();
        let mut known: BTreeMap<String, Option<State>> = BTreeMap::new();
        for (turn, list) in lists.iter().enumerate() {
            let listed: Vec<Instance> = list
                .iter()
                .enumerate()
                .filter_map(|(n, state)| state.map(|state| tagged(&format!("i-{n}"), state)))
                .collect();
            let changes = region.list(i64::try_from(turn).expect("small") * 15, &listed);
            for change in &changes {
                let (id, state) = change.split_once(' ').expect("two words");
                known.insert(id.to_owned(), State::parse(state));
            }
            for instance in &listed {
                prop_assert_eq!(known.get(&instance.id).copied().flatten(), Some(instance.state));
            }
        }
    }
}
