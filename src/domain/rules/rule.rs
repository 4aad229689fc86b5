//! Rules: a pattern, what excuses it, and how urgent it is. Owns their meaning; where they are read from is
//! `config`'s.

use std::cmp::Reverse;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;

use heck::ToSnakeCase;
use rustc_hash::FxHashMap;

use crate::domain::context::InContext;
use crate::domain::context::effect::without_version;
use crate::domain::context::principal::{HIDDEN, short_actor};
use crate::domain::event::reads::is_read;
use crate::domain::event::{Event, derived_id, record, short_id};
use crate::domain::json::{Json, Malformed, object};

use crate::domain::language::Language;
use crate::domain::pattern::{Known, Pattern, Set, Sheet};
use crate::domain::rules::threshold::Threshold;
use crate::domain::rules::token::Token;
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, clean};

/// What is alerted on: a pattern, its exceptions, and how urgent it is.
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
    /// Which of those are nothing to alert on.
    pub unless: Vec<Pattern>,
    /// Only what was not seen before.
    pub first_seen: Option<FirstSeen>,
    /// Only many of them together.
    pub threshold: Option<Threshold>,
    /// What makes it more urgent.
    pub escalate: Vec<Escalation>,
    /// How urgent it is where who acts has done the same for days, from the same network with the same tool; what raises it
    /// then is only what always does.
    pub usual: Option<Severity>,
    /// ATT&CK techniques and whatever else it is found by.
    pub tags: Vec<String>,
    /// Whether it alerts, or only counts.
    pub mode: Mode,
    /// The file it stands in, for messages.
    pub origin: String,
    /// What it says in Korean.
    pub korean: Option<Texts>,
    /// In which language it talks.
    pub language: Language,
}

/// What a rule says in another language; what is not there, it says as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its runbook.
    pub runbook: Option<String>,
}

/// Demands that the values of some fields were not seen together before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstSeen {
    /// The fields whose values must be new together.
    pub of: Vec<String>,
    /// For each of these anew: a new region *of a principal*.
    pub by: Vec<String>,
    /// Before that, it is forgotten.
    pub within: Duration,
}

impl FirstSeen {
    /// Under which token the values of an event are remembered.
    pub fn token(&self, rule: &str, seen: &InContext<'_>) -> Token {
        let values: Vec<String> = self.by.iter().chain(&self.of).map(|path| seen.shown(path)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Token::rule(&seen.event.account, rule, &values)
    }
}

/// What raises a rule's severity, and to which.
#[derive(Debug, Clone)]
pub struct Escalation {
    /// The events for which it does.
    pub when: Pattern,
    /// The severity that they get.
    pub to: Severity,
    /// Also where it is usual.
    pub always: bool,
}

/// The fact by which a rule says that it is about suspects' calls.
pub const FOLLOWED: &str = "context.followed";

/// What is usual for who acts, as facts say it.
pub(super) static USUAL: LazyLock<Pattern> = LazyLock::new(|| {
    let by = object([("by", Json::Array(vec!["usual".into()]))]);
    Pattern::compile(&object([("context", by)])).unwrap_or_else(|problems| unreachable!("{problems:?}"))
});

/// Whether a rule alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It alerts.
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
            usual: None,
            tags: Vec::new(),
            mode: Mode::Live,
            origin: String::new(),
            korean: None,
            language: Language::default(),
        }
    }

    /// It talks in a language from now on, as far as it can.
    pub fn speak(&mut self, language: Language) {
        self.language = language;
        if let (Language::Korean, Some(Texts { title, description, runbook })) =
            (language, self.korean.clone())
        {
            self.title = title.unwrap_or_else(|| self.title.clone());
            self.description = description.or(self.description.take());
            self.runbook = runbook.or(self.runbook.take());
        }
    }

    /// How urgent an event is that these of its escalations fit.
    pub(super) fn severity_of<'r>(
        &self,
        is_usual: bool,
        raised: impl Iterator<Item = &'r Escalation>,
    ) -> Severity {
        match self.usual.filter(|_| is_usual) {
            Some(usual) => raised.filter(|one| one.always).map(|one| one.to).fold(usual, Severity::max),
            None => raised.map(|one| one.to).fold(self.severity, Severity::max),
        }
    }

    /// A text of the rule with the event's fields in it. `{principal}` is the short name of who did it, `{service}` the service
    /// that was called, `{call}` what was asked of it, in words; a field that is not
    /// there reads `(unknown)`.
    pub fn fill(&self, text: &str, seen: &InContext<'_>) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((field, after)) = after.split_once('}') else { break };
            filled.push_str(before);
            let mut hidden = false;
            // Of `{a|b}`, the first that is there.
            let said = field.split('|').find_map(|field| {
                let said = match field {
                    "principal" => short_actor(seen.event),
                    "service" => clean(service(&seen.event.source), FACT),
                    "call" => clean(&call_in_words(seen.event), FACT),
                    field => value(seen, field),
                };
                hidden |= said == HIDDEN;
                Some(said).filter(|said| !said.is_empty() && said != HIDDEN)
            });
            let words = self.language.words();
            let nothing = if hidden { words.hidden_name() } else { words.unknown() };
            filled.push_str(said.as_deref().unwrap_or(nothing));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

