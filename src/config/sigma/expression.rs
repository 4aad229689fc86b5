//! A Sigma detection as alternatives of an EventBridge pattern and what excuses from it. Owns taking a condition apart: `A and not B`
//! is a pattern and an exception, as Sigma's filters are meant; another `not` is said field by field, or not at all.

use std::collections::BTreeMap;

use crate::config::sigma::condition::Condition;
use crate::config::sigma::search::{Field, field};
use crate::domain::json::{Json, object};
use crate::domain::pattern::Wildcard;

/// Conditions on paths, all of which must hold.
pub(super) type Alternative = BTreeMap<String, Vec<Json>>;

/// So many alternatives a rule may have: as many as EventBridge takes.
const MOST: usize = 1000;

/// What a condition says, with its searches put in.
#[derive(Debug, Clone)]
enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Field(Field),
}

/// The alternatives of a pattern, and those of its exceptions.
///
/// # Errors
/// What no pattern can say.
pub(super) fn alternatives(
    condition: &Condition,
    searches: &serde_json::Map<String, serde_json::Value>,
) -> Result<(Vec<Alternative>, Vec<Alternative>), String> {
    let parts = match expression(condition, searches)? {
        Expression::And(parts) => parts,
        other => vec![other],
    };
    let (mut wanted, mut excused) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Expression::Not(inner) if !has_not(&inner) => excused.push(*inner),
            part => wanted.push(part),
        }
    }
    if wanted.is_empty() {
        return Err("it says only what is not wanted".to_owned());
    }
    Ok((taken_apart(&positive(Expression::And(wanted), true)?)?, taken_apart(&Expression::Or(excused))?))
}

fn expression(
    condition: &Condition,
    searches: &serde_json::Map<String, serde_json::Value>,
) -> Result<Expression, String> {
    let each = |all: &[Condition]| all.iter().map(|one| expression(one, searches)).collect::<Result<_, _>>();
    Ok(match condition {
        Condition::And(all) => Expression::And(each(all)?),
        Condition::Or(all) => Expression::Or(each(all)?),
        Condition::Not(inner) => Expression::Not(Box::new(expression(inner, searches)?)),
        Condition::Search(name) => {
            let search = searches
                .get(name)
                .ok_or_else(|| format!("its condition names \"{name}\", which is not there"))?;
            of_search(search)?
        }
        Condition::Of { all, names } => {
            let glob = Wildcard::parse(if names == "them" { "*" } else { names })?;
            let fits = |name: &&String| *name != "condition" && *name != "timeframe" && glob.matches(name);
            let found: Vec<_> = searches
                .keys()
                .filter(fits)
                .map(|name| of_search(&searches[name]))
                .collect::<Result<_, _>>()?;
            match (found.is_empty(), all) {
                (true, _) => {
                    return Err(format!("its condition names \"{names}\", and nothing is called so"));
                }
                (false, true) => Expression::And(found),
                (false, false) => Expression::Or(found),
            }
        }
    })
}

fn of_search(search: &serde_json::Value) -> Result<Expression, String> {
    match search {
        serde_json::Value::Object(fields) if !fields.is_empty() => {
            let fields = fields.iter().map(|(name, value)| Ok(Expression::Field(field(name, value)?)));
            Ok(Expression::And(fields.collect::<Result<_, String>>()?))
        }
        serde_json::Value::Array(all) if !all.is_empty() => {
            Ok(Expression::Or(all.iter().map(of_search).collect::<Result<_, _>>()?))
        }
        _ => Err("it looks for words anywhere in the event".to_owned()),
    }
}

fn has_not(expression: &Expression) -> bool {
    match expression {
        Expression::Not(_) => true,
        Expression::And(all) | Expression::Or(all) => all.iter().any(has_not),
        Expression::Field(_) => false,
    }
}

/// The same without any `not`, or with every `not` at a field turned round.
fn positive(expression: Expression, holds: bool) -> Result<Expression, String> {
    let each =
        |all: Vec<Expression>| all.into_iter().map(|one| positive(one, holds)).collect::<Result<Vec<_>, _>>();
    Ok(match (expression, holds) {
        (Expression::Not(inner), holds) => positive(*inner, !holds)?,
        (Expression::And(all), true) | (Expression::Or(all), false) => Expression::And(each(all)?),
        (Expression::Or(all), true) | (Expression::And(all), false) => Expression::Or(each(all)?),
        (Expression::Field(field), true) => Expression::Field(field),
        (Expression::Field(field), false) => Expression::Field(opposite(field)?),
    })
}

