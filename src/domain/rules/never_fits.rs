//! Patterns that no event of ours can fit, and why. Owns what ever comes here: management events of CloudTrail, changes of
//! instances, and trailnoti's own reports; a rule on anything else is silent for good, and whoever wrote it does not know.

use crate::domain::event::{INSTANCE_STATE, SIGN_IN};
use crate::domain::pattern::{Pattern, did_you_mean, nearest};

/// The `detail-type`s that come (CloudTrail user guide and EC2 user guide, each on EventBridge), beside our own.
const COMES: [&str; 5] = [
    "AWS API Call via CloudTrail",
    "AWS Service Event via CloudTrail",
    "AWS Console Action via CloudTrail",
    SIGN_IN,
    INSTANCE_STATE,
];

/// The names of sign-ins, which are no API calls.
const SIGN_INS: [&str; 5] = ["ConsoleLogin", "CheckMfa", "SwitchRole", "ExitRole", "RenewRole"];

/// Calls that are data events, by service: `LookupEvents` never has them (CloudTrail user guide, "Logging data events").
const DATA: [(&str, &str); 9] = [
    (
        "s3",
        "GetObject PutObject DeleteObject DeleteObjects CopyObject HeadObject HeadBucket ListObjects ListObjectVersions UploadPart \
         CreateMultipartUpload CompleteMultipartUpload GetObjectAcl PutObjectAcl RestoreObject SelectObjectContent GetObjectTagging \
         PutObjectTagging UploadPartCopy AbortMultipartUpload",
    ),
    (
        "dynamodb",
        "GetItem PutItem UpdateItem DeleteItem Query Scan BatchGetItem BatchWriteItem TransactGetItems TransactWriteItems \
         ExecuteStatement BatchExecuteStatement GetRecords",
    ),
    ("lambda", "Invoke InvokeFunction InvokeExecution"),
    ("sns", "Publish PublishBatch"),
    ("sqs", "SendMessage ReceiveMessage DeleteMessage SendMessageBatch ChangeMessageVisibility"),
    ("kinesis", "PutRecord PutRecords GetRecords GetShardIterator"),
    ("ses", "SendEmail SendRawEmail SendBulkEmail SendTemplatedEmail SendBulkTemplatedEmail"),
    ("cognito-identity", "GetId GetCredentialsForIdentity GetOpenIdToken"),
    ("ebs", "GetSnapshotBlock ListSnapshotBlocks PutSnapshotBlock ListChangedBlocks"),
];

/// Of which kind what a service writes for EventBridge is, where it is none of CloudTrail's events.
const OTHERS: [(&str, &str); 9] = [
    ("GuardDuty", "GuardDuty findings are not CloudTrail events"),
    ("Security Hub", "Security Hub findings are not CloudTrail events"),
    ("Inspector", "Inspector findings are not CloudTrail events"),
    ("Macie", "Macie findings are not CloudTrail events"),
    ("Access Analyzer", "Access Analyzer findings are not CloudTrail events"),
    ("AWS Health", "events of AWS Health are not CloudTrail events"),
    ("Config ", "changes that AWS Config notes are not CloudTrail events"),
    ("EC2 ", "only instances' changes of state are looked for, and CloudTrail's events"),
    ("Insight", "Insights are not in the history of events that is read; scan knows them in files"),
];

/// AWS's regions, as far as they were there in 2026 (AWS general reference, "Regions and zones").
const REGIONS: &str = "af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 \
    ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 \
    cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 \
    eusc-de-east-1 il-central-1 me-central-1 me-south-1 me-west-1 mx-central-1 sa-east-1 sa-west-1 us-east-1 us-east-2 \
    us-gov-east-1 us-gov-west-1 us-west-1 us-west-2";

/// Why a region's name may be mistaken; none where it is known.
pub fn unknown_region(region: &str) -> Option<String> {
    (!REGIONS.split(' ').any(|known| known == region)).then(|| {
        let near = nearest(region, REGIONS.split(' '));
        format!("\"{region}\" is no region that is known here{}", did_you_mean(near))
    })
}

