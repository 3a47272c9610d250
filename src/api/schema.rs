//! The API server's own checks, offline: the schema and its rules, over a raw document.
#![allow(clippy::format_push_string)] // short texts for people, put together once

use std::sync::LazyLock;

use jsonschema::error::{ValidationError, ValidationErrorKind};
use kube::core::cel;
use serde_json::{Value, json};

use super::rules::Law;
use super::{Problem, crd, shape};

/// A schema that tells what is wrong with a document, all of it at once and for people. Its parts stand
/// where they are used, without references.
pub struct Shape {
    raw: Value,
    validator: Option<jsonschema::Validator>,
    /// Where its fields are documented.
    help: &'static str,
}

impl Shape {
    /// The shape that `raw` describes; `help` says where its fields are documented.
    pub fn new(raw: Value, help: &'static str) -> Self {
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&raw).ok();
        Self { raw, validator, help }
    }

    /// What the schema refuses in `object`. Fields that it does not know are another question.
    pub fn problems(&self, object: &Value) -> Vec<Problem> {
        let Some(validator) = &self.validator else {
            return vec![Problem::new("", "the schema does not compile", "this is a bug, please report it")];
        };
        let known = |error: &ValidationError| {
            !matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. })
        };
        validator.iter_errors(object).filter(known).map(|error| self.explain(&error)).collect()
    }

    /// The fields of `object` that the schema does not know.
    pub fn unknown_fields(&self, object: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        unknown(&self.raw, object, "", &mut problems);
        problems
    }
}

/// The committed schema, compiled once.
struct Compiled {
    shape: Shape,
    rules: cel::CompiledSchema,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let raw = crd::value()
        .map(|mut crd| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take())
        .unwrap_or_default();
    let rules = cel::compile_schema(&raw);
    Compiled { shape: Shape::new(raw, "see `kubectl explain mplan.spec --recursive`"), rules }
});

/// The schema of the whole object.
pub fn raw() -> &'static Value {
    &COMPILED.shape.raw
}

/// What the schema refuses in `object`. Fields that it does not know are another question.
pub fn problems(object: &Value) -> Vec<Problem> {
    COMPILED.shape.problems(object)
}

/// The fields of `object` that the schema does not know: the API server drops them.
pub fn unknown_fields(object: &Value) -> Vec<Problem> {
    COMPILED.shape.unknown_fields(object)
}

/// The rules that `object` breaks, and for each whether the core finds the same. A rule that cannot
/// be evaluated says nothing here: its field has the wrong shape, which [`problems`] tells.
pub fn broken_rules(object: &Value) -> Vec<(Problem, bool)> {
    let errors = match cel::Validator::new().validate_compiled(&COMPILED.rules, object, None) {
        Ok(()) => return Vec::new(),
        Err(errors) => errors,
    };
    errors
        .into_vec()
        .into_iter()
        .filter(|error| error.kind == cel::ErrorKind::ValidationFailure)
        .map(|error| {
            let law = Law::by_message(&error.message);
            let (reason, remedy) = law.map_or((error.message.as_str(), ""), |law| (law.reason, law.remedy));
            (Problem::new(error.field_path, reason, remedy), law.is_some_and(|law| law.in_core))
        })
        .collect()
}

/// `object` with the schema's defaults filled in, as the API server does.
pub fn with_defaults(object: &Value) -> Value {
    cel::apply_defaults(raw(), object)
}

/// A JSON pointer as the API spells paths: `/spec/stages/0` is `spec.stages[0]`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() {
            path += &format!("[{part}]");
        } else {
            path += if path.is_empty() { "" } else { "." };
            path += &part.replace("~1", "/").replace("~0", "~");
        }
    }
    path
}

