//! The demonstration's story: a quiet account whose key leaks. Owns who does what when; the account plays it.

use jiff::{SignedDuration, Timestamp};

use crate::domain::json::{Json, object};
use crate::simulator::account::Launch;
use crate::simulator::records::{Caller, call, console_login, refused, run_instances};
use crate::simulator::world::World;

/// The account that it happens in.
pub const ACCOUNT: &str = "111122223333";

/// Something that happens, and by what it can be known in an alert.
#[derive(Debug, Clone)]
pub struct Beat {
    /// When it happens or happened.
    pub at: Timestamp,
    /// What happens, in words for a person.
    pub what: String,
    /// The CloudTrail event ids or instance ids of it; empty for what no rule alerts on.
    pub ids: Vec<String>,
    /// Whether the thief does it.
    pub hostile: bool,
}

/// Where the thief starts GPU instances, and whether the quota lets them.
const MINED: [(&str, bool); 8] = [
    ("us-west-2", true),
    ("eu-west-3", true),
    ("ap-south-1", false),
    ("sa-east-1", true),
    ("ap-northeast-3", true),
    ("ca-central-1", false),
    ("ap-southeast-2", true),
    ("eu-central-1", true),
];

/// How long the story lasts, its last alert included.
pub const LENGTH: SignedDuration = SignedDuration::from_mins(19);

/// Schedules the story from `start` on. Its beats are answered in their order.
pub fn schedule(world: &World, start: Timestamp) -> Vec<Beat> {
    world.add_account(ACCOUNT);
    let mut story = Story { world, start, beats: Vec::new() };
    story.before();
    story.quiet();
    story.leak();
    story.beats.sort_by_key(|beat| beat.at);
    story.beats
}

struct Story<'a> {
    world: &'a World,
    start: Timestamp,
    beats: Vec<Beat>,
}

const ADMIN: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "maria",
    key: "AKIAMARIA0000EXAMPLE",
    address: "198.51.100.20",
    agent: "aws-cli/2.15.30 Python/3.11.8 Linux/6.1.0",
};

const THIEF: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "ci-deploy",
    key: "AKIALEAKED000EXAMPLE",
    address: "203.0.113.66",
    agent: "Boto3/1.34.51 md/Botocore#1.34.51 ua/2.0 os/linux",
};

impl Story<'_> {
    fn at(&self, seconds: i64) -> Timestamp {
        self.start + SignedDuration::from_secs(seconds)
    }

    /// Records a call, visible after `late` seconds, and narrates it.
    fn happens(&mut self, record: Json, late: i64, what: &str, hostile: bool, expected: bool) {
        let at = record.text("eventTime").and_then(|time| time.parse().ok()).unwrap_or(self.start);
        let ids = if expected {
            record.text("eventID").map(str::to_owned).into_iter().collect()
        } else {
            Vec::new()
        };
        self.world.account(ACCOUNT, |account| account.record(record, SignedDuration::from_secs(late)));
        self.beats.push(Beat { at, what: what.to_owned(), ids, hostile });
    }

    /// What was on every day of the weeks before: it is in the account's history, and normal.
    fn before(&self) {
        let deployer = Caller { address: "198.51.100.30", key: "AKIADEPLOY000EXAMPLE", ..THIEF };
        for day in 1..=60 {
            let at = self.at(-86_400 * day);
            let bucket = object([("bucketName", "reports".into())]);
            let tagged = call(&ADMIN, at, "eu-west-1", "s3", "PutBucketTagging", bucket, Json::Null);
            let deployed = call(
                &deployer,
                at,
                "us-east-1",
                "lambda",
                "UpdateFunctionCode20150331v2",
                Json::Null,
                Json::Null,
            );
            for record in [tagged, deployed] {
                self.world.account(ACCOUNT, |account| account.record(record, SignedDuration::from_secs(180)));
            }
        }
    }

    /// What every day has: reads, an instance that was there before, a person at work.
    fn quiet(&mut self) {
        let launched = self.at(-86_400);
        self.world
            .account(ACCOUNT, |account| account.launch(&Launch::new("eu-west-1", "t3.medium", launched)));
        for second in (0..300).step_by(20) {
            let read =
                call(&ADMIN, self.at(second), "eu-west-1", "ec2", "DescribeVolumes", Json::Null, Json::Null);
            self.world.account(ACCOUNT, |account| account.record(read, SignedDuration::from_secs(240)));
        }
        let bucket = object([("bucketName", "reports".into())]);
        let tagged = call(&ADMIN, self.at(50), "eu-west-1", "s3", "PutBucketTagging", bucket, Json::Null);
        self.happens(tagged, 180, "maria tags a bucket, as on any day", false, false);
    }

    fn leak(&mut self) {
        let who = call(&THIEF, self.at(100), "us-east-1", "sts", "GetCallerIdentity", Json::Null, Json::Null);
        self.happens(who, 150, "the leaked key is tried: whose is it?", true, false);

        let name = || object([("userName", "support-2".into())]);
        let user = call(&THIEF, self.at(130), "us-east-1", "iam", "CreateUser", name(), Json::Null);
        self.happens(user, 140, "a user is created: support-2", true, true);

        let key = object([(
            "accessKey",
            object([("userName", "support-2".into()), ("accessKeyId", "AKIANEWKEY000EXAMPLE".into())]),
        )]);
        let key = call(&THIEF, self.at(142), "us-east-1", "iam", "CreateAccessKey", name(), key);
        self.happens(key, 150, "support-2 gets an access key", true, true);

        let policy = object([
            ("userName", "support-2".into()),
            ("policyArn", "arn:aws:iam::aws:policy/AdministratorAccess".into()),
        ]);
        let attached = call(&THIEF, self.at(155), "us-east-1", "iam", "AttachUserPolicy", policy, Json::Null);
        self.happens(attached, 160, "support-2 becomes an administrator", true, true);

        let user = Caller { user: "support-2", key: "ASIACONSOLE00EXAMPLE", agent: "Mozilla/5.0", ..THIEF };
        let login = console_login(&user, self.at(210), "eu-north-1", true, false);
        self.happens(login, 190, "support-2 signs in to the console (eu-north-1)", true, true);

        for (n, (region, allowed)) in (0..).zip(MINED) {
            let at = self.at(240 + 9 * n);
            if allowed {
                let id = self
                    .world
                    .account(ACCOUNT, |account| account.launch(&Launch::new(region, "g5.12xlarge", at)));
                let launch = run_instances(&THIEF, at, region, "g5.12xlarge", std::slice::from_ref(&id));
                self.happens(launch, 200 + 11 * n, &format!("a GPU instance starts in {region}"), true, true);
                if let Some(beat) = self.beats.last_mut() {
                    beat.ids.push(id);
                }
            } else {
                let launch = run_instances(&THIEF, at, region, "p4d.24xlarge", &[]);
                let limit = "You have requested more vCPU capacity than your current vCPU limit of 0 allows.";
                let launch = refused(launch, "Client.VcpuLimitExceeded", limit);
                self.happens(
                    launch,
                    170 + 7 * n,
                    &format!("a larger one is refused in {region}, no quota"),
                    true,
                    true,
                );
            }
        }

        let trail = object([("name", "management-events".into())]);
        let stopped = call(&THIEF, self.at(360), "us-east-1", "cloudtrail", "StopLogging", trail, Json::Null);
        self.happens(stopped, 210, "the audit trail is stopped", true, true);
    }
}
