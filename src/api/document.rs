//! YAML (or JSON) files with plans among other things, read so that nothing is lost on the way:
//! a key that stands twice is told, where an ordinary reader would take one of the two.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::DuplicateKeyPolicy;

use super::parse::{Parsed, parse};
use super::{GROUP, KIND, Problem, VERSION};

/// The largest file that is read, in bytes. An API server takes objects of at most 1.5 MiB.
pub const LARGEST: usize = 4 << 20;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no YAML.
    #[error("the file is no YAML: {0}")]
    Yaml(String),
    /// It is too large.
    #[error("the file has {0} bytes, more than the {LARGEST} that are read; split it")]
    Large(usize),
}

/// An object in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The object.
    pub object: Value,
    /// The paths of the keys that stand twice in it.
    pub twice: Vec<String>,
}

/// The objects in `text`: of each document one, of a `List` its items.
pub fn read(text: &str) -> Result<Vec<Document>, Error> {
    if text.len() > LARGEST {
        return Err(Error::Large(text.len()));
    }
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    let nodes: Vec<Node> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Error::Yaml(error.to_string()))?;
    let mut documents = Vec::new();
    for node in nodes {
        match node.list_items() {
            Ok(items) => documents.extend(items.into_iter().map(Node::document)),
            Err(node) => documents.push(node.document()),
        }
    }
    Ok(documents)
}

impl Document {
    /// Whether this is a plan, of whatever version.
    pub fn is_plan(&self) -> bool {
        let group = self.text("/apiVersion").split('/').next().unwrap_or_default();
        self.text("/kind") == KIND && group == GROUP
    }

    /// What it is, for people: `Deployment mail/mail`.
    pub fn title(&self) -> String {
        format!("{} {}", self.text("/kind"), self.name()).trim().to_owned()
    }

    /// `namespace/name`, or what there is of it.
    pub fn name(&self) -> String {
        let name = self.text("/metadata/name");
        match self.namespace() {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        }
    }

    /// The namespace, if it is named.
    pub fn namespace(&self) -> Option<&str> {
        self.object.pointer("/metadata/namespace")?.as_str()
    }

    /// The plan, or everything that is wrong with it.
    pub fn parse(&self) -> Result<Parsed, Vec<Problem>> {
        let mut problems = Vec::new();
        let version = format!("{GROUP}/{VERSION}");
        if self.text("/apiVersion") != version {
            let reason = format!("\"{}\" is not known", self.text("/apiVersion"));
            problems.push(Problem::new("apiVersion", reason, format!("write {version}")));
        }
        let name = self.text("/metadata/name");
        if name.is_empty() && self.text("/metadata/generateName").is_empty() {
            problems.push(Problem::new("metadata.name", "is missing", "give the plan a name"));
        } else if !name.is_empty() && !is_object_name(name) {
            problems.push(Problem::new(
                "metadata.name",
                format!("\"{name}\" is no name of a Kubernetes object"),
                "use lower case letters, digits, - and ., at most 253",
            ));
        }
        problems.extend(
            self.twice.iter().map(|path| {
                Problem::new(path, "stands twice", "keep one: of two, only the last would count")
            }),
        );
        if let Some(fields) = self.object.as_object() {
            let known = ["apiVersion", "kind", "metadata", "spec", "status"];
            let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
            problems.extend(unknown.map(|name| {
                Problem::new(name, "there is no such field", "remove it, or indent it under spec")
            }));
        }
        match (parse(self.object.get("spec").unwrap_or(&Value::Null)), problems.is_empty()) {
            (Ok(parsed), true) => Ok(parsed),
            (Ok(_), false) => Err(problems),
            (Err(found), _) => {
                problems.extend(found);
                Err(problems)
            }
        }
    }

    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A DNS subdomain, as the API server asks for.
fn is_object_name(name: &str) -> bool {
    let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().copied().is_some_and(edge)
                && bytes.last().copied().is_some_and(edge)
                && bytes.iter().all(|c| edge(*c) || *c == b'-')
        })
}

/// A value that remembers keys which stand twice.
enum Node {
    Leaf(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The items of a Kubernetes `List`; anything else is given back.
    fn list_items(self) -> Result<Vec<Self>, Self> {
        let Self::Map(fields) = self else { return Err(self) };
        let is = |name: &str, wanted: &str| {
            fields.iter().any(|(key, node)| {
                key == name && matches!(node, Self::Leaf(Value::String(text)) if text == wanted)
            })
        };
        if !is("kind", "List") || !is("apiVersion", "v1") {
            return Err(Self::Map(fields));
        }
        let items = fields.into_iter().find(|(key, _)| key == "items");
        Ok(match items {
            Some((_, Self::List(items))) => items,
            _ => Vec::new(),
        })
    }

    fn document(self) -> Document {
        let mut twice = Vec::new();
        let object = self.value("", &mut twice);
        Document { object, twice }
    }

    fn value(self, path: &str, twice: &mut Vec<String>) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| item.value(&format!("{path}[{index}]"), twice))
                .collect(),
            Self::Map(fields) => {
                let mut map = Map::new();
                for (key, node) in fields {
                    let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    let value = node.value(&here, twice);
                    if map.insert(key, value).is_some() {
                        twice.push(here);
                    }
                }
                Value::Object(map)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON knows")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Deserialize::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, node)) = access.next_entry::<String, Node>()? {
            fields.push((key, node));
        }
        Ok(Node::Map(fields))
    }
}
