//! Many patterns at once. Owns which paths are looked at, and which patterns are worth trying on an event: each
//! alternative of a pattern is found by the rarest of the texts that it demands exactly. What a pattern says of an
//! event never depends on which others are in the set (a property in the tests).

use rustc_hash::FxHashMap;

use crate::domain::json::Malformed;
use crate::domain::pattern::compiled::Pattern;
use crate::domain::pattern::search::agree;
use crate::domain::pattern::sheet::{Field, Laid, Sheet};
use crate::domain::pattern::trie::{PathId, Trie};
use crate::domain::pattern::value::{Scalar, Want};

/// The alternatives that demand a text, by that text.
type ByText = FxHashMap<Box<str>, Vec<u32>>;

/// Patterns, numbered in the order they were given.
#[derive(Debug, Clone, Default)]
pub struct Set {
    trie: Trie,
    /// For each path: it stands below what is added to an event later.
    late: Vec<bool>,
    alternatives: Vec<Alternative>,
    /// For each pattern, the first of its alternatives; they follow each other.
    begins: Vec<usize>,
    /// For each path by which alternatives are found: which, by the text that must stand there.
    index: Vec<(PathId, ByText)>,
    /// Alternatives that demand no text exactly.
    others: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Alternative {
    pattern: u32,
    searched: bool,
    /// In the order of the paths' names: `exists: false` is judged against what the ones before it have chosen.
    wants: Vec<(PathId, Vec<Want>)>,
}

/// What of an event is on the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The event has everything that a pattern may ask for.
    All,
    /// All but what is added later: whatever is demanded of that is taken to be so.
    WithoutContext,
}

