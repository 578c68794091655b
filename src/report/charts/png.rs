//! SVG to PNG, with the font that is built in and with nothing else of the machine.

use std::sync::Arc;

use ahash::AHashMap;
use png::{BitDepth, ColorType, Compression, EncodingError, Filter};
use resvg::tiny_skia::{ColorU8, Pixmap, PremultipliedColorU8, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb};

/// `DejaVu` Sans 2.37; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
/// Pixels of the PNG per pixel of the SVG, so that it is sharp on dense screens and in print.
const SCALE: f32 = 2.0;

/// Renders charts.
pub(super) struct Renderer {
    fonts: Arc<fontdb::Database>,
}

impl Renderer {
    pub(super) fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(FONT)));
        Self { fonts: Arc::new(fonts) }
    }

    /// The picture as PNG; what is wrong with it in words.
    pub(super) fn render(&self, svg: &str) -> Result<Vec<u8>, String> {
        let options = Options {
            fontdb: Arc::clone(&self.fonts),
            font_family: super::canvas::FONT_FAMILY.to_owned(),
            image_href_resolver: no_images(),
            ..Options::default()
        };
        let tree = Tree::from_str(svg, &options).map_err(|e| e.to_string())?;
        let size = tree.size().to_int_size().scale_by(SCALE).ok_or("it has no size")?;
        let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("it has no size")?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        match Indexed::of(&pixels) {
            Some(indexed) => indexed.encode(&pixels).map_err(|e| e.to_string()),
            None => pixels.encode_png().map_err(|e| e.to_string()),
        }
    }
}

/// A picture by the numbers of its colours. Charts have few, and a byte per pixel instead of four is
/// compressed in a quarter of the time.
struct Indexed {
    colours: Vec<PremultipliedColorU8>,
    pixels: Vec<u8>,
}

impl Indexed {
    /// None if there are more colours than a byte can tell apart.
    fn of(pixmap: &Pixmap) -> Option<Self> {
        let mut numbers: AHashMap<[u8; 4], u8> = AHashMap::new();
        let mut indexed = Self { colours: Vec::new(), pixels: Vec::with_capacity(pixmap.pixels().len()) };
        for run in pixmap.pixels().chunk_by(|a, b| a == b) {
            let colour = run[0];
            let key = [colour.red(), colour.green(), colour.blue(), colour.alpha()];
            let number = if let Some(number) = numbers.get(&key) {
                *number
            } else {
                let number = u8::try_from(indexed.colours.len()).ok()?;
                numbers.insert(key, number);
                indexed.colours.push(colour);
                number
            };
            indexed.pixels.resize(indexed.pixels.len() + run.len(), number);
        }
        Some(indexed)
    }

    fn encode(&self, pixmap: &Pixmap) -> Result<Vec<u8>, EncodingError> {
        let colours: Vec<ColorU8> = self.colours.iter().map(PremultipliedColorU8::demultiply).collect();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_palette(colours.iter().flat_map(|c| [c.red(), c.green(), c.blue()]).collect::<Vec<_>>());
        if colours.iter().any(|colour| colour.alpha() < u8::MAX) {
            encoder.set_trns(colours.iter().map(|colour| colour.alpha()).collect::<Vec<_>>());
        }
        encoder.set_compression(Compression::Balanced);
        // Neighbouring numbers say nothing about each other.
        encoder.set_filter(Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// A chart has no images; should hostile text ever become one, no file is opened for it.
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
        let (blank, word) = (renderer.render(&svg("")).unwrap(), renderer.render(&svg("abc")).unwrap());
        assert!(blank != word);
    }

    /// The size of a PNG and the colours of its pixels, whichever way it holds them.
    fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        (frame.width, frame.height, pixels)
    }

    #[test]
    fn numbers_of_colours_are_the_same_picture() {
        let mut pixmap = Pixmap::new(64, 8).unwrap();
        for (at, pixel) in pixmap.pixels_mut().iter_mut().enumerate() {
            let shade = (at % 200) as u8;
            *pixel = PremultipliedColorU8::from_rgba(shade / 2, shade / 3, 0, shade).unwrap();
        }
        let indexed = Indexed::of(&pixmap).unwrap().encode(&pixmap).unwrap();
        assert_eq!(decoded(&indexed), decoded(&pixmap.encode_png().unwrap()));
    }

    #[test]
    fn a_picture_of_many_colours_keeps_them_all() {
        let stripe = |n| format!(r##"<rect x="{n}" width="1" height="1" fill="#{:06x}"/>"##, n * 50_000);
        let stripes = (0..300).map(stripe).collect::<Vec<_>>().concat();
        let svg =
            format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="300" height="1">{stripes}</svg>"#);
        let (width, height, pixels) = decoded(&Renderer::new().render(&svg).unwrap());
        assert_eq!((width, height), (600, 2));
        let colours: std::collections::BTreeSet<&[u8]> = pixels.chunks_exact(4).collect();
        assert!(colours.len() >= 300, "{}", colours.len());
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
        assert!(renderer.render(&with_image).unwrap() == renderer.render(&svg("")).unwrap());
    }

    #[test]
    fn what_is_no_picture_is_said() {
        assert!(Renderer::new().render("<svg").is_err());
    }
}
