//! What is allowed in a configuration and yet worth a word. Owns these warnings; what is wrong is a `Problem`.

use std::collections::BTreeSet;

use crate::config::aws::RegionChoice;
use crate::config::exclude;
use crate::domain::judge::inputs::Ruleset;
use crate::domain::lookup::stream::derive;
use crate::domain::rules::never_fits::{unknown_region, why_never};

/// Where AWS records sign-ins and global services, and so what becomes invisible without a region
/// (CloudTrail user guide, "AWS Console sign-in events").
pub const SIGN_IN_REGIONS: [(&str, &str); 4] = [
    ("us-east-1", "root sign-ins, most IAM user and federated sign-ins, and every IAM change"),
    ("us-east-2", "sign-ins of IAM users that AWS sends there"),
    ("eu-north-1", "sign-ins of IAM users that AWS sends there"),
    ("ap-southeast-2", "sign-ins of IAM users that AWS sends there"),
];

/// The regions where sign-ins land that are not watched, each with the warning that says what is missed.
pub fn unseen_sign_ins(regions: &RegionChoice) -> Vec<(&'static str, String)> {
    let unseen = SIGN_IN_REGIONS.into_iter().filter(|(region, _)| !regions.admits(region));
    let warned =
        unseen.map(|(region, lost)| (region, format!("{region} is not watched: {lost} will be missed")));
    warned.collect()
}

pub(super) fn warnings(regions: &RegionChoice, ruleset: &Ruleset) -> Vec<String> {
    let mut warnings = exclude::warnings(&ruleset.exclusions);
    warnings.extend(unseen_sign_ins(regions).into_iter().map(|(_, warning)| warning));
    for (key, names) in [("regions", &regions.only), ("exclude_regions", &regions.except)] {
        let unknown = names.iter().filter_map(|name| unknown_region(name));
        warnings.extend(unknown.map(|why| format!("[aws] {key}: {why}")));
    }
    let own =
        |rule: &String| ruleset.rules.get(rule).is_some_and(|rule| !rule.origin.starts_with("builtin/"));
    for rule in ruleset.rules.iter().filter(|rule| own(&rule.id)) {
        let patterns = std::iter::once(&rule.pattern).chain(&rule.unless);
        let patterns = patterns.chain(rule.escalate.iter().map(|one| &one.when));
        for path in patterns.flat_map(|pattern| pattern.replaced()) {
            warnings.push(format!(
                "rule \"{}\": {path} is matched outside $or and again in one of its branches, where only the branch's condition counts: repeat all of {path} in each branch",
                rule.id
            ));
        }
    }
    let built_in = |origin: &str| origin.starts_with("builtin/");
    for rule in ruleset.rules.iter().filter(|rule| !built_in(&rule.origin)) {
        if let Some(why) = why_never(&rule.pattern) {
            warnings.push(format!("rule \"{}\" can never match: {why}", rule.id));
        }
        for path in ["region", "detail.awsRegion"] {
            let regions = rule.pattern.exact_texts(path).into_iter().flatten().flatten();
            let unknown: BTreeSet<String> = regions.filter_map(unknown_region).collect();
            warnings.extend(unknown.into_iter().map(|why| format!("rule \"{}\": {path}: {why}", rule.id)));
        }
    }
    for rule in derive(&ruleset.rules).writes_only.iter().filter(|rule| own(rule)) {
        warnings.push(format!(
            "rule \"{rule}\" names no API call, so it sees only changes: to match reads, name them in detail.eventName"
        ));
    }
    warnings
}
