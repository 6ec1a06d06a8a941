//! Endless points in the plane whose law is stated exactly: the field's usual seven shapes.
//!
//! Point i is a function of eight random numbers of row i of the key's `Data` stream: four uniforms u in [0, 1) and four standard
//! normals z, all independent. Each family is one file with one such function and its law.

mod checkerboard;
mod eight_gaussians;
mod pinwheel;
mod rings;
mod spirals;
mod swiss_roll;
mod two_moons;

use rayon::prelude::*;

use super::shape::EventShape;
use super::source::{self, Source};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::registry::Entry;

/// A point of the plane from four uniforms in [0, 1) and four standard normals.
pub type Law = fn(u: [f32; 4], z: [f32; 4]) -> [f32; 2];

/// Every family.
pub static TOYS: &[Entry<Law>] = &[
    two_moons::ENTRY,
    swiss_roll::ENTRY,
    checkerboard::ENTRY,
    rings::ENTRY,
    pinwheel::ENTRY,
    eight_gaussians::ENTRY,
    spirals::ENTRY,
];

/// Raised when the law of any family changes: part of every fingerprint.
pub(super) const LAWS_VERSION: u32 = 1;

/// The endless source of one family.
pub(super) struct Toy {
    law: Law,
    event: EventShape,
}

impl Toy {
    pub fn new(law: Law) -> Self {
        Self { law, event: EventShape::Vector(2) }
    }
}

impl Source for Toy {
    fn len(&self) -> Option<u64> {
        None
    }

    fn event(&self) -> &EventShape {
        &self.event
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        source::check(self, indices, out)?;
        // The points themselves do not depend on the step: row i is the same point in every epoch.
        let key = key.for_purpose(Purpose::Data).at(0);
        indices.par_iter().zip(out.par_chunks_exact_mut(2)).with_min_len(4096).for_each(|(&row, point)| {
            // The first four numbers of the row are used as uniforms and the next four as normals: different words of the
            // generator, hence independent.
            let (mut u, mut z) = ([0.0; 8], [0.0; 8]);
            key.fill_uniform(row, 8, &mut u);
            key.fill_normal(row, 8, &mut z);
            point.copy_from_slice(&(self.law)([u[0], u[1], u[2], u[3]], [z[4], z[5], z[6], z[7]]));
        });
        Ok(())
    }
}

/// Which of `count` equally likely pieces a uniform falls into, and the rest of it, again uniform in [0, 1).
fn pick(u: f32, count: usize) -> (usize, f32) {
    let scaled = u * count as f32;
    let piece = (scaled as usize).min(count - 1);
    (piece, scaled - piece as f32)
}

#[cfg(test)]
mod tests {
    use super::super::source::all;
    use super::*;

    const N: usize = 10_000;

    fn draw(name: &str) -> Vec<[f64; 2]> {
        let entry = crate::registry::lookup(TOYS, "toy", name).unwrap();
        let rows = all(&Toy::new(entry.value), N, Key::new(11, Purpose::Data)).unwrap();
        rows.as_chunks::<2>().0.iter().map(|p| p.map(f64::from)).collect()
    }

    /// Mean of `f` over the points agrees with `expected` within four standard errors.
    fn agrees(name: &str, points: &[[f64; 2]], what: &str, expected: f64, f: impl Fn([f64; 2]) -> f64) {
        let values: Vec<f64> = points.iter().map(|p| f(*p)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (variance / n).sqrt();
        assert!((mean - expected).abs() <= 4.0 * error + 1e-6, "{name}: {what} is {mean} ± {error}, the law says {expected}");
    }

    fn square([x, y]: [f64; 2]) -> f64 {
        x * x + y * y
    }

    #[test]
    fn means_and_second_moments_are_those_of_the_stated_laws() {
        use std::f64::consts::PI;
        // (E x, E y, E |x|²), each from the law in the family's file.
        let swiss = |t: f64| (t.sin() - t * t.cos(), t.cos() + t * t.sin());
        let (a, b) = (swiss(1.5 * PI), swiss(4.5 * PI));
        let roll = (b.1 - a.1) / (3.0 * PI) / 5.0;
        let roll_y = (b.0 - a.0) / (3.0 * PI) / 5.0;
        let turns = ((4.5 * PI).powi(3) - (1.5 * PI).powi(3)) / 3.0 / (3.0 * PI) / 25.0;
        for (name, x, y, r2) in [
            ("two-moons", 0.5, 0.25, 0.5 + 0.5 * (1.0 + 1.0 + 0.25 - 2.0 / PI) + 0.02),
            ("swiss-roll", roll, roll_y, turns + 0.02),
            ("checkerboard", 0.0, 0.0, 2.0 * 16.0 / 3.0),
            ("rings", 0.0, 0.0, 0.5625 * 7.5 + 2.0 * 0.0064),
            ("pinwheel", 0.0, 0.0, 4.0 * (1.0 + 0.09 + 0.01)),
            ("eight-gaussians", 0.0, 0.0, 4.0 + 2.0 * 0.04),
            ("spirals", 0.0, 0.0, PI * PI / 2.0 + 0.02),
        ] {
            let points = draw(name);
            agrees(name, &points, "the mean of x", x, |p| p[0]);
            agrees(name, &points, "the mean of y", y, |p| p[1]);
            agrees(name, &points, "the mean of x² + y²", r2, square);
        }
    }

    #[test]
    fn the_checkerboard_leaves_its_light_squares_empty() {
        for [x, y] in draw("checkerboard") {
            assert!((-4.0..=4.0).contains(&x) && (-4.0..=4.0).contains(&y));
            assert_eq!((((x + 4.0) / 2.0).floor() + ((y + 4.0) / 2.0).floor()) as i64 % 2, 0, "({x}, {y})");
        }
    }

    #[test]
    fn the_pieces_of_a_family_have_equal_weight() {
        let fraction =
            |points: &[[f64; 2]], f: &dyn Fn([f64; 2]) -> bool| points.iter().filter(|p| f(**p)).count() as f64 / N as f64;
        let near = |share: f64, p: f64| (share - p).abs() < 4.0 * (p * (1.0 - p) / N as f64).sqrt();
        let bumps = draw("eight-gaussians");
        for k in 0..8 {
            let (sin, cos) = (f64::from(k) * std::f64::consts::FRAC_PI_4).sin_cos();
            let share = fraction(&bumps, &|[x, y]| (x - 2.0 * cos).hypot(y - 2.0 * sin) < 0.75);
            assert!(near(share, 0.125), "mode {k}: {share}");
        }
        let rings = draw("rings");
        for k in 1..=4 {
            let share = fraction(&rings, &|p| (square(p).sqrt() - 0.75 * f64::from(k)).abs() < 0.375);
            assert!(near(share, 0.25), "ring {k}: {share}");
        }
    }

    #[test]
    fn every_name_is_unique_and_every_point_finite() {
        let mut names: Vec<&str> = TOYS.iter().flat_map(|e| e.aliases.iter().copied().chain([e.name])).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]));
        assert!(TOYS.iter().all(|e| draw(e.name).iter().flatten().all(|x| x.is_finite())));
    }
}
