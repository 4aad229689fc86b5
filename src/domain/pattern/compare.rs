//! One pattern beside one event: whether it fits, and how near it comes. For people who ask; many patterns at once are
//! `set`'s.

use std::collections::BTreeMap;

use crate::domain::json::Json;
use crate::domain::pattern::compiled::Pattern;
use crate::domain::pattern::set::{Known, Set};
use crate::domain::pattern::sheet::Sheet;

/// One field of a pattern beside what an event has there.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The field's path, its names joined by dots.
    pub path: String,
    /// The conditions, as they were written.
    pub wanted: String,
    /// The values there; none when the field is absent.
    pub found: Vec<String>,
    /// One of them fits.
    pub fits: bool,
}

impl Pattern {
    /// How near an event comes: for the alternative that misses fewest fields, each field with what is wanted, what the
    /// event has, and whether it fits alone.
    pub fn nearest_miss(&self, event: &Json) -> Vec<Compared> {
        let text = event.to_string();
        let alternatives = self.alternatives.iter().map(|wants| {
            let each = wants.iter().map(|(path, condition)| {
                let alternatives = vec![BTreeMap::from([(path.clone(), condition.clone())])];
                let alone = Pattern { alternatives, replaced: Vec::new() };
                Compared {
                    path: path.clone(),
                    wanted: condition.written.clone(),
                    found: event.all_at(path).iter().map(ToString::to_string).collect(),
                    fits: alone.fits_text(&text),
                }
            });
            each.collect::<Vec<_>>()
        });
        alternatives
            .min_by_key(|fields| fields.iter().filter(|field| !field.fits).count())
            .unwrap_or_default()
    }

    /// Whether an event fits.
    pub fn fits(&self, event: &Json) -> bool {
        self.fits_text(&event.to_string())
    }

    fn fits_text(&self, event: &str) -> bool {
        let set = Set::new([self], &[]);
        let (mut sheet, mut matched) = (Sheet::default(), Vec::new());
        let Ok(laid) = set.lay(&mut sheet, event) else { return false };
        set.matching(&laid, Known::All, &mut matched);
        !matched.is_empty()
    }
}
