//! What a call opens to whom: accounts outside, everyone, everything. Owns reading policy documents and the permission
//! lists of snapshots, images and functions.
//!
//! Policy grammar: IAM user guide, "Grammar of the IAM JSON policy language".

use std::borrow::Cow;
use std::collections::BTreeSet;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use crate::domain::event::Event;
use crate::domain::json::Json;

/// What a call grants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Other accounts that it names.
    pub outside: BTreeSet<String>,
    /// It opens something to everyone.
    pub public: bool,
    /// Whether it allows everything to somebody.
    pub admin: bool,
}

/// Policies of AWS that make an administrator.
const ADMIN: [&str; 3] =
    [":aws:policy/AdministratorAccess", ":aws:policy/IAMFullAccess", ":aws:policy/PowerUserAccess"];
/// Members of a request that name whom something is opened to, or whose it becomes: accounts, ARNs, `*` or `all` (each service's API
/// reference).
const NAMES: [&str; 26] = [
    "accountId",
    "accountIds",
    "accountIdsToAdd",
    "accountsToAdd",
    "accountWithRestoreAccess",
    "addAllowedPrincipals",
    "allowedPrincipals",
    "awsAccountId",
    "awsAccountIds",
    "consumerAccountId",
    "dataLakePrincipalIdentifier",
    "destinationAccountId",
    "destinationArn",
    "exportedAccount",
    "granteePrincipal",
    "kmsKeyId",
    "kmsMasterKeyID",
    "peerAccountId",
    "peerOwnerId",
    "principal",
    "principals",
    "s3BucketOwner",
    "sharedAccountIds",
    "targetAccountId",
    "userId",
    "valuesToAdd",
];
/// How the names of members begin that take something back.
const BACK: [&str; 3] = ["remove", "valuesToRemove", "delete"];
/// How the names of calls begin that open nothing, whatever they name.
const CLOSES: [&str; 5] = ["Revoke", "Remove", "Delete", "Disassociate", "Cancel"];
/// Members that are a range of addresses.
const RANGES: [&str; 4] = ["cidrIp", "cidrIpv4", "cidrIpv6", "cidr"];
/// Members that may hold a policy document though its text is no JSON by itself.
const DOCUMENTS: [&str; 2] = ["bucketPolicy", "policy"];
/// A request is looked at so deep.
const DEPTH: u8 = 6;
/// Groups of S3's access control lists that hold more than one account (S3 user guide, "Access control list overview").
const EVERYONE: [&str; 2] = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
];

/// What an event's call grants. A call that failed grants what it asked for: an attempt shows the intent.
pub(super) fn grants(event: &Event) -> Grants {
    let mut grants = Grants::default();
    let call = event.detail.text("eventName").unwrap_or_default();
    let Some(request @ Json::Object(_)) = event.detail.get("requestParameters") else { return grants };
    if CLOSES.iter().any(|start| call.starts_with(start)) {
        return grants;
    }
    let arns = list(request.get("policyArns")).filter_map(|one| one.text("arn").or_else(|| one.as_str()));
    for arn in arns.chain(request.text("policyArn")) {
        grants.admin |= ADMIN.iter().any(|admin| arn.ends_with(admin));
    }
    // What goes out of a security group lets nobody in.
    let lets_in = !call.ends_with("Egress");
    walk(request, lets_in, DEPTH, &mut grants);
    permissions(request, &mut grants);
    // Of organizations, whom it is about is a part of its own (Organizations API reference, "HandshakeParty").
    grants.outside.extend(request.text("target.id").and_then(account_in));
    grants.outside.remove(&event.account);
    if event.account.is_empty() {
        grants.outside.remove(event.detail.text("userIdentity.accountId").unwrap_or_default());
    }
    grants
}

/// Everything in a request that may be a policy, an account, or a range of addresses, wherever it stands.
fn walk(value: &Json, lets_in: bool, depth: u8, grants: &mut Grants) {
    let members = match value {
        Json::Object(members) if depth > 0 => members,
        Json::Array(items) if depth > 0 => {
            return items.iter().for_each(|item| walk(item, lets_in, depth - 1, grants));
        }
        _ => return,
    };
    for (name, member) in members {
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        if BACK
            .iter()
            .any(|back| name.get(..back.len()).is_some_and(|start| start.eq_ignore_ascii_case(back)))
        {
            continue;
        }
        match member {
            // Policies are in members of many names; a text that is one begins so, or with its escape in a URL.
            Json::String(text) if text.starts_with(['{', '%']) => document(member, grants),
            Json::String(text) if RANGES.iter().any(is) => grants.public |= lets_in && is_everywhere(text),
            Json::Object(_) if DOCUMENTS.iter().any(is) => document(member, grants),
            Json::Bool(true) => grants.public |= name.eq_ignore_ascii_case("publiclyAccessible"),
            _ => {}
        }
        if NAMES.iter().any(is) {
            for one in list(Some(member)).filter_map(Json::as_str) {
                grants.public |= one == "all" || one == "*";
                grants.outside.extend(account_in(one));
            }
        }
        walk(member, lets_in, depth - 1, grants);
    }
}

/// Whether a range is so wide that it is the internet: half of it and the other half are two rules.
fn is_everywhere(range: &str) -> bool {
    range.parse::<IpNet>().is_ok_and(|range| match range {
        IpNet::V4(range) => range.prefix_len() < 8 && !range.network().is_private(),
        IpNet::V6(range) => range.prefix_len() < 8,
    })
}

