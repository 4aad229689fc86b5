//! The simulated trails, by which name and where.

use serde_json::{Value, json};

use super::tests::{ACCOUNT, ask, world};
use super::*;

const OTHER: &str = "999988887777";

fn trails() -> Vec<SimulatedTrail> {
    let organization = SimulatedTrail {
        multi_region: true,
        organization: true,
        ..SimulatedTrail::new(OTHER, "org", "us-east-1")
    };
    vec![organization, SimulatedTrail::new(ACCOUNT, "own", "eu-west-1")]
}

/// A region's answer to an operation: the status and the body.
fn call(world: &World, key: &str, region: &str, operation: &str, body: Value) -> (u16, Value) {
    let target = format!("CloudTrail_20131101.{operation}");
    let (status, reply) = ask(world, key, "cloudtrail", region, &target, &body.to_string());
    (status, serde_json::from_str(&reply).expect("JSON"))
}

#[tokio::test(start_paused = true)]
async fn a_region_shows_its_own_trails_and_the_shadows_of_others() {
    let (world, key) = world();
    world.account(ACCOUNT, |account| account.trails = trails());
    let names = |region: &str, body: Value| -> Vec<String> {
        let (status, reply) = call(&world, &key, region, "DescribeTrails", body);
        assert_eq!(status, 200, "{reply}");
        let list = reply["trailList"].as_array().expect("a list");
        list.iter().map(|trail| trail["Name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names("eu-west-1", json!({})), ["org", "own"]);
    assert_eq!(names("us-east-1", json!({})), ["org"]);
    assert_eq!(names("eu-west-1", json!({ "includeShadowTrails": false })), ["own"]);
    // In a member account the organization's trail is a shadow at home too.
    assert_eq!(names("us-east-1", json!({ "includeShadowTrails": false })), [""; 0]);
    assert_eq!(names("eu-west-1", json!({ "trailNameList": ["own", "absent"] })), ["own"]);
    let (_, reply) = call(&world, &key, "eu-west-1", "DescribeTrails", json!({}));
    let trail = &reply["trailList"][0];
    assert_eq!(trail["TrailARN"], "arn:aws:cloudtrail:us-east-1:999988887777:trail/org");
    assert_eq!((&trail["HomeRegion"], &trail["IsOrganizationTrail"]), (&json!("us-east-1"), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn a_trail_of_elsewhere_is_known_by_its_arn_alone() {
    let (world, key) = world();
    let mut made = trails();
    made[0].silent.push("us-east-1".to_owned());
    let arns: Vec<String> = made.iter().map(SimulatedTrail::arn).collect();
    world.account(ACCOUNT, |account| account.trails = made);
    let is_logging = |region: &str, name: &str| {
        let (status, reply) = call(&world, &key, region, "GetTrailStatus", json!({ "Name": name }));
        (status, reply["IsLogging"].as_bool())
    };
    // Logging is a region's own.
    assert_eq!(is_logging("eu-west-1", &arns[0]), (200, Some(true)));
    assert_eq!(is_logging("us-east-1", &arns[0]), (200, Some(false)));
    assert_eq!(is_logging("eu-west-1", "own"), (200, Some(true)));
    assert_eq!(is_logging("eu-west-1", "org").0, 400);
    assert_eq!(is_logging("us-east-1", &arns[1]).0, 400);
    let (_, reply) = call(&world, &key, "us-east-1", "GetTrailStatus", json!({ "Name": "org" }));
    assert_eq!(reply["__type"], "TrailNotFoundException");
    assert_eq!(reply["message"], "Unknown trail: org for the user: 111122223333");
    let (status, reply) =
        call(&world, &key, "eu-west-1", "GetEventSelectors", json!({ "TrailName": arns[1] }));
    assert_eq!((status, &reply["TrailARN"]), (200, &json!(arns[1])));
    assert_eq!(reply["EventSelectors"][0]["ReadWriteType"], "All");
}
