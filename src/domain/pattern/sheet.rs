//! An event, laid out for the patterns of one set: only the fields that some pattern looks at, taken from the text.
//! Owns the walk over the text and where in which array a field stands; what fits is `set`'s.

use crate::domain::json::{Malformed, Quoted, Scanner};
use crate::domain::pattern::trie::{PathId, Trie};
use crate::domain::pattern::value::{Scalar, Want};

/// The fields of one event. It is filled again and again, so that an event costs no memory of its own.
#[derive(Debug, Default)]
pub struct Sheet {
    by_path: Vec<Vec<Field>>,
    touched: Vec<PathId>,
    /// Texts that stand nowhere in the event as they are: unescaped ones, and fields from beside it.
    spelled: String,
    pub(super) elements: Vec<Element>,
    pub(super) arrays: Vec<Array>,
}

/// One value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The array element that it stands in; 0 for none. A scalar stands in the element around its array:
    /// `[{"b": 1}, 5]` has both.
    pub element: u32,
    start: u32,
    end: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A text of the event.
    Text,
    /// A text in [`Sheet::spelled`].
    Spelled,
    /// `null`, `true`, `false`, a number.
    Bare,
}

/// An object or array in an array, numbered from 1 in the order of the text: what stands inside it has numbers up
/// to `last`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Element {
    pub parent: u32,
    pub array: u32,
    pub last: u32,
}

/// The numbers of an array's elements and of everything in them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array {
    pub first: u32,
    pub last: u32,
}

impl Sheet {
    /// Empties the sheet for the next event of a set with `paths` paths.
    pub(super) fn begin(&mut self, paths: usize) {
        for path in self.touched.drain(..) {
            self.by_path[path as usize].clear();
        }
        self.by_path.resize_with(paths.max(self.by_path.len()), Vec::new);
        self.spelled.clear();
        self.elements.clear();
        self.elements.push(Element::default());
        self.arrays.clear();
    }

    /// Puts a text where the event has none.
    pub(super) fn put(&mut self, path: PathId, text: &str) {
        let field = self.spell(text, 0);
        self.push(path, field);
    }

    fn spell(&mut self, text: &str, element: u32) -> Field {
        let start = small(self.spelled.len());
        self.spelled.push_str(text);
        Field { element, start, end: small(self.spelled.len()), kind: Kind::Spelled }
    }

    fn push(&mut self, path: PathId, field: Field) {
        let fields = &mut self.by_path[path as usize];
        if fields.is_empty() {
            self.touched.push(path);
        }
        fields.push(field);
    }

    /// Takes the fields below a node of the trie out of a text, which must be one JSON value.
    pub(super) fn walk(&mut self, trie: &Trie, node: u32, text: &str) -> Result<(), Malformed> {
        if u32::try_from(text.len()).is_err() {
            return Err(Malformed);
        }
        let mut scanner = Scanner::new(text);
        let mut walker = Walker { trie, sheet: self };
        walker.value(&mut scanner, node, 0)?;
        scanner.end()
    }

    /// Brings each path's fields into the order of their elements.
    pub(super) fn finish(&mut self) {
        for path in &self.touched {
            let fields = &mut self.by_path[*path as usize];
            if !fields.is_sorted_by_key(|field| field.element) {
                fields.sort_by_key(|field| field.element);
            }
        }
    }
}

fn small(offset: usize) -> u32 {
    // `walk` takes no longer text.
    u32::try_from(offset).unwrap_or(u32::MAX)
}

struct Walker<'w> {
    trie: &'w Trie,
    sheet: &'w mut Sheet,
}

impl Walker<'_> {
    fn value(&mut self, scanner: &mut Scanner<'_>, node: u32, element: u32) -> Result<(), Malformed> {
        let (trie, path) = (self.trie, self.trie.path(node));
        match scanner.peek()? {
            b'{' if trie.has_children(node) => {
                scanner.object(|scanner, name| match trie.step(node, &name)? {
                    Some(below) => self.value(scanner, below, element),
                    None => scanner.skip(),
                })
            }
            b'[' if trie.has_children(node) || path.is_some() => self.array(scanner, node, element),
            b'{' | b'[' => scanner.skip(),
            b'"' => {
                let text = scanner.string()?;
                let Some(path) = path else { return Ok(()) };
                let field = self.text(&text, element)?;
                self.sheet.push(path, field);
                Ok(())
            }
            _ => {
                let bare = scanner.bare()?;
                let Some(path) = path else { return Ok(()) };
                let end = scanner.offset();
                let field =
                    Field { element, start: small(end - bare.len()), end: small(end), kind: Kind::Bare };
                self.sheet.push(path, field);
                Ok(())
            }
        }
    }

    fn text(&mut self, text: &Quoted<'_>, element: u32) -> Result<Field, Malformed> {
        if text.escaped {
            return Ok(self.sheet.spell(&text.unescaped()?, element));
        }
        let end = text.start + text.raw.len();
        Ok(Field { element, start: small(text.start), end: small(end), kind: Kind::Text })
    }

    fn array(&mut self, scanner: &mut Scanner<'_>, node: u32, around: u32) -> Result<(), Malformed> {
        let array = self.sheet.arrays.len();
        let first = small(self.sheet.elements.len());
        self.sheet.arrays.push(Array { first, last: 0 });
        scanner.array(|scanner| {
            if !matches!(scanner.peek()?, b'{' | b'[') {
                return self.value(scanner, node, around);
            }
            let element = self.sheet.elements.len();
            self.sheet.elements.push(Element { parent: around, array: small(array), last: 0 });
            self.value(scanner, node, small(element))?;
            self.sheet.elements[element].last = small(self.sheet.elements.len() - 1);
            Ok(())
        })?;
        self.sheet.arrays[array].last = small(self.sheet.elements.len() - 1);
        Ok(())
    }
}

/// A filled sheet with the text that it was filled from.
#[derive(Debug, Clone, Copy)]
pub struct Laid<'a> {
    pub(super) sheet: &'a Sheet,
    pub(super) text: &'a str,
}

impl<'a> Laid<'a> {
    pub(super) fn fields(&self, path: PathId) -> &'a [Field] {
        self.sheet.by_path.get(path as usize).map_or(&[], Vec::as_slice)
    }

    pub(super) fn scalar(&self, field: &Field) -> Scalar<'a> {
        let (start, end) = (field.start as usize, field.end as usize);
        match field.kind {
            Kind::Text => Scalar::Text(&self.text[start..end]),
            Kind::Spelled => Scalar::Text(&self.sheet.spelled[start..end]),
            Kind::Bare => match &self.text[start..end] {
                "null" => Scalar::Null,
                "true" => Scalar::Bool(true),
                "false" => Scalar::Bool(false),
                number => Scalar::Number(number),
            },
        }
    }

    /// Whether a field fits any of the conditions.
    pub(super) fn fits(&self, wants: &[Want], field: &Field) -> bool {
        let value = self.scalar(field);
        wants.iter().any(|want| want.fits(&value))
    }
}
