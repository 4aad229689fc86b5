//! What to do against an incident, as commands to paste. Owns their order, which stops the damage first, and what each does to honest
//! work. Nothing here is run: trailnoti has none of these rights.
//!
//! Every value was held against the shape that AWS gives it (`resource`), and is quoted for a POSIX shell beside. A name that begins
//! with a dash is no option, since it stands behind `=`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::event::partition;
use crate::domain::incident::resource::Resource;
use crate::domain::incident::{Incident, Touched};
use crate::domain::language::{Language, Step as Why};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In which account, by its number.
    pub account: String,
    /// What it does, and what that means for honest work.
    pub why: String,
    /// Its commands, one a line; none where only a person at the console can do it.
    pub lines: Vec<String>,
}

/// Everything that there is to do, in its order. Sessions that were issued before `now` are denied.
pub fn steps(incident: &Incident, now: Timestamp, language: Language) -> Vec<Step> {
    let mut accounts: BTreeMap<&str, Vec<&Touched>> = BTreeMap::new();
    for touched in &incident.touched {
        accounts.entry(&touched.place.account).or_default().push(touched);
    }
    let all = accounts
        .into_iter()
        .flat_map(|(account, touched)| in_account(incident, account, &touched, now, language));
    all.collect()
}

fn in_account(
    incident: &Incident,
    account: &str,
    touched: &[&Touched],
    now: Timestamp,
    language: Language,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |why: Why<'_>, lines: Vec<String>| {
        steps.push(Step { account: account.to_owned(), why: language.words().step(why), lines });
    };
    let new: BTreeSet<&str> = touched
        .iter()
        .filter_map(|touched| match &touched.what {
            Resource::NewUser(user) => Some(user.as_str()),
            _ => None,
        })
        .collect();
    let mut keys: Vec<(bool, &str, &str)> = touched
        .iter()
        .filter_map(|touched| match &touched.what {
            Resource::Key { id, user } => Some((!incident.is_used(id), id.as_str(), user.as_str())),
            _ => None,
        })
        .collect();
    keys.sort_by_key(|(unused, ..)| *unused);
    for (_, id, user) in keys {
        let why = match new.contains(user) {
            true => Why::TurnOffMadeKey,
            false => Why::TurnOffKey,
        };
        step(why, vec![turn_off(id, user)]);
    }
    for touched in touched {
        let line = match &touched.what {
            Resource::User(user) if !new.contains(user.as_str()) => deny_sessions("user", user, now),
            Resource::Role(role) => deny_sessions("role", role, now),
            _ => continue,
        };
        step(Why::EndSessions, vec![line]);
    }
    for touched in touched {
        match &touched.what {
            Resource::Root => step(Why::Root, Vec::new()),
            Resource::Person(name) => step(Why::IdentityCenter(name), Vec::new()),
            _ => {}
        }
    }
    for touched in touched {
        match &touched.what {
            Resource::Password(user) => step(
                match new.contains(user.as_str()) {
                    true => Why::TakeMadePassword,
                    false => Why::TakePassword,
                },
                vec![format!("aws iam delete-login-profile {}", option("user-name", user))],
            ),
            Resource::NewUser(user) => {
                let policy = format!("arn:{}:iam::aws:policy/AWSDenyAll", partition(&touched.place.region));
                let line =
                    format!("aws iam attach-user-policy {} --policy-arn {policy}", option("user-name", user));
                step(Why::DenyMadeUser, vec![line]);
            }
            _ => {}
        }
    }
    let mut machines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for touched in touched {
        if let Resource::Machine { id, .. } = &touched.what {
            machines.entry(&touched.place.region).or_default().push(id);
        }
    }
    for (region, ids) in machines.into_iter().filter(|(region, _)| is_region(region)) {
        step(Why::Stop(region), stop(region, &ids.join(" ")));
    }
    for touched in touched.iter().filter(|touched| is_region(&touched.place.region)) {
        if let Resource::Trail(trail) = &touched.what {
            let region = &touched.place.region;
            let line = format!("aws cloudtrail start-logging --region {region} {}", option("name", trail));
            step(Why::StartTrail, vec![line]);
        }
    }
    steps
}

fn turn_off(id: &str, user: &str) -> String {
    // Without a name it would be a key of whoever pastes this (IAM API reference, UpdateAccessKey).
    let whose = match user {
        "" => format!(
            "--user-name \"$(aws iam get-access-key-last-used --access-key-id {id} --query UserName --output text)\""
        ),
        user => option("user-name", user),
    };
    format!("aws iam update-access-key {whose} --access-key-id {id} --status Inactive")
}

/// IAM user guide, "Disabling permissions for temporary security credentials": a key that does not end by itself has no issue time,
/// and is not denied by this.
fn deny_sessions(kind: &str, name: &str, now: Timestamp) -> String {
    let until = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{until}"}}}}}}]}}"#
    );
    let name = option(&format!("{kind}-name"), name);
    format!(
        "aws iam put-{kind}-policy {name} --policy-name deny-sessions-before-now --policy-document {}",
        quoted(&policy)
    )
}

/// Protection against stopping and ending is taken away first, by a call for each: it is an attribute.
fn stop(region: &str, ids: &str) -> Vec<String> {
    let attribute = |name: &str| {
        format!(
            "aws ec2 modify-instance-attribute --region {region} --instance-id \"$i\" --no-disable-api-{name}"
        )
    };
    vec![
        format!("for i in {ids}; do {}; {}; done", attribute("stop"), attribute("termination")),
        format!("aws ec2 stop-instances --region {region} --instance-ids {ids}"),
    ]
}

fn is_region(region: &str) -> bool {
    !region.is_empty() && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn option(name: &str, value: &str) -> String {
    match value.starts_with('-') {
        true => format!("--{name}={}", quoted(value)),
        false => format!("--{name} {}", quoted(value)),
    }
}

fn quoted(text: &str) -> String {
    // Only a text with a NUL cannot be quoted, and none of these has one.
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), |text| text.into_owned())
}
