//! The envelope: an event with its facts, as patterns, texts and people see it. Owns that there is one for each event: the
//! text as it was received, the facts computed once, the tree of all of it only for who asks.

use crate::domain::context::facts::Facts;
use crate::domain::context::past::Past;
use crate::domain::event::Event;
use crate::domain::json::{Json, shown};

/// An event with its facts.
#[derive(Debug)]
pub struct Envelope {
    /// The event, as it was received.
    pub event: Event,
    /// What was found out about it.
    pub facts: Facts,
}

impl From<Event> for Envelope {
    fn from(event: Event) -> Self {
        Envelope { facts: Facts::of(&event), event }
    }
}

impl Envelope {
    /// The envelope with what its account's past says of it; none where nothing can remember.
    pub fn after(&self, past: Option<&Past>) -> InContext<'_> {
        InContext { event: &self.event, context: self.facts.context(&self.event, past) }
    }
}

/// An event under one past: what a pattern is tried on, and what a text is filled from.
#[derive(Debug)]
pub struct InContext<'e> {
    /// The event, as it was received.
    pub event: &'e Event,
    /// The facts beside `detail`, as an object.
    context: Json,
}

impl InContext<'_> {
    /// The envelope's text as EventBridge would deliver it, with the facts beside `detail`.
    pub fn text(&self) -> String {
        let head: Vec<(String, Json)> =
            self.event.head().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut text = Json::Object(head).to_string();
        text.pop();
        text.push_str(",\"detail\":");
        text.push_str(&self.event.detail_text());
        if self.has_context() {
            text.push_str(",\"context\":");
            text.push_str(&self.context.to_string());
        }
        text.push('}');
        text
    }

    /// The envelope as a tree of its own: for commands, not on the way of an event.
    pub fn tree(&self) -> Json {
        let mut members: Vec<(String, Json)> =
            self.event.head().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        members.push(("detail".to_owned(), self.event.detail.clone()));
        members.extend(self.has_context().then(|| ("context".to_owned(), self.context.clone())));
        Json::Object(members)
    }

    /// The value at a dotted path of the envelope; of a list on the way, its first element.
    pub fn with<T>(&self, path: &str, look: impl FnOnce(Option<&Json>) -> T) -> T {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let below = |json: &Json, look: &mut dyn FnMut(Option<&Json>)| match rest {
            "" => look(Some(json)),
            rest => look(json.first_at(rest)),
        };
        let mut look = Some(look);
        let mut found = None;
        let mut once = |value: Option<&Json>| found = look.take().map(|look| look(value));
        match first {
            "detail" => below(&self.event.detail, &mut once),
            "context" if self.has_context() => below(&self.context, &mut once),
            _ => {
                let head = self.event.head();
                match head.iter().find(|(name, _)| *name == first) {
                    Some((_, value)) => below(value, &mut once),
                    None => once(None),
                }
            }
        }
        match found {
            Some(found) => found,
            None => unreachable!("every branch above looks once"),
        }
    }

    /// The value at a path as one text; nothing there is a value too.
    pub fn shown(&self, path: &str) -> String {
        self.with(path, |value| value.map(|value| shown(value, "")).unwrap_or_default())
    }

    fn has_context(&self) -> bool {
        self.context != Json::Object(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::context::counted;

    const LOGIN: &str = r#"{"eventVersion":"1.08","eventTime":"2026-03-01T10:00:00Z","eventID":"7bf73129-1428-4cd3-a780-95db273d1602",
        "eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"eu-north-1","eventType":"AwsConsoleSignin",
        "recipientAccountId":"111122223333"}"#;

    #[test]
    fn a_record_becomes_the_envelope_that_eventbridge_would_deliver() {
        let envelope: Envelope =
            Event::from_record_text(LOGIN.to_owned(), "999999999999").expect("an event").into();
        let tree = envelope.after(None).tree();
        assert_eq!(tree.text("detail-type"), Some("AWS Console Sign In via CloudTrail"));
        assert_eq!(tree.text("source"), Some("aws.signin"));
        assert_eq!(tree.text("account"), Some("111122223333"));
        assert_eq!(tree.text("time"), Some("2026-03-01T10:00:00Z"));
        assert_eq!(tree.get("detail"), Some(&Json::parse(LOGIN).expect("json")));
        let again: Envelope = Event::from_envelope(tree.clone()).expect("an event").into();
        assert_eq!(again.after(None).tree(), tree);
    }

    #[test]
    fn the_text_the_tree_and_the_paths_say_the_same() {
        let envelope: Envelope =
            Event::from_record_text(LOGIN.to_owned(), "999999999999").expect("an event").into();
        let seen = envelope.after(None);
        let tree = seen.tree();
        assert_eq!(Json::parse(&seen.text()).expect("json"), tree);
        assert!(seen.text().contains(LOGIN), "the record stands in it byte for byte");
        for path in [
            "detail.eventName",
            "detail.none",
            "region",
            "time",
            "context.tool",
            "context.by",
            "nothing",
            "detail",
        ] {
            assert_eq!(seen.shown(path), shown(&tree, path), "{path}");
        }
    }

    #[test]
    fn facts_are_computed_once_however_often_they_are_looked_at() {
        counted::take();
        let envelope: Envelope =
            Event::from_record_text(LOGIN.to_owned(), "999999999999").expect("an event").into();
        let past = Past { learning: true, ..Past::default() };
        let texts = [envelope.after(None).text(), envelope.after(Some(&past)).text()];
        assert_ne!(texts[0], texts[1]);
        assert!(!envelope.facts.habits(&envelope.event).is_empty());
        assert_eq!(counted::take(), 1);
    }
}
