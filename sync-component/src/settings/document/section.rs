use super::{Entry, Fault, Location, Node, Problems, Rule, nearest::nearest};

/// A table while it is read. Keys are asked for by name; [`Section::finish`] reports those that nobody asked for.
#[derive(Debug)]
pub struct Section<'d> {
    key: String,
    location: &'d Location,
    entries: &'d [Entry],
    known: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The table `node`, which stands at `key`; noted and `None` if it is no table.
    pub fn open(key: impl Into<String>, node: &'d Node, problems: &mut Problems) -> Option<Self> {
        let key = key.into();
        let Some(entries) = node.as_table() else {
            problems.refuse(&node.location, key, node.brief(), "a table");
            return None;
        };
        Some(Self {
            key,
            location: &node.location,
            entries,
            known: Vec::new(),
        })
    }

    /// Where the table stands.
    pub fn location(&self) -> &'d Location {
        self.location
    }

    /// `key` with this table's own key before it.
    pub fn path(&self, key: &str) -> String {
        if self.key.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.key)
        }
    }

    /// The value of `key`, which is known from now on.
    pub fn node(&mut self, key: &'static str) -> Option<&'d Node> {
        self.known.push(key);
        self.peek(key)
    }

    /// The value of `key`, if there is one.
    pub fn peek(&self, key: &str) -> Option<&'d Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.node)
    }

    /// The value of `key` by `rule`; `None` if it is not there, or noted because it does not fit.
    pub fn read<T: 'static>(
        &mut self,
        key: &'static str,
        rule: &Rule<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        let node = self.node(key)?;
        let value = rule.read(node);
        if value.is_none() {
            let accepted = rule.accepted().to_owned();
            problems.refuse(&node.location, self.path(key), node.brief(), accepted);
        }
        value
    }

    /// As [`Section::read`]; that the key is not there is noted, too.
    pub fn require<T: 'static>(
        &mut self,
        key: &'static str,
        rule: &Rule<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        if self.peek(key).is_none() {
            self.known.push(key);
            let accepted = rule.accepted().to_owned().into();
            problems.add(self.location, self.path(key), Fault::Missing { accepted });
            return None;
        }
        self.read(key, rule, problems)
    }

    /// Sets `target` if `key` is there and fits.
    pub fn set<T: 'static>(
        &mut self,
        target: &mut T,
        key: &'static str,
        rule: &Rule<T>,
        problems: &mut Problems,
    ) {
        if let Some(value) = self.read(key, rule, problems) {
            *target = value;
        }
    }

    /// The table at `key`, if there is one.
    pub fn table(&mut self, key: &'static str, problems: &mut Problems) -> Option<Section<'d>> {
        let node = self.node(key)?;
        Section::open(self.path(key), node, problems)
    }

    /// The entries of the table at `key`, whose keys are the user's own; none if it is not there.
    pub fn entries(&mut self, key: &'static str, problems: &mut Problems) -> &'d [Entry] {
        self.table(key, problems)
            .map_or(&[], |section| section.entries)
    }

    /// The items of the list at `key`; none if it is not there.
    pub fn list(&mut self, key: &'static str, problems: &mut Problems) -> &'d [Node] {
        let Some(node) = self.node(key) else {
            return &[];
        };
        node.as_list().unwrap_or_else(|| {
            problems.refuse(&node.location, self.path(key), node.brief(), "a list");
            &[]
        })
    }

    /// Notes every key that was not asked for.
    pub fn finish(self, problems: &mut Problems) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let fault = Fault::Unknown {
                value: entry.node.brief(),
                nearest: nearest(&entry.key, &self.known),
                known: self.known.clone(),
            };
            problems.add(&entry.node.location, self.path(&entry.key), fault);
        }
    }
}
