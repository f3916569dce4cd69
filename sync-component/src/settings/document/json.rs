use super::{Entry, Fault, Location, Node, NodeValue, Problems};
use serde::{
    Deserializer as _,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Deserializer, value::RawValue};
use std::{collections::BTreeMap, fmt};

/// Deepest nesting. No setting needs more than six, and a deeper tree could exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Reads JSON; `Err` holds the syntax error. What is no matter of syntax (a key twice) is noted in `problems`.
///
/// `serde_json`'s own tree would do neither: it takes the last of two equal keys, and turns large or fractional numbers
/// into floats. So objects and lists are taken apart level by level, with the scalars' own text.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Result<Node, Problems> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let mut syntax = Problems::default();
        let message = format!("JSON syntax: {error}");
        let location = Location::Line(error.line().max(1));
        syntax.add(&location, "", Fault::Syntax { message });
        syntax
    })?;
    let mut reader = Reader { problems };
    let place = Place {
        location: Location::Pointer(String::new()),
        key: String::new(),
        depth: 0,
    };
    Ok(reader.node(raw.get(), place))
}

struct Place {
    location: Location,
    key: String,
    depth: usize,
}

impl Place {
    fn below(&self, part: &str) -> Self {
        let dot = if self.key.is_empty() { "" } else { "." };
        Self {
            location: self.location.pointer_to(part),
            key: format!("{}{dot}{part}", self.key),
            depth: self.depth + 1,
        }
    }
}

struct Reader<'p> {
    problems: &'p mut Problems,
}

impl Reader<'_> {
    /// `text` is one whole JSON value: the parser has seen it already.
    fn node(&mut self, text: &str, place: Place) -> Node {
        let text = text.trim();
        let value = match text.bytes().next() {
            Some(b'{' | b'[') if place.depth >= MAX_DEPTH => {
                self.syntax(&place, format!("nested deeper than {MAX_DEPTH}"));
                NodeValue::Null
            }
            Some(b'{') => self.table(text, &place),
            Some(b'[') => self.list(text, &place),
            Some(b'"') => self.text(text, &place),
            Some(b't' | b'f') => NodeValue::Boolean(text == "true"),
            Some(b'n') | None => NodeValue::Null,
            Some(_) if text.contains(['.', 'e', 'E']) => NodeValue::Decimal(text.to_owned()),
            Some(_) => NodeValue::Integer(text.to_owned()),
        };
        Node {
            location: place.location,
            value,
        }
    }

    fn table(&mut self, text: &str, place: &Place) -> NodeValue {
        let members = match Deserializer::from_str(text).deserialize_map(Members) {
            Ok(members) => members,
            Err(error) => {
                self.syntax(place, error);
                return NodeValue::Null;
            }
        };
        let mut entries: BTreeMap<String, Node> = BTreeMap::new();
        for (key, raw) in members {
            let below = place.below(&key);
            if let Some(first) = entries.get(&key) {
                let first = first.location.clone();
                let value = self.node(raw.get(), place.below(&key)).brief();
                let fault = Fault::Repeated { value, first };
                self.problems.add(&below.location, below.key, fault);
            } else {
                let node = self.node(raw.get(), below);
                entries.insert(key, node);
            }
        }
        let entries = entries.into_iter().map(|(key, node)| Entry { key, node });
        NodeValue::Table(entries.collect())
    }

    fn list(&mut self, text: &str, place: &Place) -> NodeValue {
        match Deserializer::from_str(text).deserialize_seq(Items) {
            Ok(items) => {
                let nodes = items.into_iter().enumerate();
                let nodes =
                    nodes.map(|(index, raw)| self.node(raw.get(), place.below(&index.to_string())));
                NodeValue::List(nodes.collect())
            }
            Err(error) => {
                self.syntax(place, error);
                NodeValue::Null
            }
        }
    }

    /// The parser has not looked at escapes such as half a surrogate pair.
    fn text(&mut self, text: &str, place: &Place) -> NodeValue {
        match serde_json::from_str(text) {
            Ok(text) => NodeValue::Text(text),
            Err(error) => {
                self.syntax(place, error);
                NodeValue::Null
            }
        }
    }

    fn syntax(&mut self, place: &Place, error: impl fmt::Display) {
        let message = format!("JSON syntax: {error}");
        self.problems.add(
            &place.location,
            place.key.clone(),
            Fault::Syntax { message },
        );
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}
