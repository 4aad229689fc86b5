//! Which alerts go to which sink. Owns that choice; where the sinks are configured is `config`'s.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::domain::incident::{Standing, Turn};
use crate::domain::notify::alert::Alert;
use crate::domain::pattern::Wildcard;
use crate::domain::severity::Severity;

/// The rule of the daily summary.
pub const DAILY: &str = "trailnoti-daily";
/// So many alerts of an incident are worth a message when it is over.
const WORTH_AN_END: u64 = 3;

/// A sink, as far as choosing what goes there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Its name in the configuration.
    pub sink: String,
    /// What is less urgent does not go there.
    pub min_severity: Severity,
    /// It gets the daily summary, whatever its severity.
    pub digest: bool,
    /// It shows how an incident stands, or hands it on: it hears of the end of each. Others hear of the end of those that were more
    /// than a message or two.
    pub follows: bool,
    /// What goes there; empty for everything.
    pub only: Only,
    /// When something goes there; none for always.
    pub active: Option<Hours>,
    /// It stands by: it gets what another sink could not send, and what nobody looks after.
    pub backup: bool,
}

/// What goes to a sink. Each list that is not empty must have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    /// Rules' ids.
    pub(crate) rules: Vec<Wildcard>,
    /// Accounts, by number or by name.
    pub(crate) accounts: Vec<Wildcard>,
    /// Regions.
    pub(crate) regions: Vec<Wildcard>,
    /// Tags of the instances that an alert is about, as `key=value`.
    pub(crate) tags: Vec<Wildcard>,
}

