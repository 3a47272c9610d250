//! Numbers as JSON carries them through the API server, which stores `10.0` as `10`.

use serde_json::Value;

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
