//! How many places are named in one line, and what is recorded in some of them alone. Owns how much is named; the words are `language`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::scope::Scope;
use crate::domain::health::subject::{Api, Place, What};
use crate::domain::language::{Language, Unseen};

/// So many regions are named; more are counted.
const NAMED: usize = 3;

/// An account and a region of it.
type Region<'a> = (&'a str, &'a str);

/// What cannot be seen, as it follows "trailnoti cannot read".
pub fn unseen(places: &[Place], language: Language) -> String {
    let words = language.words();
    let mut of: BTreeMap<What, BTreeSet<Region<'_>>> = BTreeMap::new();
    for place in places {
        of.entry(place.what).or_default().insert((&place.account, &place.region));
    }
    let (events, instances) =
        (of.remove(&What::Reading(Api::CloudTrail)), of.remove(&What::Reading(Api::Ec2)));
    let mut parts = match (events, instances) {
        (Some(events), Some(instances)) if events == instances => {
            vec![words.unseen(Unseen::EventsAndInstances(&counted(&events, language)))]
        }
        (events, instances) => {
            let events = events.map(|regions| words.unseen(Unseen::Events(&counted(&regions, language))));
            let instances =
                instances.map(|regions| words.unseen(Unseen::Instances(&counted(&regions, language))));
            events.into_iter().chain(instances).collect()
        }
    };
    if let Some(accounts) = of.get(&What::Reading(Api::Regions)) {
        parts.push(words.unseen(match accounts.iter().next() {
            Some((account, _)) if accounts.len() == 1 => Unseen::RegionsOf(account),
            _ => Unseen::RegionsOfAccounts(accounts.len() as u64),
        }));
    }
    if of.contains_key(&What::Reading(Api::Identity)) {
        parts.push(words.unseen(Unseen::Identity));
    }
    listed(&parts, language)
}

/// The regions of these places: by name, where they are few.
pub fn regions(places: &[Place], language: Language) -> String {
    counted(&places.iter().map(|place| (place.account.as_str(), place.region.as_str())).collect(), language)
}

/// All regions of these places by name, where [`regions`] only counts them; and otherwise nothing.
pub fn names(places: &[Place]) -> Option<String> {
    let names: BTreeSet<&str> =
        places.iter().map(|place| place.region.as_str()).filter(|region| !region.is_empty()).collect();
    let counted = names.len() > NAMED || accounts(places).len() > 1;
    counted.then(|| names.into_iter().collect::<Vec<_>>().join(", "))
}

/// The smallest scope that all places are in.
pub fn scope_of(places: &[Place]) -> Scope<'_> {
    match places {
        [first, rest @ ..] if rest.iter().all(|place| place.scope() == first.scope()) => first.scope(),
        [first, ..] if accounts(places).len() == 1 && !first.account.is_empty() => {
            Scope::Account(&first.account)
        }
        _ => Scope::Program,
    }
}

fn accounts(places: &[Place]) -> BTreeSet<&str> {
    places.iter().map(|place| place.account.as_str()).collect()
}

fn counted(regions: &BTreeSet<Region<'_>>, language: Language) -> String {
    let words = language.words();
    let accounts: BTreeSet<&str> = regions.iter().map(|(account, _)| *account).collect();
    let names: BTreeSet<&str> = regions.iter().map(|(_, region)| *region).collect();
    match (accounts.len() as u64, regions.len()) {
        (1, count) if count <= NAMED => {
            listed(&names.into_iter().map(str::to_owned).collect::<Vec<_>>(), language)
        }
        (1, count) => words.regions(count as u64),
        (accounts, _) if names.len() == 1 => {
            words.region_of_accounts(names.into_iter().next().unwrap_or_default(), accounts)
        }
        (accounts, count) => words.regions_of_accounts(count as u64, accounts),
    }
}

/// `a, b and c`.
fn listed(parts: &[String], language: Language) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => language.words().and(&rest.join(", "), last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(account: &str, regions: &[&str], api: Api) -> Vec<Place> {
        let place = |region: &&str| Place {
            account: account.to_owned(),
            region: (*region).to_owned(),
            what: What::Reading(api),
        };
        regions.iter().map(place).collect()
    }

    #[test]
    fn few_regions_are_named_and_many_are_counted() {
        let few = places("1", &["eu-west-1", "us-east-1"], Api::CloudTrail);
        assert_eq!(unseen(&few, Language::English), "CloudTrail events in eu-west-1 and us-east-1");
        assert_eq!(names(&few), None);
        let mut many = places("1", &["a", "b", "c", "d"], Api::CloudTrail);
        many.extend(places("1", &["a", "b", "c", "d"], Api::Ec2));
        assert_eq!(unseen(&many, Language::English), "CloudTrail events and instances in 4 regions");
        assert_eq!(names(&many).as_deref(), Some("a, b, c, d"));
        many.extend(places("1", &[""], Api::Regions));
        many.extend(places("2", &["a"], Api::CloudTrail));
        assert_eq!(
            unseen(&many, Language::English),
            "CloudTrail events in 5 regions of 2 accounts, instances in 4 regions and the list of regions of account 1"
        );
        many = places("1", &["a"], Api::Ec2);
        many.extend(places("2", &["a"], Api::Ec2));
        assert_eq!(unseen(&many, Language::English), "instances in a of 2 accounts");
    }
}
