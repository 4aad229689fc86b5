//! The recipes of `docs/exclusions.md`, each with an instance that it is for and with a thief's.

use std::collections::BTreeMap;

use trailnoti::simulator::Launch;
use trailnoti::simulator::records::{Caller, run_tagged_instances};

use crate::world::{ACCOUNT, AT_ONCE, MALLORY, Stage, at, minutes};

const REGION: &str = "eu-west-1";

const fn service(user: &'static str, address: &'static str) -> Caller<'static> {
    Caller { account: ACCOUNT, user, key: "", address, agent: address }
}

const AUTO_SCALING: Caller<'static> =
    service("AWSServiceRoleForAutoScaling/AutoScaling", "autoscaling.amazonaws.com");
const KARPENTER: Caller<'static> =
    Caller { account: ACCOUNT, user: "KarpenterControllerRole-prod/17", key: "ASIAKARPENTER", ..MALLORY };
const BATCH: Caller<'static> = service("AWSServiceRoleForBatch/aws-batch", "batch.amazonaws.com");
const CI: Caller<'static> = Caller { account: ACCOUNT, user: "ci-runner/77", key: "ASIACIRUNNER", ..MALLORY };
const EMR: Caller<'static> = service("EMR_DefaultRole/CCSSession", "elasticmapreduce.amazonaws.com");

/// A recipe's name, who launches what it is for, with which tags and of which type.
type Honest = (&'static str, Caller<'static>, &'static [(&'static str, &'static str)], &'static str);

const HONEST: [Honest; 7] = [
    ("auto scaling", AUTO_SCALING, &[("aws:autoscaling:groupName", "web-blue")], "m7g.large"),
    (
        "eks nodes",
        AUTO_SCALING,
        &[("aws:autoscaling:groupName", "eks-prod-1"), ("eks:cluster-name", "prod")],
        "m7g.large",
    ),
    ("karpenter", KARPENTER, &[("karpenter.sh/nodepool", "default")], "c7g.xlarge"),
    ("batch", BATCH, &[("batch-environment", "nightly-2")], "c6i.large"),
    (
        "elastic beanstalk",
        AUTO_SCALING,
        &[("aws:cloudformation:stack-name", "awseb-e-abc-stack")],
        "t3.small",
    ),
    ("emr", EMR, &[("aws:elasticmapreduce:job-flow-id", "j-1")], "m5.xlarge"),
    ("ci runners", CI, &[("team", "ci")], "t3.large"),
];

/// The TOML of each recipe, by its exclusion's name.
fn recipes() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exclusions.md"))
        .expect("the page");
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().expect("a block"));
    let name = |block: &str| block.split("name = \"").nth(1)?.split('"').next().map(str::to_owned);
    blocks.map(|block| (name(block).expect("a name"), block.to_owned())).collect()
}

/// What is told of an instance that comes and goes under a recipe.
async fn told(recipe: &str, caller: &Caller<'_>, tags: &[(&str, &str)], kind: &str) -> String {
    let mut stage = Stage::new(&["us-east-1", REGION]).with(&format!("{AT_ONCE}{recipe}"));
    let id =
        stage.account(|account| account.launch(&Launch { tags, ..Launch::new(REGION, kind, at("10:02")) }));
    let record = run_tagged_instances(caller, at("10:02"), REGION, kind, std::slice::from_ref(&id), tags);
    stage.record(record, minutes(4));
    stage.account(|account| account.terminate(&id, at("10:20")));
    stage.start().await;
    stage.until("11:40").await;
    stage.stop().await;
    stage.transcript()
}

