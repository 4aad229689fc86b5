//! How text lies on a screen: tables whose columns are as wide as what a person sees in them, and paragraphs that end where
//! the screen does. Widths and breaks are `textwrap`'s, which knows wide letters and colours; without a width, as in a pipe,
//! nothing is broken.

use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter};

/// A narrower column is not worth breaking a text for.
const NARROWEST: usize = 24;

/// A text that begins with `first` and goes on under `rest`, both as wide as they look.
pub fn paragraph(columns: Option<usize>, first: &str, rest: &str, text: &str) -> String {
    let Some(columns) = columns.filter(|columns| columns.saturating_sub(display_width(first)) >= NARROWEST)
    else {
        return format!("{first}{text}");
    };
    // Names with dashes, and ARNs, are copied from the screen: they are broken only where there is a space.
    let options = Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options)
}

/// As much of a text as fits behind so many columns, and a sign that there was more.
pub fn one_line(columns: Option<usize>, behind: usize, text: &str) -> String {
    let Some(room) = columns.map(|columns| columns.saturating_sub(behind).max(NARROWEST)) else {
        return text.to_owned();
    };
    if display_width(text) <= room {
        return text.to_owned();
    }
    let mut line = String::new();
    for letter in text.chars() {
        if display_width(&line) + display_width(letter.encode_utf8(&mut [0; 4])) + 1 > room {
            break;
        }
        line.push(letter);
    }
    format!("{}…", line.trim_end())
}

/// Rows of cells. Every column but the last is as wide as its widest cell; the last is broken where the terminal ends, and goes
/// on beneath itself.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row. All have as many cells.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table, each line behind two spaces.
    pub fn text(&self, columns: Option<usize>) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| display_width(cell)).max().unwrap_or_default()
        };
        let all = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let widths: Vec<usize> = (0..all.saturating_sub(1)).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let Some((last, cells)) = row.split_last() else { continue };
            let mut first = String::from("  ");
            for (cell, width) in cells.iter().zip(&widths) {
                first.push_str(cell);
                first.push_str(&" ".repeat(width - display_width(cell) + 2));
            }
            let rest = " ".repeat(display_width(&first));
            text.push_str(paragraph(columns, &first, &rest, last).trim_end());
            text.push('\n');
        }
        text
    }
}

/// Cells beside each other, as many to a line as there is room for, up to four.
pub fn grid(columns: Option<usize>, cells: &[String]) -> String {
    let width = cells.iter().map(|cell| display_width(cell)).max().unwrap_or_default() + 3;
    let across = columns.map_or(4, |columns| (columns.saturating_sub(2) / width).clamp(1, 4));
    let mut text = String::new();
    for row in cells.chunks(across) {
        let row: String =
            row.iter().map(|cell| format!("{cell}{}", " ".repeat(width - display_width(cell)))).collect();
        text.push_str(&format!("  {}\n", row.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::default();
        table.row([
            "\u{1b}[31mhigh\u{1b}[0m".into(),
            "東京".into(),
            "a text that is long enough to break".into(),
        ]);
        table.row([
            "info".into(),
            "x".into(),
            "arn:aws:iam::111122223333:role/a-very-long-name-of-a-role".into(),
        ]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_they_look() {
        let text = table().text(None);
        let begins: Vec<usize> =
            text.lines().map(|line| display_width(line.split(['a']).next().unwrap_or_default())).collect();
        assert_eq!(begins, [14, 14], "{text}");
    }

    #[test]
    fn a_long_text_goes_on_beneath_itself_and_no_name_is_broken() {
        let text = table().text(Some(40));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].trim_start(), "to break", "{text}");
        assert_eq!(lines[1].len() - lines[1].trim_start().len(), 14, "{text}");
        assert!(lines[2].ends_with("role/a-very-long-name-of-a-role"), "{text}");
    }

    #[test]
    fn what_must_stay_one_line_is_cut_with_a_sign() {
        assert_eq!(
            one_line(Some(40), 10, "a text that is much longer than that"),
            "a text that is much longer th…"
        );
        assert_eq!(one_line(Some(40), 10, "short"), "short");
        assert_eq!(one_line(Some(30), 4, "東京都東京都東京都東京都東京都"), "東京都東京都東京都東京都…");
        assert_eq!(one_line(None, 10, "a text that is much longer than that").len(), 36);
    }

    #[test]
    fn in_a_pipe_nothing_is_broken() {
        assert_eq!(table().text(None).lines().count(), 2);
    }
}
