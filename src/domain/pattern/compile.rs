//! From a pattern's JSON to what `value` can judge. Owns the syntax, and reports every mistake at once, each with
//! its place and what would be right.

use ipnet::IpNet;

use crate::domain::json::Json;
use crate::domain::pattern::compiled::{Alternative, Condition, Pattern};
use crate::domain::pattern::problem::Problem;
use crate::domain::pattern::value::{Folded, Want, Wildcard, comparable, parse_address};

/// The operators; a branch of `$or` cannot use one as a field's name, or a typing mistake would pass as a field.
const OPERATORS: [&str; 9] = [
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exactly",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
];

/// How many alternatives the `$or` of a pattern may make together: as many as EventBridge takes (user guide, "Using $or in
/// event patterns"). Eighteen with two branches each would be a quarter of a million.
const ALTERNATIVES: usize = 1000;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Every mistake in it, each with the place and what would be right.
    pub fn compile(pattern: &Json) -> Result<Self, Vec<Problem>> {
        compile(pattern)
    }
}

fn compile(pattern: &Json) -> Result<Pattern, Vec<Problem>> {
    let mut compiler =
        Compiler { problems: Vec::new(), replaced: Vec::new(), in_branch: false, too_many: false };
    let mut alternatives = vec![Alternative::new()];
    match pattern {
        Json::Object(members) => compiler.object("", members, &mut alternatives),
        _ => compiler.problem("", "a pattern must be a JSON object, such as {\"source\": [\"aws.iam\"]}"),
    }
    compiler.replaced.sort();
    compiler.replaced.dedup();
    match compiler.problems.is_empty() {
        true => Ok(Pattern { alternatives, replaced: compiler.replaced }),
        false => Err(compiler.problems),
    }
}

struct Compiler {
    problems: Vec<Problem>,
    /// Paths whose condition outside of `$or` a branch replaced, and does not narrow.
    replaced: Vec<String>,
    in_branch: bool,
    /// It was said that there are too many alternatives; the rest of the pattern is checked without any.
    too_many: bool,
}

