//! Records and rules made for measurements: the shapes of real CloudTrail records, invented contents, the same for the
//! same seed.

#![allow(dead_code, reason = "each bench uses a part")]

use std::fmt::Write as _;

/// A small generator of numbers (splitmix64): the same for the same seed, on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides.max(1)
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len() as u64) as usize]
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(*self.one(b"0123456789abcdef"))).collect()
    }
}

/// Service, call, whether it reads: what an ordinary account does, the frequent first.
const CALLS: [(&str, &str, bool); 40] = [
    ("kms", "Decrypt", true),
    ("sts", "AssumeRole", true),
    ("s3", "GetBucketAcl", true),
    ("kms", "GenerateDataKey", true),
    ("ec2", "DescribeInstances", true),
    ("ec2", "DescribeSecurityGroups", true),
    ("iam", "GetRole", true),
    ("iam", "ListAttachedRolePolicies", true),
    ("logs", "DescribeLogGroups", true),
    ("logs", "CreateLogStream", false),
    ("cloudwatch", "DescribeAlarms", true),
    ("ecs", "DescribeTasks", true),
    ("ecs", "ListServices", true),
    ("ecr", "GetAuthorizationToken", true),
    ("ecr", "BatchGetImage", true),
    ("lambda", "ListFunctions20150331", true),
    ("lambda", "GetFunction20150331v2", true),
    ("ssm", "UpdateInstanceInformation", false),
    ("ssm", "GetParameters", true),
    ("secretsmanager", "GetSecretValue", true),
    ("dynamodb", "DescribeTable", true),
    ("rds", "DescribeDBInstances", true),
    ("elasticloadbalancing", "DescribeTargetHealth", true),
    ("elasticloadbalancing", "RegisterTargets", false),
    ("autoscaling", "DescribeAutoScalingGroups", true),
    ("cloudformation", "DescribeStacks", true),
    ("route53", "ListHostedZones", true),
    ("config", "PutEvaluations", false),
    ("sts", "GetCallerIdentity", true),
    ("ec2", "RunInstances", false),
    ("ec2", "CreateTags", false),
    ("ec2", "AuthorizeSecurityGroupIngress", false),
    ("lambda", "UpdateFunctionCode20150331v2", false),
    ("s3", "PutBucketPolicy", false),
    ("iam", "CreateRole", false),
    ("iam", "AttachRolePolicy", false),
    ("iam", "PutRolePolicy", false),
    ("cloudformation", "CreateChangeSet", false),
    ("ecs", "RegisterTaskDefinition", false),
    ("ec2", "TerminateInstances", false),
];
const AGENTS: [&str; 5] = [
    "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.173.0",
    "Boto3/1.34.144 md/Botocore#1.34.144 ua/2.0 os/linux#5.10.220 md/arch#x86_64 lang/python#3.11.9",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0",
    "autoscaling.amazonaws.com",
];
const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "eu-central-1", "us-west-2"];

/// One record of about `size` bytes, at a second of 2026.
pub fn record(dice: &mut Dice, second: i64, size: usize) -> String {
    // The frequent calls are chosen far more often.
    let sides = if dice.roll(10) < 8 { 12 } else { CALLS.len() as u64 };
    let (service, call, reads) = CALLS[dice.roll(sides) as usize];
    let (day, left) = (second / 86_400, second % 86_400);
    let time =
        format!("2026-03-{:02}T{:02}:{:02}:{:02}Z", 1 + day % 28, left / 3600, left / 60 % 60, left % 60);
    let (role, session) = (dice.roll(40), dice.hex(16));
    let (agent, region) = (*dice.one(&AGENTS), *dice.one(&REGIONS));
    let id = format!("{}-{}-4{}-8{}-{}", dice.hex(8), dice.hex(4), dice.hex(3), dice.hex(3), dice.hex(12));
    let mut record = format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROA{0}:{session}","arn":"arn:aws:sts::111122223333:assumed-role/service-{role}/{session}","accountId":"111122223333","accessKeyId":"ASIA{0}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{0}","arn":"arn:aws:iam::111122223333:role/service-{role}","accountId":"111122223333","userName":"service-{role}"}},"attributes":{{"creationDate":"{time}","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","eventSource":"{service}.amazonaws.com","eventName":"{call}","awsRegion":"{region}","sourceIPAddress":"203.0.{1}.{2}","userAgent":"{agent}","requestParameters":{{"name":"thing-{3}","filterSet":{{}},"#,
        dice.hex(16).to_uppercase(),
        dice.roll(4),
        dice.roll(250),
        dice.roll(1000),
    );
    let tail = format!(
        r#""maxResults":100}},"responseElements":null,"requestID":"{}","eventID":"{id}","readOnly":{reads},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.{region}.amazonaws.com"}}}}"#,
        dice.hex(32),
    );
    record.push_str(r#""items":["#);
    let mut items = 0;
    while record.len() + tail.len() + 2 < size {
        let comma = if items == 0 { "" } else { "," };
        let _never_fails =
            write!(record, r#"{comma}{{"key":"k{}","value":"{}"}}"#, dice.roll(20), dice.hex(24));
        items += 1;
    }
    record.push_str("],");
    record + &tail
}

/// A rule in the manner of those that people write: `n` different ones.
pub fn pattern(n: u64) -> String {
    let mut dice = Dice(n);
    let (service, call, _) = *dice.one(&CALLS);
    let call = if n < 40 { format!("{call}{}", ["", "X"][n as usize % 2]) } else { format!("{call}{n}") };
    let more = match n % 5 {
        0 => r#","errorCode":[{"exists":false}]"#.to_owned(),
        1 => format!(r#","requestParameters":{{"name":[{{"prefix":"thing-{}"}}]}}"#, n % 100),
        2 => format!(r#","userIdentity":{{"arn":[{{"wildcard":"*:assumed-role/service-{}/*"}}]}}"#, n % 40),
        3 => format!(r#","requestParameters":{{"items":{{"key":["k1"],"value":[{{"prefix":"{}"}}]}}}}"#, n % 10),
        _ => r#","sourceIPAddress":[{"anything-but":["203.0.1.1"]}],"userIdentity":{"type":["Root","IAMUser"]}"#
            .to_owned(),
    };
    format!(r#"{{"source":["aws.{service}"],"detail":{{"eventName":["{call}","Other{n}"]{more}}}}}"#)
}
