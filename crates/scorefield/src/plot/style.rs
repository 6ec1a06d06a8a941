//! The one visual language of all pictures: colours and sizes.
//!
//! Series colours are Okabe & Ito's (2008, "Color Universal Design"), which readers with any common colour blindness can tell apart.
//! Shading is a ramp that is uniform in Oklab lightness (Ottosson 2020), so that equal steps of the value look like equal steps.
//! Text is dark on white; rules are faint; nothing is drawn that says nothing.

/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink {
    pub rgb: [u8; 3],
    pub alpha: f32,
}

impl Ink {
    /// From 0xRRGGBB.
    pub const fn new(hex: u32) -> Self {
        Self { rgb: [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8], alpha: 1.0 }
    }

    /// The same colour at another opacity.
    pub const fn fade(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        let [r, g, b] = self.rgb;
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

pub(super) const WHITE: Ink = Ink::new(0xff_ff_ff);
pub(super) const TEXT: Ink = Ink::new(0x1f_23_28);
pub(super) const MUTED: Ink = Ink::new(0x57_60_6a);
pub(super) const AXIS: Ink = Ink::new(0x8c_95_9f);
pub(super) const RULE: Ink = Ink::new(0xe6_e9_ed);

pub(super) const BLUE: Ink = Ink::new(0x00_72_b2);
pub(super) const VERMILION: Ink = Ink::new(0xd5_5e_00);

/// Series in order. Yellow, the eighth of the published set, is left out: it is too faint on white.
pub(super) const SERIES: [Ink; 7] = [
    BLUE,
    VERMILION,
    Ink::new(0x00_9e_73),
    Ink::new(0xcc_79_a7),
    Ink::new(0xe6_9f_00),
    Ink::new(0x56_b4_e9),
    Ink::new(0x00_00_00),
];

/// Stands for a value that is not a number wherever a pixel has to be drawn for it.
pub(super) const NOT_A_NUMBER: Ink = VERMILION;

/// Text sizes, in scene units (CSS pixels of the SVG).
pub(super) const TITLE_SIZE: f32 = 18.0;
pub(super) const CAPTION_SIZE: f32 = 13.5;
pub(super) const LABEL_SIZE: f32 = 13.5;
pub(super) const TICK_SIZE: f32 = 12.5;

/// Width of a picture with axes, and the margin of every picture that has text. On a phone a page shows it at three quarters of its size, at
/// which its smallest text can still be read.
pub(super) const WIDTH: f32 = 480.0;
pub(super) const MARGIN: f32 = 18.0;

/// Device pixels of the PNG per scene unit.
pub(super) const PNG_SCALE: u32 = 2;

/// Shading from white (t = 0) to a mid blue (t = 1), light enough for dark marks and text on top. Outside [0, 1] it is clamped.
pub(super) fn shade(t: f32) -> Ink {
    const WHITE_LAB: [f32; 3] = [1.0, 0.0, 0.0];
    const BLUE_LAB: [f32; 3] = [0.68, -0.045, -0.095];
    let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
    let [l, a, b] = [0, 1, 2].map(|i| WHITE_LAB[i] + t * (BLUE_LAB[i] - WHITE_LAB[i]));
    Ink { rgb: oklab_to_srgb(l, a, b), alpha: 1.0 }
}

fn oklab_to_srgb(l: f32, a: f32, b: f32) -> [u8; 3] {
    let (p, q, r) = (
        l + 0.396_337_78 * a + 0.215_803_76 * b,
        l - 0.105_561_346 * a - 0.063_854_17 * b,
        l - 0.089_484_18 * a - 1.291_485_5 * b,
    );
    let (p, q, r) = (p * p * p, q * q * q, r * r * r);
    [
        4.076_741_7 * p - 3.307_711_6 * q + 0.230_969_94 * r,
        -1.268_438 * p + 2.609_757_4 * q - 0.341_319_38 * r,
        -0.004_196_086_3 * p - 0.703_418_6 * q + 1.707_614_7 * r,
    ]
    .map(|linear| {
        let linear = linear.clamp(0.0, 1.0);
        let encoded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round() as u8
    })
}

/// Opacity and radius of a point among `n`, so that ten are seen one by one and a hundred thousand show their density.
pub(super) fn dot(n: usize) -> (f32, f32) {
    let n = n.max(1) as f32;
    let alpha = (400.0 / n).sqrt().clamp(0.03, 0.85);
    let radius = (3.2 * (200.0 / n).powf(0.2)).clamp(0.9, 3.2);
    (alpha, radius)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oklab_white_and_the_published_blue_come_out_right() {
        assert_eq!(oklab_to_srgb(1.0, 0.0, 0.0), [255, 255, 255]);
        // sRGB (0, 0, 255) is Oklab (0.4520, −0.0325, −0.3115) in the published table.
        let [r, g, b] = oklab_to_srgb(0.4520, -0.0325, -0.3115);
        assert!(r <= 3 && g <= 3 && b >= 253, "{r} {g} {b}");
    }

    #[test]
    fn shading_darkens_in_equal_steps() {
        let luminance = |i: u32| {
            let [r, g, b] = shade(i as f32 / 10.0).rgb.map(|c| (f32::from(c) / 255.0).powf(2.2));
            (0.2126 * r + 0.7152 * g + 0.0722 * b).cbrt()
        };
        let steps: Vec<f32> = (0..10).map(|i| luminance(i) - luminance(i + 1)).collect();
        let mean = steps.iter().sum::<f32>() / 10.0;
        assert!(steps.iter().all(|s| (s / mean - 1.0).abs() < 0.25), "{steps:?}");
    }
}
