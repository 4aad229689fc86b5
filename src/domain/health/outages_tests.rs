use super::*;

const PATIENCE: Patience = Patience { times: 3, lasting: Duration::from_secs(30) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn place(account: &str, region: &str, api: Api) -> Place {
    Place { account: account.to_owned(), region: region.to_owned(), what: What::Reading(api) }
}

fn failure(cause: Cause) -> Failure {
    Failure { cause, reason: format!("{cause:?}"), patience: PATIENCE }
}

/// Seventeen regions of two accounts, each with both APIs, and the lists of regions.
fn everything() -> Vec<Place> {
    let apis = [Api::CloudTrail, Api::Ec2];
    let regions =
        ["1", "2"].into_iter().flat_map(|account| (0..17).map(move |n| (account, format!("r{n:02}"))));
    regions.flat_map(|(account, region)| apis.map(|api| place(account, &region, api))).collect()
}

/// What is reported when each attempt comes at a time of its own.
fn play(outages: &mut Outages, attempts: &[(i64, Place, Option<Cause>)], until: i64) -> Vec<(i64, News)> {
    let mut reported = Vec::new();
    let mut attempts = attempts.to_vec();
    attempts.sort_by_key(|(second, ..)| *second);
    for second in 0..until {
        for (_, place, cause) in attempts.iter().filter(|(at, ..)| *at == second) {
            match cause {
                Some(cause) => outages.failed(place, failure(*cause), at(second)),
                None => outages.succeeded(place, at(second)),
            }
        }
        while let Some(news) = outages.due(at(second)) {
            outages.told(&news);
            reported.push((second, news));
        }
    }
    reported
}

/// Fails at three times, and from `well` on not any more; each place a little later than the one before.
fn spread(places: &[Place], cause: Cause, well: i64) -> Vec<(i64, Place, Option<Cause>)> {
    let mut attempts = Vec::new();
    for (n, place) in (0..).zip(places) {
        attempts.extend([10, 30, 60].map(|second| (second + n % 14, place.clone(), Some(cause))));
        attempts.push((well + n * 2, place.clone(), None));
    }
    attempts
}

#[test]
fn one_cause_is_one_report_and_one_when_it_is_over() {
    let (mut outages, all) = (Outages::default(), everything());
    let reported = play(&mut outages, &spread(&all, Cause::Credentials, 200), 1_000);
    let told: Vec<_> = reported.iter().map(|(at, news)| (*at, news.healed, news.places.len())).collect();
    assert_eq!(told, [(73, false, 68), (334, true, 68)]);
    assert!(outages.places.is_empty());
}

#[test]
fn each_account_forbids_by_itself() {
    let (mut outages, all) = (Outages::default(), everything());
    let reported = play(&mut outages, &spread(&all, Cause::Denied, 2_000), 1_000);
    let told: Vec<_> =
        reported.iter().map(|(_, news)| (news.places[0].account.as_str(), news.places.len())).collect();
    assert_eq!(told, [("1", 34), ("2", 34)]);
}

#[test]
fn nobody_is_waited_for_where_one_place_fails() {
    let place = place("1", "r01", Api::CloudTrail);
    let reported = play(&mut Outages::default(), &spread(&[place], Cause::Unanswered, 100), 200);
    assert_eq!(reported.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [60, 100]);
}

#[test]
fn a_place_that_stays_blind_holds_no_other_up_for_longer_than_five_minutes() {
    let (mut outages, all) = (Outages::default(), everything());
    let mut attempts = spread(&all, Cause::Credentials, 200);
    attempts.retain(|(_, place, cause)| cause.is_some() || *place != all[5]);
    let reported = play(&mut outages, &attempts, 1_000);
    assert_eq!(
        reported.iter().map(|(at, news)| (*at, news.places.len())).collect::<Vec<_>>()[1..],
        [(500, 67)]
    );
    assert!(outages.is_blind(&all[5]));
}

#[test]
fn what_fails_again_before_its_healing_is_told_is_not_told_twice() {
    let place = place("1", "r01", Api::Ec2);
    let other = Place { region: "r02".to_owned(), ..place.clone() };
    let mut attempts = spread(&[place.clone(), other], Cause::Unanswered, 700);
    attempts.extend([(200, place.clone(), None), (250, place.clone(), Some(Cause::Unanswered))]);
    let reported = play(&mut Outages::default(), &attempts, 1_000);
    assert_eq!(reported.len(), 2, "{reported:?}");
}

#[test]
fn that_somebody_forbids_it_is_told_of_a_place_that_did_not_answer_anyhow() {
    let place = place("1", "r01", Api::Ec2);
    let mut attempts = spread(std::slice::from_ref(&place), Cause::Unanswered, 900);
    attempts.extend([100, 130, 160].map(|second| (second, place.clone(), Some(Cause::Denied))));
    let reported = play(&mut Outages::default(), &attempts, 1_000);
    let told: Vec<_> = reported.iter().map(|(at, news)| (*at, news.reason.as_str(), news.healed)).collect();
    assert_eq!(told, [(60, "Unanswered", false), (160, "Denied", false), (900, "Denied", true)]);
}

#[test]
fn the_list_of_regions_that_fails_with_them_is_not_told_later() {
    let (mut outages, mut all) = (Outages::default(), everything());
    all.truncate(34);
    let mut attempts = spread(&all, Cause::Denied, 2_000);
    let list = place("1", "", Api::Regions);
    attempts.extend([300, 400, 500].map(|second| (second, list.clone(), Some(Cause::Denied))));
    assert_eq!(play(&mut outages, &attempts, 1_000).len(), 1);
}

#[test]
fn what_was_told_before_a_restart_is_told_as_one_when_it_is_over() {
    let (mut outages, all) = (Outages::default(), everything());
    all.iter().for_each(|place| outages.remember(place.clone(), at(-100)));
    let attempts: Vec<_> = (0..).zip(&all).map(|(n, place)| (n % 15, place.clone(), None)).collect();
    let reported = play(&mut outages, &attempts, 500);
    let told: Vec<_> = reported.iter().map(|(at, news)| (*at, news.places.len(), news.since)).collect();
    assert_eq!(told, [(14, 68, at(-100))]);
}