fn service(source: &str) -> &str {
    source.strip_prefix("aws.").unwrap_or(source)
}

/// What a call asks for, as its name says it: `create db instance` of `CreateDBInstance`.
fn call_in_words(event: &Event) -> String {
    without_version(event.detail.text("eventName").unwrap_or_default()).to_snake_case().replace('_', " ")
}

/// The scalar at a path as a text; empty where there is none.
fn value(seen: &InContext<'_>, path: &str) -> String {
    seen.with(path, |value| match value {
        Some(Json::String(text)) => clean(text, FACT),
        Some(value @ (Json::Number(_) | Json::Bool(_))) => value.to_string(),
        _ => String::new(),
    })
}

/// A rule that an event fits, as far as the event alone can say.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// The rule whose pattern fits.
    pub rule: &'a Rule,
    /// How urgent the event makes it.
    pub severity: Severity,
    /// The exception that excuses the event, if one does: a place in `unless`.
    pub excused: Option<usize>,
}

/// A set of rules; an event is alerted on under the most urgent that matches it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    set: Set,
    /// The rule of each pattern that is searched, by its number in the set; its exceptions and escalations follow it.
    by_pattern: FxHashMap<u32, usize>,
    /// Whether each rule can fit only what is new to who acts, or has an effect: [`Glance::is_unlikely`].
    unlikely: Vec<bool>,
    /// Rules on what is read of suspects: not searched, since every read would fit them as far as its text says.
    followed: Vec<Rule>,
}

