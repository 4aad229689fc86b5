//! What `doctor` makes of what it saw: a finding for each thing that is wrong, how bad that is, and what mends it. Owns these
//! words; asking is `doctor`'s, and what trails record twice is concluded in `domain::trails`.

use serde_json::json;

use crate::cli::check::Seen;
use crate::cli::doctor_report::Finding;
use crate::config::{Config, Problem, SIGN_IN_REGIONS, unseen_sign_ins};
use crate::domain::severity::Severity;
use crate::domain::text::{clean, counted, span};
use crate::domain::trails::endpoint::GlobalCalls;
use crate::domain::trails::mend::{kept_names, mend};
use crate::domain::trails::volume::Estimate;
use crate::domain::trails::{Duplicate, GLOBAL_REGION};
use crate::source::FetchError;

/// In seconds, how far off a clock is worth a word; at five minutes AWS refuses every signature (SigV4).
const CLOCK: i64 = 60;
const REFUSED: i64 = 300;
/// From so many dollars a month on, a copy is worth a look today.
const DEAR: f64 = 10.0;
/// How many callers are named.
const CALLERS: usize = 3;
/// The longest command that is shown, in characters.
const COMMAND: usize = 1_000;

/// Of secrets that others can read.
pub(super) fn of_secrets(exposed: &[Problem]) -> Vec<Finding> {
    let findings = exposed.iter().map(|problem| {
        // The mistake's text ends with the command that mends it.
        let (what, command) = match problem.message.rsplit_once(": run ") {
            Some((what, command)) => (what, Some(command.to_owned())),
            None => (problem.message.as_str(), None),
        };
        Finding::new("secret-exposed", Severity::High, what)
            .at(&problem.place.to_string())
            .step("let nobody else read it, and replace the secret if others use this machine")
            .command(command.filter(|command| clean(command, COMMAND) == *command))
    });
    findings.collect()
}

/// Of a configuration that is allowed and yet misses something.
pub(super) fn of_configuration(config: &Config) -> Vec<Finding> {
    let unseen = unseen_sign_ins(&config.regions);
    let sign_ins = unseen.iter().map(|(region, warning)| {
        let step = if config.regions.except.iter().any(|except| except == region) {
            format!("take \"{region}\" out of exclude_regions in [aws]")
        } else {
            format!("add \"{region}\" to regions in [aws]")
        };
        let severity = if *region == GLOBAL_REGION { Severity::High } else { Severity::Medium };
        Finding::new("sign-ins-unseen", severity, warning).at("the configuration").step(&step)
    });
    let others = config.warnings.iter().filter(|text| unseen.iter().all(|(_, warning)| warning != *text));
    let others =
        others.map(|text| Finding::new("configuration-warning", Severity::Low, text).at("the configuration"));
    sign_ins.chain(others).collect()
}

/// Of this machine's clock, by how many seconds AWS's is ahead of it.
pub(super) fn of_clock(ahead: Option<i64>) -> Option<Finding> {
    let ahead = ahead.filter(|ahead| ahead.abs() >= CLOCK)?;
    let severity = if ahead.abs() >= REFUSED { Severity::High } else { Severity::Medium };
    let off = span(ahead.abs());
    let side = if ahead > 0 { "behind" } else { "ahead of" };
    let what =
        format!("the clock is {off} {side} AWS's; AWS refuses requests that are signed five minutes off");
    let finding = Finding::new("clock-off", severity, &what).at("this machine");
    let finding = finding.facts(json!({ "aws_is_ahead_by_seconds": ahead }));
    Some(finding.step("let it be set by NTP").command(Some("sudo timedatectl set-ntp true".to_owned())))
}

/// Of an account whose regions cannot even be listed.
pub(super) fn of_account(account: &str, error: &FetchError) -> Finding {
    let what = format!("the account's regions cannot be listed, so nothing of it is seen: {error}");
    let finding = Finding::new("account-unreadable", Severity::High, &what).in_regions(account, &[]);
    mended(finding, error, "ec2:DescribeRegions")
}

