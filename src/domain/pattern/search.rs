//! Whether the fields that an alternative wants can be chosen so that all come from the same elements of the arrays
//! that they share. Owns that search, and that it stays quick for lists of thousands.

use crate::domain::pattern::sheet::{Element, Field, Laid};
use crate::domain::pattern::value::Want;

/// What one path offers.
struct Level<'a> {
    /// The elements of the fields that fit, in order, each once.
    fitting: Vec<u32>,
    /// All its fields.
    fields: &'a [Field],
    may_be_absent: bool,
}

/// The levels whose choice stood in the way, as bits; levels past the last bit share it.
type Conflict = u128;

fn bit(level: usize) -> Conflict {
    1 << level.min(127)
}

/// Whether all paths agree. They come in the order of their names.
pub(super) fn agree<'a>(laid: &Laid<'a>, paths: impl Iterator<Item = (&'a [Field], &'a [Want])>) -> bool {
    let levels: Vec<Level<'a>> = paths
        .map(|(fields, wants)| {
            let mut fitting: Vec<u32> =
                fields.iter().filter(|field| laid.fits(wants, field)).map(|field| field.element).collect();
            fitting.dedup();
            Level { fitting, fields, may_be_absent: wants.iter().any(|want| matches!(want, Want::Absent)) }
        })
        .collect();
    Search { laid, levels: &levels, chosen: Vec::new() }.from(0).is_ok()
}

struct Search<'s, 'a> {
    laid: &'s Laid<'a>,
    levels: &'s [Level<'a>],
    /// Elements that later choices must agree with, and the level that chose each.
    chosen: Vec<(u32, usize)>,
}

impl Search<'_, '_> {
    /// Chooses for this level and all after it. Where that fails because of other levels' choices alone, this level's
    /// next choice is not tried: without that, two long lists would cost the product of their lengths.
    fn from(&mut self, level: usize) -> Result<(), Conflict> {
        let Some(here) = self.levels.get(level) else { return Ok(()) };
        let mut conflict = 0;
        let mut at = 0;
        while let Some(element) = here.fitting.get(at).copied() {
            if let Some((other, resume)) = self.clash(element) {
                conflict |= bit(other);
                at += here.fitting[at..].partition_point(|element| *element < resume);
                continue;
            }
            let before = self.chosen.len();
            self.choose(element, level);
            let failed = match self.from(level + 1) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            self.chosen.truncate(before);
            if failed & bit(level) == 0 {
                return Err(failed);
            }
            conflict |= failed;
            at += 1;
        }
        if here.may_be_absent {
            // What is absent depends on every choice before.
            conflict |= bit(level) - 1;
            if self.is_absent(here.fields) {
                match self.from(level + 1) {
                    Ok(()) => return Ok(()),
                    Err(failed) => conflict |= failed,
                }
            }
        }
        Err(conflict & !(if level < 127 { bit(level) } else { 0 }))
    }

    fn element(&self, number: u32) -> Element {
        self.laid.sheet.elements[number as usize]
    }

    /// Whose choice an element contradicts, and the first element after it that may not.
    fn clash(&self, element: u32) -> Option<(usize, u32)> {
        self.chosen.iter().find_map(|(chosen, level)| {
            let of = self.element(*chosen);
            let array = self.laid.sheet.arrays[of.array as usize];
            let contradicts =
                (array.first..=array.last).contains(&element) && !(*chosen..=of.last).contains(&element);
            contradicts.then(|| (*level, if element < *chosen { *chosen } else { array.last + 1 }))
        })
    }

    fn choose(&mut self, element: u32, level: usize) {
        let mut element = element;
        while element > 0 {
            if !self.chosen.iter().any(|(chosen, _)| *chosen == element) {
                self.chosen.push((element, level));
            }
            element = self.element(element).parent;
        }
    }

    fn is_absent(&self, fields: &[Field]) -> bool {
        let mut at = 0;
        while let Some(field) = fields.get(at) {
            let Some((_, resume)) = self.clash(field.element) else { return false };
            at += fields[at..].partition_point(|field| field.element < resume);
        }
        true
    }
}
