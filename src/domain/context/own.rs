//! What trailnoti itself is in an account: the role or user that it asks as, the machine that it runs on, and what the owner says
//! that it stands on. Owns which calls are about one of these; how bad that is, is the rules'.

use std::sync::Arc;

use crate::domain::context::arn::Arn;
use crate::domain::context::principal::role_of;
use crate::domain::event::Event;
use crate::domain::event::reads::is_read;
use crate::domain::json::Json;

/// How the policies begin by name that `docs` and `iam-policy` tell to make.
const POLICY: &str = "trailnoti";

/// How calls begin by name that make something new out of what they name, and which of those change it all the same.
const MAKES: [&str; 4] = ["Create", "Launch", "Register", "Run"];
const CHANGES: [&str; 3] = ["CreateNetworkAclEntry", "CreatePolicyVersion", "CreateRoute"];

/// The ARNs of what trailnoti itself is, the first of them the role or user; and the ids of what it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own(Arc<[String]>);

impl Own {
    /// A role or user.
    pub fn of_principal(arn: &str) -> Self {
        Own(Arc::from([role_of(arn)]))
    }

    /// Who asks, as STS names it. The session of an instance's role is called like the instance
    /// (IAM user guide, "Using instance profiles": the session's name is the instance's id).
    pub fn of_caller(arn: &str) -> Self {
        let parsed = Arn::parse(arn);
        let machine = parsed.and_then(|parsed| Some((parsed, parsed.session()?.1)));
        let machine = machine.filter(|(_, session)| session.starts_with("i-"));
        let machine =
            machine.map(|(arn, id)| format!("arn:{}:ec2::{}:instance/{id}", arn.partition, arn.account));
        Own([role_of(arn)].into_iter().chain(machine).collect())
    }

    /// What else it stands on: a security group, a route table, a policy, each by its id or ARN.
    pub fn of_resources(ids: Vec<String>) -> Self {
        Own(Arc::from(ids))
    }

    /// Both: who enters an account by a role is trailnoti itself as well.
    #[must_use]
    pub fn and(&self, other: &Own) -> Self {
        let more = other.0.iter().filter(|arn| !self.0.contains(arn));
        Own(self.0.iter().chain(more).cloned().collect())
    }

    /// The role or user.
    pub fn principal(&self) -> &str {
        self.0.first().map(String::as_str).unwrap_or_default()
    }

    /// Whether a call changes one of these.
    pub(in crate::domain) fn is_changed_by(&self, event: &Event) -> bool {
        let name = event.detail.text("eventName").unwrap_or_default();
        !is_read(name) && self.0.iter().any(|own| is_on(event, name, own))
    }
}