/// Why a pattern can never fit; none where it may, or where one of its alternatives may.
pub fn why_never(pattern: &Pattern) -> Option<String> {
    let texts = |path: &str| pattern.exact_texts(path);
    let (sources, services, types) = (texts("source"), texts("detail.eventSource"), texts("detail-type"));
    let (names, categories) = (texts("detail.eventName"), texts("detail.eventCategory"));
    let mut why = None;
    for n in 0..names.len() {
        let alternative = Alternative {
            sources: of(&sources, n),
            services: of(&services, n),
            types: of(&types, n),
            names: of(&names, n),
            categories: of(&categories, n),
        };
        why = Some(alternative.why_never()?);
    }
    why
}

fn of<'a>(all: &[Option<Vec<&'a str>>], n: usize) -> Option<Vec<&'a str>> {
    all.get(n).cloned().flatten()
}

/// The constants of one alternative; none where it leaves a field open.
struct Alternative<'a> {
    sources: Option<Vec<&'a str>>,
    services: Option<Vec<&'a str>>,
    types: Option<Vec<&'a str>>,
    names: Option<Vec<&'a str>>,
    categories: Option<Vec<&'a str>>,
}

/// The reason that holds for every one of these values.
fn for_all(values: Option<&Vec<&str>>, why: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut found = None;
    for value in values? {
        found = Some(why(value)?);
    }
    found
}

impl Alternative<'_> {
    fn why_never(&self) -> Option<String> {
        if self.sources.as_ref().is_some_and(|sources| sources.contains(&"trailnoti")) {
            return None;
        }
        for_all(self.names.as_ref(), literal)
            .or_else(|| {
                for_all(self.sources.as_ref(), |source| literal(source).or_else(|| unknown_source(source)))
            })
            .or_else(|| for_all(self.services.as_ref(), no_service))
            .or_else(|| for_all(self.categories.as_ref(), no_management))
            .or_else(|| for_all(self.types.as_ref(), |kind| self.other_type(kind)))
            .or_else(|| for_all(self.names.as_ref(), |name| self.data_event(name)))
            .or_else(|| self.contradiction())
    }

    fn other_type(&self, kind: &str) -> Option<String> {
        let is_sign_in = |name: &&str| SIGN_INS.contains(name);
        if kind == COMES[0] && self.names.as_ref().is_some_and(|names| names.iter().all(is_sign_in)) {
            return Some(format!("sign-ins come as detail-type \"{SIGN_IN}\", not as \"{kind}\""));
        }
        if COMES.contains(&kind) {
            return None;
        }
        let of_a_kind = OTHERS.iter().find(|(part, _)| kind.contains(part)).map(|(_, why)| *why);
        let near = nearest(kind, COMES.iter().copied());
        Some(match (near, of_a_kind) {
            (Some(near), _) => format!("no event has detail-type \"{kind}\"{}", did_you_mean(Some(near))),
            (None, Some(why)) => format!("{why}: nothing here will ever match \"{kind}\""),
            (None, None) => format!(
                "no event has detail-type \"{kind}\": what comes is {}",
                COMES.map(|known| format!("\"{known}\"")).join(", ")
            ),
        })
    }

    fn data_event(&self, name: &str) -> Option<String> {
        let is_of = |service: &str| {
            let by_source = self
                .sources
                .as_ref()
                .map(|all| all.iter().all(|one| one.strip_prefix("aws.") == Some(service)));
            let by_service = self
                .services
                .as_ref()
                .map(|all| all.iter().all(|one| one.strip_suffix(".amazonaws.com") == Some(service)));
            by_source.or(by_service) == Some(true)
        };
        let (service, _) = DATA
            .iter()
            .find(|(service, calls)| calls.split(' ').any(|call| call == name) && is_of(service))?;
        Some(format!(
            "{name} of {service} is a data event, and CloudTrail's history has management events only"
        ))
    }

    /// A service by two names, of which one is another's.
    fn contradiction(&self) -> Option<String> {
        let (sources, services) = (self.sources.as_ref()?, self.services.as_ref()?);
        let fits = |source: &&str| {
            services
                .iter()
                .any(|service| source.strip_prefix("aws.") == service.split(".amazonaws.com").next())
        };
        (!sources.iter().any(fits)).then(|| {
            format!("source {} and eventSource {} are two services", sources.join(", "), services.join(", "))
        })
    }
}

