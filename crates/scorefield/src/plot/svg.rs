//! A scene as SVG text.

use super::font;
use super::raster;
use super::scene::{Anchor, Mark, Rect, Scene, Text, Weight};
use super::style::{Ink, PNG_SCALE};
use crate::error::Result;
use base64::Engine;
use std::fmt::Write;

/// More circles than this are embedded as one image, or the file would be slow to open.
const MAX_CIRCLES: usize = 20_000;

/// The namespace of the metadata entries.
pub(super) const METADATA_NAMESPACE: &str = "urn:scorefield:metadata";

/// Text for XML and HTML: markup characters are escaped, characters that XML forbids are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// The whole document. `name` and `description` are for readers who cannot see it.
pub(super) fn document(scene: &Scene, name: &str, description: &str, metadata: &[(&str, &str)]) -> Result<String> {
    let (width, height) = (number(scene.width), number(scene.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n"
    );
    push(&mut out, format_args!("<title>{}</title>\n", escape(name)));
    if !description.is_empty() {
        push(&mut out, format_args!("<desc>{}</desc>\n", escape(description)));
    }
    if !metadata.is_empty() {
        push(&mut out, format_args!("<metadata xmlns:sf=\"{METADATA_NAMESPACE}\">\n"));
        for (key, value) in metadata {
            push(&mut out, format_args!("<sf:entry key=\"{}\">{}</sf:entry>\n", escape(key), escape(value)));
        }
        out.push_str("</metadata>\n");
    }
    push(&mut out, format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n", scene.background.hex()));
    let (mut clips, mut clipped) = (0, false);
    for mark in &scene.marks {
        if let Mark::Clip(rect) = mark {
            if std::mem::take(&mut clipped) {
                out.push_str("</g>\n");
            }
            if let Some(rect) = rect {
                clips += 1;
                clipped = true;
                let frame = frame(rect);
                push(&mut out, format_args!("<clipPath id=\"clip-{clips}\"><rect {frame}/></clipPath>\n"));
                push(&mut out, format_args!("<g clip-path=\"url(#clip-{clips})\">\n"));
            }
        } else {
            element(&mut out, scene, mark)?;
        }
    }
    if clipped {
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn element(out: &mut String, scene: &Scene, mark: &Mark) -> Result<()> {
    match mark {
        Mark::Rect(rect, ink) => push(out, format_args!("<rect {} {}/>\n", frame(rect), fill(*ink))),
        Mark::Lines { lines, width, ink } => {
            let opacity = if ink.alpha < 1.0 { format!(" stroke-opacity=\"{}\"", number(ink.alpha)) } else { String::new() };
            push(
                out,
                format_args!(
                    "<g fill=\"none\" stroke=\"{}\"{opacity} stroke-width=\"{}\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n",
                    ink.hex(),
                    number(*width)
                ),
            );
            for line in lines.iter().filter(|line| !line.is_empty()) {
                push(out, format_args!("<path d=\"{}\"/>\n", path(line)));
            }
            out.push_str("</g>\n");
        }
        Mark::Polygons { polygons, ink } => {
            push(out, format_args!("<g {}>\n", fill(*ink)));
            for polygon in polygons.iter().filter(|polygon| !polygon.is_empty()) {
                push(out, format_args!("<path d=\"{}z\"/>\n", path(polygon)));
            }
            out.push_str("</g>\n");
        }
        Mark::Dots { centres, .. } if centres.len() > MAX_CIRCLES => {
            let layer = raster::layer(scene, mark, PNG_SCALE as f32)?;
            let whole = Rect { left: 0.0, top: 0.0, width: scene.width, height: scene.height };
            image(out, &whole, &raster::png_of_pixmap(&layer, &[])?, "");
        }
        Mark::Dots { centres, radius, ink } => {
            push(out, format_args!("<g {}>\n", fill(*ink)));
            let radius = number(*radius);
            for [x, y] in centres {
                push(out, format_args!("<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\"/>\n", number(*x), number(*y)));
            }
            out.push_str("</g>\n");
        }
        Mark::Text(text) => text_element(out, text),
        Mark::Image(rect, bitmap) => {
            let png = raster::png_of_rgb(bitmap.width as u32, bitmap.height as u32, &bitmap.rgb, &[])?;
            image(out, rect, &png, " style=\"image-rendering:pixelated\"");
        }
        Mark::Clip(_) => {}
    }
    Ok(())
}

fn text_element(out: &mut String, text: &Text) {
    let (x, y) = (number(text.at[0]), number(text.at[1]));
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let weight = if text.weight == Weight::SemiBold { " font-weight=\"600\"" } else { "" };
    let turn = if text.upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    let (size, fill, content) = (number(text.size), fill(text.ink), escape(&text.text));
    // The picture was laid out for Inter; a viewer without it squeezes or stretches its own font to the same length.
    let length = font::width(&text.text, text.size, text.weight);
    let length = if text.text.chars().count() > 2 {
        format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", number(length))
    } else {
        String::new()
    };
    push(
        out,
        format_args!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{weight}{anchor}{turn}{length} {fill}>{content}</text>\n"),
    );
}

fn image(out: &mut String, rect: &Rect, png: &[u8], style: &str) {
    let data = base64::engine::general_purpose::STANDARD.encode(png);
    let frame = frame(rect);
    push(out, format_args!("<image {frame}{style} preserveAspectRatio=\"none\" href=\"data:image/png;base64,{data}\"/>\n"));
}

fn frame(rect: &Rect) -> String {
    let [x, y, width, height] = [rect.left, rect.top, rect.width, rect.height].map(number);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

fn fill(ink: Ink) -> String {
    let opacity = if ink.alpha < 1.0 { format!(" fill-opacity=\"{}\"", number(ink.alpha)) } else { String::new() };
    format!("fill=\"{}\"{opacity}", ink.hex())
}

fn path(points: &[[f32; 2]]) -> String {
    let mut d = String::new();
    for (i, [x, y]) in points.iter().enumerate() {
        push(&mut d, format_args!("{}{} {}", if i == 0 { "M" } else { "L" }, number(*x), number(*y)));
    }
    d
}

/// Two decimals, without trailing zeros: finer than any screen, and half the bytes.
fn number(v: f32) -> String {
    let text = format!("{v:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn push(out: &mut String, piece: std::fmt::Arguments) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Cloud, Curve, Scatter, Series, curve, scatter};

    #[test]
    fn a_plot_is_well_formed_and_holds_its_labels_as_text() {
        let points = [(0.0, 1.0), (1.0, 0.25), (2.0, 0.5)];
        let series = [Series { name: "a < b", points: &points }, Series { name: "c & d", points: &points }];
        let picture =
            curve(&Curve { title: "Loss \"x\"", caption: "", series: &series, x_label: "step", y_label: "loss σ" }).unwrap();
        let svg = picture.svg(&[("seed", "7")]).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        for wanted in ["Loss \"x\"", "a < b", "c & d", "step", "loss σ", "0.0", "2.0"] {
            assert!(texts.contains(&wanted), "{wanted} is missing in {texts:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_points_are_one_image_and_ten_are_circles() {
        let svg = |n: u32| {
            let points: Vec<f32> = (0..2 * n).map(|i| (i * 7919 % 1000) as f32).collect();
            let clouds = [Cloud { name: "", points: &points }];
            let plot = Scatter { title: "", caption: "", clouds: &clouds, backdrop: None, x_label: "", y_label: "" };
            scatter(&plot).unwrap().svg(&[]).unwrap()
        };
        assert_eq!(svg(10).matches("<circle").count(), 10);
        let many = svg(100_000);
        assert_eq!((many.matches("<circle").count(), many.matches("<image").count()), (0, 1));
    }

    #[test]
    fn numbers_are_short_and_zero_has_no_sign() {
        assert_eq!([1.0, -0.001, 2.5, 0.126].map(number), ["1", "0", "2.5", "0.13"]);
    }
}
