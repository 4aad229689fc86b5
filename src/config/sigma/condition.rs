//! A Sigma condition: `selection and not 1 of filter_*`. Owns its grammar (Sigma specification, "Rules", "Condition").

/// What a condition says of named searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// All of these hold.
    And(Vec<Condition>),
    /// One of these holds.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// The search of this name.
    Search(String),
    /// One, or every one, of the searches whose names fit.
    Of {
        /// Every one of them.
        all: bool,
        /// `filter_*`, or `them`.
        names: String,
    },
}

/// How deep brackets may stand in each other.
const DEPTH: usize = 16;

/// Reads a condition.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    if text.contains('|') {
        return Err(format!("its condition counts (\"{text}\"): write a rule with threshold"));
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let condition = or(&mut words, DEPTH)?;
    match words.next() {
        None => Ok(condition),
        Some(word) => Err(format!("its condition has \"{word}\" where nothing should follow")),
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn is(words: &mut Words<'_>, wanted: &str) -> bool {
    words.next_if(|word| word.eq_ignore_ascii_case(wanted)).is_some()
}

fn or(words: &mut Words<'_>, depth: usize) -> Result<Condition, String> {
    let mut all = vec![and(words, depth)?];
    while is(words, "or") {
        all.push(and(words, depth)?);
    }
    Ok(if all.len() == 1 { all.swap_remove(0) } else { Condition::Or(all) })
}

fn and(words: &mut Words<'_>, depth: usize) -> Result<Condition, String> {
    let mut all = vec![not(words, depth)?];
    while is(words, "and") {
        all.push(not(words, depth)?);
    }
    Ok(if all.len() == 1 { all.swap_remove(0) } else { Condition::And(all) })
}

fn not(words: &mut Words<'_>, depth: usize) -> Result<Condition, String> {
    let Some(depth) = depth.checked_sub(1) else { return Err("its condition is too deep".to_owned()) };
    if is(words, "not") {
        return Ok(Condition::Not(Box::new(not(words, depth)?)));
    }
    if is(words, "(") {
        let inner = or(words, depth)?;
        return if is(words, ")") { Ok(inner) } else { Err("its condition lacks a \")\"".to_owned()) };
    }
    let Some(word) = words.next() else { return Err("its condition ends too early".to_owned()) };
    let all = word.eq_ignore_ascii_case("all");
    if (word == "1" || word.eq_ignore_ascii_case("any") || all) && is(words, "of") {
        let names = words.next().ok_or("its condition names nothing behind \"of\"")?;
        return Ok(Condition::Of { all, names: names.to_owned() });
    }
    Ok(Condition::Search(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_before_or_and_not_before_both() {
        let search = |name: &str| Condition::Search(name.to_owned());
        let said = parse("a or b and not (c or 1 of d_*) and all of them").expect("a condition");
        let of = |all, names: &str| Condition::Of { all, names: names.to_owned() };
        let inner = Condition::Not(Box::new(Condition::Or(vec![search("c"), of(false, "d_*")])));
        let right = Condition::And(vec![search("b"), inner, of(true, "them")]);
        assert_eq!(said, Condition::Or(vec![search("a"), right]));
    }

    #[test]
    fn what_is_no_condition_says_why() {
        for (text, why) in [
            ("selection | count() > 5", "it"),
            ("(a", "lacks a"),
            ("a b", "where nothing should follow"),
            ("not", "ends too early"),
            (&"(".repeat(100), "too deep"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