impl Set {
    /// A set of patterns. `also` are paths to lay out although no pattern looks at them; what stands below `context`
    /// is added later.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p Pattern>, also: &[&str]) -> Self {
        Set::with_asides(patterns.into_iter().map(|pattern| (pattern, true)), also)
    }

    /// A set in which only the patterns with `true` are searched; of the others [`Set::fits`] says whether they fit.
    pub fn with_asides<'p>(patterns: impl IntoIterator<Item = (&'p Pattern, bool)>, also: &[&str]) -> Self {
        let mut set = Set { trie: Trie::new(), ..Set::default() };
        for path in also {
            set.trie.insert(path);
        }
        for (pattern, (compiled, searched)) in (0..).zip(patterns) {
            set.begins.push(set.alternatives.len());
            for alternative in &compiled.alternatives {
                let wants = alternative
                    .iter()
                    .map(|(path, condition)| (set.trie.insert(path), condition.wants.clone()))
                    .collect();
                set.alternatives.push(Alternative { pattern, searched, wants });
            }
        }
        set.late = set.trie.paths().iter().map(|path| path.starts_with("context.")).collect();
        set.find_by_texts();
        set
    }

    fn find_by_texts(&mut self) {
        let mut frequent: FxHashMap<(PathId, &str), usize> = FxHashMap::default();
        for alternative in self.alternatives.iter().filter(|one| one.searched) {
            for (path, texts) in self.demanded(alternative) {
                for text in texts {
                    *frequent.entry((path, text)).or_default() += 1;
                }
            }
        }
        let mut index: FxHashMap<PathId, ByText> = FxHashMap::default();
        let mut others = Vec::new();
        for (n, alternative) in (0..).zip(&self.alternatives).filter(|(_, one)| one.searched) {
            let rarest = self.demanded(alternative).min_by_key(|(path, texts)| {
                texts.iter().map(|text| frequent[&(*path, *text)]).sum::<usize>()
            });
            match rarest {
                None => others.push(n),
                Some((path, texts)) => {
                    for text in texts {
                        index.entry(path).or_default().entry(text.into()).or_default().push(n);
                    }
                }
            }
        }
        self.index = index.into_iter().collect();
        self.others = others;
    }

    /// The paths at which an alternative demands one of a few texts, with these.
    fn demanded<'a>(&'a self, alternative: &'a Alternative) -> impl Iterator<Item = (PathId, Vec<&'a str>)> {
        alternative.wants.iter().filter(|(path, _)| !self.late[*path as usize]).filter_map(|(path, wants)| {
            Some((*path, wants.iter().map(Want::only_text).collect::<Option<Vec<_>>>()?))
        })
    }

    /// Lays an event out.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn lay<'a>(&self, sheet: &'a mut Sheet, event: &'a str) -> Result<Laid<'a>, Malformed> {
        sheet.begin(self.trie.paths().len());
        sheet.walk(&self.trie, Trie::ROOT, event)?;
        sheet.finish();
        Ok(Laid { sheet, text: event })
    }

    /// Lays out what stands at `path` of an event that is not written out, and what `beside` puts beside it once it
    /// has seen that.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn lay_part<'a>(
        &self,
        sheet: &'a mut Sheet,
        path: &str,
        part: &'a str,
        beside: impl FnOnce(&Laid<'_>, &mut dyn FnMut(&str, &str)),
    ) -> Result<Laid<'a>, Malformed> {
        sheet.begin(self.trie.paths().len());
        sheet.walk(&self.trie, self.trie.child(path), part)?;
        let mut put: Vec<(PathId, String)> = Vec::new();
        beside(&Laid { sheet, text: part }, &mut |path, text| {
            put.extend(self.trie.id(path).map(|path| (path, text.to_owned())));
        });
        for (path, text) in put {
            sheet.put(path, &text);
        }
        sheet.finish();
        Ok(Laid { sheet, text: part })
    }

    /// The text at a path, where exactly one value stands there and it is a text.
    pub fn text<'a>(&self, laid: &Laid<'a>, path: &str) -> Option<&'a str> {
        match self.fields(laid, path) {
            [one] => match laid.scalar(one) {
                Scalar::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The truth at a path, where exactly one value stands there and it is one.
    pub fn bool(&self, laid: &Laid<'_>, path: &str) -> Option<bool> {
        match self.fields(laid, path) {
            [one] => match laid.scalar(one) {
                Scalar::Bool(truth) => Some(truth),
                _ => None,
            },
            _ => None,
        }
    }

    /// How many values stand at a path.
    pub fn count(&self, laid: &Laid<'_>, path: &str) -> usize {
        self.fields(laid, path).len()
    }

    fn fields<'a>(&self, laid: &Laid<'a>, path: &str) -> &'a [Field] {
        self.trie.id(path).map_or(&[], |path| laid.fields(path))
    }

    /// Puts the numbers of the patterns that match into `matched`, in order, each once.
    pub fn matching(&self, laid: &Laid<'_>, known: Known, matched: &mut Vec<u32>) {
        matched.clear();
        for (path, by_text) in &self.index {
            for field in laid.fields(*path) {
                let Scalar::Text(text) = laid.scalar(field) else { continue };
                for n in by_text.get(text).into_iter().flatten() {
                    self.try_on(laid, known, *n, matched);
                }
            }
        }
        for n in &self.others {
            self.try_on(laid, known, *n, matched);
        }
        matched.sort_unstable();
        matched.dedup();
    }

    /// Whether one pattern fits, all of the event being on the sheet.
    pub fn fits(&self, laid: &Laid<'_>, pattern: u32) -> bool {
        let begin = self.begins[pattern as usize];
        let own = self.alternatives[begin..].iter().take_while(|one| one.pattern == pattern);
        own.into_iter().any(|alternative| self.has(laid, Known::All, alternative))
    }

    fn try_on(&self, laid: &Laid<'_>, known: Known, n: u32, matched: &mut Vec<u32>) {
        let alternative = &self.alternatives[n as usize];
        if self.has(laid, known, alternative) {
            matched.push(alternative.pattern);
        }
    }

    fn has(&self, laid: &Laid<'_>, known: Known, alternative: &Alternative) -> bool {
        let is_asked = |path: &PathId| known == Known::All || !self.late[*path as usize];
        let mut in_arrays = 0;
        for (path, wants) in alternative.wants.iter().filter(|(path, _)| is_asked(path)) {
            let fields = laid.fields(*path);
            let may_be_absent = || wants.iter().any(|want| matches!(want, Want::Absent));
            let Some(last) = fields.last() else {
                if may_be_absent() {
                    continue;
                }
                return false;
            };
            let inside = last.element > 0;
            let fitting = fields.iter().any(|field| laid.fits(wants, field));
            if !(fitting || inside && may_be_absent()) {
                return false;
            }
            // What fits at one path alone fits; two must agree, and what is absent depends on the others' choice.
            in_arrays += usize::from(inside) + usize::from(inside && !fitting);
        }
        in_arrays < 2 || {
            let asked = alternative.wants.iter().filter(|(path, _)| is_asked(path));
            agree(laid, asked.map(|(path, wants)| (laid.fields(*path), wants.as_slice())))
        }
    }
}
