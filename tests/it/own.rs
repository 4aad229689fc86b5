//! Attacks on the watcher itself: its role, its regions.

use trailnoti::domain::json::{Json, object};
use trailnoti::domain::severity::Severity;
use trailnoti::simulator::Launch;
use trailnoti::simulator::records::{Caller, call};

use crate::world::{ACCOUNT, AT_ONCE, MALLORY, Stage, at, minutes};

/// Mallory makes another version of a policy.
fn new_version(policy: &str, time: &str) -> Json {
    let request = object([("policyArn", policy.into()), ("setAsDefault", true.into())]);
    call(&MALLORY, at(time), "us-east-1", "iam", "CreatePolicyVersion", request, Json::Null)
}

#[tokio::test(start_paused = true)]
async fn who_changes_what_trailnoti_may_do_is_told_as_critical() {
    let mut stage = Stage::new(&["us-east-1"]);
    let on = |name: &str, user: &str, time: &str| {
        let request = object([("userName", user.into()), ("policyName", "p".into())]);
        call(&MALLORY, at(time), "us-east-1", "iam", name, request, Json::Null)
    };
    // The simulated credentials are those of a user of this name.
    stage.record(on("DetachUserPolicy", "trailnoti", "10:02"), minutes(2));
    stage.record(on("DetachUserPolicy", "somebody", "10:03"), minutes(2));
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/trailnoti");
    stage.record(new_version(&policy, "10:04"), minutes(2));
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    let told = stage.transcript();
    assert_eq!(told.matches("!mallory changed what trailnoti itself may do").count(), 2, "{told}");
}

/// Accounts are entered by roles, and whoever takes the user's rights from which that is done blinds all of them.
#[tokio::test(start_paused = true)]
async fn who_changes_the_user_that_enters_accounts_by_roles_is_told_as_critical() {
    let config = "[[account]]\nname = \"own\"\nrole_arn = \"arn:aws:iam::111122223333:role/watched\"\n";
    let mut stage = Stage::new(&["us-east-1"]).with(&format!("{AT_ONCE}{config}"));
    let on = |user: &str, time: &str| {
        let request = object([("userName", user.into()), ("accessKeyId", "AKIA0".into())]);
        call(&MALLORY, at(time), "us-east-1", "iam", "DeleteAccessKey", request, Json::Null)
    };
    stage.record(on("trailnoti", "10:02"), minutes(2));
    stage.record(on("somebody", "10:03"), minutes(2));
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    let told = stage.transcript();
    assert_eq!(told.matches("!mallory changed what trailnoti itself may do").count(), 1, "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_goes_with_instances_in_it_is_critical() {
    let mut stage = Stage::new(&["us-east-1", "eu-south-1"]);
    let admin = Caller { user: "admin", ..MALLORY };
    stage.account(|account| {
        account.enable("eu-south-1", at("00:00"));
        account.launch(&Launch::new("eu-south-1", "t3.micro", at("09:00")));
        account.disable("eu-south-1", at("10:18"));
    });
    let request = object([("RegionName", "eu-south-1".into())]);
    stage.record(
        call(&admin, at("10:17"), "us-east-1", "account", "DisableRegion", request, Json::Null),
        minutes(2),
    );
    stage.start().await;
    stage.until("11:00").await;
    stage.stop().await;
    let told = stage.transcript();
    assert!(told.contains("!eu-south-1 can no longer be watched: it was disabled"), "{told}");
    assert!(told.contains("!admin disabled the region eu-south-1"), "{told}");
}

/// In Korean such a report was critical with no instance there: the rule compared a word that was translated.
#[tokio::test(start_paused = true)]
async fn what_a_rule_compares_is_the_same_in_every_language() {
    let mut stage = Stage::new(&["us-east-1", "eu-south-1"]).with(&format!("language = \"ko\"\n{AT_ONCE}"));
    stage.account(|account| {
        account.enable("eu-south-1", at("00:00"));
        account.disable("eu-south-1", at("10:18"));
    });
    stage.start().await;
    stage.until("11:00").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let alerts = book.deliveries.iter().flat_map(|delivery| &delivery.digest.alerts);
    let gone: Vec<_> = alerts.filter(|pending| pending.alert.rule == "region-gone").collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].alert.severity, Severity::High);
    assert_eq!(gone[0].alert.title, "eu-south-1을(를) 더는 감시할 수 없습니다: 비활성화되었습니다");
}

/// Its network and its policies may have any name: the owner says which they are.
#[tokio::test(start_paused = true)]
async fn who_changes_what_trailnoti_stands_on_is_told_as_critical() {
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/watcher");
    let config = format!("[aws]\nown_resources = [\"rtb-0own0000\", \"{policy}\"]\n");
    let mut stage = Stage::new(&["us-east-1"]).with(&format!("{AT_ONCE}{config}"));
    let route = |table: &str, time: &str| {
        let request = object([("routeTableId", table.into()), ("destinationCidrBlock", "0.0.0.0/0".into())]);
        call(&MALLORY, at(time), "us-east-1", "ec2", "DeleteRoute", request, Json::Null)
    };
    stage.record(route("rtb-0own0000", "10:02"), minutes(2));
    stage.record(route("rtb-0other00", "10:03"), minutes(2));
    stage.record(new_version(&policy, "10:04"), minutes(2));
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    let told = stage.transcript();
    assert_eq!(
        told.matches("!mallory changed the network or the task that trailnoti runs in").count(),
        1,
        "{told}"
    );
    assert_eq!(told.matches("!mallory changed what trailnoti itself may do").count(), 1, "{told}");
}
