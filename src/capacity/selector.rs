//! Which pods belong to a workload, as the scale subresource writes it (`status.selector`).

use std::collections::BTreeSet;
use std::str::FromStr;

/// A label selector: all of its requirements, in whatever order they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(BTreeSet<Requirement>);

/// What is asked of one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Requirement {
    key: String,
    /// `None` asks only whether the label is there.
    values: Option<BTreeSet<String>>,
    /// Whether the opposite is asked. A label that is not there has none of the values.
    not: bool,
}

/// A text that is no selector, or one that selects everything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A requirement cannot be read.
    #[error("\"{0}\" is no label selector")]
    Unreadable(String),
    /// Every pod of the namespace would count.
    #[error("the label selector is empty: it would count every pod of the namespace")]
    Everything,
}

impl Selector {
    /// Whether labels fit; `value` looks one up.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| {
            let found = value(&requirement.key);
            let fits = match &requirement.values {
                None => found.is_some(),
                Some(values) => found.is_some_and(|found| values.contains(found)),
            };
            fits != requirement.not
        })
    }
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = split(text);
        let requirements: Option<BTreeSet<Requirement>> =
            parts.map(|part| requirement(part.trim())).collect();
        match requirements {
            _ if text.trim().is_empty() => Err(Error::Everything),
            Some(requirements) => Ok(Self(requirements)),
            None => Err(Error::Unreadable(text.into())),
        }
    }
}

/// At the commas that stand in no parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |character| {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        character == ',' && depth == 0
    })
}

fn requirement(text: &str) -> Option<Requirement> {
    if let Some(list) = text.strip_suffix(')') {
        let (head, list) = list.split_once('(')?;
        let mut words = head.split_whitespace();
        let (key, operator) = (words.next()?, words.next()?);
        let not = match operator {
            "in" => false,
            "notin" => true,
            _ => return None,
        };
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        return words.next().is_none().then(|| named(key, Some(values), not)).flatten();
    }
    let equals = text.split_once("!=").map(|pair| (pair, true));
    let equals = equals.or_else(|| text.split_once("==").map(|pair| (pair, false)));
    if let Some(((key, value), not)) = equals.or_else(|| text.split_once('=').map(|pair| (pair, false))) {
        return named(key, Some([value.trim().to_owned()].into()), not);
    }
    match text.strip_prefix('!') {
        Some(key) => named(key, None, true),
        None => named(text, None, false),
    }
}

fn named(key: &str, values: Option<BTreeSet<String>>, not: bool) -> Option<Requirement> {
    let key = key.trim();
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    let is_name = !key.is_empty() && key.chars().all(fits);
    is_name.then(|| Requirement { key: key.into(), values, not })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(selector: &str, labels: &[(&str, &str)]) -> bool {
        let selector: Selector = selector.parse().unwrap();
        selector.matches(|key| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value))
    }

    #[test]
    fn all_requirements_must_hold() {
        let labels = [("app", "mail"), ("tier", "b"), ("example.com/x-y_z", "")];
        for yes in [
            "app=mail",
            "app==mail",
            "app = mail , tier = b",
            "app=mail,tier in (a,b)",
            "tier notin (c, d),app",
            "!canary",
            "canary!=yes",
            "canary notin (yes)",
            "example.com/x-y_z=",
            "example.com/x-y_z in (,a)",
        ] {
            assert!(fits(yes, &labels), "{yes}");
        }
        for no in [
            "app=web",
            "app=mail,tier=a",
            "tier notin (b)",
            "canary",
            "!app",
            "app!=mail",
            "canary=",
            "x in (y)",
        ] {
            assert!(!fits(no, &labels), "{no}");
        }
    }

    #[test]
    fn what_cannot_be_read_selects_nothing() {
        for wrong in [
            "=mail",
            "app in mail",
            "app of (a)",
            "app in (a",
            "a b=c",
            "in (a)",
            "app=mail,,",
            "app in more (a)",
        ] {
            assert_eq!(wrong.parse::<Selector>(), Err(Error::Unreadable(wrong.into())), "{wrong}");
        }
        for empty in ["", "  "] {
            assert_eq!(empty.parse::<Selector>(), Err(Error::Everything));
        }
    }
}
