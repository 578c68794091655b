//! SVG to PNG, with the font that is built in and with nothing else of the machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
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
        pixels.encode_png().map_err(|e| e.to_string())
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
