//! How a call was made: by hand or by code, with what kind of credential. Owns the few words for it under
//! `context.by`, so that a rule can say in one line which ways are a thief's.

use std::net::IpAddr;

use crate::domain::context::past::{Habit, Past};
use crate::domain::context::principal::PrincipalKind;
use crate::domain::context::tool::{Tool, is_of_console};
use crate::domain::json::Json;

/// Tools that make what a text describes. A thief can take their name: it lowers a severity, and hides nothing.
const CODE: [&str; 10] = [
    "terraform",
    "opentofu",
    "pulumi",
    "cloudformation",
    "cdk",
    "crossplane",
    "ansible",
    "packer",
    "serverless",
    "eksctl",
];
/// Tools that those use who look for leaked keys, and for what they open.
const ATTACK: [&str; 10] = [
    "kali",
    "parrot",
    "pentoo",
    "pacu",
    "cloudfox",
    "scoutsuite",
    "trufflehog",
    "gitleaks",
    "stratus-red-team",
    "s3-browser",
];

/// Every word that `context.by` may hold.
pub const MANNERS: [&str; 17] = [
    "service",
    "code",
    "hand",
    "shell",
    "own-hand",
    "own-shell",
    "person",
    "key",
    "session-without-mfa",
    "instance",
    "role",
    "root",
    "attack-tool",
    "stranger",
    "unusual",
    "elsewhere",
    "usual",
];

/// Every word that holds for a call:
///
/// - `service`: a service of AWS does it;
/// - `code`: the tool says that it is infrastructure as code, and who acts has used it for days; what is still to be judged
///   again, once the past is known, is believed until then;
/// - `hand`: neither of these; `shell`: a hand, and no console;
/// - `own-hand`, `own-shell`: a hand that no company's sign-in vouches for: a user, root, an instance, another account;
/// - `person`: an IAM user's hand; `key`: with a long-lived key; `session-without-mfa`: with a session that no second
///   factor opened;
/// - `instance`: the hand of an instance's role; `role`: of another role or of a workload, and no console;
/// - `root`, `attack-tool`;
/// - `stranger`: a user or an instance, from a network and with a tool that are both new;
/// - `unusual`: a person of the company from a new network, or a role that makes a call new to the account;
/// - `usual`: who acts was seen on several days to make this call, in this region, with this tool and from this network (or from
///   everywhere), and the account to have these types of instances;
/// - `elsewhere`: not a service, from a network that is new to who acts and to the account, although who acts is not everywhere.
pub(super) fn manner(
    detail: &Json,
    kind: PrincipalKind,
    tool: Tool,
    past: Option<&Past>,
) -> Vec<&'static str> {
    let identity = |path: &str| detail.get("userIdentity").and_then(|identity| identity.text(path));
    let new = |habit: Habit| past.is_some_and(|past| past.new.contains(&(habit, true)));
    let own = |habit: Habit, new: bool| past.is_some_and(|past| past.own_new.contains(&(habit, new)));
    let is_believed = own(Habit::Tool, false) || past.is_some_and(|past| past.again);
    let (code, service) = (CODE.contains(&tool.name()) && is_believed, kind == PrincipalKind::Service);
    let hand = !code && !service;
    let key = identity("accessKeyId").is_some_and(|key| key.starts_with("AKIA"));
    let address = detail.text("sourceIPAddress").and_then(|address| address.parse::<IpAddr>().ok());
    // AWS marks what the console does; an agent that says so is whatever its sender wrote.
    let says_so = matches!(tool.name(), "console" | "aws-service") && (is_believed || address.is_none());
    let shell = hand && !says_so && (key || !is_of_console(detail));
    let unvouched = matches!(
        kind,
        PrincipalKind::Person
            | PrincipalKind::Root
            | PrincipalKind::Instance
            | PrincipalKind::Account
            | PrincipalKind::Unknown
    );
    let no_mfa = identity("sessionContext.attributes.mfaAuthenticated") == Some("false");
    let by_cli = matches!(tool.name(), "aws-cli" | "powershell");
    [
        ("service", service),
        ("code", code && !service),
        ("hand", hand),
        ("shell", shell),
        ("own-hand", hand && unvouched),
        ("own-shell", shell && unvouched),
        ("person", hand && kind == PrincipalKind::Person),
        ("key", hand && kind == PrincipalKind::Person && key),
        ("session-without-mfa", hand && kind == PrincipalKind::Person && no_mfa),
        ("instance", hand && kind == PrincipalKind::Instance),
        ("role", shell && matches!(kind, PrincipalKind::Role | PrincipalKind::Workload)),
        ("root", kind == PrincipalKind::Root),
        ("attack-tool", ATTACK.contains(&tool.name())),
        (
            "stranger",
            matches!(kind, PrincipalKind::Person | PrincipalKind::Instance)
                && new(Habit::Network)
                && new(Habit::Tool),
        ),
        (
            "unusual",
            shell
                && match kind {
                    PrincipalKind::Federated => new(Habit::Network),
                    PrincipalKind::Role | PrincipalKind::Workload => {
                        new(Habit::Call) || by_cli && new(Habit::Network)
                    }
                    _ => false,
                },
        ),
        (
            "elsewhere",
            !service
                && address.is_some()
                && new(Habit::Network)
                && own(Habit::Network, true)
                && past.is_some_and(|past| !past.roams),
        ),
        ("usual", past.is_some_and(|past| past.usual)),
    ]
    .into_iter()
    .filter_map(|(word, holds)| holds.then_some(word))
    .collect()
}
