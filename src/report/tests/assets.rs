use std::collections::BTreeMap;

use crate::report::markup::{STYLE, UPLOT_LICENSE, UPLOT_SCRIPT, UPLOT_STYLE, sha256};

#[test]
fn uplot_is_as_it_came() {
    assert_eq!(
        [UPLOT_SCRIPT, UPLOT_STYLE, UPLOT_LICENSE].map(|file| (file.len(), sha256(file))),
        [
            (51_081, "GcjUxq2Ikpp59K5J1vcWFWbf0Lo9FcxJXpdPeH63jx8=".to_owned()),
            (1_857, "32MMao1vjur/JktQ9zzlsRT2Rv/ZoLt08EmwoAE1+gQ=".to_owned()),
            (1_078, "j5iSKWmbT+LxoEMtDp7cM4qKkR4lDi0bAezXcKX1sb0=".to_owned()),
        ]
    );
}

/// The colours between two places of the style sheet, by name.
fn colours(from: &str, to: &str) -> BTreeMap<&'static str, f64> {
    let block = STYLE.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let colour = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        Some((name, luminance(value.strip_suffix(';')?)))
    };
    block.lines().filter_map(colour).collect()
}

/// Relative luminance, WCAG 2.1.
fn luminance(hex: &str) -> f64 {
    let part = |at: usize| {
        let part = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

#[test]
fn each_colour_stands_out_from_its_ground_in_both_schemes() {
    let light = colours(":root {", "}");
    let dark = colours(":root:not(.paper) {", "}");
    assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>());
    for scheme in [light, dark] {
        for (name, colour) in &scheme {
            // Contrast for what is drawn and for what is read, WCAG 2.1, 1.4.11 and 1.4.3.
            let wanted = match *name {
                "ground" | "card" | "rule" | "grid" | "now" => continue,
                "text" | "muted" | "good" | "bad" => 4.5,
                _ => 3.0,
            };
            for ground in ["ground", "card"] {
                let (one, other) = (colour.max(scheme[ground]), colour.min(scheme[ground]));
                let contrast = (one + 0.05) / (other + 0.05);
                assert!(contrast >= wanted, "{name} on {ground}: {contrast:.2}");
            }
        }
    }
}
