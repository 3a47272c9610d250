//! The shapes that several fields share, as JSON schemas. Every string and list has a bound, or
//! the rules would exceed the API server's cost limit.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A duration as GEP-2257 writes it. No `format`: `duration` means something else to some clients.
pub const DURATION: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
/// A DNS label.
pub const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// The name of a Kubernetes object: a DNS subdomain.
pub const OBJECT: &str = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
/// A host name or an IP address.
pub const HOST: &str =
    r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?)$";
/// Where an `HAProxy` Runtime API listens.
pub const INSTANCE: &str = r"^((tcp|tls)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|unix:///[^\s]+)$";
/// What `HAProxy` allows in the names of backends and servers.
pub const HAPROXY_NAME: &str = "^[A-Za-z0-9_.:-]+$";
/// The same with `*` and `?`.
pub const HAPROXY_GLOB: &str = "^[A-Za-z0-9_.:*?-]+$";
/// A stage, or a stage with its approval token.
pub const APPROVAL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(/[0-9a-f]{16})?$";
/// Where a Prometheus is: no user name, query or fragment.
pub const URL: &str = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^\s?#@]*)?$";
/// The group and version of an API.
pub const API_VERSION: &str = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*$";
/// A kind of object.
pub const KIND: &str = "^[A-Z][A-Za-z0-9]*$";
/// A user of a database, without the host: at most 128 characters (`MariaDB`; `MySQL`: 32), no blank at
/// either end.
pub const USER: &str = r"^\S(.*\S)?$";
/// A factor with at most two decimals.
pub const FACTOR: &str = r"^[0-9]{1,3}(\.[0-9]{1,2})?$";

fn text(pattern: &str, longest: u32) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": longest, "pattern": pattern})
}

pub fn duration(_: &mut SchemaGenerator) -> Schema {
    text(DURATION, 32)
}

pub fn label(_: &mut SchemaGenerator) -> Schema {
    text(LABEL, 63)
}

pub fn object(_: &mut SchemaGenerator) -> Schema {
    text(OBJECT, 253)
}

pub fn host(_: &mut SchemaGenerator) -> Schema {
    text(HOST, 253)
}

pub fn backend(_: &mut SchemaGenerator) -> Schema {
    text(HAPROXY_NAME, 128)
}

pub fn factor(_: &mut SchemaGenerator) -> Schema {
    text(FACTOR, 6)
}

pub fn port(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 1, "maximum": 65535})
}

pub fn weight(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0, "maximum": 100})
}

/// A difference of weights: as a weight, but not nothing.
pub fn step(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0.01, "maximum": 100})
}

/// The users of one side.
pub fn users(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 16, "items": text(USER, 128),
        "x-kubernetes-list-type": "set",
    })
}

pub fn level(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0, "maximum": 10_000_000})
}

/// A move about a stage's weight.
pub fn shift(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0.01, "maximum": 50})
}

/// So many of something per second: more than nothing.
pub fn amount(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 10_000_000})
}

/// A share of a side that stays unused.
pub fn headroom(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0, "maximum": 90})
}

/// How many peaks a stage must see.
pub fn peaks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 0, "maximum": 31})
}

/// How many pods something may have.
pub fn replicas(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 1, "maximum": 10_000})
}

pub fn api_version(_: &mut SchemaGenerator) -> Schema {
    text(API_VERSION, 253)
}

pub fn kind(_: &mut SchemaGenerator) -> Schema {
    text(KIND, 63)
}

/// A moment (RFC 3339).
pub fn moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 40})
}

pub fn url(_: &mut SchemaGenerator) -> Schema {
    text(URL, 253)
}

pub fn query(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 1024})
}

pub fn approvals(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": 64, "items": text(APPROVAL, 80), "x-kubernetes-list-type": "set"})
}

pub fn instances(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 16, "items": text(INSTANCE, 253),
        "x-kubernetes-list-type": "set",
    })
}

pub fn servers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 16, "items": text(HAPROXY_GLOB, 128),
        "x-kubernetes-list-type": "set",
    })
}
