//! Pictures one below the other, as the panels of one.

use super::picture::Picture;
use super::scene::Scene;
use crate::error::{Error, Result};

/// All pictures in one column, as wide as the widest; title and caption are those of the panels, joined.
///
/// # Errors
/// `Setting` for no picture.
pub fn stack(panels: &[Picture]) -> Result<Picture> {
    let Some(first) = panels.first() else { return Err(Error::setting("panels", "at least one", 0)) };
    let mut scene = Scene::new(panels.iter().map(|p| p.scene.width).fold(0.0, f32::max), 0.0);
    for panel in panels {
        let top = scene.height;
        scene.marks.extend(panel.scene.marks.iter().cloned().map(|mut mark| {
            mark.lower(top);
            mark
        }));
        scene.unclip();
        scene.height += panel.scene.height;
    }
    let joined = |part: fn(&Picture) -> &str| panels.iter().map(part).collect::<Vec<_>>().join(" · ");
    Ok(Picture { scene, scale: first.scale, title: joined(Picture::title), caption: joined(Picture::caption) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Curve, Series, curve};

    #[test]
    fn the_panels_stand_below_each_other_and_none_is_an_error() {
        let series = [Series { name: "a", points: &[(0.0, 1.0), (1.0, 2.0)] }];
        let panel = curve(&Curve { title: "A", caption: "", series: &series, x_label: "x", y_label: "y" }).unwrap();
        let both = stack(&[panel.clone(), panel.clone()]).unwrap();
        assert_eq!(both.size(), (panel.size().0, 2 * panel.size().1));
        assert_eq!(both.title(), "A · A");
        let text = |p: &Picture| p.svg(&[]).unwrap().matches("<text").count();
        assert_eq!(text(&both), 2 * text(&panel));
        assert_eq!(stack(&[]).unwrap_err().kind(), "setting");
    }
}
