//! What matching an event costs: `cargo bench --bench patterns`. The numbers of one run are compared with each other;
//! a run is a few seconds, and the best of several rounds counts, since a machine has other things to do.

#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs, reason = "a measurement")]

mod made;

use std::hint::black_box;
use std::time::Instant;

use made::{Dice, pattern, record};
use trailnoti::domain::context::Envelope;
use trailnoti::domain::event::Event;
use trailnoti::domain::json::Json;
use trailnoti::domain::pattern::{Known, Pattern, Set, Sheet};

const EVENTS: usize = 4_000;
const ROUNDS: usize = 15;

fn main() {
    let mut dice = Dice(1);
    let events: Vec<String> = (0..EVENTS)
        .map(|n| {
            let record = record(&mut dice, n as i64, 1_950);
            Envelope::from(Event::from_record_text(record, "").expect("an event")).after(None).text()
        })
        .collect();
    let bytes = events.iter().map(String::len).sum::<usize>() / EVENTS;
    println!("{EVENTS} events of {bytes} bytes, the best of {ROUNDS} rounds, on one core");
    let (few, many) = (set(30), set(500));
    let [mut parse, mut with_few, mut with_many] = [f64::MAX; 3];
    // In turns, so that a disturbance hits all alike.
    for _ in 0..ROUNDS {
        parse = parse.min(time(&events, |event| {
            black_box(serde_json::from_str::<serde_json::Value>(event).expect("JSON"));
        }));
        with_few = with_few.min(time(&events, matcher(&few)));
        with_many = with_many.min(time(&events, matcher(&many)));
    }
    println!("  serde_json, parse alone   {parse:6.2} µs an event");
    println!(
        "  30 patterns               {with_few:6.2} µs an event, {:.2} times the parse",
        with_few / parse
    );
    println!(
        "  500 patterns              {with_many:6.2} µs an event, {:.2} times 30 patterns",
        with_many / with_few
    );
    let large = record(&mut dice, 0, 256 * 1024);
    let objects = large.matches(r#"{"key""#).count();
    let large = [Envelope::from(Event::from_record_text(large, "").expect("an event")).after(None).text()];
    let mut cost = f64::MAX;
    for _ in 0..ROUNDS {
        cost = cost.min(time(&large, matcher(&many)));
    }
    println!(
        "  a record of {} KB with {objects} objects in an array, 500 patterns: {:.2} ms",
        large[0].len() / 1024,
        cost / 1e3
    );
}

fn set(patterns: u64) -> Set {
    let patterns: Vec<Pattern> = (0..patterns)
        .map(|n| Pattern::compile(&Json::parse(&pattern(n)).expect("JSON")).expect("a pattern"))
        .collect();
    Set::new(&patterns, &[])
}

fn matcher(set: &Set) -> impl FnMut(&str) {
    let (mut sheet, mut matched) = (Sheet::default(), Vec::new());
    move |event| {
        let laid = set.lay(&mut sheet, event).expect("JSON");
        set.matching(&laid, Known::All, &mut matched);
        black_box(&matched);
    }
}

/// In microseconds an event.
fn time(events: &[String], mut each: impl FnMut(&str)) -> f64 {
    let begun = Instant::now();
    events.iter().for_each(|event| each(event));
    begun.elapsed().as_secs_f64() * 1e6 / events.len() as f64
}