impl Shape {
    fn explain(&self, error: &ValidationError) -> Problem {
        use ValidationErrorKind as Kind;
        let mut field = path(error.instance_path().as_str());
        let shown = short(error.instance());
        let (reason, remedy) = match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                field = if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
                ("is missing".to_owned(), self.described(error, Some(name)))
            }
            Kind::Type { .. } => {
                let wanted = self
                    .schema_at(error)
                    .and_then(|schema| schema["type"].as_str())
                    .unwrap_or("another type");
                (format!("{shown} is not {}", human(wanted)), self.described(error, None))
            }
            Kind::Enum { options } => {
                (format!("{shown} is not allowed"), format!("write one of {}", listed(options)))
            }
            Kind::Pattern { pattern } => {
                let remedy = pattern_remedy(pattern).unwrap_or_else(|| self.described(error, None));
                (format!("{shown} {}", pattern_reason(pattern)), remedy)
            }
            Kind::ExclusiveMinimum { limit } => {
                (format!("{shown} is too small"), format!("write more than {limit}"))
            }
            Kind::Format { format } if format == "date-time" => {
                (format!("{shown} is no time"), "write for example 2026-11-01T09:00:00Z".into())
            }
            Kind::Minimum { limit } => (format!("{shown} is too small"), format!("write at least {limit}")),
            Kind::Maximum { limit } => (format!("{shown} is too large"), format!("write at most {limit}")),
            Kind::MultipleOf { multiple_of } => {
                (format!("{shown} is no multiple of {multiple_of}"), "write at most two decimals".into())
            }
            Kind::MinItems { limit } => ("has too few items".into(), format!("give at least {limit}")),
            Kind::MaxItems { limit } => ("has too many items".into(), format!("give at most {limit}")),
            Kind::MinLength { .. } => ("is empty".into(), self.described(error, None)),
            Kind::MaxLength { limit } => {
                (format!("{shown} is too long"), format!("write at most {limit} characters"))
            }
            _ => (error.to_string(), self.described(error, None)),
        };
        Problem::new(field, reason, remedy)
    }

    /// The schema that holds the keyword which failed.
    fn schema_at(&self, error: &ValidationError) -> Option<&Value> {
        let pointer = error.schema_path().as_str();
        self.raw.pointer(&pointer[..pointer.rfind('/')?])
    }

    /// What the field is for, by its documentation: the first sentence.
    fn described(&self, error: &ValidationError, property: Option<&str>) -> String {
        let description = self
            .schema_at(error)
            .map(|schema| property.map_or(schema, |name| &schema["properties"][name]))
            .and_then(|schema| schema["description"].as_str());
        match description {
            Some(text) => {
                let sentence = text.split(". ").next().unwrap_or(text).split(".\n").next().unwrap_or(text);
                format!(
                    "it is: {}",
                    sentence.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.')
                )
            }
            None => self.help.into(),
        }
    }
}

/// A type's name with its article.
fn human(kind: &str) -> &str {
    match kind {
        "array" => "a list",
        "object" => "an object with fields",
        "string" => "text",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        other => other,
    }
}

/// A value in few characters.
fn short(value: &Value) -> String {
    let text = match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        other => other.to_string(),
    };
    if text.chars().count() > 60 { text.chars().take(59).chain(['…']).collect() } else { text }
}

fn listed(options: &Value) -> String {
    let items = options.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

fn pattern_reason(pattern: &str) -> &'static str {
    match pattern {
        shape::DURATION => "is no duration",
        shape::LABEL => "is no name",
        shape::OBJECT => "is no name of a Kubernetes object",
        shape::HOST => "is no host name or address",
        shape::INSTANCE => "is no address of a Runtime API",
        shape::HAPROXY_NAME | shape::HAPROXY_GLOB => "is no name that HAProxy allows",
        shape::APPROVAL => "is no approval",
        shape::FACTOR => "is no factor",
        shape::URL => "is no address of a Prometheus",
        shape::API_VERSION => "is no API version",
        shape::KIND => "is no kind of object",
        _ => "is not of the form that is wanted",
    }
}

fn pattern_remedy(pattern: &str) -> Option<String> {
    Some(match pattern {
        shape::DURATION => "write for example 500ms, 30s, 5m or 1h30m".into(),
        shape::LABEL | shape::OBJECT => {
            "use lower case letters, digits and -, beginning and ending with a letter or digit".into()
        }
        shape::HOST => "write it without scheme and port, for example accounts-db.mail".into(),
        shape::INSTANCE => "write tls://host:port, tcp://host:port or unix:///path/to/socket".into(),
        shape::HAPROXY_NAME => "use letters, digits and _ . : -".into(),
        shape::HAPROXY_GLOB => "use letters, digits and _ . : -, * for any characters and ? for one".into(),
        shape::APPROVAL => "write <stage>, or <stage>/<token> with the token of status.approvalToken".into(),
        shape::FACTOR => "write a number with at most two decimals as text, for example \"1.5\"".into(),
        shape::API_VERSION => "write its group and version, for example apps/v1".into(),
        shape::KIND => "write it as in the object's own file, for example Deployment".into(),
        shape::URL => {
            "write https://host:port with the path under which it serves, without user name and query".into()
        }
        _ => return None,
    })
}

fn unknown(schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                unknown(&schema["items"], item, &format!("{path}[{index}]"), problems);
            }
        }
        Value::Object(fields) => {
            let Some(known) = schema["properties"].as_object() else { return };
            for (name, field) in fields {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                // The API server knows these without a schema.
                if path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                match known.get(name) {
                    Some(schema) => unknown(schema, field, &here, problems),
                    None => {
                        problems.push(Problem::new(here, "there is no such field", meant(name, known)));
                    }
                }
            }
        }
        _ => {}
    }
}

fn meant(name: &str, known: &serde_json::Map<String, Value>) -> String {
    let near = known.keys().map(|field| (distance(&name.to_lowercase(), &field.to_lowercase()), field)).min();
    match near {
        Some((distance, field)) if distance <= 1 + name.len() / 4 => format!("did you mean {field}?"),
        _ => {
            format!("remove it; the fields here are {}", known.keys().cloned().collect::<Vec<_>>().join(", "))
        }
    }
}

/// How many characters lie between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(from != *to)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

/// The whole object of a spec, as the rules see it.
pub(super) fn object(spec: &Value) -> Value {
    json!({"spec": spec})
}
