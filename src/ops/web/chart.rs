//! Alerts by day, as bars. Owns their places and sizes; colours are the style sheet's.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::domain::severity::Severity;
use crate::domain::text::counted;

/// How high the tallest bar is, and where all of them stand.
const HEIGHT: u64 = 100;
const GROUND: u64 = 110;
/// How wide the chart is, in the same units.
const WIDTH: u64 = 800;
/// So many bars there are at most; of more days, each bar is of several.
const BARS: usize = 60;
/// So many days are named below at most.
const LABELS: usize = 7;

/// How many alerts of each severity a day had.
pub type Days = BTreeMap<Date, BTreeMap<Severity, u64>>;

/// One piece of a bar: a day's alerts of one severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its class in the style sheet.
    pub severity: &'static str,
    /// From the left.
    pub x: u64,
    /// From the top.
    pub y: u64,
    /// In units of the chart.
    pub width: u64,
    /// In units of the chart.
    pub height: u64,
    /// What it means, in words.
    pub said: String,
}

/// All bars, with a few days' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// In its own units.
    pub width: u64,
    /// Piece by piece.
    pub bars: Vec<Bar>,
    /// Where a day's name stands, and the name.
    pub labels: Vec<(u64, String)>,
    /// All of it in one sentence, for who cannot see it.
    pub said: String,
}

impl Chart {
    /// Of the days from the first to the last, also of those that have none.
    pub fn of(days: &Days, first: Date, last: Date) -> Self {
        let all = first.until(last).map_or(0, |span| span.get_days()).unsigned_abs() as usize + 1;
        let each = all.div_ceil(BARS);
        let number = all.div_ceil(each);
        let mut bins: Vec<(Date, BTreeMap<Severity, u64>)> = first
            .series(jiff::Span::new().days(i32::try_from(each).unwrap_or(i32::MAX)))
            .take(number)
            .map(|day| (day, BTreeMap::new()))
            .collect();
        for (day, by_severity) in days.range(first..=last) {
            let at = first.until(*day).map_or(0, |span| span.get_days()).unsigned_abs() as usize / each;
            for (severity, count) in by_severity {
                *bins[at.min(number - 1)].1.entry(*severity).or_default() += count;
            }
        }
        let most = bins.iter().map(|(_, bin)| bin.values().sum::<u64>()).max().unwrap_or_default().max(1);
        let slot = (WIDTH / number as u64).max(2);
        let (mut bars, mut labels) = (Vec::new(), Vec::new());
        for (n, (day, bin)) in bins.iter().enumerate() {
            let x = n as u64 * slot;
            let mut top = GROUND;
            for (severity, count) in bin.iter().filter(|(_, count)| **count > 0) {
                // What is there at all can be seen.
                let height = (count * HEIGHT / most).max(2);
                top = top.saturating_sub(height);
                let said = format!("{day}: {count} {severity}");
                let (severity, width) = (severity.name(), (slot * 4 / 5).max(1));
                bars.push(Bar { severity, x, y: top, width, height, said });
            }
            if n % number.div_ceil(LABELS) == 0 {
                let form = if all > 366 { "%Y-%m" } else { "%m-%d" };
                labels.push((x, day.strftime(form).to_string()));
            }
        }
        let sum = bins.iter().flat_map(|(_, bin)| bin.values()).sum();
        let span = if each == 1 { "a day".to_owned() } else { format!("in {each} days") };
        let said =
            format!("{} in {}, at most {most} {span}", counted(sum, "alert"), counted(all as u64, "day"));
        Chart { width: slot * number as u64, bars, labels, said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_a_bar_of_its_severities_and_what_is_little_can_be_seen() {
        let day = |n| jiff::civil::date(2026, 3, n);
        let days = Days::from([
            (day(1), BTreeMap::from([(Severity::Low, 300), (Severity::High, 1)])),
            (day(3), BTreeMap::from([(Severity::Medium, 150)])),
        ]);
        let chart = Chart::of(&days, day(1), day(4));
        let bars: Vec<_> = chart.bars.iter().map(|bar| (bar.severity, bar.x, bar.height)).collect();
        assert_eq!(bars, [("low", 0, 99), ("high", 0, 2), ("medium", 400, 49)]);
        assert_eq!(chart.labels.len(), 4);
        assert_eq!(chart.said, "451 alerts in 4 days, at most 301 a day");
    }

    #[test]
    fn years_are_as_many_bars_as_can_be_seen() {
        let (first, last) = (jiff::civil::date(2016, 1, 1), jiff::civil::date(2026, 12, 31));
        let days = Days::from([
            (first, BTreeMap::from([(Severity::Low, 1)])),
            (last, BTreeMap::from([(Severity::Low, 2)])),
        ]);
        let chart = Chart::of(&days, first, last);
        assert_eq!((chart.bars.len(), chart.bars[1].x), (2, 59 * 13));
        assert_eq!(chart.said, "3 alerts in 4018 days, at most 2 in 67 days");
        assert_eq!(chart.labels[0].1, "2016-01");
    }

    #[test]
    fn no_alerts_are_no_bars() {
        let day = jiff::civil::date(2026, 3, 1);
        assert!(Chart::of(&Days::new(), day, day).bars.is_empty());
    }
}
