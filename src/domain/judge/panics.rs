//! A record that makes the judge panic. Owns finding it, so that it is reported as one that cannot be read, and everything else of
//! its page is judged: it is no reason to die, and to die at the same page again and again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::domain::event::{Received, Unreadable};

/// Takes a step over a page. Where that panics, each record is tried alone, and those that panic lose their text and keep what
/// else is known of them; then the step is taken again. What panics even then is no record's doing, and is passed on.
pub fn without_panics<T>(page: &mut [Received], step: impl Fn(&[Received]) -> T) -> T {
    // A step only reads what was there before, so a panic leaves nothing half done.
    let taken = |page: &[Received]| catch_unwind(AssertUnwindSafe(|| step(page)));
    if let Ok(done) = taken(page) {
        return done;
    }
    for received in page.iter_mut() {
        if taken(std::slice::from_ref(received)).is_err() {
            received.record = Err(Unreadable::Panics);
        }
    }
    taken(page).unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: &[&str]) -> Vec<Received> {
        let received = |text: &&str| Received {
            id: format!("id-{text}"),
            name: "Call".to_owned(),
            time: None,
            record: Ok((*text).to_owned()),
        };
        records.iter().map(received).collect()
    }

    /// As a judge with a mistake would.
    fn read(page: &[Received]) -> Vec<String> {
        let one = |received: &Received| match &received.record {
            Ok(text) if text.starts_with("bad") => panic!("no record is like this one"),
            Ok(text) => text.clone(),
            Err(why) => format!("{}: {why}", received.id),
        };
        page.iter().map(one).collect()
    }

    #[test]
    fn a_record_that_panics_is_told_and_hides_no_other_of_its_page() {
        let told = |id| format!("{id}: a mistake in trailnoti keeps it from judging this record");
        let mut page = page(&["a", "bad-1", "b", "bad-2"]);
        let expected = vec!["a".to_owned(), told("id-bad-1"), "b".to_owned(), told("id-bad-2")];
        assert_eq!(without_panics(&mut page, read), expected);
        // What comes after the first step knows it already.
        assert_eq!(read(&page), expected);
    }

    #[test]
    #[should_panic(expected = "whatever it reads")]
    fn what_panics_without_a_record_is_passed_on() {
        without_panics(&mut page(&["a"]), |_| -> () { panic!("whatever it reads") });
    }
}
