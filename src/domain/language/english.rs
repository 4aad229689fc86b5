//! English. Owns its words; what each is for stands at the trait.

use crate::domain::language::words::{Cause, Day, Made, State, Step, Unseen, Who, Words};
use crate::domain::severity::Severity;
use crate::domain::text::counted;

#[derive(Debug)]
pub(super) struct English;

impl Words for English {
    fn severity(&self, severity: Severity) -> &'static str {
        severity.name()
    }

    fn label(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Critical => "CRITICAL",
            Severity::High => "HIGH",
            Severity::Medium => "MEDIUM",
            Severity::Low => "LOW",
            Severity::Info => "INFO",
        }
    }

    fn name<'a>(&self, english: &'a str) -> &'a str {
        english
    }

    fn unknown(&self) -> &'static str {
        "(unknown)"
    }

    fn causes(&self, causes: &[Cause<'_>]) -> String {
        let each = causes.iter().map(|cause| match cause {
            Cause::Known(days, network, tools) => {
                let part = |word, what: &str| {
                    if what.is_empty() { String::new() } else { format!(" {word} {what}") }
                };
                let days = counted(days.unsigned_abs(), "day");
                format!("known for {days}{}{}", part("from", network), part("with", tools))
            }
            Cause::Unknown => "never seen before".to_owned(),
            Cause::Network(network, true) => {
                format!("first time from {network}, for it and for anybody here")
            }
            Cause::Network(network, false) => format!("first time from {network}"),
            Cause::Call => "first time that it makes this call".to_owned(),
            Cause::Tool(tool) => format!("first time with {tool}"),
            Cause::Region(region, true) => format!("first time in {region}, for it and for anybody here"),
            Cause::Region(region, false) => format!("first time in {region}"),
            Cause::LeftOut(what) => format!("AWS left out the {what}, and the worst is assumed"),
        });
        each.collect::<Vec<_>>().join("; ")
    }

    fn hidden_name(&self) -> &'static str {
        "somebody who is no user here"
    }

    fn not_known_yet(&self) -> &'static str {
        "not known yet"
    }

    fn regions(&self, count: u64) -> String {
        counted(count, "region")
    }

    fn accounts(&self, count: u64) -> String {
        counted(count, "account")
    }

    fn regions_of_accounts(&self, regions: u64, accounts: u64) -> String {
        format!("{regions} regions of {accounts} accounts")
    }

    fn region_of_accounts(&self, region: &str, accounts: u64) -> String {
        format!("{region} of {accounts} accounts")
    }

    fn and(&self, others: &str, last: &str) -> String {
        format!("{others} and {last}")
    }

    fn and_more(&self, count: u64) -> String {
        format!("and {count} more")
    }

    fn and_more_regions(&self, count: u64) -> String {
        format!("and {}", counted(count, "more region"))
    }

    fn more_like_it(&self, count: u64) -> String {
        format!("and {count} more like it")
    }

    fn more_lines(&self, count: u64) -> String {
        format!("and {}", counted(count, "more line"))
    }

    fn what_to_do(&self) -> &'static str {
        "What to do now"
    }

    fn do_now(&self, more: u64) -> String {
        match more {
            0 => "Do now".to_owned(),
            more => format!("Do now (the last prints {more} more)"),
        }
    }

    fn rule_and_alert(&self, rule: &str, alert: &str) -> String {
        format!("rule {rule} · alert {alert}")
    }

    fn stages(&self) -> [&'static str; 8] {
        [
            "got in",
            "looked around",
            "made a way back",
            "gained rights",
            "hid",
            "launched machines",
            "took data",
            "destroyed",
        ]
    }

    fn about(&self, who: &str, account: &str, stages: &str) -> String {
        format!("{who} in {account}{}", behind(stages))
    }

    fn stolen(&self, what: Who<'_>, account: &str, stages: &str) -> String {
        let what = match what {
            Who::Key(of) => format!("Key of {of}"),
            Who::SignIn(of) => format!("Password of {of}"),
            Who::Session(of) | Who::Role(of) => format!("Session of {of}"),
            Who::Instance(of) => format!("Role of instance {of}"),
            Who::Root(_) => "Root".to_owned(),
            Who::User(of) | Who::Person(of) | Who::Provider(of) => format!("Account of {of}"),
        };
        format!("{what} looks stolen ({account}){}", behind(stages))
    }

    fn incident(&self, id: &str) -> String {
        format!("Incident {id}")
    }

    fn footer(&self, id: &str, last: &str) -> String {
        format!("incident {id} · its alerts are in the thread · last event {last}")
    }

    fn from(&self, addresses: &str, keys: &str) -> String {
        match (addresses, keys) {
            ("", keys) => format!("from key {keys}"),
            (addresses, "") => format!("from {addresses}"),
            (addresses, keys) => format!("from {addresses} with key {keys}"),
        }
    }

    fn so_far(&self, parts: &str) -> String {
        format!("so far: {parts}")
    }

    fn alerts_in(&self, count: u64, places: &str) -> String {
        format!("{} in {places}", counted(count, "alert"))
    }

    fn machines(&self, count: u64, accelerated: u64, place: &str) -> String {
        let what = match accelerated {
            0 => counted(count, "machine"),
            all if all == count => counted(count, "GPU machine"),
            some => format!("{} ({some} with GPUs)", counted(count, "machine")),
        };
        format!("{what} in {place}")
    }

    fn cost(&self, an_hour: &str, so_far: Option<&str>) -> String {
        let so_far = so_far.map(|so_far| format!(" and {so_far} until now")).unwrap_or_default();
        format!("about {an_hour} an hour{so_far}")
    }

    fn trails_stopped(&self, trails: &str) -> String {
        format!("trail {trails} stopped")
    }

    fn who(&self, who: Who<'_>) -> String {
        match who {
            Who::Root(account) => format!("root of {account}"),
            Who::Key(id) => format!("key {id}"),
            Who::SignIn(user) => format!("the sign-in of {user}"),
            Who::User(user) => format!("user {user}"),
            Who::Person(name) => name.to_owned(),
            Who::Session(name) => format!("session {name}"),
            Who::Role(role) => format!("role {role}"),
            Who::Instance(id) => format!("instance {id}"),
            Who::Provider(name) => format!("identity provider {name}"),
        }
    }

    fn made(&self, who: Who<'_>, made: Made<'_>) -> String {
        let (how, by) = match made {
            Made::Created(by) => ("was created by", by),
            Made::SwitchedOn(by) => ("was switched on by", by),
            Made::GivenPassword(by) => ("was given its password by", by),
            Made::Issued(by) => ("was issued to", by),
            Made::Launched(by) => ("was launched by", by),
        };
        format!("{} {how} {by}", self.who(who))
    }

    fn as_a_whole(&self, severity: Severity, why: &str) -> String {
        format!("{severity} as a whole: {why}")
    }

    fn is_used(&self, made: &str) -> String {
        format!("{made}, and is used")
    }

    fn within_an_hour(&self, stages: &str) -> String {
        format!("within an hour: {stages}")
    }

    fn times(&self, count: u64) -> String {
        counted(count, "time")
    }

    fn state(&self, state: State<'_>) -> String {
        match state {
            State::Open => "open".to_owned(),
            State::Closed => "closed".to_owned(),
            State::PartOf(whole) => format!("part of {whole}"),
            State::Acknowledged(by, "") => format!("acknowledged by {by}"),
            State::Acknowledged(by, note) => format!("acknowledged by {by}: {note}"),
        }
    }

    fn step(&self, step: Step<'_>) -> String {
        let text = match step {
            Step::TurnOffMadeKey => "Turn off the key of the user that was made",
            Step::TurnOffKey => "Turn off the key: whatever honest work uses it stops as well",
            Step::EndSessions => {
                "End every session that was issued before now: honest ones have to be opened again"
            }
            Step::Root => {
                "Root itself acted: sign in as root, change its password, look at its MFA devices, delete its access keys"
            }
            Step::IdentityCenter(name) => {
                return format!(
                    "{name} came through IAM Identity Center: disable that user there, which ends the sessions within the hour"
                );
            }
            Step::TakeMadePassword => "Take away the password of the user that was made",
            Step::TakePassword => "Take away the password: an honest owner of it needs a new one",
            Step::DenyMadeUser => "Take every right from the user that was made",
            Step::Stop(region) => {
                return format!(
                    "Stop what was launched in {region} (one from Spot can only be ended: terminate-instances)"
                );
            }
            Step::StartTrail => "Start the trail again",
        };
        text.to_owned()
    }

    fn unseen(&self, unseen: Unseen<'_>) -> String {
        match unseen {
            Unseen::Events(regions) => format!("CloudTrail events in {regions}"),
            Unseen::Instances(regions) => format!("instances in {regions}"),
            Unseen::EventsAndInstances(regions) => format!("CloudTrail events and instances in {regions}"),
            Unseen::RegionsOf(account) => format!("the list of regions of account {account}"),
            Unseen::RegionsOfAccounts(accounts) => format!("the lists of regions of {accounts} accounts"),
            Unseen::Identity => "which account the AWS credentials belong to".to_owned(),
        }
    }

    fn day(&self, day: &Day<'_>) -> String {
        match day {
            Day::FirstStart => "the first start".to_owned(),
            Day::None => "none".to_owned(),
            Day::NoExclusions => "nothing: no exclusions configured".to_owned(),
            Day::Hidden(count, name, None) => format!("{count} by \"{name}\""),
            Day::Hidden(count, name, Some((instance, by))) => {
                let by = if by.is_empty() { "an unknown launcher" } else { by };
                format!("{count} by \"{name}\" (last {instance}, launched by {by})")
            }
            Day::Covered(fresh, feeds, []) => format!("{fresh} of {feeds} region feeds read on time"),
            Day::Covered(fresh, feeds, missing) => format!(
                "{fresh} of {feeds} region feeds read on time; {} not read: {}",
                feeds - fresh,
                missing.join("; ")
            ),
            Day::Read { in_time, regions, up_to, missing, since, read_back } => {
                let up_to = up_to.as_ref().map(|up_to| format!(" up to {up_to}")).unwrap_or_default();
                let gaps = if *missing == 0 { "no gaps".to_owned() } else { counted(*missing as u64, "gap") };
                let since = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
                let back = if *read_back > 0 { format!(" ({read_back} read back)") } else { String::new() };
                format!("{in_time} of {regions} regions read{up_to}, {gaps}{since}{back}")
            }
            Day::Lag(seconds, region) => format!("{seconds} seconds at most, in {region}"),
            Day::NotKnown => "not known".to_owned(),
            Day::Gap(title, time) => format!("{title} at {time}"),
            Day::Waiting(count, sink) => format!("{count} for {sink}"),
        }
    }

    fn read_back(&self, events: u64, alerts: u64) -> String {
        format!("{}, {}", counted(events, "event"), counted(alerts, "alert"))
    }

    fn seconds(&self, count: u64) -> String {
        format!("{count} seconds")
    }

    fn up_to_date(&self) -> &'static str {
        "event history is up to date again"
    }
}

/// How far it has come, behind whom it is about.
fn behind(stages: &str) -> String {
    if stages.is_empty() { String::new() } else { format!(": {stages}") }
}
