//! That every word is there in each language, and none is left in another.

use super::*;
use crate::domain::severity::Severity;

fn has_hangul(text: &str) -> bool {
    text.chars().any(|c| ('가'..='힣').contains(&c))
}

/// Every text of a language, each with names in it that must stand in the text.
fn texts(language: Language) -> Vec<(String, Vec<&'static str>)> {
    let words = language.words();
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    let mut put = |text: String, holds: &[&'static str]| all.push((text, holds.to_vec()));
    for severity in Severity::ALL {
        put(words.severity(severity).to_owned(), &[]);
        put(words.label(severity).to_owned(), &[]);
    }
    words.stages().iter().for_each(|stage| put((*stage).to_owned(), &[]));
    for text in [words.unknown(), words.not_known_yet(), words.what_to_do(), words.up_to_date()] {
        put(text.to_owned(), &[]);
    }
    put(words.regions(37), &["37"]);
    put(words.accounts(37), &["37"]);
    put(words.regions_of_accounts(37, 41), &["37", "41"]);
    put(words.region_of_accounts("eu-x-1", 41), &["eu-x-1", "41"]);
    put(words.and_more(37), &["37"]);
    put(words.and_more_regions(37), &["37"]);
    put(words.more_like_it(37), &["37"]);
    put(words.more_lines(37), &["37"]);
    put(words.rule_and_alert("r-1", "a-1"), &["r-1", "a-1"]);
    put(words.about("ann", "prod", "s-1"), &["ann", "prod", "s-1"]);
    put(words.incident("7F3A"), &["7F3A"]);
    put(words.footer("7F3A", "t-1"), &["7F3A", "t-1"]);
    put(words.from("", "k-1"), &["k-1"]);
    put(words.from("a-1", "k-1"), &["a-1", "k-1"]);
    put(words.from("a-1", ""), &["a-1"]);
    put(words.so_far("p-1"), &["p-1"]);
    put(words.alerts_in(37, "p-1"), &["37", "p-1"]);
    for accelerated in [0, 37, 12] {
        put(words.machines(37, accelerated, "p-1"), &["37", "p-1"]);
    }
    put(words.cost("$1", Some("$2")), &["$1", "$2"]);
    put(words.cost("$1", None), &["$1"]);
    put(words.trails_stopped("t-1"), &["t-1"]);
    put(words.as_a_whole(Severity::High, "w-1"), &["w-1"]);
    put(words.is_used("m-1"), &["m-1"]);
    put(words.within_an_hour("s-1"), &["s-1"]);
    put(words.times(37), &["37"]);
    put(words.do_now(0), &[]);
    put(words.do_now(37), &["37"]);
    put(words.read_back(37, 41), &["37", "41"]);
    put(words.seconds(37), &["37"]);
    let whos = [
        Who::Root("x-1"),
        Who::Key("x-1"),
        Who::SignIn("x-1"),
        Who::User("x-1"),
        Who::Session("x-1"),
        Who::Role("x-1"),
        Who::Instance("x-1"),
        Who::Provider("x-1"),
    ];
    for who in whos {
        put(words.who(who), &["x-1"]);
        put(words.stolen(who, "prod", "s-1"), &["prod", "s-1"]);
    }
    for made in [
        Made::Created("b-1"),
        Made::SwitchedOn("b-1"),
        Made::GivenPassword("b-1"),
        Made::Issued("b-1"),
        Made::Launched("b-1"),
    ] {
        put(words.made(Who::User("x-1"), made), &["x-1", "b-1"]);
    }
    let steps = [
        (Step::TurnOffMadeKey, ""),
        (Step::TurnOffKey, ""),
        (Step::EndSessions, ""),
        (Step::Root, ""),
        (Step::IdentityCenter("x-1"), "x-1"),
        (Step::TakeMadePassword, ""),
        (Step::TakePassword, ""),
        (Step::DenyMadeUser, ""),
        (Step::Stop("x-1"), "x-1"),
        (Step::StartTrail, ""),
    ];
    steps.into_iter().for_each(|(step, holds)| put(words.step(step), &[holds]));
    put(words.state(State::Open), &[]);
    put(words.state(State::Closed), &[]);
    put(words.state(State::PartOf("x-1")), &["x-1"]);
    put(words.state(State::Acknowledged("x-1", "")), &["x-1"]);
    put(words.state(State::Acknowledged("x-1", "n-1")), &["x-1", "n-1"]);
    put(words.unseen(Unseen::Events("x-1")), &["x-1"]);
    put(words.unseen(Unseen::Instances("x-1")), &["x-1"]);
    put(words.unseen(Unseen::EventsAndInstances("x-1")), &["x-1"]);
    put(words.unseen(Unseen::RegionsOf("x-1")), &["x-1"]);
    put(words.unseen(Unseen::RegionsOfAccounts(37)), &["37"]);
    put(words.unseen(Unseen::Identity), &[]);
    let missing = ["m-1".to_owned()];
    let read = |missing| Day::Read {
        in_time: 37,
        regions: 41,
        up_to: Some("u-1".to_owned()),
        missing,
        since: Some("s-1".to_owned()),
        read_back: 53,
    };
    let days: [(Day<'_>, &[&'static str]); 12] = [
        (Day::FirstStart, &[]),
        (Day::None, &[]),
        (Day::NoExclusions, &[]),
        (Day::Hidden(37, "x-1", None), &["37", "x-1"]),
        (Day::Hidden(37, "x-1", Some(("i-1", ""))), &["37", "x-1", "i-1"]),
        (Day::Covered(37, 41, &[]), &["37", "41"]),
        (Day::Covered(37, 41, &missing), &["37", "41", "m-1"]),
        (read(0), &["37", "41", "u-1", "s-1", "53"]),
        (read(7), &["37", "41", "u-1", "7", "s-1", "53"]),
        (Day::Lag(37, "x-1"), &["37", "x-1"]),
        (Day::NotKnown, &[]),
        (Day::Waiting(37, "x-1"), &["37", "x-1"]),
    ];
    days.iter().for_each(|(day, holds)| put(words.day(day), holds));
    all
}

