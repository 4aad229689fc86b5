//! How near an event comes to each rule: what a rule wants, field by field, beside what the event has. Owns the
//! comparison and its order; how it is shown is `cli::explain`'s.

use crate::domain::context::InContext;
use crate::domain::json::{Json, object};
use crate::domain::pattern::Compared;
use crate::domain::rules::rule::{Rule, Rules};
use crate::domain::rules::threshold::Threshold;

/// One rule beside an event: whether it matches, and each field of the alternative that misses fewest. The nearest
/// rules come first.
pub fn near(rules: &Rules, seen: &InContext<'_>, only: Option<&str>) -> Vec<Json> {
    let envelope = seen.tree();
    let wanted = rules.iter().filter(|rule| only.is_none_or(|only| rule.id == only));
    let mut compared: Vec<(usize, &Rule, Vec<Compared>)> = wanted
        .map(|rule| {
            let fields = rule.pattern.nearest_miss(&envelope);
            // Another call or another service is further off than another outcome of this one.
            let far = |field: &&Compared| {
                matches!(field.path.as_str(), "source" | "detail.eventSource" | "detail.eventName")
            };
            let misses = fields.iter().filter(|field| !field.fits);
            let distance = misses.clone().count() + 3 * misses.filter(far).count();
            (distance, rule, fields)
        })
        .collect();
    // Of rules that miss as much, those of which more fits are nearer.
    compared.sort_by_key(|(misses, rule, fields)| {
        let asks_more = rule.first_seen.is_some() || rule.threshold.is_some();
        (*misses, asks_more, std::cmp::Reverse(fields.len()), std::cmp::Reverse(rule.severity))
    });
    compared.iter().map(|(_, rule, fields)| shown(rule, fields, &envelope)).collect()
}

fn shown(rule: &Rule, fields: &[Compared], envelope: &Json) -> Json {
    let misses = fields.iter().filter(|field| !field.fits).count();
    let excused = rule.unless.iter().position(|exception| exception.fits(envelope));
    let raised: Vec<_> = rule.escalate.iter().filter(|one| one.when.fits(envelope)).collect();
    let severity = raised.iter().map(|one| one.to).fold(rule.severity, std::cmp::Ord::max);
    let because = raised.iter().find(|one| one.to == severity && severity > rule.severity);
    let because = because.and_then(|one| one.when.nearest_miss(envelope).into_iter().next());
    let because =
        because.map(|field| format!("{} is one of {}", field.path, field.wanted)).unwrap_or_default();
    // Every field may fit alone, and none of the elements of an array all of them.
    let fits = misses == 0 && rule.pattern.fits(envelope);
    let verdict = match (fits, excused) {
        (true, None) if rule.first_seen.is_some() || rule.threshold.is_some() => {
            let what = if rule.threshold.is_some() { "threshold" } else { "first_seen" };
            format!("pattern matches; {what} not evaluated here")
        }
        (true, None) => "matches".to_owned(),
        (true, Some(n)) => format!("matches, but its exception {} in `unless` excludes it", n + 1),
        (false, _) if misses == 0 => "no match, no single list element has all of it".to_owned(),
        (false, _) => format!("no match, differs in {misses} of {} fields", fields.len()),
    };
    let mut asks = Vec::new();
    asks.extend(rule.first_seen.as_ref().map(|first| format!("{} not seen before", first.of.join(" and "))));
    asks.extend(rule.threshold.as_ref().map(Threshold::said));
    let fields = fields.iter().map(|field| {
        let found = match field.found.as_slice() {
            [] => "(absent)".to_owned(),
            values => values.join(", "),
        };
        object([
            ("path", field.path.as_str().into()),
            ("wanted", field.wanted.as_str().into()),
            ("found", found.into()),
            ("fits", field.fits.into()),
        ])
    });
    object([
        ("rule", rule.id.as_str().into()),
        ("verdict", verdict.into()),
        ("matches", (fits && excused.is_none()).into()),
        ("severity", severity.name().into()),
        ("because", because.into()),
        ("also", asks.join("; ").into()),
        ("fields", Json::Array(fields.collect())),
    ])
}
