//! What a trail's selectors let through of management events, and what they are when they are to let through less. Owns
//! reading and writing them in the shape of AWS's API (CloudTrail API reference, "EventSelector", "AdvancedEventSelector").
//! Refuses to guess: what a selector narrows down in a way not known here counts as recorded by nobody, so that no trail is
//! called a copy that is none.

use std::collections::BTreeSet;

use crate::domain::json::{Json, object};

/// What else a field selector can say beside `NotEquals`.
const OTHER_OPERATORS: [&str; 5] = ["Equals", "StartsWith", "EndsWith", "NotStartsWith", "NotEndsWith"];

/// Which management events a trail records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Those that only read.
    pub reads: bool,
    /// Those that change something.
    pub writes: bool,
    /// The services whose events it leaves out, such as `kms.amazonaws.com`.
    pub except: BTreeSet<String>,
}

impl Recorded {
    /// What two selectors of one trail let through: an event needs only one of them.
    fn or(self, other: Recorded) -> Recorded {
        Recorded {
            reads: self.reads || other.reads,
            writes: self.writes || other.writes,
            except: &self.except & &other.except,
        }
    }
}

/// A trail's selectors, as AWS answers them. A trail has those of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selectors {
    /// Its `EventSelectors`.
    pub basic: Vec<Json>,
    /// Its `AdvancedEventSelectors`.
    pub advanced: Vec<Json>,
}

impl Selectors {
    /// The management events that they let through.
    pub fn recorded(&self) -> Recorded {
        let basic = self.basic.iter().filter_map(basic);
        basic.chain(self.advanced.iter().filter_map(advanced)).reduce(Recorded::or).unwrap_or_default()
    }

    /// The same selectors with management events of these kinds alone, and all else as it is. None where nothing is left:
    /// AWS takes no selector without events (awsdocs/aws-cloudformation-user-guide pull request 752).
    pub fn narrowed(&self, reads: bool, writes: bool) -> Option<Self> {
        let basic: Vec<Json> = self.basic.iter().flat_map(|one| narrowed_basic(one, reads, writes)).collect();
        let advanced: Vec<Json> =
            self.advanced.iter().filter_map(|one| narrowed_advanced(one, reads, writes)).collect();
        (!basic.is_empty() || !advanced.is_empty()).then_some(Selectors { basic, advanced })
    }

    /// The option of `aws cloudtrail put-event-selectors` that sets them, and its value.
    pub fn option(&self) -> (&'static str, String) {
        let (option, selectors) = if self.advanced.is_empty() {
            ("--event-selectors", &self.basic)
        } else {
            ("--advanced-event-selectors", &self.advanced)
        };
        (option, Json::Array(selectors.clone()).to_string())
    }
}

fn texts(json: &Json, name: &str) -> BTreeSet<String> {
    let items = json.get(name).map_or(&[][..], Json::items);
    items.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// What a basic selector lets through of management events. What is absent has AWS's defaults: all of them.
fn basic(selector: &Json) -> Option<Recorded> {
    if selector.get("IncludeManagementEvents").and_then(Json::as_bool) == Some(false) {
        return None;
    }
    let (reads, writes) = match selector.text("ReadWriteType").unwrap_or("All") {
        "All" => (true, true),
        "ReadOnly" => (true, false),
        "WriteOnly" => (false, true),
        _ => return None,
    };
    Some(Recorded { reads, writes, except: texts(selector, "ExcludeManagementEventSources") })
}

fn fields(selector: &Json) -> &[Json] {
    selector.get("FieldSelectors").map_or(&[][..], Json::items)
}

fn is_management(selector: &Json) -> bool {
    let category = fields(selector).iter().find(|field| field.text("Field") == Some("eventCategory"));
    category.is_some_and(|field| texts(field, "Equals").contains("Management"))
}

/// What an advanced selector lets through of management events.
fn advanced(selector: &Json) -> Option<Recorded> {
    if !is_management(selector) {
        return None;
    }
    let mut recorded = Recorded { reads: true, writes: true, except: BTreeSet::new() };
    for field in fields(selector) {
        let only_excludes = OTHER_OPERATORS.iter().all(|operator| texts(field, operator).is_empty());
        match field.text("Field")? {
            "eventCategory" => {}
            "readOnly" => {
                let equals = texts(field, "Equals");
                recorded.reads &= equals.contains("true");
                recorded.writes &= equals.contains("false");
            }
            "eventSource" if only_excludes => recorded.except.extend(texts(field, "NotEquals")),
            // It lets through a part of a kind, of which not all are copies.
            _ => return None,
        }
    }
    (recorded.reads || recorded.writes).then_some(recorded)
}

/// Data events follow the selector's `ReadWriteType` too, so they get a selector of their own.
fn narrowed_basic(selector: &Json, reads: bool, writes: bool) -> Vec<Json> {
    let mut left = Vec::new();
    if let Some(data) = selector.get("DataResources").filter(|data| !data.items().is_empty()) {
        left.push(object([
            ("ReadWriteType", selector.text("ReadWriteType").unwrap_or("All").into()),
            ("IncludeManagementEvents", false.into()),
            ("DataResources", data.clone()),
        ]));
    }
    let Some(recorded) = basic(selector) else { return left };
    let kind = match (recorded.reads && reads, recorded.writes && writes) {
        (true, true) => "All",
        (true, false) => "ReadOnly",
        (false, true) => "WriteOnly",
        (false, false) => return left,
    };
    left.push(object([
        ("ReadWriteType", kind.into()),
        ("IncludeManagementEvents", true.into()),
        ("DataResources", Json::Array(Vec::new())),
        (
            "ExcludeManagementEventSources",
            Json::Array(recorded.except.into_iter().map(Json::String).collect()),
        ),
    ]));
    left
}

fn narrowed_advanced(selector: &Json, reads: bool, writes: bool) -> Option<Json> {
    if !is_management(selector) {
        return Some(selector.clone());
    }
    let Some(recorded) = advanced(selector) else {
        return (reads || writes).then(|| selector.clone());
    };
    let wanted = (recorded.reads && reads, recorded.writes && writes);
    if wanted == (recorded.reads, recorded.writes) {
        return Some(selector.clone());
    }
    let truth = match wanted {
        (false, false) => return None,
        (reads, _) => reads.to_string(),
    };
    let mut narrowed: Vec<Json> =
        fields(selector).iter().filter(|field| field.text("Field") != Some("readOnly")).cloned().collect();
    narrowed.push(object([("Field", "readOnly".into()), ("Equals", Json::Array(vec![truth.into()]))]));
    let name = selector.get("Name").map(|name| ("Name".to_owned(), name.clone()));
    let members = name.into_iter().chain([("FieldSelectors".to_owned(), Json::Array(narrowed))]);
    Some(Json::Object(members.collect()))
}
