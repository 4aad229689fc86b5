//! Exclusions: which instances are nobody's business. Owns the decision; that it was hidden is counted by who
//! asks. Tags that are not there yet never count as excluded.

use std::collections::BTreeMap;

use super::inventory::{Instance, State};
use super::pattern::Wildcard;

/// A text with `*` for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Wildcard);

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Wildcard::parse(text).map(Glob)
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

/// One exclusion: every condition that it has must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// Its name, for the counts.
    pub name: String,
    /// Tags by key; any of the globs must fit the value.
    pub tags: BTreeMap<String, Vec<Glob>>,
    /// Regions; none means any.
    pub regions: Vec<Glob>,
    /// Instance types; none means any.
    pub instance_types: Vec<Glob>,
    /// States; none means any.
    pub states: Vec<State>,
}

/// Whether an exclusion hides an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It would, should the tags that are missing now still come.
    Undecided,
}

impl Exclusion {
    /// Judges an instance in a state.
    pub fn fit(&self, instance: &Instance, state: State, region: &str) -> Fit {
        let any =
            |globs: &[Glob], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
        if !any(&self.regions, region)
            || !any(&self.instance_types, &instance.instance_type)
            || !(self.states.is_empty() || self.states.contains(&state))
        {
            return Fit::No;
        }
        let mut fit = Fit::Yes;
        for (key, values) in &self.tags {
            match instance.tags.get(key) {
                Some(value) if any(values, value) => {}
                Some(_) => return Fit::No,
                None => fit = Fit::Undecided,
            }
        }
        fit
    }
}

/// The first exclusion that hides the instance.
pub fn excluding<'a>(
    exclusions: &'a [Exclusion],
    instance: &Instance,
    state: State,
    region: &str,
) -> Option<&'a Exclusion> {
    exclusions.iter().find(|exclusion| exclusion.fit(instance, state, region) == Fit::Yes)
}

/// Whether tags that may still come could hide the instance.
pub fn undecided(exclusions: &[Exclusion], instance: &Instance, region: &str) -> bool {
    let fit = |exclusion: &Exclusion| exclusion.fit(instance, instance.state, region);
    !exclusions.iter().any(|e| fit(e) == Fit::Yes) && exclusions.iter().any(|e| fit(e) == Fit::Undecided)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exclusion() -> Exclusion {
        Exclusion {
            name: "workers".to_owned(),
            tags: BTreeMap::from([(
                "aws:autoscaling:groupName".to_owned(),
                vec![Glob::parse("web-*").expect("glob")],
            )]),
            regions: vec![Glob::parse("eu-*").expect("glob")],
            instance_types: vec![Glob::parse("t3.*").expect("glob")],
            states: vec![State::Pending, State::Running],
        }
    }

    fn instance(kind: &str, tags: &[(&str, &str)]) -> Instance {
        Instance {
            id: "i-1".to_owned(),
            state: State::Running,
            instance_type: kind.to_owned(),
            launch_time: None,
            image: None,
            key_name: None,
            public_address: None,
            lifecycle: None,
            profile: None,
            tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let web = [("aws:autoscaling:groupName", "web-blue")];
        let fit = |kind, tags, state, region| exclusion().fit(&instance(kind, tags), state, region);
        assert_eq!(fit("t3.large", &web, State::Running, "eu-west-1"), Fit::Yes);
        assert_eq!(fit("p5.48xlarge", &web, State::Running, "eu-west-1"), Fit::No);
        assert_eq!(fit("t3.large", &web, State::Stopped, "eu-west-1"), Fit::No);
        assert_eq!(fit("t3.large", &web, State::Running, "us-east-1"), Fit::No);
        assert_eq!(
            fit("t3.large", &[("aws:autoscaling:groupName", "db")], State::Running, "eu-west-1"),
            Fit::No
        );
        assert_eq!(fit("t3.large", &[], State::Running, "eu-west-1"), Fit::Undecided);
    }

    #[test]
    fn a_gpu_instance_does_not_wait_for_tags_that_could_not_hide_it() {
        assert!(undecided(&[exclusion()], &instance("t3.large", &[]), "eu-west-1"));
        assert!(!undecided(&[exclusion()], &instance("p5.48xlarge", &[]), "eu-west-1"));
    }

    proptest! {
        #[test]
        fn an_instance_whose_tags_are_unknown_is_never_excluded(kind in "[a-z0-9.]{1,12}", region in "[a-z0-9-]{1,12}") {
            prop_assert_ne!(exclusion().fit(&instance(&kind, &[]), State::Running, &region), Fit::Yes);
        }
    }
}
