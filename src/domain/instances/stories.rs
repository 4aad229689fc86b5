//! The stories of a region under one batch: what was known, with changes laid over it until they are committed.

use std::collections::BTreeMap;

use crate::domain::instances::story::Story;

/// The stories of one account and region, with changes laid over them until they are committed.
#[derive(Debug)]
pub struct Stories<'a> {
    known: &'a BTreeMap<String, Story>,
    changed: BTreeMap<String, Option<Story>>,
}

impl<'a> Stories<'a> {
    /// Nothing is changed yet.
    pub fn new(known: &'a BTreeMap<String, Story>) -> Self {
        Stories { known, changed: BTreeMap::new() }
    }

    /// The story of one instance, as the batch has changed it.
    pub fn get(&self, id: &str) -> Option<&Story> {
        match self.changed.get(id) {
            Some(changed) => changed.as_ref(),
            None => self.known.get(id),
        }
    }

    /// Changes one story, if it is there.
    pub fn change(&mut self, id: &str, change: impl FnOnce(&mut Story)) {
        if let Some(mut story) = self.get(id).cloned() {
            change(&mut story);
            self.put(id, story);
        }
    }

    /// Puts a story in the place of the one before.
    pub fn put(&mut self, id: &str, story: Story) {
        if self.get(id) != Some(&story) {
            self.changed.insert(id.to_owned(), Some(story));
        }
    }

    /// Ends the story of an instance that is gone.
    pub fn end(&mut self, id: &str) {
        self.changed.insert(id.to_owned(), None);
    }

    /// The ids of all instances that have a story.
    pub fn ids(&self) -> Vec<String> {
        let known = self.known.keys().filter(|id| !self.changed.contains_key(*id));
        let changed = self.changed.iter().filter(|(_, story)| story.is_some()).map(|(id, _)| id);
        known.chain(changed).cloned().collect()
    }

    /// The ids of the stories that a batch must look at, by what each is and whether the batch changed it.
    pub fn ids_where(&self, wanted: impl Fn(&Story, bool) -> bool) -> Vec<String> {
        let known = self.known.iter().filter(|(id, _)| !self.changed.contains_key(*id));
        let known = known.filter(|(_, story)| wanted(story, false)).map(|(id, _)| id);
        let changed = self.changed.iter().filter_map(|(id, story)| Some((id, story.as_ref()?)));
        let changed = changed.filter(|(_, story)| wanted(story, true)).map(|(id, _)| id);
        known.chain(changed).cloned().collect()
    }

    /// Whether this batch changed it.
    pub fn is_changed(&self, id: &str) -> bool {
        self.changed.contains_key(id)
    }

    /// What is to be written.
    pub fn into_changes(self) -> BTreeMap<String, Option<Story>> {
        let is_news = |(id, story): &(String, Option<Story>)| self.known.get(id) != story.as_ref();
        self.changed.into_iter().filter(is_news).collect()
    }
}
