//! What `doctor` prints: findings, the worst first, each with what mends it; and apart from these what could not be looked at,
//! which is no finding. Owns how they read, on a terminal and as JSON; what is found is `doctor_findings`'s.

use anstyle::Style;
use serde_json::{Value, json};

use crate::domain::notify::render::terminal::severity_style;
use crate::domain::severity::Severity;
use crate::domain::text::layout::paragraph;
use crate::domain::text::{clean, counted};
use crate::source::FetchError;

const DIM: Style = Style::new().dimmed();
/// The longest text that is shown, in characters.
const TEXT: usize = 900;
/// Where the text of a finding stands, behind its severity.
const INDENT: &str = "            ";
/// More regions than these are counted, and named in the JSON alone.
const NAMED: usize = 3;

/// Something that is wrong.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    /// Its kind, for scripts.
    kind: &'static str,
    pub severity: Severity,
    account: String,
    regions: Vec<String>,
    /// Where, when it is in no account.
    place: String,
    what: String,
    step: String,
    command: Option<String>,
    /// Numbers and names, for scripts.
    facts: Value,
}

impl Finding {
    /// A finding in no place yet. The text is cleaned.
    pub fn new(kind: &'static str, severity: Severity, what: &str) -> Self {
        Finding {
            kind,
            severity,
            account: String::new(),
            regions: Vec::new(),
            place: String::new(),
            what: clean(what, TEXT),
            step: String::new(),
            command: None,
            facts: Value::Null,
        }
    }

    /// In these regions of an account.
    pub fn in_regions(mut self, account: &str, regions: &[String]) -> Self {
        (self.account, self.regions) = (account.to_owned(), regions.to_vec());
        self
    }

    /// Somewhere else: this machine, a file.
    pub fn at(mut self, place: &str) -> Self {
        self.place = clean(place, TEXT);
        self
    }

    /// What mends it, in words.
    pub fn step(mut self, step: &str) -> Self {
        self.step = clean(step, TEXT);
        self
    }

    /// The command that mends it. It is shown as it is, so it must be clean.
    pub fn command(mut self, command: Option<String>) -> Self {
        self.command = command;
        self
    }

    /// Numbers and names, for scripts.
    pub fn facts(mut self, facts: Value) -> Self {
        self.facts = facts;
        self
    }

    fn value(&self) -> Value {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        json!({
            "kind": self.kind,
            "severity": self.severity.name(),
            "account": text(&self.account),
            "regions": self.regions,
            "place": text(&self.place),
            "what": self.what,
            "step": text(&self.step),
            "command": self.command,
            "facts": self.facts,
        })
    }

    fn text(&self, columns: Option<usize>) -> String {
        let (ink, severity) = (severity_style(self.severity), self.severity.name());
        let first = format!("  {ink}{severity}{ink:#}{}", " ".repeat(INDENT.len() - 2 - severity.len()));
        let mut place = where_it_is(&self.account, &self.regions);
        if !self.place.is_empty() {
            place.clone_from(&self.place);
        }
        let mut text = paragraph(columns, &first, INDENT, &format!("{place}: {}", self.what));
        text.push('\n');
        if !self.step.is_empty() {
            text.push_str(&paragraph(columns, INDENT, INDENT, &self.step));
            text.push('\n');
        }
        // A command is copied from the screen: it is never broken.
        text.extend(self.command.iter().map(|command| format!("{INDENT}{command}\n")));
        text
    }
}

/// Something that could not be looked at.
#[derive(Debug, Clone)]
struct Unseen {
    account: String,
    regions: Vec<String>,
    what: String,
    why: String,
    /// The permission that is missing, where that is why.
    grant: Option<&'static str>,
}

impl Unseen {
    fn value(&self) -> Value {
        json!({
            "what": self.what,
            "account": self.account,
            "regions": self.regions,
            "why": self.why,
            "grant": self.grant,
        })
    }

    fn text(&self, columns: Option<usize>) -> String {
        let place = where_it_is(&self.account, &self.regions);
        let grant = self.grant.map(|grant| format!("; grant {grant}")).unwrap_or_default();
        let text = format!("could not look at {} in {place}: {}{grant}", self.what, self.why);
        format!("{}\n", paragraph(columns, "  ", "    ", &text))
    }
}

/// What a look came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub findings: Vec<Finding>,
    unseen: Vec<Unseen>,
    /// How many regions were looked at, of all accounts.
    pub regions: usize,
}

impl Report {
    /// Notes what could not be looked at. The same in several regions is one.
    pub fn not_seen(
        &mut self,
        what: &str,
        account: &str,
        region: &str,
        why: &FetchError,
        action: &'static str,
    ) {
        let (what, reason) = (clean(what, TEXT), clean(&why.to_string(), TEXT));
        let same = |one: &&mut Unseen| one.account == account && one.what == what && one.why == reason;
        if let Some(known) = self.unseen.iter_mut().find(same) {
            known.regions.push(region.to_owned());
            return;
        }
        self.unseen.push(Unseen {
            account: account.to_owned(),
            regions: vec![region.to_owned()],
            what,
            why: reason,
            grant: matches!(why, FetchError::Denied(_)).then_some(action),
        });
    }

    /// Puts the worst first.
    pub fn sort(&mut self) {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    }

    pub fn value(&self) -> Value {
        json!({
            "findings": self.findings.iter().map(Finding::value).collect::<Vec<_>>(),
            "not_looked_at": self.unseen.iter().map(Unseen::value).collect::<Vec<_>>(),
            "regions_looked_at": self.regions,
        })
    }

    pub fn text(&self, columns: Option<usize>) -> String {
        let mut text: String = self.findings.iter().map(|finding| finding.text(columns)).collect();
        text.extend(self.unseen.iter().map(|unseen| unseen.text(columns)));
        if self.unseen.iter().any(|unseen| unseen.grant.is_some()) {
            text.push_str(&format!("    {DIM}trailnoti iam-policy --doctor prints the policy{DIM:#}\n"));
        }
        let looked = counted(self.regions as u64, "region");
        let found = match self.findings.len() {
            0 if self.unseen.is_empty() => "nothing found".to_owned(),
            0 => "nothing found in what could be looked at".to_owned(),
            n => counted(n as u64, "finding"),
        };
        text.push_str(&format!("{found}; looked at {looked}\n"));
        text
    }
}

/// The account and its regions, as few as are worth naming.
fn where_it_is(account: &str, regions: &[String]) -> String {
    let regions = match regions {
        few if few.len() <= NAMED => few.join(", "),
        many => counted(many.len() as u64, "region"),
    };
    [account, regions.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
