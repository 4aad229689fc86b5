use askama::Template;
use jiff::Timestamp;

use crate::domain::language::Language;
use crate::ops::page::{Coverage, Exclusion, Feed, Instances, Memory, Sink, StatusPage};
use crate::ops::web::view::{Page, Search, Sources};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + minute * 60).expect("a time")
}

fn feed(account: &str, region: &str, lag: i64) -> Feed {
    Feed {
        account: account.to_owned(),
        region: region.to_owned(),
        api: "cloudtrail".to_owned(),
        lag_seconds: Some(lag),
        last_success: Some(at(0)),
        trouble: None,
        asked_last_minute: 11,
    }
}

fn status(regions: Vec<Feed>) -> StatusPage {
    let coverage = Coverage {
        regions: regions.len(),
        in_time: regions.len(),
        read_up_to: Some(at(0)),
        ..Coverage::default()
    };
    StatusPage {
        format: 1,
        version: "0.1.0".to_owned(),
        now: at(1),
        since: at(0),
        not_seen: Vec::new(),
        state_kept_in_memory: None,
        regions,
        coverage,
        sinks: vec![Sink {
            name: "security".to_owned(),
            waiting: 0,
            dead: 0,
            last_success: None,
            trouble: None,
        }],
        instances: Instances::default(),
        exclusions: Vec::new(),
        memory: Memory::default(),
        dry_run: Vec::new(),
        alerts: Vec::new(),
        alerts_kept: 0,
    }
}

fn html(status: StatusPage, asked: &str) -> String {
    let search = Search { asked: asked.to_owned(), found: Vec::new() };
    let (incidents, alerts, silences, language) = (Vec::new(), Vec::new(), Vec::new(), Language::English);
    Page::of(Sources { status, incidents, alerts, silences, search, language }).render().expect("a page")
}

#[test]
fn what_is_covered_is_said_first_and_what_is_behind_is_not_called_covered() {
    let well = status(vec![feed("111122223333", "eu-west-1", 60), feed("111122223333", "us-east-1", 60)]);
    assert!(html(well.clone(), "").contains("<h1>Covered: 2 of 2 regions are read on time</h1>"));
    let mut behind = well.clone();
    behind.coverage.in_time = 1;
    behind.regions[0].lag_seconds = Some(3600);
    let page = html(behind, "");
    assert!(
        page.contains("<h1>Behind: 1 of 2 regions are read on time</h1>") && page.contains("tile warn"),
        "{page}"
    );
    let mut begins = well.clone();
    begins.not_seen = (0..34).map(|n| format!("111122223333 region-{n} ec2: not read yet")).collect();
    assert!(html(begins, "").contains("<h1>Starting: "), "however many they are");
    let mut blind = well.clone();
    blind.not_seen.push("111122223333 us-east-1 cloudtrail: access denied".to_owned());
    assert!(html(blind, "").contains("<h1>Not covered: "));
    let mut mute = well;
    mute.sinks[0].trouble = Some("no_service".to_owned());
    assert!(html(mute, "").contains("a sink does not take alerts"));
}

#[test]
fn whatever_comes_from_outside_is_text() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut page = status(vec![feed("111122223333", "eu-west-1", 60)]);
    page.not_seen.push(hostile.to_owned());
    page.sinks[0].trouble = Some(hostile.to_owned());
    page.exclusions.push(Exclusion {
        name: hostile.to_owned(),
        hidden: 1,
        last: None,
        instance: hostile.to_owned(),
        principal: hostile.to_owned(),
    });
    let html = html(page, hostile);
    assert!(!html.contains("<script>alert") && !html.contains("<img"), "{html}");
    assert_eq!(html.matches("<script").count(), 1, "its own");
}

#[test]
fn a_thousand_accounts_are_a_page_that_can_be_read() {
    let feeds =
        |n: usize| (0..17).map(move |region| feed(&format!("{n:012}"), &format!("region-{region}"), 60));
    let mut page = status((0..1000).flat_map(feeds).collect());
    page.regions[17 * 900].trouble = Some("access denied".to_owned());
    let html = html(page, "");
    assert!(html.len() < 500_000, "{}", html.len());
    assert!(html.contains("not read: access denied"), "the one with trouble is there");
    let (first, trouble) = (html.find("account-000000000000"), html.find("account-000000000900"));
    assert!(trouble < first, "and comes first");
}
