//! What trailnoti itself is in an account: the role or user that it asks as, and the machine that it runs on. Owns which calls are
//! about one of these; how bad that is, is the rules'.

use std::sync::Arc;

use crate::domain::context::arn::Arn;
use crate::domain::context::principal::role_of;
use crate::domain::event::Event;
use crate::domain::event::reads::is_read;
use crate::domain::json::Json;

/// How the policies begin by name that `docs` and `iam-policy` tell to make.
const POLICY: &str = "trailnoti";

/// The ARNs of what trailnoti itself is; the first is the role or user.
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
        !is_read(name) && self.0.iter().filter_map(|arn| Arn::parse(arn)).any(|own| is_on(event, own))
    }
}

fn is_on(event: &Event, own: Arn<'_>) -> bool {
    if own.account != event.account {
        return false;
    }
    let asked = |field: &str| event.detail.text(&format!("requestParameters.{field}"));
    match (event.source.as_str(), own.service) {
        ("aws.iam", "iam") => {
            let field = if own.role().is_some() { "roleName" } else { "userName" };
            // A managed policy does not say whom it is attached to.
            let policy =
                asked("policyArn").and_then(Arn::parse).filter(|policy| policy.account == own.account);
            asked(field) == Some(own.name())
                || policy.is_some_and(|policy| {
                    asked("roleName").or(asked("userName")).is_none() && policy.name().starts_with(POLICY)
                })
        }
        ("aws.ec2", "ec2") => {
            let set = event.detail.at("requestParameters.instancesSet.items").map_or(&[][..], Json::items);
            let named = set.iter().filter_map(|item| item.text("instanceId"));
            named.chain(asked("instanceId")).any(|id| id == own.name())
        }
        _ => false,
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
    fn a_session_that_is_called_otherwise_is_no_machine() {
        let own = Own::of_caller("arn:aws:sts::1:assumed-role/watcher/me");
        assert_eq!(own, Own::of_principal("arn:aws:iam::1:role/watcher"));
    }
}
