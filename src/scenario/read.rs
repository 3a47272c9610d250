//! From text to a file, or to everything that is wrong with it.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::file::File;
use crate::api::document::{self, Document};
use crate::api::schema::Shape;
use crate::api::{Problem, number};

static SHAPE: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(schema(), "see the reference of scenario files, tests/scenarios/README.md"));

/// The schema of scenario files, each part where it is used.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    plain(&mut schema);
    schema
}

/// What an optional value and a list of words look like to somebody who explains them: the value, and the
/// words.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(kinds)) = fields.get("type").cloned() {
                let mut kinds = kinds.into_iter().filter(|kind| kind != "null");
                fields.insert("type".into(), kinds.next().unwrap_or_default());
            }
            if let Some(Value::Array(any)) = fields.remove("anyOf") {
                let some = any.into_iter().find(|one| one["type"] != "null").unwrap_or_default();
                for (name, value) in some.as_object().cloned().unwrap_or_default() {
                    fields.entry(name).or_insert(value);
                }
            }
            if let Some(Value::Array(one)) = fields.remove("oneOf") {
                let words: Vec<Value> = one.iter().map(|one| one["const"].clone()).collect();
                fields.insert("enum".into(), words.into());
            }
            if fields.get("additionalProperties") == Some(&json!(false)) {
                fields.remove("additionalProperties");
            }
            fields.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// The scenario in `text`, or every problem of its form. What names what is looked at by
/// [`super::load`].
pub fn read(text: &str) -> Result<File, Vec<Problem>> {
    let documents = document::read(text)
        .map_err(|error| vec![Problem::new("", error.to_string(), "see the reference of scenario files")])?;
    let mut scenarios = documents.into_iter().filter(|document| !document.object.is_null());
    let (Some(Document { object, twice }), None) = (scenarios.next(), scenarios.next()) else {
        return Err(vec![Problem::new(
            "",
            "there is not exactly one scenario in the file",
            "write one document that begins with scenario:",
        )]);
    };
    let object = number::without_nulls(&object);
    let mut problems: Vec<Problem> =
        twice.iter().map(|path| Problem::new(path, "stands twice", "keep one")).collect();
    problems.extend(SHAPE.problems(&object));
    problems.extend(SHAPE.unknown_fields(&object));
    if !problems.is_empty() {
        problems.sort_by(|a, b| a.field.cmp(&b.field));
        problems.dedup();
        return Err(problems);
    }
    serde_json::from_value(object)
        .map_err(|error| vec![Problem::new("", error.to_string(), "see the reference of scenario files")])
}
