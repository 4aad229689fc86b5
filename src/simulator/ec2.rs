//! The simulated EC2: `DescribeInstances` and `DescribeRegions` in its query protocol. Owns pages, order and what
//! is hidden.

use jiff::Timestamp;

use crate::domain::event::instance::State as InstanceState;
use crate::simulator::account::{DEFAULT_REGIONS, Instance};
use crate::simulator::state::State;
use crate::simulator::wire::{Answer, Call, escape};

pub(super) fn serve(
    state: &mut State,
    call: &Call,
    operation: &str,
    account: &str,
    now: Timestamp,
) -> Answer {
    match operation {
        "DescribeInstances" => describe_instances(state, call, account, now),
        "DescribeRegions" => describe_regions(state, account, now),
        other => Answer::error("ec2", 400, "InvalidAction", &format!("{other} is not simulated")),
    }
}

fn describe_instances(state: &mut State, call: &Call, account: &str, now: Timestamp) -> Answer {
    let form = call.form();
    let most: usize = match form.get("MaxResults").map(|most| most.parse()) {
        None => usize::MAX,
        Some(Ok(most @ 5..=1000)) => most,
        Some(_) => return Answer::error("ec2", 400, "InvalidParameterValue", "MaxResults is from 5 to 1000"),
    };
    let from: usize = match form.get("NextToken") {
        None => {
            // The order of a list is not stable from call to call; within one walk it is.
            state.shuffle = state.shuffle.wrapping_add(0x9E37_79B9_7F4A_7C15);
            0
        }
        Some(token) => match token.strip_prefix("page-").and_then(|from| from.parse().ok()) {
            Some(from) => from,
            None => {
                return Answer::error(
                    "ec2",
                    400,
                    "InvalidParameterValue",
                    "Unable to parse pagination token",
                );
            }
        },
    };
    let shuffle = state.shuffle;
    let Some(owner) = state.accounts.get(account) else { return Answer::bad_credentials("ec2") };
    let managed = form.get("IncludeManagedResources").is_some_and(|managed| managed == "true");
    let mut listed = owner.listed(&call.region, managed, now);
    listed.sort_by_key(|instance| {
        instance
            .id
            .bytes()
            .fold(shuffle, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    });
    let items: String = listed.iter().skip(from).take(most).map(|i| reservation(i, account, now)).collect();
    let next = if listed.len() > from.saturating_add(most) {
        format!("<nextToken>page-{}</nextToken>", from + most)
    } else {
        String::new()
    };
    Answer::xml(
        200,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><reservationSet>{items}</reservationSet>{next}</DescribeInstancesResponse>"
        ),
    )
}

fn reservation(instance: &Instance, account: &str, now: Timestamp) -> String {
    let state = instance.state(now);
    let code = match state {
        InstanceState::Pending => 0,
        InstanceState::Running => 16,
        InstanceState::ShuttingDown => 32,
        InstanceState::Terminated => 48,
        InstanceState::Stopping => 64,
        InstanceState::Stopped => 80,
    };
    let tags: String = instance
        .tags(now)
        .iter()
        .map(|(key, value)| {
            format!("<item><key>{}</key><value>{}</value></item>", escape(key), escape(value))
        })
        .collect();
    let tags = if tags.is_empty() { tags } else { format!("<tagSet>{tags}</tagSet>") };
    format!(
        "<item><reservationId>{}</reservationId><ownerId>{account}</ownerId><groupSet/><instancesSet><item><instanceId>{}</instanceId><imageId>ami-0123456789abcdef0</imageId><instanceState><code>{code}</code><name>{}</name></instanceState><instanceType>{}</instanceType><launchTime>{}</launchTime><cpuOptions><coreCount>{}</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions><placement><tenancy>default</tenancy></placement>{tags}</item></instancesSet></item>",
        instance.reservation,
        instance.id,
        state.name(),
        instance.kind,
        instance.launched(now),
        cores(&instance.kind),
    )
}

/// An instance type's cores: one in the small sizes, two in an xlarge, and so on.
fn cores(kind: &str) -> u32 {
    let size = kind.rsplit('.').next().unwrap_or_default();
    match size.strip_suffix("xlarge") {
        Some(times) => 2 * times.parse().unwrap_or(1),
        None => 1,
    }
}

fn describe_regions(state: &State, account: &str, now: Timestamp) -> Answer {
    let Some(owner) = state.accounts.get(account) else { return Answer::bad_credentials("ec2") };
    let items: String = owner
        .enabled(now)
        .iter()
        .map(|region| {
            let opt_in = if DEFAULT_REGIONS.contains(&region.as_str()) { "opt-in-not-required" } else { "opted-in" };
            format!(
                "<item><regionName>{region}</regionName><regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint><optInStatus>{opt_in}</optInStatus></item>"
            )
        })
        .collect();
    Answer::xml(
        200,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeRegionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
        ),
    )
}
