//! Text that comes from outside: what an attacker may have chosen (user agents, tags, names, error messages).
//! Owns taking away what could change how a line reads; escaping for a channel belongs to `render`.

pub mod layout;

/// The longest fact that an alert carries, in characters.
pub const FACT: usize = 240;
/// The longest text of a rule that an alert carries, in characters.
pub const TEXT: usize = 600;

/// `text` on one line, without control, invisible and direction-changing characters, cut to `limit` characters.
///
/// Directional overrides can make a line read as another (U+202A–202E, U+2066–2069, "Trojan Source"), and
/// invisible characters can hide one name in another.
pub fn clean(text: &str, limit: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(limit.saturating_mul(4)));
    let mut length = 0;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}') {
            space = length > 0;
            continue;
        }
        if is_unseen(c) {
            continue;
        }
        if length + usize::from(space) >= limit {
            cleaned.push('…');
            return cleaned;
        }
        if std::mem::take(&mut space) {
            cleaned.push(' ');
            length += 1;
        }
        cleaned.push(c);
        length += 1;
    }
    cleaned
}

/// The text as [`clean`] has it; of a longer one both ends, since an ARN's name is at its end and whoever makes it chooses the
/// length of what is before.
pub fn clean_ends(text: &str, limit: usize) -> String {
    let cleaned = clean(text, text.len());
    let length = cleaned.chars().count();
    if length <= limit {
        return cleaned;
    }
    let head = limit / 3;
    let tail: String = cleaned.chars().skip(length - (limit - head - 1)).collect();
    let head: String = cleaned.chars().take(head).collect();
    format!("{head}…{tail}")
}

/// The text as it is, on one line and without what takes no ink.
pub fn inked(text: &str) -> String {
    let seen = |c: char| match c {
        c if c.is_whitespace() => Some(' '),
        c => Some(c).filter(|c| !is_unseen(*c)),
    };
    text.chars().filter_map(seen).collect()
}

/// What takes no ink: control characters, what Unicode calls ignorable (DerivedCoreProperties.txt,
/// "Default_Ignorable_Code_Point"), marks of interlinear text, and the braille cell without a dot.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// `1 message`, `2 messages`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// So many seconds in their largest unit, as `12s`, `4m`, `3h`, `2d`: of two units the smaller, while its count is readable.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{}s", seconds.max(0)),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// An error with all its causes, on one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line() {
        assert_eq!(clean("a\r\nBcc: b\t c ", 100), "a Bcc: b c");
    }

    #[test]
    fn what_cannot_be_seen_is_taken_away() {
        assert_eq!(clean("ad\u{200b}min\u{202e}gpj.exe\u{1b}[31m", 100), "admingpj.exe[31m");
    }

    /// Letters without ink passed, by which two names look the same.
    #[test]
    fn letters_without_ink_are_taken_away() {
        for c in
            ['\u{3164}', '\u{2800}', '\u{115F}', '\u{1160}', '\u{FFA0}', '\u{034F}', '\u{180B}', '\u{9b}']
        {
            assert_eq!(clean(&format!("ad{c}min"), 100), "admin", "{:04X}", u32::from(c));
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }

    #[test]
    fn a_long_name_is_cut_in_the_middle() {
        let arn = format!("arn:aws:iam::111122223333:role/{}/admin", "x".repeat(400));
        let cut = clean_ends(&arn, FACT);
        assert!(cut.starts_with("arn:aws:iam::111122223333:role/x") && cut.ends_with("x/admin"), "{cut}");
        assert_eq!(cut.chars().count(), FACT);
        assert_eq!(clean_ends("short", FACT), "short");
    }
}
