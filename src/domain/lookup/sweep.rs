//! Reading by name where the writes are too many to be read in time. Owns which narrow requests stand for what high and
//! critical rules name, and their turns; when they are needed is `lanes`'s.
//!
//! Noise hides an event among the writes, and not among the calls of its own name: how long a turn takes follows the names,
//! which are ours, and not the noise, which is a thief's. A service's calls are read in one request as long as they are few,
//! and name by name once they are not. Nothing of this is kept: *whole* is what leaves no gap.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::INSTANCE_STATE;
use crate::domain::event::reads::is_read;
use crate::domain::lookup::cursor::{Cursor, Page, Request};
use crate::domain::lookup::stream::Stream;
use crate::domain::rules::rule::{Mode, Rule, Rules};
use crate::domain::severity::Severity;
use crate::domain::time::later;

/// How long a service is read name by name before its calls are tried in one request again.
const BY_NAME: Duration = Duration::from_secs(10 * 60);
/// A walk that is not done by then begins again at the newest.
const STALE: Duration = Duration::from_secs(60);
/// The pages of one name that are read one after the other: what is more waits for the next turn.
const PAGES: usize = 3;

/// Of so many turns these are for what is critical: three of ten, so that both kinds wait about as long.
const TURNS: u64 = 10;
const CRITICAL: [u64; 3] = [0, 3, 6];

/// The narrow requests of one region.
#[derive(Debug, Clone, Default)]
pub struct Sweeps {
    streams: Vec<Narrow>,
    services: Vec<Service>,
    /// The stream whose walk goes on next.
    going: Option<usize>,
    turn: u64,
}

/// One narrow stream, and how far its walk is.
#[derive(Debug, Clone)]
struct Narrow {
    stream: Stream,
    /// A critical rule names it: these have three of ten turns, however many others there are.
    critical: bool,
    cursor: Cursor,
    /// The pages of this turn.
    pages: usize,
    /// The turn in which it was asked last: no time, since a clock may be set back.
    asked: u64,
}

/// A service's calls: in one stream, or in one for each name.
#[derive(Debug, Clone)]
struct Service {
    /// Its stream.
    whole: usize,
    /// The streams of its names, as far as rules say them.
    names: Vec<usize>,
    /// They say all of them. Otherwise its own stream is read too.
    named: bool,
    by_name_until: Option<Timestamp>,
}

impl Sweeps {
    /// The requests that these rules need.
    pub fn new(rules: &Rules) -> Self {
        let mut sweeps = Sweeps::default();
        let mut services: BTreeMap<String, (BTreeMap<String, bool>, bool, bool)> = BTreeMap::new();
        let mut alone: BTreeMap<Stream, bool> = BTreeMap::new();
        for rule in rules.iter().filter(|rule| rule.mode == Mode::Live && urgency(rule) >= Severity::High) {
            let critical = urgency(rule) == Severity::Critical;
            let pattern = &rule.pattern;
            let names = pattern.named_texts("detail.eventName");
            let said = pattern.exact_texts("detail.eventSource");
            let own = pattern.exact_texts("source");
            let who = pattern.exact_texts("detail.userIdentity.type");
            let kinds = pattern.exact_texts("detail-type");
            for ((((names, said), own), who), kind) in
                names.into_iter().zip(said).zip(own).zip(who).zip(kinds)
            {
                // A read is not among the writes, and has a lane of its own.
                let (names, all) = names.unwrap_or_default();
                let read = all && names.iter().all(|name| is_read(name));
                let names: Vec<&str> = names.into_iter().filter(|name| !is_read(name)).collect();
                // What the inventory shows is in no history.
                if read || kind.is_some_and(|kind| kind == [INSTANCE_STATE]) {
                    continue;
                }
                let sources = said.map(|said| said.into_iter().map(str::to_owned).collect::<Vec<_>>());
                let sources =
                    sources.or_else(|| own.map(|own| own.into_iter().filter_map(service_of).collect()));
                match sources {
                    Some(sources) => {
                        for source in sources {
                            let known = services.entry(source).or_insert((BTreeMap::new(), true, false));
                            known.1 &= all;
                            known.2 |= critical;
                            for name in &names {
                                *known.0.entry((*name).to_owned()).or_default() |= critical;
                            }
                        }
                    }
                    // What has no name, and is not root's, cannot be asked for: *whole* reads it.
                    None => {
                        let root = !all && who.is_some_and(|who| who == ["Root"]);
                        let root = root.then(|| Stream::User("root".to_owned()));
                        let names = names.into_iter().map(|name| Stream::Name(name.to_owned()));
                        for stream in names.chain(root) {
                            *alone.entry(stream).or_default() |= critical;
                        }
                    }
                }
            }
        }
        for (stream, critical) in alone {
            sweeps.stream(stream, critical);
        }
        for (source, (names, named, critical)) in services {
            let whole = sweeps.stream(Stream::Source(source), critical);
            let names = names.into_iter().map(|(name, critical)| sweeps.stream(Stream::Name(name), critical));
            let names = names.collect();
            sweeps.services.push(Service { whole, names, named, by_name_until: None });
        }
        sweeps
    }