impl Compiler {
    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(Problem { path: path.to_owned(), message: message.into() });
    }

    /// Adds an object's conditions to every alternative so far. A name that is there twice overrides, as in
    /// EventBridge.
    fn object(&mut self, path: &str, members: &[(String, Json)], alternatives: &mut Vec<Alternative>) {
        if members.is_empty() {
            self.problem(path, "an empty object matches nothing: add a field, or remove it");
        }
        for (name, value) in members {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match value {
                _ if name == "$or" => self.or(path, &below, value, alternatives),
                Json::Object(members) => self.object(&below, members, alternatives),
                Json::Array(values) => {
                    let condition =
                        Condition { wants: self.values(&below, values), written: value.to_string() };
                    for alternative in alternatives.iter_mut() {
                        let before = alternative.insert(below.clone(), condition.clone());
                        if self.in_branch && before.is_some_and(|before| !condition.narrows(&before)) {
                            self.replaced.push(below.clone());
                        }
                    }
                }
                single => self.problem(&below, format!("a condition must be a list: write [{single}]")),
            }
        }
    }

    fn or(&mut self, path: &str, below: &str, value: &Json, alternatives: &mut Vec<Alternative>) {
        let branches = value.items();
        if branches.len() < 2 {
            return self.problem(below, "$or must be a list of at least two objects");
        }
        let mut base = std::mem::take(alternatives);
        if self.is_too_many(below, base.len().saturating_mul(branches.len())) {
            base.clear();
        }
        for (index, branch) in branches.iter().enumerate() {
            let place = format!("{below}[{index}]");
            let Json::Object(members) = branch else {
                self.problem(&place, format!("a branch of $or must be an object, not {branch}"));
                continue;
            };
            if let Some((operator, _)) = members.iter().find(|(name, _)| OPERATORS.contains(&name.as_str())) {
                self.problem(
                    &place,
                    format!("a branch of $or must name fields, but `{operator}` is an operator: move it into a field's list"),
                );
                continue;
            }
            let mut branched = base.clone();
            let outer = std::mem::replace(&mut self.in_branch, true);
            self.object(path, members, &mut branched);
            self.in_branch = outer;
            alternatives.append(&mut branched);
            if self.is_too_many(below, alternatives.len()) {
                base.clear();
                alternatives.clear();
            }
        }
    }

    fn is_too_many(&mut self, path: &str, alternatives: usize) -> bool {
        if alternatives > ALTERNATIVES && !self.too_many {
            self.too_many = true;
            let message = format!(
                "this and the $or around and before it make {alternatives} alternatives or more, and {ALTERNATIVES} are the most: list values in a field, or write several rules"
            );
            self.problem(path, message);
        }
        self.too_many
    }

    fn values(&mut self, path: &str, values: &[Json]) -> Vec<Want> {
        if values.is_empty() {
            self.problem(path, "an empty list matches nothing: add a value, or remove the field");
        }
        values.iter().filter_map(|value| self.value(path, value)).collect()
    }

    fn value(&mut self, path: &str, value: &Json) -> Option<Want> {
        match value {
            Json::Null => Some(Want::Null),
            Json::Bool(truth) => Some(Want::Bool(*truth)),
            Json::Number(number) => Some(number_want(number)),
            Json::String(text) => Some(match parse_address(text) {
                Some(address) => Want::Address(text.clone(), address),
                None => Want::Text(text.clone()),
            }),
            Json::Array(_) => {
                self.problem(path, "nested list: write all values in one list");
                None
            }
            Json::Object(members) => {
                let [(operator, operand)] = members.as_slice() else {
                    self.problem(
                        path,
                        "a condition must be an object with exactly one operator, such as {\"prefix\": \"a\"}",
                    );
                    return None;
                };
                let place = format!("{path}.{operator}");
                self.operator(&place, operator, operand)
            }
        }
    }

    fn operator(&mut self, place: &str, operator: &str, operand: &Json) -> Option<Want> {
        match operator {
            "exactly" => self.text(place, operand).map(Want::Text),
            "prefix" => self.affix(place, operand, Want::Prefix, Want::PrefixIgnoreCase),
            "suffix" => self.affix(place, operand, Want::Suffix, Want::SuffixIgnoreCase),
            "equals-ignore-case" => {
                self.text(place, operand).map(|text| Want::IgnoreCase(Folded::new(&text)))
            }
            "wildcard" => {
                let text = self.text(place, operand)?;
                self.wildcard(place, &text)
            }
            "numeric" => self.numeric(place, operand.items()),
            "cidr" => self.cidr(place, operand),
            "exists" => match operand.as_bool() {
                Some(true) => Some(Want::Present),
                Some(false) => Some(Want::Absent),
                None => {
                    self.problem(place, format!("exists takes true or false, not {operand}"));
                    None
                }
            },
            "anything-but" => self.anything_but(place, operand),
            unknown => {
                let hint = nearest(unknown, OPERATORS);
                self.problem(place, format!("unknown operator `{unknown}`{}", did_you_mean(hint)));
                None
            }
        }
    }

    fn text(&mut self, place: &str, operand: &Json) -> Option<String> {
        let text = operand.as_str().map(str::to_owned);
        if text.is_none() {
            self.problem(place, format!("takes a string, not {operand}"));
        }
        text
    }

    fn wildcard(&mut self, place: &str, text: &str) -> Option<Want> {
        Wildcard::parse(text).map(Want::Wildcard).map_err(|why| self.problem(place, why)).ok()
    }

    fn affix(
        &mut self,
        place: &str,
        operand: &Json,
        plain: fn(String) -> Want,
        folded: fn(Folded) -> Want,
    ) -> Option<Want> {
        match operand {
            Json::Object(members) => match members.as_slice() {
                [(name, text)] if name == "equals-ignore-case" => {
                    self.text(&format!("{place}.{name}"), text).map(|text| folded(Folded::new(&text)))
                }
                _ => {
                    self.problem(place, "takes a string, or {\"equals-ignore-case\": \"…\"}");
                    None
                }
            },
            _ => self.text(place, operand).map(plain),
        }
    }

    fn numeric(&mut self, place: &str, terms: &[Json]) -> Option<Want> {
        let mut bounds = Vec::new();
        for pair in terms.chunks(2) {
            let (Some(operator), Some(Json::Number(number))) = (pair[0].as_str(), pair.get(1)) else {
                self.problem(place, "takes pairs of an operator and a number, such as [\">\", 0, \"<=\", 5]");
                return None;
            };
            let Some(value) = comparable(number.as_str()) else {
                self.problem(
                    place,
                    format!("{number} cannot be compared exactly: use a number that a 64-bit float can hold"),
                );
                return None;
            };
            bounds.push((operator, value));
        }
        let range = match bounds.as_slice() {
            [("=", value)] => (Some((*value, true)), Some((*value, true))),
            [(low @ (">" | ">="), value)] => (Some((*value, *low == ">=")), None),
            [(high @ ("<" | "<="), value)] => (None, Some((*value, *high == "<="))),
            [(low @ (">" | ">="), bottom), (high @ ("<" | "<="), top)] => {
                if bottom >= top {
                    self.problem(
                        place,
                        format!("the lower bound {bottom} must be less than the upper bound {top}"),
                    );
                    return None;
                }
                (Some((*bottom, *low == ">=")), Some((*top, *high == "<=")))
            }
            _ => {
                self.problem(
                    place,
                    "takes one of =, >, >=, <, <= with a number, or a range such as [\">\", 0, \"<=\", 5]",
                );
                return None;
            }
        };
        Some(Want::Range { low: range.0, high: range.1 })
    }

    fn cidr(&mut self, place: &str, operand: &Json) -> Option<Want> {
        let text = self.text(place, operand)?;
        let network = text.split_once('/').and_then(|(address, bits)| {
            let address = parse_address(address)?;
            IpNet::new(address, bits.parse().ok()?).ok()
        });
        match network {
            Some(network) if network.prefix_len() < network.max_prefix_len() => {
                Some(Want::Network(network.trunc()))
            }
            Some(network) => {
                self.problem(
                    place,
                    format!("{text} is a single address: write \"{}\" as a plain value", network.addr()),
                );
                None
            }
            None => {
                self.problem(
                    place,
                    format!("\"{text}\" is not a network (try \"10.0.0.0/8\" or \"2001:db8::/32\")"),
                );
                None
            }
        }
    }

    fn anything_but(&mut self, place: &str, operand: &Json) -> Option<Want> {
        let unwanted = match operand {
            Json::Object(members) => match members.as_slice() {
                [(operator, operand)] => {
                    self.anything_but_operator(&format!("{place}.{operator}"), operator, operand)?
                }
                _ => {
                    self.problem(place, "takes exactly one operator inside, such as {\"prefix\": \"a\"}");
                    return None;
                }
            },
            Json::Array(items) => self.anything_but_list(place, items)?,
            single => self.anything_but_list(place, std::slice::from_ref(single))?,
        };
        Some(Want::None(unwanted))
    }

    fn anything_but_list(&mut self, place: &str, items: &[Json]) -> Option<Vec<Want>> {
        let texts = items.iter().all(|item| matches!(item, Json::String(_)));
        let numbers = items.iter().all(|item| matches!(item, Json::Number(_)));
        if items.is_empty() || !(texts || numbers) {
            self.problem(place, "takes a string or a number, or a list of only strings or only numbers");
            return None;
        }
        Some(
            items
                .iter()
                .filter_map(|item| match item {
                    Json::String(text) => Some(Want::Text(text.clone())),
                    Json::Number(number) => Some(number_want(number)),
                    _ => None,
                })
                .collect(),
        )
    }

    fn anything_but_operator(&mut self, place: &str, operator: &str, operand: &Json) -> Option<Vec<Want>> {
        let operands = match operand {
            Json::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let texts: Option<Vec<&str>> = operands.iter().map(Json::as_str).collect();
        let Some(texts) = texts.filter(|texts| !texts.is_empty()) else {
            self.problem(place, "takes a string or a list of strings");
            return None;
        };
        let make: fn(&str) -> Want = match operator {
            "prefix" | "suffix" if texts.contains(&"") => {
                self.problem(place, "an empty string matches everything, so nothing would be left");
                return None;
            }
            "prefix" => |text| Want::Prefix(text.to_owned()),
            "suffix" => |text| Want::Suffix(text.to_owned()),
            "equals-ignore-case" => |text| Want::IgnoreCase(Folded::new(text)),
            "wildcard" => return texts.into_iter().map(|text| self.wildcard(place, text)).collect(),
            unknown => {
                self.problem(
                    place,
                    format!("anything-but does not take `{unknown}`: use prefix, suffix, equals-ignore-case or wildcard"),
                );
                return None;
            }
        };
        Some(texts.into_iter().map(make).collect())
    }
}

fn number_want(number: &serde_json::Number) -> Want {
    Want::Number { text: number.as_str().to_owned(), value: comparable(number.as_str()) }
}

/// The name nearest to a mistyped one, if any is near.
pub(crate) fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// ` (did you mean NAME?)`, or nothing.
pub(crate) fn did_you_mean(name: Option<&str>) -> String {
    name.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}
