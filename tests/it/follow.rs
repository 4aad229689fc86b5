//! What a thief only looks at: read because his incident is open, and told in it, though no rule names it.

use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::Made;
use trailnoti::simulator::records::call;

use crate::world::{MALLORY, Stage, at, minutes};

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// The requests for one key's calls, and all for the history.
fn asked(calls: &[Made]) -> (usize, usize) {
    let lookups = calls.iter().filter(|made| made.operation == "LookupEvents");
    let lookups: Vec<String> = lookups.map(|made| made.body.clone()).collect();
    (lookups.iter().filter(|body| body.contains("AccessKeyId")).count(), lookups.len())
}

fn told(stage: &Stage, what: &str) -> Vec<(String, String)> {
    let book = stage.book.lock().expect("the book");
    let all = book.deliveries.iter().flat_map(|delivery| &delivery.digest.alerts);
    all.map(|pending| (pending.alert.title.clone(), pending.alert.part.incident.clone()))
        .filter(|(title, _)| title.contains(what))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_thief_looked_at_before_and_after_stands_in_his_incident_and_once() {
    let mut stage = Stage::new(&REGIONS).with("[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n");
    let read = |time: &str, region: &str, service: &str, name: &str| {
        call(&MALLORY, at(time), region, service, name, Json::Null, Json::Null)
    };
    // Half an hour before the first start, in a region where he does nothing else, and after.
    stage.record(read("09:40", "eu-west-1", "ec2", "DescribeInstances"), minutes(2));
    stage.record(read("10:03", "us-east-1", "iam", "ListUsers"), minutes(2));
    stage.record(read("10:04", "us-east-1", "iam", "ListUsers"), minutes(2));
    let request = object([("userName", "support-2".into())]);
    stage.record(
        call(&MALLORY, at("10:02"), "us-east-1", "iam", "CreateUser", request, Json::Null),
        minutes(2),
    );
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    let (before, after) = (told(&stage, "describe instances"), told(&stage, "list users"));
    assert_eq!((before.len(), after.len()), (1, 1), "{}", stage.transcript());
    let user = told(&stage, "created the IAM user");
    assert_eq!(user.len(), 1);
    assert!(
        [&before, &after].iter().all(|one| one[0].1 == user[0].1),
        "one incident: {}",
        stage.transcript()
    );
}

#[tokio::test(start_paused = true)]
async fn following_costs_a_quiet_account_nothing_and_a_suspect_one_request_in_two_minutes() {
    let mut requests = Vec::new();
    for hostile in [false, true] {
        let mut stage = Stage::new(&["us-east-1"]);
        stage.world.keep_calls();
        if hostile {
            let request = object([("userName", "support-2".into())]);
            stage.record(
                call(&MALLORY, at("10:02"), "us-east-1", "iam", "CreateUser", request, Json::Null),
                minutes(2),
            );
        }
        stage.start().await;
        stage.until("10:34").await;
        stage.stop().await;
        requests.push(asked(&stage.world.take_calls()));
    }
    assert_eq!(requests[0].0, 0, "nobody is suspected");
    let (quiet, suspected) = (requests[0].1, requests[1].1);
    assert!((quiet + 8..quiet * 6 / 5).contains(&suspected), "nothing else is asked less: {requests:?}");
}
