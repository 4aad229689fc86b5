//! Rules: a pattern, what excuses it, and how urgent it is. Owns their meaning; where they are read from is
//! `config`'s.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::burst::shown;
use super::event::{Event, derived_id, record};
use super::json::{Json, Malformed};
use super::memory::Token;
use super::pattern::{Known, Pattern, Set, Sheet};
use super::stream::is_read;
use super::text::{FACT, clean};

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a line.
    Info,
    /// Worth a look this week.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth being woken.
    Critical,
}

impl Severity {
    /// Every severity, the least urgent first.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// Its name in configuration and messages.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The severity of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name: letters, digits and dashes.
    pub id: String,
    /// What a person reads first; `{detail.userIdentity.arn}` stands for that field of the event.
    pub title: String,
    /// Why it matters, if the rule says; with fields as in the title.
    pub description: Option<String>,
    /// What to do, or the address where that is written down.
    pub runbook: Option<String>,
    /// How urgent it is, where no escalation holds.
    pub severity: Severity,
    /// Which events it is about.
    pub pattern: Pattern,
    /// Which of those are nothing to tell.
    pub unless: Vec<Pattern>,
    /// Only what was not seen before.
    pub first_seen: Option<FirstSeen>,
    /// Only many of them together.
    pub threshold: Option<Threshold>,
    /// What makes it more urgent.
    pub escalate: Vec<Escalation>,
    /// ATT&CK techniques and whatever else it is found by.
    pub tags: Vec<String>,
    /// Whether it tells, or only counts.
    pub mode: Mode,
    /// The file it stands in, for messages.
    pub origin: String,
}

/// Demands that the values of some fields were not seen together before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstSeen {
    /// The fields.
    pub of: Vec<String>,
    /// For each of these anew: a new region *of a principal*.
    pub by: Vec<String>,
    /// Before that, it is forgotten.
    pub within: Duration,
}

impl FirstSeen {
    /// Under which token the values of an event are remembered.
    pub fn token(&self, rule: &Rule, event: &Event, envelope: &Json) -> Token {
        let values: Vec<String> = self.by.iter().chain(&self.of).map(|path| shown(envelope, path)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Token::rule(&event.account, &rule.id, &values)
    }
}

/// Demands that there are many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// So many.
    pub count: usize,
    /// In so long.
    pub within: Duration,
    /// With the same values here.
    pub by: Vec<String>,
    /// And so many different values there.
    pub distinct: Option<String>,
}

impl Threshold {
    /// In words: `there must be 5 within 15 minutes, of one detail.sourceIPAddress`.
    pub fn said(&self) -> String {
        let seconds = self.within.as_secs();
        let span = match seconds {
            _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
            _ if seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
            _ => format!("{seconds} seconds"),
        };
        let by =
            if self.by.is_empty() { String::new() } else { format!(", of one {}", self.by.join(" and ")) };
        let distinct = self.distinct.as_ref().map(|path| format!(", each with another {path}"));
        format!("there must be {} within {span}{by}{}", self.count, distinct.unwrap_or_default())
    }
}

/// Raises a severity.
#[derive(Debug, Clone)]
pub struct Escalation {
    /// For these events.
    pub when: Pattern,
    /// To this.
    pub to: Severity,
}

/// Whether a rule tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Live,
    /// It counts, and sends nothing.
    DryRun,
}

impl Mode {
    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::DryRun => "dry-run",
        }
    }
}

impl Rule {
    /// A rule that says nothing but its name.
    pub fn plain(id: &str, severity: Severity, pattern: Pattern) -> Self {
        Rule {
            id: id.to_owned(),
            title: id.to_owned(),
            description: None,
            runbook: None,
            severity,
            pattern,
            unless: Vec::new(),
            first_seen: None,
            threshold: None,
            escalate: Vec::new(),
            tags: Vec::new(),
            mode: Mode::Live,
            origin: String::new(),
        }
    }

    /// A text of the rule with the event's fields in it. A field that is not there reads `(unknown)`.
    pub fn fill(text: &str, event: &Event, envelope: &Json) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((field, after)) = after.split_once('}') else { break };
            filled.push_str(before);
            // Of `{a|b}`, the first that is there.
            let said = field.split('|').find_map(|field| match envelope.first_at(field) {
                Some(Json::String(text)) if !text.is_empty() => Some(clean(text, FACT)),
                Some(value @ (Json::Number(_) | Json::Bool(_))) => Some(value.to_string()),
                _ if field == "principal" => Some(super::alert::principal(event)),
                _ => None,
            });
            filled.push_str(said.as_deref().filter(|said| !said.is_empty()).unwrap_or("(unknown)"));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// A rule that an event fits, as far as the event alone can say.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// How urgent the event makes it.
    pub severity: Severity,
    /// The exception that excuses the event, if one does: a place in `unless`.
    pub excused: Option<usize>,
}

