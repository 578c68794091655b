//! Renders SVG to PNG with the built-in font, independently of the machine.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use png::{BitDepth, ColorType, DeflateCompression, EncodingError, Filter};
use resvg::tiny_skia::{Color, IntSize, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb};

use super::Picture;
use crate::{Error, Result};

/// `DejaVu` Sans 2.37; its license is in the same folder.
const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
/// Pixels of the PNG per pixel of the SVG, so that it is sharp on dense screens and in print.
const SCALE: f32 = 2.0;
/// Within a tenth of the size of level 6, in half the time.
const COMPRESSION: DeflateCompression = DeflateCompression::Level(4);

/// Renders charts, from any number of threads.
pub struct Renderer {
    fonts: Arc<fontdb::Database>,
    /// Sheets not in use; there are as many as threads have rendered concurrently.
    sheets: Mutex<Vec<Sheet>>,
}

/// The memory of a picture, reused for the next one: allocating it takes the system half as long as
/// drawing.
struct Sheet {
    pixels: Pixmap,
    /// The color number of each pixel, if there are few colors.
    numbers: Vec<u8>,
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new()
    }
}

impl Renderer {
    /// A renderer with the built-in font.
    pub fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(FONT)));
        Self { fonts: Arc::new(fonts), sheets: Mutex::default() }
    }

    /// Renders a picture as PNG, at twice the size.
    ///
    /// # Errors
    /// [`Error::Render`] naming the chart.
    pub fn render(&self, picture: &Picture) -> Result<Vec<u8>> {
        let failed = |reason| Error::Render { what: format!("the chart {}", picture.id), reason };
        self.render_svg(&picture.svg).map_err(failed)
    }

    /// Renders an SVG; the error is a sentence.
    fn render_svg(&self, svg: &str) -> Result<Vec<u8>, String> {
        let options = Options {
            fontdb: Arc::clone(&self.fonts),
            font_family: super::canvas::FONT_FAMILY.to_owned(),
            image_href_resolver: no_images(),
            ..Options::default()
        };
        // Rectangles are on whole pixels, so there is nothing to smooth; smoothing takes four times
        // as long.
        let svg = svg.replace("<rect ", "<rect shape-rendering=\"crispEdges\" ");
        let tree = Tree::from_str(&svg, &options).map_err(|e| e.to_string())?;
        let size = tree.size().to_int_size().scale_by(SCALE).ok_or("it has no size")?;
        let mut sheet = self.blank_sheet(size).ok_or("it has no size")?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut sheet.pixels.as_mut());
        let png = sheet.encode().map_err(|e| e.to_string());
        self.sheets.lock().unwrap_or_else(PoisonError::into_inner).push(sheet);
        png
    }

    /// A white page; every chart is opaque.
    fn blank_sheet(&self, size: IntSize) -> Option<Sheet> {
        let used = self.sheets.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let fits =
            |sheet: &Sheet| (sheet.pixels.width(), sheet.pixels.height()) == (size.width(), size.height());
        let mut sheet = match used.filter(fits) {
            Some(used) => used,
            None => Sheet { pixels: Pixmap::new(size.width(), size.height())?, numbers: Vec::new() },
        };
        sheet.pixels.fill(Color::WHITE);
        Some(sheet)
    }
}

impl Sheet {
    fn encode(&mut self) -> Result<Vec<u8>, EncodingError> {
        let palette = self.number_colours();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.pixels.width(), self.pixels.height());
        encoder.set_depth(BitDepth::Eight);
        encoder.set_deflate_compression(COMPRESSION);
        // Filters do not help with color numbers, nor with flat areas of color.
        encoder.set_filter(Filter::NoFilter);
        let samples = if let Some(palette) = palette {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette);
            &self.numbers
        } else {
            encoder.set_color(ColorType::Rgb);
            without_alpha(self.pixels.data_mut())
        };
        let mut writer = encoder.write_header()?;
        writer.write_image_data(samples)?;
        writer.finish()?;
        Ok(bytes)
    }

    /// Numbers the colors and returns them; `None` if there are more than fit into a byte. Charts
    /// have few, and one byte per pixel instead of three is compressed in less than half the time.
    fn number_colours(&mut self) -> Option<Vec<u8>> {
        let row_pixels = self.pixels.width() as usize;
        let mut numbers: AHashMap<[u8; 4], u8> = AHashMap::new();
        let mut palette = Vec::new();
        let mut above: &[[u8; 4]] = &[];
        self.numbers.clear();
        let (pixels, _) = self.pixels.data().as_chunks();
        for row in pixels.chunks(row_pixels) {
            if row == above {
                self.numbers.extend_from_within(self.numbers.len() - row_pixels..);
                continue;
            }
            above = row;
            for run in row.chunk_by(|a, b| a == b) {
                let number = match numbers.entry(run[0]) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        let number = u8::try_from(palette.len() / 3).ok()?;
                        palette.extend_from_slice(&run[0][..3]);
                        *new.insert(number)
                    }
                };
                self.numbers.resize(self.numbers.len() + run.len(), number);
            }
        }
        Some(palette)
    }
}