/// Of regions that do not let themselves be read. The same failure in several regions is one finding.
pub(super) fn of_regions(account: &str, seen: &[Seen]) -> Vec<Finding> {
    let mut failures: Vec<(&str, &'static str, &FetchError, Vec<String>)> = Vec::new();
    for one in seen {
        let events = one.events.as_ref().err();
        let events = events.map(|error| ("the event history", "cloudtrail:LookupEvents", error));
        let instances = one.instances.as_ref().err();
        let instances = instances.map(|error| ("the list of instances", "ec2:DescribeInstances", error));
        for (what, action, error) in events.into_iter().chain(instances) {
            let mut known = failures.iter_mut();
            match known.find(|(known, _, why, _)| *known == what && *why == error) {
                Some((.., regions)) => regions.push(one.region.clone()),
                None => failures.push((what, action, error, vec![one.region.clone()])),
            }
        }
    }
    let findings = failures.into_iter().map(|(what, action, error, regions)| {
        let lost = SIGN_IN_REGIONS.into_iter().find(|(region, _)| regions.iter().any(|one| one == region));
        let lost = lost.filter(|_| action == "cloudtrail:LookupEvents");
        let lost = lost.map(|(_, lost)| format!("; missed are also {lost}")).unwrap_or_default();
        let what = format!("{what} cannot be read: {error}{lost}");
        let finding = Finding::new("region-unreadable", Severity::High, &what);
        mended(finding.in_regions(account, &regions), error, action)
    });
    findings.collect()
}

/// What mends a failure, by its kind.
fn mended(finding: Finding, error: &FetchError, action: &str) -> Finding {
    match error {
        FetchError::Denied(_) => {
            let step = format!(
                "grant {action}; where the organization forbids a region, leave it out by exclude_regions in [aws]"
            );
            finding.step(&step).command(Some("trailnoti iam-policy".to_owned()))
        }
        FetchError::Credentials(_) => finding
            .step("check whose the credentials are; a region that was just enabled works within hours")
            .command(Some("aws sts get-caller-identity".to_owned())),
        FetchError::Throttled(_) => {
            finding.step("somebody else uses up the account's requests: find out who, or ask again later")
        }
        FetchError::Transient(_)
        | FetchError::Unreachable(_)
        | FetchError::Malformed(_) | FetchError::LostToken(_) => finding.step(
            "ask again; if it stays so, check the way to AWS from this machine, and https://health.aws.amazon.com",
        ),
    }
}

/// Of a trail that records what others record already.
pub(super) fn of_copy(account: &str, duplicate: &Duplicate<'_>, estimate: Option<&Estimate>) -> Finding {
    let (copy, payer) = (duplicate.copy, duplicate.payer());
    let kinds = match (duplicate.reads, duplicate.writes) {
        (true, true) => "the same changes and reads",
        (true, false) => "the same reads",
        (false, _) => "the same changes",
    };
    let cost = estimate.map_or("$2.00 for each 100,000 events".to_owned(), ToString::to_string);
    let name = clean(&copy.name, COMMAND);
    let mut what = format!("trail {name} records {kinds} as {}: paid copies, {cost}", kept_names(duplicate));
    if payer != account {
        what.push_str(&format!("; account {payer} pays"));
    }
    if duplicate.global {
        what.push_str("; sign-ins, IAM and other global services are among them");
    }
    let mend = mend(duplicate);
    let owner = copy.owner();
    let step = if owner == account { mend.step } else { format!("in account {owner}: {}", mend.step) };
    let dear = estimate.is_some_and(|estimate| estimate.dollars_a_month >= DEAR);
    let severity = if dear { Severity::Medium } else { Severity::Low };
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    Finding::new("trail-copy", severity, &what)
        .in_regions(account, &duplicate.regions)
        .step(&step)
        .command(mend.command)
        .facts(json!({
            "copy": clean(&copy.arn, COMMAND),
            "kept": duplicate.kept.iter().map(|kept| clean(&kept.arn, COMMAND)).collect::<Vec<_>>(),
            "reads": duplicate.reads,
            "writes": duplicate.writes,
            "events_a_day": estimate.map(|estimate| estimate.a_day.round()),
            "dollars_a_month": estimate.map(|estimate| rounded(estimate.dollars_a_month)),
        }))
}

/// Of callers that use the global endpoint of STS, by a sample of calls.
pub(super) fn of_global_sts(account: &str, calls: &GlobalCalls) -> Option<Finding> {
    if calls.global == 0 {
        return None;
    }
    let mut by: Vec<String> =
        calls.by.iter().take(CALLERS).map(|(name, times)| format!("{name} ({times})")).collect();
    let more = calls.by.len().saturating_sub(CALLERS);
    if more > 0 {
        by.push(format!("{more} more"));
    }
    let what = format!(
        "{} of the newest {} went to the global endpoint of STS, by {}: they are recorded here from wherever they come, and fail when {GLOBAL_REGION} does",
        calls.global,
        counted(calls.sampled as u64, "AssumeRole call"),
        by.join(", "),
    );
    let finding = Finding::new("sts-global-endpoint", Severity::Low, &what)
        .in_regions(account, &[GLOBAL_REGION.to_owned()])
        .step("where these run, set it in the environment, or sts_regional_endpoints = regional in ~/.aws/config")
        .command(Some("export AWS_STS_REGIONAL_ENDPOINTS=regional".to_owned()));
    let by: Vec<_> = calls.by.iter().map(|(name, calls)| json!({ "who": name, "calls": calls })).collect();
    Some(finding.facts(json!({ "sampled": calls.sampled, "global": calls.global, "by": by })))
}