#[tokio::test(start_paused = true)]
async fn every_recipe_hides_what_it_is_for_and_no_thief() {
    let recipes = recipes();
    let tried: Vec<&str> = HONEST.iter().map(|(name, ..)| *name).collect();
    assert!(recipes.keys().all(|name| tried.contains(&name.as_str())), "each is tried: {:?}", recipes.keys());
    for (name, caller, tags, kind) in HONEST {
        let recipe = &recipes[name];
        assert_eq!(told(recipe, &caller, tags, kind).await, "", "{name}");
        // A thief copies what can be copied.
        let copied: Vec<(&str, &str)> =
            tags.iter().copied().filter(|(key, _)| !key.starts_with("aws:")).collect();
        let thief = told(recipe, &MALLORY, &copied, kind).await;
        assert!(thief.contains("mallory launched"), "{name}: {thief}");
        let gpu = told(recipe, &MALLORY, &copied, "p5.48xlarge").await;
        assert!(gpu.contains("p5.48xlarge"), "{name}: {gpu}");
        // One who may make groups, stacks and clusters has a service launch it, under names that fit.
        let by_service = told(recipe, &caller, tags, "p4d.24xlarge").await;
        assert!(by_service.contains("p4d.24xlarge"), "{name}: {by_service}");
    }
}

/// Two launches under an exclusion: of yours, and ten minutes later another's.
async fn told_of_the_second(
    recipe: &str,
    first: (&Caller<'_>, &[(&str, &str)], &str),
    second: (&Caller<'_>, &[(&str, &str)], &str),
) -> String {
    let mut stage = Stage::new(&["us-east-1", REGION]).with(&format!("{AT_ONCE}{recipe}"));
    for (time, (caller, tags, kind)) in [("10:02", first), ("10:20", second)] {
        let id =
            stage.account(|account| account.launch(&Launch { tags, ..Launch::new(REGION, kind, at(time)) }));
        stage.record(
            run_tagged_instances(caller, at(time), REGION, kind, std::slice::from_ref(&id), tags),
            minutes(4),
        );
    }
    stage.start().await;
    stage.until("11:40").await;
    stage.stop().await;
    stage.transcript()
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_thief_chooses_hides_nothing() {
    let recipes = recipes();
    let own: &[(&str, &str)] = &[("aws:autoscaling:groupName", "eks-prod-1"), ("eks:cluster-name", "prod")];
    let evil: &[(&str, &str)] = &[("aws:autoscaling:groupName", "eks-evil"), ("eks:cluster-name", "prod")];
    let eks = &recipes["eks nodes"];
    let told =
        told_of_the_second(eks, (&AUTO_SCALING, own, "m7g.large"), (&AUTO_SCALING, evil, "m7g.large")).await;
    assert!(told.contains("\"eks-evil\" never used this exclusion before"), "{told}");
    // More processors than ever before.
    let told =
        told_of_the_second(eks, (&AUTO_SCALING, own, "m7g.large"), (&AUTO_SCALING, own, "m7g.16xlarge"))
            .await;
    assert!(told.contains("m7g.16xlarge") && !told.contains("m7g.large"), "{told}");
    // A role of the same beginning, in an exclusion that leaves its end open.
    let open = recipes["karpenter"].replace("KarpenterControllerRole-prod", "KarpenterControllerRole-*");
    let karpenter: &[(&str, &str)] = &[("karpenter.sh/nodepool", "default")];
    let thief = Caller { user: "KarpenterControllerRole-evil/17", ..KARPENTER };
    let told =
        told_of_the_second(&open, (&KARPENTER, karpenter, "c7g.xlarge"), (&thief, karpenter, "c7g.xlarge"))
            .await;
    assert!(told.contains("this launcher has never used"), "{told}");
    let told = told_of_the_second(
        &recipes["karpenter"],
        (&KARPENTER, karpenter, "c7g.xlarge"),
        (&thief, karpenter, "c7g.xlarge"),
    )
    .await;
    assert!(told.contains("who is not in launched_by"), "{told}");
}

#[test]
fn no_recipe_is_weak() {
    for (name, recipe) in recipes() {
        let config = trailnoti::config::Config::parse("t.toml", &recipe, None, BTreeMap::new());
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.warnings, Vec::<String>::new(), "{name}");
    }
}