    fn stream(&mut self, stream: Stream, critical: bool) -> usize {
        if let Some(known) = self.streams.iter().position(|known| known.stream == stream) {
            self.streams[known].critical |= critical;
            return known;
        }
        let cursor = Cursor { floor: Timestamp::MIN, through: Timestamp::MIN, walk: None };
        self.streams.push(Narrow { stream, critical, cursor, pages: 0, asked: 0 });
        self.streams.len() - 1
    }

    /// Whether a stream is read now: a service's whole one, or those of its names.
    fn is_read(&self, number: usize, now: Timestamp) -> bool {
        let mut belongs = false;
        for service in &self.services {
            let by_name = service.by_name_until.is_some_and(|until| now < until);
            if service.whole == number {
                return !(by_name && service.named);
            }
            if service.names.contains(&number) {
                belongs = true;
                if by_name {
                    return true;
                }
            }
        }
        !belongs
    }

    /// The next narrow request, from so far back on: the rest of what was begun, or what waited longest.
    pub(in crate::domain) fn next(&mut self, back: Duration, now: Timestamp) -> Option<(usize, Request)> {
        let going = self.going.filter(|number| self.streams[*number].cursor.walk.is_some());
        let number = match going {
            Some(number) => number,
            None => {
                self.turn += 1;
                let critical = CRITICAL.contains(&(self.turn % TURNS));
                let read = (0..self.streams.len()).filter(|number| self.is_read(*number, now));
                read.min_by_key(|number| {
                    let narrow = &self.streams[*number];
                    (narrow.critical != critical, narrow.asked)
                })?
            }
        };
        let narrow = &mut self.streams[number];
        if going.is_none() {
            narrow.pages = 0;
        }
        narrow.asked = self.turn;
        narrow.cursor.walk.take_if(|walk| now < walk.end || now >= later(walk.end, STALE));
        narrow.cursor.through = now;
        narrow.cursor.begin(back, now);
        Some((number, narrow.cursor.request(narrow.stream.clone())?))
    }

    /// Takes in what the answer to a request says of the way ahead.
    pub fn after(&mut self, number: usize, request: &Request, page: &Page, now: Timestamp) {
        let narrow = &mut self.streams[number];
        narrow.cursor = narrow.cursor.after(request, page);
        narrow.pages += 1;
        let (pages, ended) = (narrow.pages, narrow.cursor.walk.is_none());
        let service = self.services.iter_mut().find(|service| service.whole == number);
        let most = service.as_ref().map_or(PAGES, |service| service.names.len().max(PAGES));
        self.going = Some(number).filter(|_| !ended && pages < most);
        if let Some(service) = service.filter(|service| !ended && pages >= most && !service.names.is_empty())
        {
            service.by_name_until = Some(later(now, BY_NAME));
            self.streams[number].cursor.walk = None;
        }
    }