impl Rules {
    /// Rules in order of precedence among those of the same severity.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| Reverse(rule.severity));
        let (followed, rules): (Vec<Rule>, Vec<Rule>) =
            rules.into_iter().partition(|rule| rule.pattern.paths().any(|path| path == FOLLOWED));
        let mut by_pattern = FxHashMap::default();
        let mut patterns = Vec::new();
        for (n, rule) in rules.iter().enumerate() {
            by_pattern.insert(u32::try_from(patterns.len()).unwrap_or(u32::MAX), n);
            patterns.push((&rule.pattern, true));
            patterns.extend(rule.unless.iter().map(|pattern| (pattern, false)));
            patterns.extend(rule.escalate.iter().map(|one| (&one.when, false)));
            patterns.extend(rule.usual.map(|_| (&*USUAL, false)));
        }
        let set = Set::with_asides(patterns, &record::PATHS);
        let unlikely = rules.iter().map(|rule| is_unlikely(&rule.pattern)).collect();
        Rules { rules, set, by_pattern, unlikely, followed }
    }

    /// The rules whose pattern an event fits, the most urgent first; excused ones last. `envelope` is the event's text.
    pub fn findings(&self, scratch: &mut Scratch, envelope: &str) -> Vec<Finding<'_>> {
        let Ok(laid) = self.set.lay(&mut scratch.sheet, envelope) else { return Vec::new() };
        self.set.matching(&laid, Known::All, &mut scratch.matched);
        let found = scratch.matched.iter().map(|pattern| {
            let rule = &self.rules[self.by_pattern[pattern]];
            let asides = pattern + 1..;
            let excused = asides.clone().zip(&rule.unless).position(|(aside, _)| self.set.fits(&laid, aside));
            let mut asides = asides.skip(rule.unless.len());
            let raised: Vec<&Escalation> = rule
                .escalate
                .iter()
                .filter(|_| asides.next().is_some_and(|aside| self.set.fits(&laid, aside)))
                .collect();
            let usual =
                rule.usual.is_some() && asides.next().is_some_and(|aside| self.set.fits(&laid, aside));
            Finding { rule, severity: rule.severity_of(usual, raised.into_iter()), excused }
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
        let id = set.text(&laid, "detail.eventID").filter(|_| certain).map(short_id);
        let account = set.text(&laid, "detail.recipientAccountId");
        let account = account.or_else(|| set.text(&laid, "detail.userIdentity.accountId")).map(str::to_owned);
        let second = set.text(&laid, "detail.eventTime").and_then(|time| time.parse::<Timestamp>().ok());
        let named = id.zip(account).zip(second.map(|time| time.as_second()));
        let said = set.bool(&laid, "detail.readOnly");
        let reads = said.unwrap_or_else(|| set.text(&laid, "detail.eventName").is_some_and(is_read));
        set.matching(&laid, Known::WithoutContext, &mut scratch.matched);
        let unlikely = |pattern: &u32| self.by_pattern.get(pattern).is_some_and(|n| self.unlikely[*n]);
        Ok(Glance {
            may_match: !certain || !scratch.matched.is_empty(),
            is_unlikely: certain && scratch.matched.iter().all(unlikely),
            reads,
            named: named.map(|((id, account), second)| (account, second, id)),
        })
    }

    /// Every rule, the most urgent first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain(&self.followed)
    }

    /// Those that are asked only of what is read of suspects.
    pub fn followed(&self) -> &[Rule] {
        &self.followed
    }

    /// The same rules, none of them on trial.
    pub fn all_live(&self) -> Self {
        let live = |rule: &Rule| Rule { mode: Mode::Live, ..rule.clone() };
        Rules::new(self.iter().map(live).collect())
    }

    /// What the rules ask of the past, in a few letters: other rules, other letters.
    pub fn fingerprint(&self) -> String {
        let mut asks: Vec<String> = self
            .rules
            .iter()
            .filter_map(|rule| Some((rule, rule.first_seen.as_ref()?)))
            .map(|(rule, first)| format!("{} {:?} {:?} {:?}", rule.id, first, rule.pattern, rule.unless))
            .collect();
        // What a principal did alone is remembered since a later build: a history that was read before is read again.
        asks.push("own".to_owned());
        asks.sort();
        let asks: Vec<&str> = asks.iter().map(String::as_str).collect();
        derived_id(&asks)[..8].to_owned()
    }

    /// The rule of an id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.iter().find(|rule| rule.id == id)
    }
}

/// Whether a pattern fits only what is new to who acts, or what has an effect or opens something.
fn is_unlikely(pattern: &Pattern) -> bool {
    let new =
        pattern.exact_texts("context.by").into_iter().map(|by| by.is_some_and(|by| by == ["elsewhere"]));
    let first = pattern.admits("context.own.call", &Json::Bool(false)).into_iter().map(|old| !old);
    let facts = ["context.effect", "context.public", "context.outside"].map(|path| pattern.demands(path));
    let mut each = new.zip(first).enumerate();
    each.all(|(n, (new, first))| new || first || facts.iter().any(|demands| demands[n]))
}

/// What a look at a record shows.
#[derive(Debug, Clone)]
pub struct Glance {
    /// A rule may alert on it.
    pub may_match: bool,
    /// None that may does where nothing is new to who acts, and the call has no effect that rules ask for.
    pub is_unlikely: bool,
    /// Whether the event only reads.
    pub reads: bool,
    /// Whose it is, in which second it happened, and its [`short_id`], where the text says all three for certain.
    pub named: Option<(String, i64, [u8; 16])>,
}

/// What matching writes on, to be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    sheet: Sheet,
    matched: Vec<u32>,
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