fn is_on(event: &Event, name: &str, own: &str) -> bool {
    let arn = Arn::parse(own);
    if arn.is_some_and(|arn| !arn.account.is_empty() && arn.account != event.account) {
        return false;
    }
    let asked = |field: &str| event.detail.text(&format!("requestParameters.{field}"));
    let whom = asked("roleName").or(asked("userName"));
    match (event.source.as_str(), arn) {
        ("aws.iam", Some(own)) if own.role().is_some() || own.resource.starts_with("user/") => {
            let field = if own.role().is_some() { "roleName" } else { "userName" };
            // A managed policy does not say whom it is attached to.
            let policy =
                asked("policyArn").and_then(Arn::parse).filter(|policy| policy.account == own.account);
            asked(field) == Some(own.name())
                || policy.is_some_and(|policy| whom.is_none() && policy.name().starts_with(POLICY))
        }
        // What is attached to somebody else is about him.
        ("aws.iam", _) if whom.or(asked("groupName")).is_some() => false,
        ("aws.ec2", Some(own)) if own.service == "ec2" && own.resource.starts_with("instance/") => {
            let set = event.detail.at("requestParameters.instancesSet.items").map_or(&[][..], Json::items);
            let named = set.iter().filter_map(|item| item.text("instanceId"));
            named.chain(asked("instanceId")).any(|id| id == own.name())
        }
        _ if MAKES.iter().any(|makes| name.starts_with(makes)) && !CHANGES.contains(&name) => false,
        _ => event.detail.at("requestParameters").is_some_and(|request| request.holds(own)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(service: &str, name: &str, request: &str) -> Event {
        let record = format!(
            r#"{{"eventSource":"{service}.amazonaws.com","eventName":"{name}","eventTime":"2026-03-02T10:00:00Z","awsRegion":"us-east-1","recipientAccountId":"1","eventType":"AwsApiCall","requestParameters":{request}}}"#
        );
        Event::from_any(Json::parse(&record).expect("JSON"), "1").expect("an event")
    }

    #[test]
    fn a_call_on_the_machine_the_role_or_the_policy_is_on_trailnoti() {
        let own = Own::of_caller("arn:aws:sts::1:assumed-role/watcher/i-0abc");
        assert_eq!(own.principal(), "arn:aws:iam::1:role/watcher");
        let on = |service, name, request| own.is_changed_by(&event(service, name, request));
        let stopped = r#"{"instancesSet":{"items":[{"instanceId":"i-0other"},{"instanceId":"i-0abc"}]}}"#;
        assert!(on("ec2", "StopInstances", stopped));
        assert!(on("ec2", "ModifyInstanceAttribute", r#"{"instanceId":"i-0abc"}"#));
        assert!(!on("ec2", "DescribeInstances", stopped), "it only reads");
        assert!(!on("ec2", "StopInstances", r#"{"instancesSet":{"items":[{"instanceId":"i-0other"}]}}"#));
        assert!(on("iam", "RemoveRoleFromInstanceProfile", r#"{"roleName":"watcher"}"#));
        assert!(on("iam", "CreatePolicyVersion", r#"{"policyArn":"arn:aws:iam::1:policy/trailnoti-read"}"#));
        assert!(!on("iam", "CreatePolicyVersion", r#"{"policyArn":"arn:aws:iam::2:policy/trailnoti"}"#));
        let attached = r#"{"policyArn":"arn:aws:iam::1:policy/trailnoti","roleName":"other"}"#;
        assert!(!on("iam", "AttachRolePolicy", attached), "that is about the other role");
        let other = Own::of_caller("arn:aws:sts::2:assumed-role/watcher/i-0abc");
        assert!(!other.is_changed_by(&event("ec2", "StopInstances", stopped)), "another account's");
    }

    #[test]
    fn who_enters_by_a_role_is_trailnoti_too() {
        let entered = Own::of_principal("arn:aws:iam::1:role/watched");
        let own = entered.and(&Own::of_caller("arn:aws:iam::2:user/watcher"));
        assert_eq!(own.principal(), "arn:aws:iam::1:role/watched");
        let other = |name, request| {
            let mut event = event("iam", name, request);
            event.account = "2".to_owned();
            own.is_changed_by(&event)
        };
        assert!(other("DeleteAccessKey", r#"{"userName":"watcher"}"#));
        assert!(!other("DeleteAccessKey", r#"{"userName":"watched"}"#));
        assert_eq!(own.and(&own), own);
    }

    #[test]
    fn what_the_owner_says_that_it_stands_on_is_trailnoti_too() {
        let listed = ["sg-0abc", "rtb-0abc", "arn:aws:iam::1:policy/path/watcher", "i-0def"];
        let own = Own::of_principal("arn:aws:iam::1:role/watcher")
            .and(&Own::of_resources(listed.map(str::to_owned).to_vec()));
        assert_eq!(own.principal(), "arn:aws:iam::1:role/watcher");
        let on = |service, name, request| own.is_changed_by(&event(service, name, request));
        assert!(on("ec2", "RevokeSecurityGroupEgress", r#"{"groupId":"sg-0abc","ipPermissions":{}}"#));
        assert!(on("ec2", "ModifySecurityGroupRules", r#"{"ModifyRequest":{"GroupId":"sg-0abc"}}"#));
        assert!(on("ec2", "CreateRoute", r#"{"routeTableId":"rtb-0abc"}"#));
        assert!(on("ec2", "StopInstances", r#"{"instancesSet":{"items":[{"instanceId":"i-0def"}]}}"#));
        let version = r#"{"policyArn":"arn:aws:iam::1:policy/path/watcher"}"#;
        assert!(on("iam", "CreatePolicyVersion", version));
        assert!(!on("ec2", "RevokeSecurityGroupEgress", r#"{"groupId":"sg-0abcd"}"#), "another one");
        assert!(!on("ec2", "DescribeSecurityGroups", r#"{"groupId":"sg-0abc"}"#), "it only reads");
        let launched = r#"{"groupSet":{"items":[{"groupId":"sg-0abc"}]}}"#;
        assert!(!on("ec2", "RunInstances", launched), "it is used, and stays as it is");
        let attached = r#"{"policyArn":"arn:aws:iam::1:policy/path/watcher","groupName":"others"}"#;
        assert!(!on("iam", "AttachGroupPolicy", attached), "that is about the others");
    }

    #[test]
    fn a_session_that_is_called_otherwise_is_no_machine() {
        let own = Own::of_caller("arn:aws:sts::1:assumed-role/watcher/me");
        assert_eq!(own, Own::of_principal("arn:aws:iam::1:role/watcher"));
    }
}