/// Drops every fourth byte, in place.
fn without_alpha(pixels: &mut [u8]) -> &[u8] {
    let count = pixels.len() / 4;
    for pixel in 0..count {
        let colour = [pixels[4 * pixel], pixels[4 * pixel + 1], pixels[4 * pixel + 2]];
        pixels[3 * pixel..3 * pixel + 3].copy_from_slice(&colour);
    }
    &pixels[..3 * count]
}

/// Charts have no images; if hostile text ever became one, no file would be opened for it.
fn no_images() -> ImageHrefResolver<'static> {
    ImageHrefResolver { resolve_data: Box::new(|_, _, _| None), resolve_string: Box::new(|_, _| None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_drawn_with_the_font_that_is_built_in() {
        let svg = |text: &str| {
            format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text x="2" y="15" font-family="DejaVu Sans">{text}</text></svg>"#
            )
        };
        let renderer = Renderer::new();
        let (blank, word) =
            (renderer.render_svg(&svg("")).unwrap(), renderer.render_svg(&svg("abc")).unwrap());
        assert!(blank != word);
    }

    /// The size of a PNG and the colors of its pixels, in either encoding.
    fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        (frame.width, frame.height, pixels)
    }

    /// One-pixel stripes in this many colors.
    fn stripes(colours: usize) -> String {
        let stripe = |n| format!(r##"<rect x="{n}" width="1" height="1" fill="#{:06x}"/>"##, n * 50_000);
        let stripes = (0..colours).map(stripe).collect::<Vec<_>>().concat();
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="{colours}" height="1">{stripes}</svg>"#)
    }

    #[test]
    fn few_colours_and_many_are_all_kept() {
        for colours in [2, 256, 257, 300] {
            let (width, height, pixels) = decoded(&Renderer::new().render_svg(&stripes(colours)).unwrap());
            assert_eq!((width as usize, height), (2 * colours, 2));
            let expected: Vec<u8> = (0..colours as u32 * 50_000)
                .step_by(50_000)
                .flat_map(|colour| {
                    let [_, red, green, blue] = colour.to_be_bytes();
                    [red, green, blue, 255].repeat(2)
                })
                .collect();
            assert!(pixels == expected.repeat(2), "{colours} colours");
        }
    }

    #[test]
    fn nothing_of_the_last_picture_shows_through() {
        let renderer = Renderer::new();
        renderer.render_svg(&stripes(300)).unwrap();
        let blank = r#"<svg xmlns="http://www.w3.org/2000/svg" width="300" height="1"></svg>"#;
        let (_, _, pixels) = decoded(&renderer.render_svg(blank).unwrap());
        assert!(pixels.iter().all(|sample| *sample == 255));
    }

    #[test]
    fn no_file_of_the_machine_is_read() {
        let place = tempfile::tempdir().unwrap();
        let image = place.path().join("x.svg");
        std::fs::write(&image, r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>"#)
            .unwrap();
        let svg = |content: &str| {
            format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{content}</svg>"#)
        };
        let renderer = Renderer::new();
        let with_image = svg(&format!(r#"<image href="{}" width="9" height="9"/>"#, image.display()));
        assert!(renderer.render_svg(&with_image).unwrap() == renderer.render_svg(&svg("")).unwrap());
    }

    #[test]
    fn what_is_no_picture_is_said() {
        assert!(Renderer::new().render_svg("<svg").is_err());
    }
}
