//! Records in the shapes that CloudTrail writes, for the demonstration and the tests. Owns the shapes; who does
//! what and when is `story`'s.

use jiff::Timestamp;

use crate::domain::event::derived_id;
use crate::domain::json::{Json, object};

/// Who makes a call, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The account's number, twelve digits.
    pub account: &'a str,
    /// An IAM user's name; `root` is root, and `ROLE/SESSION` a role.
    pub user: &'a str,
    /// The key that signs.
    pub key: &'a str,
    /// The address; that of an AWS service is who invoked.
    pub address: &'a str,
    /// The user agent that the tool sends.
    pub agent: &'a str,
}

impl Caller<'_> {
    fn identity(&self) -> Json {
        if self.user == "root" {
            return object([
                ("type", "Root".into()),
                ("principalId", self.account.into()),
                ("arn", format!("arn:aws:iam::{}:root", self.account).into()),
                ("accountId", self.account.into()),
                ("accessKeyId", self.key.into()),
            ]);
        }
        if let Some((role, session)) = self.user.split_once('/') {
            let issuer = object([
                ("type", "Role".into()),
                ("arn", format!("arn:aws:iam::{}:role/{role}", self.account).into()),
                ("userName", role.into()),
            ]);
            let mut identity = vec![
                ("type".to_owned(), "AssumedRole".into()),
                ("principalId".to_owned(), format!("AROASIMULATED00000001:{session}").into()),
                (
                    "arn".to_owned(),
                    format!("arn:aws:sts::{}:assumed-role/{}", self.account, self.user).into(),
                ),
                ("accountId".to_owned(), self.account.into()),
                ("sessionContext".to_owned(), object([("sessionIssuer", issuer)])),
            ];
            if self.address.ends_with(".amazonaws.com") {
                identity.push(("invokedBy".to_owned(), self.address.into()));
            } else {
                identity.push(("accessKeyId".to_owned(), self.key.into()));
            }
            return Json::Object(identity);
        }
        object([
            ("type", "IAMUser".into()),
            ("principalId", "AIDASIMULATED00000001".into()),
            ("arn", format!("arn:aws:iam::{}:user/{}", self.account, self.user).into()),
            ("accountId", self.account.into()),
            ("accessKeyId", self.key.into()),
            ("userName", self.user.into()),
        ])
    }
}

/// A call to a service. Two calls that are the same in everything have the same id: vary the request.
pub fn call(
    caller: &Caller<'_>,
    at: Timestamp,
    region: &str,
    service: &str,
    name: &str,
    request: Json,
    response: Json,
) -> Json {
    let second = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let id = derived_id(&[caller.user, region, service, name, &request.to_string(), &second.to_string()]);
    object([
        ("eventVersion", "1.09".into()),
        ("userIdentity", caller.identity()),
        ("eventTime", second.to_string().into()),
        ("eventSource", format!("{service}.amazonaws.com").into()),
        ("eventName", name.into()),
        ("awsRegion", region.into()),
        ("sourceIPAddress", caller.address.into()),
        ("userAgent", caller.agent.into()),
        ("requestParameters", request),
        ("responseElements", response),
        ("requestID", derived_id(&["request", &id]).into()),
        ("eventID", id.into()),
        ("readOnly", crate::domain::event::reads::is_read(name).into()),
        ("eventType", "AwsApiCall".into()),
        ("managementEvent", true.into()),
        ("recipientAccountId", caller.account.into()),
        ("eventCategory", "Management".into()),
    ])
}

/// A call that AWS refused.
pub fn refused(mut record: Json, code: &str, message: &str) -> Json {
    if let Json::Object(members) = &mut record {
        for (name, value) in members.iter_mut() {
            if name == "responseElements" {
                *value = Json::Null;
            }
        }
        members.push(("errorCode".to_owned(), code.into()));
        members.push(("errorMessage".to_owned(), message.into()));
    }
    record
}

/// A console sign-in (CloudTrail user guide, "AWS Console sign-in events").
pub fn console_login(caller: &Caller<'_>, at: Timestamp, region: &str, success: bool, mfa: bool) -> Json {
    let result = if success { "Success" } else { "Failure" };
    let response = object([("ConsoleLogin", result.into())]);
    let mut record = call(caller, at, region, "signin", "ConsoleLogin", Json::Null, response);
    if let Json::Object(members) = &mut record {
        for (name, value) in members.iter_mut() {
            match name.as_str() {
                "eventType" => *value = "AwsConsoleSignIn".into(),
                "readOnly" => *value = false.into(),
                _ => {}
            }
        }
        let extra = object([
            ("LoginTo", "https://console.aws.amazon.com/console/home".into()),
            ("MobileVersion", "No".into()),
            ("MFAUsed", if mfa { "Yes" } else { "No" }.into()),
        ]);
        members.push(("additionalEventData".to_owned(), extra));
        if !success {
            members.push(("errorMessage".to_owned(), "Failed authentication".into()));
        }
    }
    record
}

/// A launch that worked.
pub fn run_instances(caller: &Caller<'_>, at: Timestamp, region: &str, kind: &str, ids: &[String]) -> Json {
    run_tagged_instances(caller, at, region, kind, ids, &[])
}

/// The launch that an instance came from, by the first instance of it.
pub fn reservation(first: &str) -> String {
    format!("r-{}", first.trim_start_matches("i-"))
}

/// A call that changes the tags of instances: `CreateTags` or `DeleteTags`.
pub fn change_tags(
    caller: &Caller<'_>,
    at: Timestamp,
    region: &str,
    name: &str,
    ids: &[String],
    tags: &[(&str, &str)],
) -> Json {
    let ids = ids.iter().map(|id| object([("resourceId", id.as_str().into())])).collect();
    let request = object([
        ("resourcesSet", object([("items", Json::Array(ids))])),
        ("tagSet", object([("items", tag_items(tags))])),
    ]);
    call(caller, at, region, "ec2", name, request, object([("_return", true.into())]))
}

fn tag_items(tags: &[(&str, &str)]) -> Json {
    Json::Array(
        tags.iter()
            .map(|(key, value)| object([("key", (*key).into()), ("value", (*value).into())]))
            .collect(),
    )
}

/// A launch that worked, of instances that have tags from the start.
pub fn run_tagged_instances(
    caller: &Caller<'_>,
    at: Timestamp,
    region: &str,
    kind: &str,
    ids: &[String],
    tags: &[(&str, &str)],
) -> Json {
    let item = object([
        ("imageId", "ami-0123456789abcdef0".into()),
        ("minCount", 1i64.into()),
        ("maxCount", i64::try_from(ids.len().max(1)).unwrap_or(1).into()),
    ]);
    let request = object([
        ("instancesSet", object([("items", Json::Array(vec![item]))])),
        ("instanceType", kind.into()),
        ("clientToken", derived_id(&[region, kind, &at.to_string()]).into()),
    ]);
    let items = ids
        .iter()
        .map(|id| {
            object([
                ("instanceId", id.as_str().into()),
                ("imageId", "ami-0123456789abcdef0".into()),
                ("instanceState", object([("code", 0i64.into()), ("name", "pending".into())])),
                ("instanceType", kind.into()),
                ("tagSet", object([("items", tag_items(tags))])),
            ])
        })
        .collect();
    let response = object([
        ("reservationId", ids.first().map(|id| reservation(id)).unwrap_or_default().into()),
        ("ownerId", caller.account.into()),
        ("instancesSet", object([("items", Json::Array(items))])),
    ]);
    call(caller, at, region, "ec2", "RunInstances", request, response)
}
