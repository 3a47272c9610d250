//! What comes from a user never becomes markup or script.

/// Text as it may stand between tags and in a quoted attribute. Control characters that HTML does
/// not allow are shown as the replacement character.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_override(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// JSON as it may stand in a script element: it can neither end the element nor open a comment in
/// it. The characters occur only within strings, where an escape means the same.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if is_override(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of what follows them: a name could make a reason read
/// otherwise than it is.
fn is_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