impl Only {
    fn takes(&self, alert: &Alert) -> bool {
        let has = |wanted: &[Wildcard], texts: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|one| texts.iter().any(|text| one.matches(text)))
        };
        has(&self.rules, &[&alert.rule])
            && has(&self.accounts, &[&alert.account, &alert.account_name])
            && has(&self.regions, &[&alert.region])
            // What trailnoti reports of itself is about no instance, and for every reader.
            && (alert.of_itself || has(&self.tags, &alert.tags.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

impl Route {
    /// Whether an alert goes there at a time. What trailnoti reports of itself, as that it sees nothing, belongs to no account and
    /// region, and is for every reader who has the severity.
    pub fn takes(&self, alert: &Alert, now: Timestamp) -> bool {
        if alert.rule == DAILY {
            return self.digest;
        }
        if let Some(Standing { turn, alerts }) = &alert.part.standing {
            // Whoever was told of the incident hears of it; who that is, is known when it is sent (`outbox::untold`).
            return self.follows || *turn == Turn::Acknowledged || *alerts >= WORTH_AN_END;
        }
        if self.backup && !alert.part.passed_on {
            return false;
        }
        let is_wanted = alert.severity >= self.min_severity;
        let is_of_nowhere = alert.account.is_empty() && alert.region.is_empty();
        let is_active = self.active.as_ref().is_none_or(|hours| hours.include(now));
        is_wanted && is_active && (is_of_nowhere || self.only.takes(alert))
    }
}

/// Hours of days of the week, in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    days: Vec<Weekday>,
    from: Time,
    until: Time,
    zone: TimeZone,
}

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Hours {
    /// Reads `Mon-Fri 09:00-18:00 Asia/Seoul`. Days may be listed with commas; a night goes on into the next day (`22:00-06:00`).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "write it as \"Mon-Fri 09:00-18:00 Asia/Seoul\"";
        let [days, hours, zone] = text.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(example.to_owned());
        };
        let day = |name: &str| {
            let found = DAYS.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
            found.ok_or_else(|| format!("\"{name}\" is no day: {example}"))
        };
        let mut all = Vec::new();
        for part in days.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (day(first)?, day(last)?);
            // Sat-Mon goes over the end of the week.
            let through = (last + DAYS.len() - first) % DAYS.len();
            all.extend((0..=through).map(|n| DAYS[(first + n) % DAYS.len()].1));
        }
        let time = |text: &str| {
            Time::strptime("%H:%M", text).map_err(|_| format!("\"{text}\" is no time: {example}"))
        };
        let (from, until) = hours.split_once('-').ok_or_else(|| example.to_owned())?;
        // The end of a day is its first minute's other name.
        let (from, until) = (time(from)?, if until == "24:00" { Time::MAX } else { time(until)? });
        let zone = TimeZone::get(zone).map_err(|_| format!("\"{zone}\" is no time zone: {example}"))?;
        Ok(Hours { days: all, from, until, zone })
    }

    /// Whether a time is among them.
    pub fn include(&self, now: Timestamp) -> bool {
        let now = now.to_zoned_datetime(self.zone.clone());
        let (today, time) = (now.weekday(), now.time());
        let is_on = |day: Weekday| self.days.contains(&day);
        if self.from < self.until {
            return is_on(today) && self.from <= time && time < self.until;
        }
        is_on(today) && time >= self.from || is_on(today.previous()) && time < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn hours_are_those_of_their_own_zone() {
        let office = Hours::parse("Mon-Fri 09:00-18:00 Asia/Seoul").expect("hours");
        // 2026-03-02 is a Monday.
        assert!(office.include(at("2026-03-02T00:00:00Z")), "nine in Seoul");
        assert!(!office.include(at("2026-03-02T09:00:00Z")), "eighteen in Seoul");
        assert!(!office.include(at("2026-03-01T05:00:00Z")), "a Sunday");
        let night = Hours::parse("fri-sat,Wed 22:00-06:00 UTC").expect("hours");
        assert!(night.include(at("2026-03-06T23:00:00Z")) && night.include(at("2026-03-08T05:59:59Z")));
        assert!(!night.include(at("2026-03-08T06:00:00Z")) && !night.include(at("2026-03-08T23:00:00Z")));
        let whole = Hours::parse("Sat-Mon 00:00-24:00 UTC").expect("hours");
        assert!(whole.include(at("2026-03-08T23:59:59Z")) && !whole.include(at("2026-03-03T00:00:00Z")));
        for wrong in ["", "Mon", "Mon 9-18 UTC", "Mo-Fr 09:00-18:00 UTC", "Mon 09:00-18:00 Mars/Base"] {
            assert!(Hours::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn alert(change: impl FnOnce(&mut Alert)) -> Alert {
        let mut alert = Alert { account_name: "prod".to_owned(), ..Alert::sample() };
        change(&mut alert);
        alert
    }

    #[test]
    fn a_route_takes_what_it_names_and_who_stands_by_only_what_is_passed_on() {
        let route = |change: fn(&mut Route)| {
            let mut route =
                Route { sink: "s".to_owned(), min_severity: Severity::Medium, ..Route::default() };
            change(&mut route);
            move |alert: &Alert| route.takes(alert, at("2026-03-02T10:00:00Z"))
        };
        let wildcard = |text: &str| Wildcard::parse(text).expect("a wildcard");
        let (high, low) = (alert(|_| {}), alert(|alert| alert.severity = Severity::Low));
        let all = route(|_| {});
        assert!(all(&high) && !all(&low) && all(&alert(|alert| alert.severity = Severity::Medium)));
        let daily = alert(|alert| (alert.rule, alert.severity) = (DAILY.to_owned(), Severity::Info));
        assert!(!all(&daily) && route(|route| route.digest = true)(&daily));
        let only = |only: Only| {
            let route = Route { sink: "s".to_owned(), only, ..Route::default() };
            move |alert: &Alert| route.takes(alert, at("2026-03-02T10:00:00Z"))
        };
        let by_name = only(Only { accounts: vec![wildcard("prod")], ..Only::default() });
        assert!(by_name(&high) && !by_name(&alert(|alert| alert.account_name = "test".to_owned())));
        assert!(only(Only { accounts: vec![wildcard("1111*")], ..Only::default() })(&high));
        assert!(!only(Only { rules: vec![wildcard("ec2-*")], ..Only::default() })(&high));
        let team = only(Only { tags: vec![wildcard("team=ml*")], ..Only::default() });
        assert!(team(&alert(|alert| alert.tags = vec!["env=x".to_owned(), "team=ml-1".to_owned()])));
        assert!(!team(&alert(|alert| alert.tags = vec!["env=ml".to_owned()])) && !team(&high));
        assert!(team(&alert(|alert| alert.of_itself = true)), "nobody else hears that nothing is read");
        let europe = only(Only { regions: vec![wildcard("eu-*")], ..Only::default() });
        let own = alert(|alert| (alert.account, alert.region) = (String::new(), String::new()));
        assert!(!europe(&high) && europe(&own), "what trailnoti reports of itself is nobody's region");
        let standby = route(|route| route.backup = true);
        assert!(!standby(&high) && standby(&alert(|alert| alert.part.passed_on = true)));
        let stands = |turn, alerts| {
            let standing = Standing { turn, alerts };
            alert(|alert| (alert.severity, alert.part.standing) = (Severity::Info, Some(standing)))
        };
        let end = |alerts| stands(Turn::Over, alerts);
        assert!(all(&stands(Turn::Acknowledged, 1)), "who was told hears that somebody looks after it");
        assert!(all(&end(3)) && !all(&end(2)) && route(|route| route.follows = true)(&end(1)));
        assert!(standby(&end(9)), "who stood by, and was told");
    }
}