/// What a field has where it has none of the values.
fn opposite(field: Field) -> Result<Field, String> {
    let refuse =
        || format!("it wants {} to be none of values that a pattern cannot exclude there", field.path);
    let exists = |truth: bool| object([("exists", truth.into())]);
    if field.wants == [exists(false), Json::Null] || field.wants == [exists(false)] {
        return Ok(Field { wants: vec![exists(true)], ..field });
    }
    if field.wants == [exists(true)] {
        return Ok(Field { wants: vec![exists(false)], ..field });
    }
    let texts: Option<Vec<&str>> = field.wants.iter().map(Json::as_str).collect();
    let no_case: Option<Vec<&str>> = field.wants.iter().map(|want| want.text("equals-ignore-case")).collect();
    let wild: Option<Vec<&str>> = field.wants.iter().map(|want| want.text("wildcard")).collect();
    let list = |texts: Vec<&str>| Json::Array(texts.into_iter().map(Json::from).collect());
    let none_of = match (texts, no_case, wild) {
        (Some(texts), ..) => list(texts),
        (_, Some(texts), _) => object([("equals-ignore-case", list(texts))]),
        (.., Some(texts)) => object([("wildcard", list(texts))]),
        _ => return Err(refuse()),
    };
    Ok(Field { wants: vec![object([("anything-but", none_of)]), exists(false)], ..field })
}

/// An expression without `not` as alternatives.
fn taken_apart(expression: &Expression) -> Result<Vec<Alternative>, String> {
    let alternatives = match expression {
        Expression::Field(field) => vec![BTreeMap::from([(field.path.clone(), field.wants.clone())])],
        Expression::Or(all) => {
            let all: Vec<_> = all.iter().map(taken_apart).collect::<Result<_, _>>()?;
            all.concat()
        }
        Expression::And(all) => {
            let mut together = vec![Alternative::new()];
            for one in all {
                let parts = taken_apart(one)?;
                if together.len().saturating_mul(parts.len()) > MOST {
                    return Err(format!("it makes more than {MOST} alternatives"));
                }
                let join =
                    |known: &Alternative| parts.iter().map(|part| joined(known, part)).collect::<Vec<_>>();
                together = together.iter().flat_map(join).collect::<Result<_, _>>()?;
            }
            together
        }
        Expression::Not(_) => return Err("it turns round what cannot be turned round".to_owned()),
    };
    if alternatives.len() > MOST {
        Err(format!("it makes more than {MOST} alternatives"))
    } else {
        Ok(alternatives)
    }
}

/// Both at once. Of one path, what both want.
fn joined(known: &Alternative, more: &Alternative) -> Result<Alternative, String> {
    let mut both = known.clone();
    for (path, wants) in more {
        match both.get_mut(path) {
            None => _ = both.insert(path.clone(), wants.clone()),
            Some(wanted) if wanted == wants => {}
            Some(wanted) if wanted.iter().chain(wants).all(|want| want.as_str().is_some()) => {
                wanted.retain(|want| wants.contains(want));
                if wanted.is_empty() {
                    return Err(format!("it wants {path} to be two things at once"));
                }
            }
            Some(_) => return Err(format!("it wants two things of {path} at once")),
        }
    }
    Ok(both)
}

/// An EventBridge pattern of these alternatives.
pub(super) fn pattern(alternatives: &[Alternative]) -> Json {
    let mut each: Vec<Json> = alternatives.iter().map(nested).collect();
    match each.len() {
        1 => each.swap_remove(0),
        _ => object([("$or", Json::Array(each))]),
    }
}

/// Dotted paths as objects in objects.
fn nested(alternative: &Alternative) -> Json {
    let mut root = Vec::new();
    for (path, wants) in alternative {
        put(&mut root, path, Json::Array(wants.clone()));
    }
    Json::Object(root)
}

fn put(members: &mut Vec<(String, Json)>, path: &str, value: Json) {
    let Some((first, rest)) = path.split_once('.') else {
        return members.push((path.to_owned(), value));
    };
    match members.iter_mut().find(|(name, _)| name == first) {
        Some((_, Json::Object(inner))) => put(inner, rest, value),
        _ => {
            let mut inner = Vec::new();
            put(&mut inner, rest, value);
            members.push((first.to_owned(), Json::Object(inner)));
        }
    }
}