fn literal(text: &str) -> Option<String> {
    text.contains('*')
        .then(|| format!("\"{text}\" is taken as it is written: write {{ wildcard = \"{text}\" }}"))
}

fn unknown_source(source: &str) -> Option<String> {
    (!source.starts_with("aws."))
        .then(|| format!("no event is from source \"{source}\": AWS's are called like \"aws.ec2\", and our own \"trailnoti\""))
}

fn no_service(service: &str) -> Option<String> {
    literal(service).or_else(|| {
        (!service.contains(".amazonaws.com")).then(|| {
            let name = service.strip_prefix("aws.").unwrap_or(service);
            format!("no record has eventSource \"{service}\": write \"{name}.amazonaws.com\", or source = [\"aws.{name}\"]")
        })
    })
}

fn no_management(category: &str) -> Option<String> {
    (category != "Management")
        .then(|| format!("events of the category \"{category}\" are not in the history that is read: only management events are"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::Json;

    fn why(text: &str) -> String {
        let pattern = Pattern::compile(&Json::parse(text).expect("JSON")).expect("a pattern");
        why_never(&pattern).unwrap_or_default()
    }

    #[test]
    fn what_never_comes_is_named_with_the_reason() {
        for (pattern, reason) in [
            (
                r#"{"source":["aws.guardduty"],"detail-type":["GuardDuty Finding"]}"#,
                "findings are not CloudTrail events: nothing here",
            ),
            (
                r#"{"detail-type":["Amazon API Call via CloudTrail"]}"#,
                "did you mean AWS API Call via CloudTrail?",
            ),
            (
                r#"{"detail-type":["EC2 Spot Instance Interruption Warning"]}"#,
                "only instances' changes of state",
            ),
            (r#"{"detail-type":["AWS Insight via CloudTrail"]}"#, "Insights are not in the history"),
            (
                r#"{"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventName":["ConsoleLogin"]}}"#,
                "sign-ins come as",
            ),
            (r#"{"detail":{"eventName":["Create*"]}}"#, "write { wildcard = \"Create*\" }"),
            (r#"{"detail":{"eventSource":["aws.ec2"]}}"#, "write \"ec2.amazonaws.com\""),
            (r#"{"source":["aws.s3"],"detail":{"eventName":["PutObject","GetObject"]}}"#, "is a data event"),
            (
                r#"{"detail":{"eventSource":["dynamodb.amazonaws.com"],"eventName":["GetItem"]}}"#,
                "is a data event",
            ),
            (r#"{"detail":{"eventCategory":["Data"]}}"#, "only management events"),
            (r#"{"source":["aws.iam"],"detail":{"eventSource":["ec2.amazonaws.com"]}}"#, "are two services"),
            (r#"{"source":["my.app"]}"#, "no event is from source"),
        ] {
            assert!(why(pattern).contains(reason), "{pattern}: {}", why(pattern));
        }
    }

    #[test]
    fn what_may_come_is_left_alone_and_one_alternative_is_enough() {
        for pattern in [
            r#"{"source":["aws.s3"],"detail":{"eventName":["PutObject","PutBucketPolicy"]}}"#,
            r#"{"$or":[{"detail-type":["GuardDuty Finding"]},{"source":["aws.iam"]}]}"#,
            r#"{"detail-type":["AWS Console Sign In via CloudTrail"],"detail":{"eventName":["ConsoleLogin"]}}"#,
            r#"{"source":["trailnoti"],"detail-type":["region unreadable"]}"#,
            r#"{"detail":{"eventName":[{"prefix":"Create"}]}}"#,
            r#"{"detail":{"eventName":["PutObject"]}}"#,
            r#"{"source":["aws.iam"],"detail":{"eventSource":["iam.amazonaws.com.cn"]}}"#,
        ] {
            assert_eq!(why(pattern), "", "{pattern}");
        }
    }

    #[test]
    fn a_region_that_is_nearly_one_is_asked_about() {
        assert_eq!(unknown_region("eu-west-1"), None);
        assert!(unknown_region("eu-wset-1").is_some_and(|why| why.contains("did you mean eu-west-1?")));
    }
}