#[test]
fn each_language_has_every_word_with_what_it_is_about() {
    for language in Language::ALL {
        for (text, holds) in texts(language) {
            assert!(!text.trim().is_empty(), "{language:?} has an empty text");
            let lacks: Vec<_> = holds.iter().filter(|held| !text.contains(**held)).collect();
            assert!(lacks.is_empty(), "{language:?}: \"{text}\" lacks {lacks:?}");
            assert_eq!(has_hangul(&text), language == Language::Korean, "{language:?}: \"{text}\"");
        }
    }
}

#[test]
fn a_language_has_one_code_of_its_own() {
    let codes = Language::ALL.map(Language::code);
    assert_eq!(codes, ["en", "ko"]);
    assert_eq!(Language::default(), Language::English);
}

/// What the code calls facts, in the lines where it does: a new one wants a Korean name too.
#[test]
fn every_name_of_a_fact_is_known_in_every_language() {
    let sources = [
        include_str!("../notify/alert.rs"),
        include_str!("../notify/render/mod.rs"),
        include_str!("../context/launch.rs"),
        include_str!("../instances/story.rs"),
        include_str!("../health/daily.rs"),
        include_str!("../health/reported.rs"),
    ];
    let begins =
        ["fact(\"", "line(\"", "facts.push((\"", "words.name(\"", "                    (\"", "[(\"", "((\""];
    let mut unnamed = Vec::new();
    for source in sources {
        // Its tests name what they like.
        let source = source.split("#[cfg(test)]").next().unwrap_or(source);
        for begin in begins {
            let named = source.split(begin).skip(1).filter_map(|rest| rest.split('"').next());
            unnamed.extend(named.filter(|name| !has_hangul(Language::Korean.words().name(name))));
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
