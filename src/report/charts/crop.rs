//! Crops a picture for the page to its content, so that four bars do not take up a large box.

use super::canvas::{MARGIN, SIZE};

/// The picture without the blank space at its bottom.
pub(in crate::report) fn cropped(svg: &str) -> String {
    let (width, height) = SIZE;
    let bottom = svg.lines().filter_map(|line| lowest(line, height)).max().unwrap_or(0) as i32;
    let needed = (bottom + MARGIN / 2).clamp(1, height as i32);
    let whole = format!(r#"height="{height}" viewBox="0 0 {width} {height}""#);
    let part = format!(r#"height="{needed}" viewBox="0 0 {width} {needed}""#);
    svg.replacen(&whole, &part, 1)
}

/// The lowest pixel of an element; `None` for the background, and for anything that is not an element.
fn lowest(line: &str, height: u32) -> Option<u32> {
    let number = |name: &str| -> Option<f64> {
        line.split_once(&format!(" {name}=\""))?.1.split('"').next()?.parse().ok()
    };
    let is_paper = number("height") == Some(f64::from(height));
    let element = line.strip_prefix('<').filter(|_| !is_paper)?;
    let found = match element.split(' ').next()? {
        "rect" => number("y")? + number("height")?,
        "line" => number("y1")?.max(number("y2")?),
        "circle" => number("cy")? + number("r")?,
        // Texts are anchored at their middle or their base line.
        "text" => number("y")? + 6.0,
        "polyline" | "polygon" => {
            let points = line.split_once("points=\"")?.1.split('"').next()?;
            points
                .split_whitespace()
                .filter_map(|point| point.split_once(',')?.1.parse().ok())
                .fold(0.0, f64::max)
        }
        _ => return None,
    };
    Some(found.clamp(0.0, f64::from(height)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::canvas::{Area, Label, picture};
    use crate::report::charts::palette::PLAIN;

    #[test]
    fn it_ends_below_what_is_drawn() {
        let svg = picture("t", "", |canvas| {
            canvas.fill(Area { left: 30, top: 100, right: 60, bottom: 140 }, PLAIN)?;
            canvas.text((30, 160), Label::PLAIN, "y=\"400\" <rect y=\"400\" height=\"9\"/>")
        });
        let part = cropped(&svg.unwrap());
        assert!(
            part.starts_with(r#"<svg width="900" height="180" viewBox="0 0 900 180""#),
            "{}",
            &part[..80]
        );
        let low = picture("t", "", |canvas| canvas.line((30, 30), (30, 410), PLAIN)).unwrap();
        assert!(cropped(&low).starts_with(r#"<svg width="900" height="420""#));
    }
}