/// A set of rules; an event is told under the most urgent that matches it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    set: Set,
    /// The rule of each pattern that is searched, by its number in the set; its exceptions and escalations follow it.
    by_pattern: FxHashMap<u32, usize>,
}

impl Rules {
    /// Rules in order of precedence among those of the same severity.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| Reverse(rule.severity));
        let mut by_pattern = FxHashMap::default();
        let mut patterns = Vec::new();
        for (n, rule) in rules.iter().enumerate() {
            by_pattern.insert(u32::try_from(patterns.len()).unwrap_or(u32::MAX), n);
            patterns.push((&rule.pattern, true));
            patterns.extend(rule.unless.iter().map(|pattern| (pattern, false)));
            patterns.extend(rule.escalate.iter().map(|one| (&one.when, false)));
        }
        let set = Set::with_asides(patterns, &record::PATHS);
        Rules { rules, set, by_pattern }
    }

    /// The rules whose pattern an event fits, the most urgent first; excused ones last. `envelope` is the event's text.
    pub fn findings(&self, scratch: &mut Scratch, envelope: &str) -> Vec<Finding<'_>> {
        let Ok(laid) = self.set.lay(&mut scratch.sheet, envelope) else { return Vec::new() };
        self.set.matching(&laid, Known::All, &mut scratch.matched);
        let found = scratch.matched.iter().map(|pattern| {
            let rule = &self.rules[self.by_pattern[pattern]];
            let asides = pattern + 1..;
            let excused = asides.clone().zip(&rule.unless).position(|(aside, _)| self.set.fits(&laid, aside));
            let raised = asides.skip(rule.unless.len()).zip(&rule.escalate);
            let raised = raised.filter(|(aside, _)| self.set.fits(&laid, *aside)).map(|(_, one)| one.to);
            Finding { rule, severity: raised.fold(rule.severity, Severity::max), excused }
        });
        let mut found: Vec<Finding<'_>> = found.collect();
        found.sort_by_key(|finding| (finding.excused.is_some(), Reverse(finding.severity)));
        found
    }

    /// Looks at a CloudTrail record that is still text: whether any rule may fit it, whatever its context says, and
    /// whether it only reads. It is quick, and never says no where [`Rules::findings`] would find something.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn glance(&self, scratch: &mut Scratch, record: &str) -> Result<Glance, Malformed> {
        let set = &self.set;
        let mut certain = false;
        let laid = set.lay_part(&mut scratch.sheet, "detail", record, |laid, put| {
            let once = record::PATHS.iter().all(|path| set.count(laid, path) <= 1);
            certain = once && record::put_beside(|path| set.text(laid, path), put);
        })?;
        let said = set.bool(&laid, "detail.readOnly");
        let reads = said.unwrap_or_else(|| set.text(&laid, "detail.eventName").is_some_and(is_read));
        set.matching(&laid, Known::WithoutContext, &mut scratch.matched);
        Ok(Glance { may_match: !certain || !scratch.matched.is_empty(), reads })
    }

    /// Every rule, the most urgent first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The same rules, none of them on trial.
    pub fn all_live(&self) -> Self {
        let live = |rule: &Rule| Rule { mode: Mode::Live, ..rule.clone() };
        Rules::new(self.rules.iter().map(live).collect())
    }

    /// What the rules ask of the past, in a few letters: other rules, other letters.
    pub fn fingerprint(&self) -> String {
        let mut asks: Vec<String> = self
            .rules
            .iter()
            .filter_map(|rule| Some((rule, rule.first_seen.as_ref()?)))
            .map(|(rule, first)| format!("{} {:?} {:?} {:?}", rule.id, first, rule.pattern, rule.unless))
            .collect();
        asks.sort();
        let asks: Vec<&str> = asks.iter().map(String::as_str).collect();
        derived_id(&asks)[..8].to_owned()
    }

    /// The rule of an id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

/// What a look at a record shows.
#[derive(Debug, Clone, Copy)]
pub struct Glance {
    /// A rule may tell of it.
    pub may_match: bool,
    /// It only reads.
    pub reads: bool,
}

/// What matching writes on, to be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    sheet: Sheet,
    matched: Vec<u32>,
}
