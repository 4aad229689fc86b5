//! `iam-policy`: what trailnoti needs in AWS, and nothing more.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::arguments::{ConfigFile, exit};

/// The three calls that it makes in a watched account. They know no resources (service authorization reference of
/// CloudTrail and EC2); whose credentials they are may be asked without a grant.
const ACTIONS: [&str; 3] = ["cloudtrail:LookupEvents", "ec2:DescribeInstances", "ec2:DescribeRegions"];

/// What `doctor` asks beside these, of trails that may be in any region and of another account's organization.
const DOCTOR_ACTIONS: [&str; 3] = [DESCRIBE_TRAILS, GET_TRAIL_STATUS, GET_EVENT_SELECTORS];
pub(super) const DESCRIBE_TRAILS: &str = "cloudtrail:DescribeTrails";
pub(super) const GET_TRAIL_STATUS: &str = "cloudtrail:GetTrailStatus";
pub(super) const GET_EVENT_SELECTORS: &str = "cloudtrail:GetEventSelectors";

pub(super) fn run(file: &ConfigFile, doctor: bool, trust: Option<&str>) -> anyhow::Result<ExitCode> {
    let config = file.load_without_secrets()?;
    if let Some(principal) = trust {
        let external_ids: BTreeSet<&str> =
            config.accounts.iter().filter_map(|account| account.external_id.as_deref()).collect();
        return match trust_policy(principal, &external_ids) {
            Some(policy) => {
                println!("{policy:#}");
                Ok(ExitCode::SUCCESS)
            }
            None => {
                eprintln!(
                    "trailnoti: --trust: \"{principal}\" is not the ARN of a role or user, as arn:aws:iam::111122223333:role/watcher (of a session, name the role)"
                );
                Ok(ExitCode::from(exit::USAGE))
            }
        };
    }
    let roles: Vec<&str> = config.accounts.iter().map(|account| account.role_arn.as_str()).collect();
    let mut read =
        vec![json!({ "Sid": "TrailnotiReads", "Effect": "Allow", "Action": ACTIONS, "Resource": "*" })];
    if doctor {
        read.push(
            json!({ "Sid": "TrailnotiDoctor", "Effect": "Allow", "Action": DOCTOR_ACTIONS, "Resource": "*" }),
        );
    }
    let policy = |statements: serde_json::Value| json!({ "Version": "2012-10-17", "Statement": statements });
    if roles.is_empty() {
        println!("{:#}", policy(json!(read)));
        return Ok(ExitCode::SUCCESS);
    }
    // Two policies would be no JSON; each is labelled on standard error.
    let enter =
        json!({ "Sid": "TrailnotiEnters", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles });
    eprintln!("for trailnoti's own credentials:");
    println!("{:#}", policy(json!([enter])));
    eprintln!("for each role:");
    println!("{:#}", policy(json!(read)));
    eprintln!("who may assume each role: trailnoti iam-policy --trust ARN");
    Ok(ExitCode::SUCCESS)
}

/// Who may assume a role, and by which external id (IAM user guide, "Access to accounts owned by third parties"); none where that
/// is no role or user.
fn trust_policy(principal: &str, external_ids: &BTreeSet<&str>) -> Option<serde_json::Value> {
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let [arn, _, "iam", "", account, resource] = parts.as_slice() else { return None };
    let is_number = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_principal = ["role/", "user/"].iter().any(|kind| resource.len() > 5 && resource.starts_with(kind));
    if *arn != "arn" || !is_number || !is_principal {
        return None;
    }
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": principal },
        "Action": "sts:AssumeRole",
    });
    if !external_ids.is_empty() {
        statement["Condition"] = json!({ "StringEquals": { "sts:ExternalId": external_ids } });
    }
    Some(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_nobody_to_trust_and_an_external_id_is_asked_for() {
        let ids = BTreeSet::from(["one", "two"]);
        assert_eq!(trust_policy("arn:aws:sts::111122223333:assumed-role/watcher/i-0abc", &ids), None);
        let policy = trust_policy("arn:aws:iam::111122223333:role/watcher", &ids).expect("a policy");
        assert_eq!(policy["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"][1], "two");
        let open =
            trust_policy("arn:aws-cn:iam::111122223333:user/watcher", &BTreeSet::new()).expect("a policy");
        assert_eq!(open["Statement"][0].get("Condition"), None);
    }
}
