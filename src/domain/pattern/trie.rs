//! The paths that some pattern of a set looks at, name by name. Owns their numbers, and how a walk over an event's text
//! finds them.

use rustc_hash::FxHashMap;

use crate::domain::json::{Malformed, Quoted};

/// The number of a path in a set.
pub(super) type PathId = u32;

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
    /// The node of the event itself.
    pub(super) const ROOT: u32 = 0;
    /// A node that nothing is below.
    const NOWHERE: u32 = 1;

    pub(super) fn new() -> Self {
        Trie { nodes: vec![Node::default(), Node::default()], ..Trie::default() }
    }

    pub(super) fn insert(&mut self, path: &str) -> PathId {
        if let Some(known) = self.by_name.get(path) {
            return *known;
        }
        let mut node = Trie::ROOT;
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

    /// Every path, by its number.
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The number of a path.
    pub(super) fn id(&self, path: &str) -> Option<PathId> {
        self.by_name.get(path).copied()
    }

    /// The node of a member of the event itself.
    pub(super) fn child(&self, name: &str) -> u32 {
        self.nodes[Trie::ROOT as usize].children.get(name).copied().unwrap_or(Trie::NOWHERE)
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
        if node == Trie::ROOT && name.is_empty() {
            return Some(Trie::ROOT);
        }
        if !name.contains('.') {
            return self.nodes[node as usize].children.get(name).copied();
        }
        name.split('.').try_fold(node, |node, name| self.nodes[node as usize].children.get(name).copied())
    }
}
