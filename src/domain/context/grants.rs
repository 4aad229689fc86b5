//! What a call opens to whom: accounts outside, everyone, everything. Owns reading policy documents and the permission
//! lists of snapshots, images and functions.
//!
//! Policy grammar: IAM user guide, "Grammar of the IAM JSON policy language".

use std::borrow::Cow;
use std::collections::BTreeSet;

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
/// Members of a request that hold a policy document, as text or as an object.
const DOCUMENTS: [&str; 11] = [
    "policyDocument",
    "assumeRolePolicyDocument",
    "policy",
    "bucketPolicy",
    "policyText",
    "resourcePolicy",
    "policyInJson",
    "repositoryPolicyText",
    "accessPolicies",
    "attributeValue",
    "policyBody",
];
/// Groups of S3's access control lists that hold more than one account (S3 user guide, "Access control list overview").
const EVERYONE: [&str; 2] = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
];

/// What an event's call grants. A call that failed grants what it asked for: an attempt shows the intent.
pub(super) fn grants(event: &Event) -> Grants {
    let mut grants = Grants::default();
    let Some(request @ Json::Object(members)) = event.detail.get("requestParameters") else { return grants };
    for (name, value) in members {
        if DOCUMENTS.iter().any(|document| document.eq_ignore_ascii_case(name)) {
            document(value, &mut grants);
        }
    }
    let arns = list(request.get("policyArns")).filter_map(|one| one.text("arn").or_else(|| one.as_str()));
    for arn in arns.chain(request.text("policyArn")) {
        grants.admin |= ADMIN.iter().any(|admin| arn.ends_with(admin));
    }
    permissions(request, &mut grants);
    grants.outside.remove(&event.account);
    if event.account.is_empty() {
        grants.outside.remove(event.detail.text("userIdentity.accountId").unwrap_or_default());
    }
    grants
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
            if let Ok(policy @ Json::Object(_)) = Json::parse(&text) {
                document(&policy, grants);
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

/// Permissions that are no policy: of snapshots, images, functions, buckets, organisations, resource shares.
fn permissions(request: &Json, grants: &mut Grants) {
    for path in ["createVolumePermission.add.items", "launchPermission.add.items"] {
        for item in list(request.at(path)) {
            grants.public |= item.text("group") == Some("all");
            grants.outside.extend(item.text("userId").and_then(account_in));
        }
    }
    for value in ["valuesToAdd", "principals", "target.id", "principal", "accountId", "accountIds"] {
        for name in list(request.at(value)).filter_map(Json::as_str) {
            grants.public |= name == "all" || name == "*";
            grants.outside.extend(account_in(name));
        }
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
    for path in ["ipPermissions.items", "items"] {
        for permission in list(request.at(path)) {
            let ranges = |path: &str, name: &'static str| {
                list(permission.at(path))
                    .filter_map(move |range| range.text(name))
                    .any(|range| matches!(range, "0.0.0.0/0" | "::/0"))
            };
            grants.public |= ranges("ipRanges.items", "cidrIp") || ranges("ipv6Ranges.items", "cidrIpv6");
        }
    }
    grants.public |= matches!(request.text("cidrIp"), Some("0.0.0.0/0"));
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
