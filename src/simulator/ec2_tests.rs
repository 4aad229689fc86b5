//! The simulated EC2: instances as they are listed, and as they live.

use std::time::Duration;

use jiff::SignedDuration;

use super::tests::{ACCOUNT, ask, at, world};
use super::*;

#[tokio::test(start_paused = true)]
async fn instances_come_in_pages_in_no_stable_order() {
    let (world, key) = world();
    world.account(ACCOUNT, |account| {
        for _ in 0..12 {
            account.launch(&Launch::new("us-east-1", "t3.micro", at(-600)));
        }
    });
    let list = |body: &str| ask(&world, &key, "ec2", "us-east-1", "", body).1;
    let ids = |reply: &str| -> Vec<String> {
        reply
            .split("<instanceId>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
            .collect()
    };
    let first = list("Action=DescribeInstances&MaxResults=5");
    assert_eq!(ids(&first).len(), 5);
    assert!(first.contains("<nextToken>page-5</nextToken>"));
    assert_eq!(ids(&list("Action=DescribeInstances&MaxResults=5&NextToken=page-10")).len(), 2);
    let (one, other) = (ids(&list("Action=DescribeInstances")), ids(&list("Action=DescribeInstances")));
    assert_ne!(one, other);
    assert!(list("Action=DescribeInstances&MaxResults=4").contains("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_lives_as_instances_do() {
    let (world, key) = world();
    let id = world.account(ACCOUNT, |account| {
        let tags = &[("role", "a&b")];
        let tags_after = SignedDuration::from_secs(10);
        let id = account.launch(&Launch { tags, tags_after, ..Launch::new("us-east-1", "t3.micro", at(5)) });
        account.launch(&Launch { managed: true, ..Launch::new("us-east-1", "c5.large", at(0)) });
        account.terminate(&id, at(100));
        id
    });
    let list = |body: &str| ask(&world, &key, "ec2", "us-east-1", "", body).1;
    let all = "Action=DescribeInstances&IncludeManagedResources=true";
    assert!(!list(all).contains(&id), "not launched yet");
    assert!(
        list(all).contains("c5.large") && !list("Action=DescribeInstances").contains("c5.large"),
        "managed"
    );
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(list(all).contains("<name>pending</name>") && !list(all).contains("a&amp;b"), "its tags follow");
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(list(all).contains("<name>running</name>") && list(all).contains("a&amp;b"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(list(all).contains("<name>shutting-down</name>"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(
        list(all).contains("<name>terminated</name>") && !list(all).contains("a&amp;b"),
        "its tags are gone"
    );
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!list(all).contains(&id), "gone within the hour");
}

#[tokio::test(start_paused = true)]
async fn a_new_instance_may_be_missing_from_the_next_list() {
    let (world, key) = world();
    let listed_after = SignedDuration::from_secs(20);
    let id = world.account(ACCOUNT, |account| {
        account.launch(&Launch { listed_after, ..Launch::new("us-east-1", "t3.micro", at(0)) })
    });
    let list = || ask(&world, &key, "ec2", "us-east-1", "", "Action=DescribeInstances").1.contains(&id);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!list());
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(list());
}
