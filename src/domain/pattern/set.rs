//! Many patterns at once. Owns which paths are looked at, and which patterns are worth trying on an event: each
//! alternative of a pattern is found by the rarest of the texts that it demands exactly. What a pattern says of an
//! event never depends on which others are in the set (a property in the tests).

use rustc_hash::FxHashMap;

use super::Pattern;
use super::search::agree;
use super::sheet::{Field, Laid, Sheet};
use super::value::{Scalar, Want};
use crate::domain::json::{Malformed, Quoted};

/// The number of a path in a set.
pub(super) type PathId = u32;

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
    /// All of it.
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
        set.late = set.trie.paths.iter().map(|path| path.starts_with("context.")).collect();
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
        sheet.begin(self.trie.paths.len());
        sheet.walk(&self.trie, ROOT, event)?;
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
        sheet.begin(self.trie.paths.len());
        match self.trie.nodes[ROOT as usize].children.get(path) {
            Some(node) => sheet.walk(&self.trie, *node, part)?,
            None => sheet.walk(&self.trie, NOWHERE, part)?,
        }
        let mut put: Vec<(PathId, String)> = Vec::new();
        beside(&Laid { sheet, text: part }, &mut |path, text| {
            put.extend(self.trie.by_name.get(path).map(|path| (*path, text.to_owned())));
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
        self.trie.by_name.get(path).map_or(&[], |path| laid.fields(*path))
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
            let fitting = fields.iter().any(|field| fit(laid, wants, field));
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

pub(super) fn fit(laid: &Laid<'_>, wants: &[Want], field: &Field) -> bool {
    let value = laid.scalar(field);
    wants.iter().any(|want| want.fits(&value))
}

const ROOT: u32 = 0;
/// A node that nothing is below.
const NOWHERE: u32 = 1;

/// The paths that some pattern looks at, name by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    paths: Vec<String>,
    by_name: FxHashMap<String, PathId>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: FxHashMap<Box<str>, u32>,
    path: Option<PathId>,
}

impl Trie {
    fn new() -> Self {
        Trie { nodes: vec![Node::default(), Node::default()], ..Trie::default() }
    }

    fn insert(&mut self, path: &str) -> PathId {
        if let Some(known) = self.by_name.get(path) {
            return *known;
        }
        let mut node = ROOT;
        // The empty path is the event itself.
        for name in path.split('.').filter(|_| !path.is_empty()) {
            let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
            node = *self.nodes[node as usize].children.entry(name.into()).or_insert(next);
            if node == next {
                self.nodes.push(Node::default());
            }
        }
        let id = PathId::try_from(self.paths.len()).unwrap_or(PathId::MAX);
        self.nodes[node as usize].path = Some(id);
        self.paths.push(path.to_owned());
        self.by_name.insert(path.to_owned(), id);
        id
    }

    pub(super) fn path(&self, node: u32) -> Option<PathId> {
        self.nodes[node as usize].path
    }

    pub(super) fn has_children(&self, node: u32) -> bool {
        !self.nodes[node as usize].children.is_empty()
    }

    /// The node of a member. A name with a dot in it is one path with the nested spelling, as in EventBridge.
    pub(super) fn step(&self, node: u32, name: &Quoted<'_>) -> Result<Option<u32>, Malformed> {
        if name.escaped {
            return Ok(self.down(node, &name.unescaped()?));
        }
        Ok(self.down(node, name.raw))
    }

    fn down(&self, node: u32, name: &str) -> Option<u32> {
        // A member without a name at the top is the top: paths have no dot before the first name.
        if node == ROOT && name.is_empty() {
            return Some(ROOT);
        }
        if !name.contains('.') {
            return self.nodes[node as usize].children.get(name).copied();
        }
        name.split('.').try_fold(node, |node, name| self.nodes[node as usize].children.get(name).copied())
    }
}
