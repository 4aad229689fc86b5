//! `iam-policy`: what trailnoti needs in AWS, and nothing more.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::arguments::ConfigFile;

/// The three calls that it makes in a watched account. They know no resources (service authorization reference of
/// CloudTrail and EC2); whose credentials they are may be asked without a grant.
const ACTIONS: [&str; 3] = ["cloudtrail:LookupEvents", "ec2:DescribeInstances", "ec2:DescribeRegions"];

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let roles: Vec<&str> = config.accounts.iter().map(|account| account.role_arn.as_str()).collect();
    let read = json!({ "Sid": "TrailnotiReads", "Effect": "Allow", "Action": ACTIONS, "Resource": "*" });
    let policy = |statements: serde_json::Value| json!({ "Version": "2012-10-17", "Statement": statements });
    if roles.is_empty() {
        println!("{:#}", policy(json!([read])));
        return Ok(ExitCode::SUCCESS);
    }
    // Two policies would be no JSON; each is labelled on standard error.
    let enter =
        json!({ "Sid": "TrailnotiEnters", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles });
    eprintln!("for trailnoti's own credentials:");
    println!("{:#}", policy(json!([enter])));
    eprintln!("for each role:");
    println!("{:#}", policy(json!([read])));
    Ok(ExitCode::SUCCESS)
}
