use super::browser::Picture;
use super::{Frame, frames, kept, sample};

fn rgb(colour: &str) -> [u8; 3] {
    [1, 3, 5].map(|at| u8::from_str_radix(&colour[at..at + 2], 16).unwrap())
}

/// Where a colour stands within a chart's curves, as columns and rows from their top left.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // pixels of a page
fn places(picture: &Picture, frame: &Frame, colour: &str) -> Vec<(usize, usize)> {
    let (left, top) = (frame.left.round() as usize, frame.top.round() as usize);
    let colour = rgb(colour);
    let all = (0..frame.width as usize).flat_map(|x| (0..frame.height as usize).map(move |y| (x, y)));
    all.filter(|(x, y)| picture.at(left + x, top + y) == colour).collect()
}

#[test]
fn each_curve_is_drawn_in_its_colour_light_and_dark_wide_and_narrow() {
    let mut browser = sample(1600);
    for (scheme, width) in [("light", 1600), ("dark", 1600), ("dark", 800), ("light", 800)] {
        browser.size(width, 1000);
        browser.scheme(scheme, "");
        let picture = browser.picture(&kept(&format!("{scheme}-{width}.png")));
        let ground = if scheme == "light" { [255, 255, 255] } else { [0x14, 0x17, 0x1c] };
        assert_eq!(picture.at(2, 2), ground, "{scheme}");
        let frames = frames(&mut browser);
        assert_eq!(frames.len(), 12);
        for frame in &frames {
            let room = if width == 1600 { 500.0 } else { 600.0 };
            assert!(frame.width > room && frame.height > 100.0, "{frame:?}");
            for colour in &frame.colours {
                let seen = places(&picture, frame, colour).len();
                assert!(seen > 60, "{scheme} {width}: {seen} pixels of {colour} in {frame:?}");
            }
        }
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_same_chart_of_two_runs_stands_beside_it_on_the_same_scale() {
    let mut browser = sample(1600);
    let picture = browser.picture(&kept("scale.png"));
    let frames = frames(&mut browser);
    let rates: Vec<&Frame> = frames.iter().filter(|frame| frame.id == "rate").collect();
    let [with, without] = rates[..] else { panic!("{rates:?}") };
    assert_eq!([with.run, without.run], [0, 1]);
    assert_eq!((with.top, with.width), (without.top, without.width));
    assert!(without.left > with.left + with.width);

    // The rollback line is at the same height, the curve is not: 1,633 against 4,777 at most.
    let rollback =
        browser.value("getComputedStyle(document.documentElement).getPropertyValue('--rollback').trim()");
    let line = |frame| {
        let mut rows: Vec<_> =
            places(&picture, frame, rollback.as_str().unwrap()).iter().map(|at| at.1).collect();
        rows.sort_unstable();
        rows[rows.len() / 2]
    };
    assert_eq!(line(with), line(without));
    let peak =
        |frame: &Frame| places(&picture, frame, &frame.colours[0]).iter().map(|at| at.1).min().unwrap();
    assert!(peak(without) > 2, "the highest curve of both fits");
    assert!(peak(with) > peak(without) + 50, "{} and {}", peak(with), peak(without));

    browser.size(800, 1000);
    browser.settle();
    let frames = super::frames(&mut browser);
    let tops: Vec<f64> = frames.iter().filter(|frame| frame.id == "rate").map(|frame| frame.top).collect();
    assert!(tops[1] > tops[0] + 150.0, "below each other where it is narrow: {tops:?}");
}

#[test]
fn on_paper_it_is_light_and_no_chart_is_cut() {
    let mut browser = sample(1600);
    browser.scheme("dark", "");
    std::fs::write(kept("paper.pdf"), browser.paper()).unwrap();
    let wide = frames(&mut browser);
    assert!(wide.iter().all(|frame| frame.width > 500.0), "back as it was: {wide:?}");

    // What the printer sees, on the screen: the same event, the same medium.
    browser.scheme("dark", "print");
    browser.value("dispatchEvent(new Event('beforeprint'))");
    browser.size(700, 1000);
    browser.settle();
    let picture = browser.picture(&kept("paper.png"));
    assert_eq!(picture.at(2, 2), [255, 255, 255]);
    for frame in frames(&mut browser) {
        assert!(frame.left + frame.width < 700.0, "{frame:?}");
        let seen = places(&picture, &frame, &frame.colours[0]).len();
        assert!(seen > 30, "{seen} pixels in {frame:?}");
    }
    let folded = browser.value("document.querySelectorAll('details:not([open])').length");
    assert_eq!(folded, 0);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