fn document(value: &Json, grants: &mut Grants) {
    match value {
        Json::String(text) => {
            // Some services write it with the escapes of a URL.
            let text: Cow<'_, str> = if text.starts_with('%') {
                percent_decode_str(text).decode_utf8_lossy()
            } else {
                text.into()
            };
            match Json::parse(&text) {
                Ok(policy @ Json::Object(_)) => document(&policy, grants),
                // A policy that was cut may say anything behind the cut.
                Err(_) if text.contains("\"Statement\"") => (grants.public, grants.admin) = (true, true),
                _ => {}
            }
        }
        policy => list(policy.get("Statement")).for_each(|statement| self::statement(statement, grants)),
    }
}

fn statement(statement: &Json, grants: &mut Grants) {
    if statement.text("Effect") != Some("Allow") {
        return;
    }
    let unconditional = !is_bound(statement.get("Condition"));
    let all = |name: &str, everything: &[&str]| {
        list(statement.get(name))
            .filter_map(Json::as_str)
            .any(|one| everything.iter().any(|all| all.eq_ignore_ascii_case(one)))
    };
    grants.public |= statement.get("NotPrincipal").is_some() && unconditional;
    if statement.get("Principal").is_none() {
        // All but a few actions is nearly all.
        let everything = all("Action", &["*", "*:*", "iam:*"]) || statement.get("NotAction").is_some();
        grants.admin |= everything && all("Resource", &["*"]);
    }
    match statement.get("Principal") {
        Some(Json::String(everyone)) => grants.public |= everyone == "*" && unconditional,
        Some(Json::Object(members)) => {
            for (_, names) in members.iter().filter(|(kind, _)| kind == "AWS") {
                for name in list(Some(names)).filter_map(Json::as_str) {
                    grants.public |= name == "*" && unconditional;
                    grants.outside.extend(account_in(name));
                }
            }
            for (_, names) in members.iter().filter(|(kind, _)| kind == "Federated") {
                let any = |name: &Json| name.as_str().is_some_and(|name| is_any_of(name, statement));
                grants.public |= list(Some(names)).any(any);
            }
        }
        _ => {}
    }
}

/// Keys of conditions that bind who may come; others, such as `aws:SecureTransport`, let everyone in (IAM user guide, "AWS
/// global condition context keys").
const BINDING: [&str; 16] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalTag",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:userid",
    "aws:VpcSourceIp",
    "kms:CallerAccount",
    "s3:DataAccessPointAccount",
];

/// Whether a trust takes whomever a provider of programs vouches for, of all its customers: it asks for no subject, or for any. A
/// cluster's own provider has no other customers.
fn is_any_of(provider: &str, statement: &Json) -> bool {
    let Some((_, host)) = provider.split_once(":oidc-provider/") else { return false };
    if host.starts_with("oidc.eks.") {
        return false;
    }
    let Some(Json::Object(operators)) = statement.get("Condition") else { return true };
    let mut keys = operators.iter().flat_map(|(_, keys)| match keys {
        Json::Object(keys) => keys.as_slice(),
        _ => &[],
    });
    let is_narrow = |value: &Json| {
        value.as_str().is_some_and(|value| !value.starts_with(['*', '?']) && !value.starts_with("repo:*"))
    };
    let binds = |(key, values): &(String, Json)| {
        let of_whom = key.rsplit(':').next().unwrap_or_default();
        !matches!(of_whom, "aud" | "iss" | "iat") && key.contains(host) && list(Some(values)).all(is_narrow)
    };
    !keys.any(binds)
}

fn is_bound(condition: Option<&Json>) -> bool {
    let Some(Json::Object(operators)) = condition else { return false };
    let keys = operators.iter().flat_map(|(_, keys)| match keys {
        Json::Object(keys) => keys.as_slice(),
        _ => &[],
    });
    keys.into_iter().any(|(key, _)| {
        let key = key.split('/').next().unwrap_or_default();
        BINDING.iter().any(|binding| binding.eq_ignore_ascii_case(key))
    })
}

/// Permissions that are neither a policy nor a name: of snapshots, images, functions, buckets.
fn permissions(request: &Json, grants: &mut Grants) {
    for path in ["createVolumePermission.add.items", "launchPermission.add.items"] {
        grants.public |= list(request.at(path)).any(|item| item.text("group") == Some("all"));
    }
    grants.public |= matches!(request.text("authType"), Some("NONE"));
    grants.public |= list(request.get("x-amz-acl"))
        .filter_map(Json::as_str)
        .any(|acl| acl.starts_with("public-") || acl == "authenticated-read");
    let mut acl = String::new();
    if let Json::Object(members) = request {
        let grants = |name: &str| {
            name == "AccessControlPolicy" || name == "accessControlList" || name.starts_with("x-amz-grant-")
        };
        acl.extend(members.iter().filter(|(name, _)| grants(name)).map(|(_, value)| value.to_string()));
    }
    grants.public |= EVERYONE.iter().any(|group| acl.contains(group));
}

/// One value, or the values of a list.
fn list(value: Option<&Json>) -> impl Iterator<Item = &Json> {
    let (single, many) = match value {
        Some(Json::Array(items)) => (None, items.as_slice()),
        single => (single, &[][..]),
    };
    single.into_iter().chain(many)
}

/// The account of an ARN, or an account's number itself.
fn account_in(name: &str) -> Option<String> {
    let number = if name.starts_with("arn:") { name.split(':').nth(4)? } else { name };
    (number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read as a form, a `+` became a blank and a `&` ended the policy: who wrote one into a Sid hid what it grants.
    #[test]
    fn a_plus_and_an_ampersand_in_an_escaped_policy_hide_nothing() {
        let mut grants = Grants::default();
        let text = "%7B%22Statement%22:%5B%7B%22Sid%22:%22a+b&c=d%22,%22Effect%22:%22Allow%22,%22Action%22:%22*%22,%22Resource%22:%22*%22%7D%5D%7D";
        document(&text.into(), &mut grants);
        assert!(grants.admin, "{grants:?}");
    }
}
