use super::*;
use proptest::prelude::*;

fn glob(text: &str) -> Glob {
    Glob::parse(text).expect("a glob")
}

fn tag(key: &str, value: &str) -> Condition {
    Condition::Tag(key.to_owned(), Wanted::Like(vec![glob(value)]))
}

fn workers() -> Exclusion {
    Exclusion {
        name: "workers".to_owned(),
        conditions: vec![
            tag("aws:autoscaling:groupName", "web-*"),
            Condition::Region(vec![glob("eu-*")]),
            Condition::InstanceType(vec![glob("t3.*")]),
            Condition::State(vec![State::Pending, State::Running]),
        ],
        at_most: None,
    }
}

fn bound() -> Exclusion {
    Exclusion {
        name: "ci".to_owned(),
        conditions: vec![tag("team", "ci"), Condition::LaunchedBy(vec![glob("arn:aws:iam::*:role/ci")])],
        at_most: None,
    }
}

fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

struct Case {
    instance: Instance,
    began_with: Tags,
    region: &'static str,
    state: State,
    may_come: bool,
    launchers: Option<Vec<String>>,
}

fn case(kind: &str, with: &[(&str, &str)]) -> Case {
    let instance = Instance { instance_type: kind.to_owned(), tags: tags(with), ..Instance::default() };
    Case {
        began_with: instance.tags.clone(),
        instance,
        region: "eu-west-1",
        state: State::Running,
        may_come: true,
        launchers: None,
    }
}

impl Case {
    fn facts(&self) -> Facts<'_> {
        Facts {
            account: "111122223333",
            region: self.region,
            instance: &self.instance,
            state: self.state,
            began_with: &self.began_with,
            tags_may_come: self.may_come,
            launchers: self.launchers.as_deref(),
        }
    }
}

const TAGS: Fit = Fit::Undecided(Missing { tags: true, launch: false });
const LAUNCH: Fit = Fit::Undecided(Missing { tags: false, launch: true });

#[test]
fn every_condition_must_hold() {
    let web = [("aws:autoscaling:groupName", "web-blue")];
    let fit = |case: &Case| workers().fit(&case.facts());
    assert_eq!(fit(&case("t3.large", &web)), Fit::Yes);
    assert_eq!(fit(&case("p5.48xlarge", &web)), Fit::No);
    assert_eq!(fit(&Case { state: State::Stopped, ..case("t3.large", &web) }), Fit::No);
    assert_eq!(fit(&Case { region: "us-east-1", ..case("t3.large", &web) }), Fit::No);
    assert_eq!(fit(&case("t3.large", &[("aws:autoscaling:groupName", "db")])), Fit::No);
    assert_eq!(fit(&case("t3.large", &[])), TAGS);
    assert_eq!(fit(&Case { may_come: false, ..case("t3.large", &[]) }), Fit::No);
}

#[test]
fn a_gpu_instance_does_not_wait_for_tags_that_could_not_hide_it() {
    assert_eq!(workers().fit(&case("p5.48xlarge", &[]).facts()), Fit::No);
}

#[test]
fn a_launcher_that_is_named_decides() {
    let ci = case("t3.large", &[("team", "ci")]);
    assert_eq!(bound().fit(&ci.facts()), LAUNCH);
    let by =
        |name: &str| Case { launchers: Some(vec![name.to_owned()]), ..case("t3.large", &[("team", "ci")]) };
    assert_eq!(bound().fit(&by("arn:aws:iam::111122223333:role/ci").facts()), Fit::Yes);
    assert_eq!(bound().fit(&by("arn:aws:iam::111122223333:user/mallory").facts()), Fit::No);
    assert_eq!(bound().fit(&case("t3.large", &[("team", "db")]).facts()), Fit::No, "it waits for nothing");
}

#[test]
fn a_tag_that_came_later_counts_for_nothing() {
    let late =
        Case { began_with: Tags::new(), ..case("t3.large", &[("aws:autoscaling:groupName", "web-1")]) };
    assert_eq!(workers().fit(&late.facts()), Fit::No);
}

#[test]
fn present_absent_any_and_all() {
    let there = |key: &str, wanted| Condition::Tag(key.to_owned(), wanted);
    let either = Exclusion {
        conditions: vec![
            Condition::Any(vec![
                vec![tag("team", "a")],
                vec![tag("team", "b"), there("owner", Wanted::Present)],
            ]),
            Condition::All(vec![vec![there("keep", Wanted::Absent)]]),
        ],
        ..Exclusion::default()
    };
    let fit =
        |with: &[(&str, &str)], may_come| either.fit(&Case { may_come, ..case("t3.large", with) }.facts());
    assert_eq!(fit(&[("team", "a")], false), Fit::Yes);
    assert_eq!(fit(&[("team", "b")], false), Fit::No);
    assert_eq!(fit(&[("team", "b"), ("owner", "me")], false), Fit::Yes);
    assert_eq!(fit(&[("team", "a"), ("keep", "1")], true), Fit::No);
    assert_eq!(fit(&[("team", "a")], true), TAGS, "the tag that must not be there may still come");
}

#[test]
fn what_a_thief_can_copy_is_weak_and_what_is_bound_is_not() {
    let weak = |conditions| Exclusion { conditions, ..Exclusion::default() }.is_weak();
    assert!(weak(vec![tag("team", "ci")]));
    assert!(!workers().is_weak() && !bound().is_weak());
    assert!(weak(vec![Condition::Any(vec![bound().conditions, vec![tag("team", "x")]])]));
    assert!(!weak(vec![Condition::Any(vec![bound().conditions, workers().conditions])]));
    assert!(!weak(vec![Condition::Region(vec![glob("eu-west-1")])]), "a region cannot be copied");
}

#[test]
fn who_carries_the_tags_claims_the_exclusion() {
    assert!(bound().is_claimed_by(&tags(&[("team", "ci"), ("x", "y")])));
    assert!(!bound().is_claimed_by(&tags(&[("team", "db")])));
    assert!(
        !workers().is_claimed_by(&tags(&[("aws:autoscaling:groupName", "web-1")])),
        "AWS alone writes it"
    );
}

proptest! {
    /// Whatever else holds, an instance whose tags are not known is not excluded by an exclusion that asks for one.
    #[test]
    fn an_instance_whose_tags_are_unknown_is_never_excluded(
        kind in "[a-z0-9.]{1,12}",
        may_come: bool,
        launcher in prop::option::of("[a-z:*/]{1,20}"),
        group: bool,
    ) {
        let exclusion = if group {
            Exclusion { conditions: vec![Condition::Any(vec![bound().conditions, workers().conditions])], ..workers() }
        } else {
            bound()
        };
        let launchers = launcher.map(|name| vec![name, "arn:aws:iam::111122223333:role/ci".to_owned()]);
        let case = Case { may_come, launchers, ..case(&kind, &[]) };
        prop_assert_ne!(exclusion.fit(&case.facts()), Fit::Yes);
    }
}
