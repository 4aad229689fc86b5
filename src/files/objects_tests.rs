use proptest::prelude::*;

use super::*;

/// Gives as few bytes at a time as it may.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn all(text: &str, unwrap: Unwrap, drip: usize) -> Vec<String> {
    let mut objects = Objects::new(Drip(text.as_bytes(), drip), unwrap);
    let mut found = Vec::new();
    loop {
        match objects.take() {
            Ok(Some(object)) => found.push(object.to_owned()),
            Ok(None) => return found,
            Err(broken) => found.push(format!("! {broken}")),
        }
    }
}

#[test]
fn every_form_gives_its_objects() {
    let two = [r#"{"a":"}\"{"}"#, r#"{"b":[{}]}"#];
    for text in [
        format!(r#"{{"Records":[{},{}]}}"#, two[0], two[1]),
        format!(" {{ \"Records\" : [\n{} ,\n{}\n] }}\n", two[0], two[1]),
        format!(r#"{{"Events":[{},{}],"NextToken":"a}}b"}}"#, two[0], two[1]),
        format!(r#"{{"NextToken":"x","Events":[{},{}]}}"#, two[0], two[1]),
        format!("[{},{}]", two[0], two[1]),
        format!("{}\n{}\n", two[0], two[1]),
        format!("\u{feff}{}{}", two[0], two[1]),
    ] {
        for drip in [1, 7, 100_000] {
            assert_eq!(all(&text, Unwrap::Lists, drip), two, "{text}");
        }
    }
    assert_eq!(all(r#"{"Records":[{}]}"#, Unwrap::Nothing, 1), [r#"{"Records":[{}]}"#]);
}

#[test]
fn a_broken_line_costs_only_itself() {
    let found = all("{\"a\":1}\n{\"broken\n{\"b\":\"x\"}\n{\"c\":{\n{\"d\":1}\n", Unwrap::Lists, 3);
    assert_eq!(
        found,
        [
            "{\"a\":1}",
            "! line 2: unterminated string",
            "{\"b\":\"x\"}",
            "! line 4: unterminated object (is the file cut off?)",
            "{\"d\":1}"
        ]
    );
}

#[test]
fn what_is_no_object_in_a_list_costs_only_itself() {
    let found = all(r#"{"Records":[null,{"a":1},"x],{",[[1],2],{"b":2}]}"#, Unwrap::Lists, 2);
    let found: Vec<&str> = found.iter().map(|one| one.split(':').next().unwrap_or_default()).collect();
    assert_eq!(found, ["! line 1", "{\"a\"", "! line 1", "! line 1", "{\"b\""]);
}

#[test]
fn what_is_broken_is_told_and_what_follows_is_read() {
    let found = all("{\"a\":1}\noops\n{\"b\":2}\n{\"c\":", Unwrap::Lists, 3);
    assert_eq!(
        found,
        [
            "{\"a\":1}",
            "! line 2: expected a JSON object",
            "{\"b\":2}",
            "! line 4: unterminated object (is the file cut off?)"
        ]
    );
}

proptest! {
    #[test]
    fn nothing_makes_it_fall_over(text in r#"([\[\]{}:,"\\a ]|"Records":\[|\n){0,60}"#, drip in 1usize..9) {
        let found = all(&text, Unwrap::Lists, drip);
        prop_assert!(found.len() <= text.len() + 1);
        prop_assert_eq!(found, all(&text, Unwrap::Lists, 100_000));
    }
}