    /// A request was not answered: it is the next again.
    pub fn unanswered(&mut self, number: usize) {
        self.streams[number].asked = 0;
    }

    /// AWS does not know the token of a walk any more.
    pub fn lost_token(&mut self, number: usize) {
        let narrow = &mut self.streams[number];
        narrow.cursor = narrow.cursor.without_token();
    }
}

/// How urgent a rule makes an event at most.
fn urgency(rule: &Rule) -> Severity {
    rule.escalate.iter().map(|one| one.to).fold(rule.severity, Severity::max)
}

/// The service that CloudTrail names for an EventBridge source (EventBridge user guide, "AWS service events delivered via
/// AWS CloudTrail"): `aws.iam` is `iam.amazonaws.com`.
fn service_of(source: &str) -> Option<String> {
    source.strip_prefix("aws.").map(|service| format!("{service}.amazonaws.com"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::Json;
    use crate::domain::pattern::Pattern;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).expect("a time")
    }

    fn rule(id: &str, severity: Severity, pattern: &str) -> Rule {
        let pattern = Json::parse(pattern).expect("JSON");
        Rule::plain(id, severity, Pattern::compile(&pattern).expect("a pattern"))
    }

    fn sweeps() -> Sweeps {
        let rules = [
            rule(
                "trail",
                Severity::High,
                r#"{"source":["aws.cloudtrail"],"detail":{"eventName":["StopLogging","DeleteTrail"]}}"#,
            ),
            rule("user", Severity::High, r#"{"source":["aws.iam"],"detail":{"eventName":["CreateUser"]}}"#),
            rule("root", Severity::High, r#"{"detail":{"userIdentity":{"type":["Root"]}}}"#),
            rule("low", Severity::Low, r#"{"source":["aws.s3"],"detail":{"eventName":["PutObject"]}}"#),
        ];
        Sweeps::new(&Rules::new(rules.into()))
    }

    /// Of names that are given by their beginning, not all are known: root's calls were not asked for any more.
    #[test]
    fn roots_calls_are_read_beside_the_names_of_some() {
        let pattern = r#"{"detail":{"userIdentity":{"type":["Root"]},"eventName":["StopLogging",{"prefix":"Delete"}]}}"#;
        let sweeps = Sweeps::new(&Rules::new(vec![rule("some", Severity::High, pattern)]));
        let streams: Vec<String> = sweeps.streams.iter().map(|narrow| narrow.stream.to_string()).collect();
        assert_eq!(streams, ["EventName=StopLogging", "Username=root"]);
    }

    /// Reads for so many turns; `pages` says how many pages a stream has.
    fn turns(sweeps: &mut Sweeps, turns: i64, pages: impl Fn(&str) -> usize) -> Vec<String> {
        let mut asked = Vec::new();
        for turn in 0..turns {
            let (number, request) =
                sweeps.next(Duration::from_secs(600), at(turn)).expect("there is something to ask");
            let name = request.stream.to_string();
            let page: usize = request.token.as_deref().map_or(0, |token| token.parse().expect("a page"));
            let next = (page + 1 < pages(&name)).then(|| (page + 1).to_string());
            sweeps.after(number, &request, &Page { oldest: None, next }, at(turn));
            asked.push(format!("{name} {page}"));
        }
        asked
    }

    #[test]
    fn services_are_read_in_turns_and_only_those_of_urgent_rules() {
        let asked = turns(&mut sweeps(), 5, |_| 1);
        let user = "Username=root 0";
        let [trail, iam] = ["EventSource=cloudtrail.amazonaws.com 0", "EventSource=iam.amazonaws.com 0"];
        assert_eq!(asked, [user, trail, iam, user, trail]);
    }

    #[test]
    fn a_flooded_service_is_read_by_its_names_and_hides_none() {
        let flooded = |name: &str| if name == "EventSource=cloudtrail.amazonaws.com" { 1000 } else { 1 };
        let asked = turns(&mut sweeps(), 14, flooded);
        let trail = |page| format!("EventSource=cloudtrail.amazonaws.com {page}");
        assert_eq!(asked[1..4], [trail(0), trail(1), trail(2)], "as many pages as are cheaper than names");
        let names: Vec<&str> = asked[4..].iter().map(String::as_str).collect();
        let turn = [
            "EventName=DeleteTrail 0",
            "EventName=StopLogging 0",
            "EventSource=iam.amazonaws.com 0",
            "Username=root 0",
        ];
        for wanted in turn {
            let times = names.iter().filter(|name| **name == wanted).count();
            assert!((2..=3).contains(&times), "{wanted} {times} times in {names:?}");
        }
    }

    /// A rule on the inventory, and one that names its calls by their beginning, kept EC2 and Lambda from being read by name.
    #[test]
    fn a_service_whose_names_are_not_all_said_is_read_by_those_that_are() {
        let rules = [
            rule(
                "state",
                Severity::High,
                r#"{"source":["aws.ec2"],"detail-type":["EC2 Instance State-change Notification"]}"#,
            ),
            rule("run", Severity::High, r#"{"source":["aws.ec2"],"detail":{"eventName":["RunInstances"]}}"#),
            rule(
                "code",
                Severity::High,
                r#"{"source":["aws.lambda"],"detail":{"eventName":["UpdateFunctionCode20150331v2",{"prefix":"UpdateFunctionCode"}]}}"#,
            ),
            rule(
                "share",
                Severity::High,
                r#"{"source":["aws.lambda"],"detail":{"eventName":["AddPermission"]}}"#,
            ),
        ];
        let flooded = |name: &str| if name.starts_with("EventSource") { 1000 } else { 1 };
        let asked = turns(&mut Sweeps::new(&Rules::new(rules.into())), 40, flooded);
        let times = |wanted: &str| asked.iter().filter(|name| name.starts_with(wanted)).count();
        assert!(times("EventName=UpdateFunctionCode20150331v2") >= 5, "{asked:?}");
        assert!(times("EventName=RunInstances") >= 5 && times("EventName=AddPermission") >= 5, "{asked:?}");
        assert!(times("EventSource=ec2") <= 3 && times("EventSource=lambda") > 10, "{asked:?}");
    }

    #[test]
    fn what_is_critical_has_three_of_ten_turns() {
        let name = |n: usize| format!(r#"{{"detail":{{"eventName":["Name{n}"]}}}}"#);
        let mut rules: Vec<Rule> = (0..20).map(|n| rule(&n.to_string(), Severity::High, &name(n))).collect();
        rules.push(rule(
            "stop",
            Severity::Critical,
            r#"{"source":["aws.cloudtrail"],"detail":{"eventName":["StopLogging"]}}"#,
        ));
        let asked = turns(&mut Sweeps::new(&Rules::new(rules)), 40, |_| 1);
        assert_eq!(asked.iter().filter(|name| name.contains("cloudtrail")).count(), 12);
        assert_eq!(asked.iter().filter(|name| name.contains("=Name19 ")).count(), 1);
    }

    #[test]
    fn a_flooded_name_costs_only_its_turn() {
        let flooded = |name: &str| if name == "Username=root" { 1000 } else { 1 };
        let asked = turns(&mut sweeps(), 10, flooded);
        assert_eq!(asked[..4].iter().filter(|name| name.starts_with("Username")).count(), 3);
        assert!(asked[3..5].iter().all(|name| name.starts_with("EventSource")), "{asked:?}");
        assert_eq!(asked[5], "Username=root 3", "the walk goes on where it was");
    }
}
