//! `iam-policy`: what trailnoti needs in AWS, and nothing more.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::arguments::ConfigFile;

/// The three calls that it makes in a watched account. They know no resources (service authorization reference of
/// CloudTrail and EC2); whose credentials they are may be asked without a grant.
const ACTIONS: [&str; 3] = ["cloudtrail:LookupEvents", "ec2:DescribeInstances", "ec2:DescribeRegions"];

/// What `doctor` asks beside these, of trails that may be in any region and of another account's organization.
const DOCTOR_ACTIONS: [&str; 3] = [DESCRIBE_TRAILS, GET_TRAIL_STATUS, GET_EVENT_SELECTORS];
pub(super) const DESCRIBE_TRAILS: &str = "cloudtrail:DescribeTrails";
pub(super) const GET_TRAIL_STATUS: &str = "cloudtrail:GetTrailStatus";
pub(super) const GET_EVENT_SELECTORS: &str = "cloudtrail:GetEventSelectors";

pub(super) fn run(file: &ConfigFile, doctor: bool) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
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
    Ok(ExitCode::SUCCESS)
}
