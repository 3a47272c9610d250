//! Values as the API server stores them: `10.0` as `10`, and no field that is null.

use serde_json::{Number, Value};

/// `value` with every whole number written as one, so that documents can be compared.
#[must_use]
pub fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[allow(clippy::cast_possible_truncation)] // whole and small, just tested
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, field)| (key, normal(field))).collect(),
        other => other,
    }
}

/// `value` without the fields that are null, which the API server drops (or fills with a default).
#[must_use]
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(key, field)| (key.clone(), without_nulls(field)))
            .collect(),
        other => other.clone(),
    }
}

/// Whether two numbers differ in more than their spelling.
#[must_use]
pub fn differ(one: &Number, other: &Number) -> bool {
    one != other && (one.is_f64() == other.is_f64() || one.as_f64() != other.as_f64())
}
