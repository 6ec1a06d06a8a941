//! The dimension of the data from nearest neighbours, and how it changes with the size of the neighbourhood.
//!
//! Estimates from neighbours assume that within a neighbourhood of radius r the density is constant and the surface is flat. It is neither:
//! curvature and a changing density spoil the estimate by something ∝ r², the edge of the data by something ∝ r; and as r ∝ n^{−1/k} shrinks
//! slowly where k is large, dimensions of ten and more come out too low at any n that there is. So Levina & Bickel's estimate is taken of all
//! points, and of halves, quarters and eighths of them, whose neighbourhoods are larger; a line through the four,
//!
//! k̂(r) = k + b·r^{7/4}, r the median distance to the last neighbour,
//!
//! says what it would be at r = 0, and its slope b corrects TwoNN at the (smaller) radius of a second neighbour. The power lies between that of
//! edges and that of curvature: with it a sphere, a cube and a Gaussian of ten dimensions come out within a tenth of ten from some 3,000 points
//! on, the cube low and the Gaussian high. What the extrapolation may be wrong by is not in the interval, so both numbers are given, as they
//! come and corrected. Where the line is steep the data have no one dimension at these sizes: noise about a surface, clusters of clusters.
//!
//! Errors are by the jackknife over ten groups of points whose neighbours stay what they are: neighbours that are left out would spread the
//! estimates by more than chance does.

use super::{levina_bickel, two_nn};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::metric::{GROUPS, Neighbours, T9, jackknife};
use crate::oracle::{Check, Estimate, slope};
use serde::Serialize;

/// The least number of different points.
pub const FEWEST: usize = 50;
/// Points are divided by these.
const PARTS: [usize; 4] = [1, 2, 4, 8];
/// A part of the points is looked at only if it has as many.
const LEAST_PART: usize = 60;
/// The power of the radius by which estimates are extrapolated.
const POWER: f64 = 1.75;

/// The distances to a point's nearest neighbours, in order.
pub(super) type Neighbourhood = [f64; levina_bickel::NEIGHBOURS.1];

/// A dimension by one estimator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dimension {
    /// The estimate, extrapolated to neighbourhoods of no size.
    pub dimension: f64,
    /// Its standard error, by the jackknife over ten groups of points.
    pub standard_error: f64,
    /// 95% interval (Student's law of nine degrees of freedom).
    pub interval: [f64; 2],
    /// The estimate from all points as it comes.
    pub uncorrected: f64,
    /// Its standard error: of TwoNN the one of maximum likelihood, otherwise by the jackknife.
    pub uncorrected_standard_error: f64,
    /// The first and the last neighbour that it is made of.
    pub neighbours: (usize, usize),
    /// The share of the points that it is made of: TwoNN leaves out the largest ratios.
    pub kept: f64,
}

/// The estimate at one size of neighbourhood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scale {
    /// Points in a part.
    pub points: usize,
    /// Median distance to the last neighbour, data units.
    pub radius: f64,
    /// Levina & Bickel's estimate there.
    pub dimension: f64,
}

/// What nearest neighbours say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intrinsic {
    /// Different points that were looked at.
    pub n: usize,
    /// Points that repeat another, and were left out.
    pub repeated: usize,
    /// By the two nearest neighbours.
    pub two_nn: Dimension,
    /// By the nearest ten.
    pub levina_bickel: Dimension,
    /// At each size of neighbourhood, the smallest first.
    pub scales: Vec<Scale>,
}

/// The dimension of `points` `[n, d]`; `key` deals them into parts and groups. 1.9·n²d operations.
///
/// # Errors
/// Fewer than [`FEWEST`] different points; a point that is not finite.
pub fn intrinsic_dimension(points: &[f32], d: usize, key: Key) -> Result<Intrinsic> {
    if let Some(at) = points.iter().position(|x| !x.is_finite()) {
        return Err(Error::setting("points", "finite numbers", format!("{} in row {}", points[at], at / d)));
    }
    let rows = different(points, d);
    let (n, total) = (rows.len(), points.len() / d);
    if n < FEWEST {
        return Err(Error::setting("points", format!("at least {FEWEST} different ones"), n));
    }
    let key = key.for_purpose(Purpose::Metric);
    let dealt: Vec<f32> =
        (0..n).flat_map(|i| &points[rows[key.permute(i as u64, n as u64) as usize] * d..][..d]).copied().collect();
    let levels: Vec<Level> =
        PARTS.iter().filter(|p| **p == 1 || n / **p >= LEAST_PART).map(|p| Level::new(&dealt, d, *p)).collect();
    let whole = Figures::of(&levels, None);
    let left: Vec<Figures> = (0..GROUPS).map(|g| Figures::of(&levels, Some(g))).collect();
    let error = |of: fn(&Figures) -> f64| jackknife(&left.iter().map(of).collect::<Vec<_>>());
    let dimension = |value: f64, standard_error: f64, uncorrected, uncorrected_standard_error, neighbours, kept| {
        let reach = T9 * standard_error;
        let interval = [value - reach, value + reach];
        Dimension { dimension: value, standard_error, interval, uncorrected, uncorrected_standard_error, neighbours, kept }
    };
    let scale = |(level, (dimension, radius)): (&Level, &(f64, f64))| Scale {
        points: n / level.parts.len(),
        radius: *radius,
        dimension: *dimension,
    };
    Ok(Intrinsic {
        n,
        repeated: total - n,
        two_nn: dimension(whole.two_nn_at_0(), error(Figures::two_nn_at_0), whole.two_nn.0, whole.two_nn.1, (1, 2), two_nn::KEPT),
        levina_bickel: dimension(
            whole.at_0,
            error(|f| f.at_0),
            whole.by_scale[0].0,
            error(|f| f.by_scale[0].0),
            levina_bickel::NEIGHBOURS,
            1.0,
        ),
        scales: levels.iter().zip(&whole.by_scale).map(scale).collect(),
    })
}

/// Numbers of rows without those that repeat an earlier one.
fn different(points: &[f32], d: usize) -> Vec<usize> {
    let row = |i: usize| &points[i * d..(i + 1) * d];
    let compare = |a: usize, b: usize| {
        let unequal = row(a).iter().zip(row(b)).map(|(x, y)| x.partial_cmp(y)).find(|o| *o != Some(std::cmp::Ordering::Equal));
        unequal.flatten().unwrap_or(std::cmp::Ordering::Equal)
    };
    let mut rows: Vec<usize> = (0..points.len() / d).collect();
    rows.sort_by(|a, b| compare(*a, *b).then(a.cmp(b)));
    rows.dedup_by(|a, b| compare(*a, *b).is_eq());
    rows.sort_unstable();
    rows
}

/// The points in parts: row i is in part i mod (number of parts).
struct Level {
    parts: Vec<Neighbours>,
}

impl Level {
    fn new(points: &[f32], d: usize, parts: usize) -> Self {
        let part = |p: usize| {
            let rows: Vec<f32> = points.chunks_exact(d).skip(p).step_by(parts).flatten().copied().collect();
            Neighbours::within(&rows, d, levina_bickel::NEIGHBOURS.1)
        };
        Self { parts: (0..parts).map(part).collect() }
    }

    /// The neighbourhood of each point but those of a group.
    fn neighbourhoods(&self, n: usize, without: Option<usize>) -> impl Iterator<Item = Neighbourhood> + '_ {
        let count = self.parts.len();
        // The group of a point is the same whatever part it is in.
        let kept = move |part: usize, i: usize| without != Some((i * count + part) / PARTS[PARTS.len() - 1] % GROUPS);
        self.parts.iter().enumerate().flat_map(move |(part, near)| {
            let rows = (n - part).div_ceil(count);
            (0..rows).filter(move |i| kept(part, *i)).filter_map(move |i| {
                let mut out = Neighbourhood::default();
                out.iter_mut().zip(near.of(i)).for_each(|(t, (_, r))| *t = r);
                (out[0] > 0.0).then_some(out)
            })
        })
    }

    fn points(&self) -> usize {
        self.parts.iter().map(Neighbours::rows).sum()
    }
}

/// All estimates from some of the points.
struct Figures {
    /// Levina & Bickel's estimate and r of each level.
    by_scale: Vec<(f64, f64)>,
    /// The line through them at r = 0, and its slope.
    at_0: f64,
    slope: f64,
    /// TwoNN and its standard error, and the median r₂.
    two_nn: (f64, f64),
    second: f64,
}

impl Figures {
    fn of(levels: &[Level], without: Option<usize>) -> Self {
        let n = levels[0].points();
        let (mut by_scale, mut two_nn, mut second) = (Vec::new(), (f64::NAN, f64::NAN), f64::NAN);
        for (i, level) in levels.iter().enumerate() {
            let near: Vec<Neighbourhood> = level.neighbourhoods(n, without).collect();
            let inverse = near.iter().map(levina_bickel::inverse).sum::<f64>() / near.len() as f64;
            by_scale.push((1.0 / inverse, median_radius(&near, levina_bickel::NEIGHBOURS.1)));
            if i == 0 {
                two_nn = two_nn::estimate(near.iter().map(two_nn::log_ratio).collect(), two_nn::KEPT);
                second = median_radius(&near, 2);
            }
        }
        let (at_0, slope) = line(&by_scale);
        Self { by_scale, at_0, slope, two_nn, second }
    }

    fn two_nn_at_0(&self) -> f64 {
        self.two_nn.0 - self.slope * self.second.powf(POWER)
    }
}

/// The median distance to neighbour j.
fn median_radius(near: &[Neighbourhood], j: usize) -> f64 {
    let mut radii: Vec<f64> = near.iter().map(|t| t[j - 1]).collect();
    radii.sort_unstable_by(f64::total_cmp);
    radii.get(radii.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The least-squares line y = a + b·x^{7/4} through pairs (y, x): a and b; of a single pair a constant.
fn line(pairs: &[(f64, f64)]) -> (f64, f64) {
    let n = pairs.len() as f64;
    let x: Vec<f64> = pairs.iter().map(|p| p.1.powf(POWER)).collect();
    let y: Vec<Estimate> = pairs.iter().map(|p| Estimate { mean: p.0, standard_error: 0.0 }).collect();
    let b = if pairs.len() > 1 { slope(&x, &y).mean } else { 0.0 };
    ((y.iter().map(|y| y.mean).sum::<f64>() - b * x.iter().sum::<f64>()) / n, b)
}

/// Points of a sphere and a plane of k dimensions, turned into d at random: estimates must be within a tenth of k.
pub(super) fn oracle(name: &str, of: fn(&Intrinsic) -> Dimension, seed: u64) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for k in [2usize, 5, 10] {
        for sphere in [true, false] {
            let n = if k < 10 { 3000 } else { 5000 };
            let points = surface(k, sphere, n, 100, seed);
            let found = of(&intrinsic_dimension(&points, 100, Key::new(seed, Purpose::Metric))?);
            let what = if sphere { "sphere" } else { "plane" };
            let k = k as f64;
            let check = Check::statistical(
                format!("{name}: a {what} of {k} dimensions in 100, {n} points"),
                k,
                Estimate { mean: found.dimension, standard_error: found.standard_error },
                k,
            );
            // What is asked is a tenth of k, whatever the error says of chance alone.
            let pass = (found.dimension - k).abs() <= 0.1 * k;
            checks.push(Check { tolerance: 0.1 * k, pass, ..check });
        }
    }
    Ok(checks)
}

/// `n` points of the unit k-sphere, or uniform in a k-cube, embedded in d dimensions by a random isometry.
pub(super) fn surface(k: usize, sphere: bool, n: usize, d: usize, seed: u64) -> Vec<f32> {
    let key = Key::new(seed, Purpose::Data);
    let width = if sphere { k + 1 } else { k };
    // Gram–Schmidt on random rows.
    let random = key.at(1).normal(0, width, d);
    let mut axes: Vec<Vec<f64>> = Vec::new();
    for row in random.chunks_exact(d) {
        let mut axis: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
        for other in &axes {
            let dot: f64 = axis.iter().zip(other).map(|(a, b)| a * b).sum();
            axis.iter_mut().zip(other).for_each(|(a, b)| *a -= dot * b);
        }
        let norm = axis.iter().map(|a| a * a).sum::<f64>().sqrt();
        axis.iter_mut().for_each(|a| *a /= norm);
        axes.push(axis);
    }
    let inside = if sphere { key.normal(0, n, width) } else { key.uniform(0, n, width) };
    inside
        .chunks_exact(width)
        .flat_map(|z| {
            let norm = if sphere { z.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() } else { 1.0 };
            let mut x = vec![0.0f64; d];
            for (z, axis) in z.iter().zip(&axes) {
                x.iter_mut().zip(axis).for_each(|(x, a)| *x += f64::from(*z) / norm * a);
            }
            x.into_iter().map(|v| v as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spheres_and_planes_of_2_5_and_10_dimensions_are_found_in_100_within_a_tenth() {
        for seed in [0, 1] {
            for check in oracle("two-nn", |f| f.two_nn.clone(), seed).unwrap() {
                assert!(check.pass, "{check:?}");
            }
            for check in oracle("levina-bickel", |f| f.levina_bickel.clone(), seed).unwrap() {
                assert!(check.pass, "{check:?}");
            }
        }
    }

    #[test]
    fn jackknife_errors_are_the_spread_of_the_estimates() {
        let found: Vec<Intrinsic> = (0..30)
            .map(|seed| intrinsic_dimension(&surface(3, true, 600, 5, seed), 5, Key::new(seed, Purpose::Metric)).unwrap())
            .collect();
        let figures = [
            |f: &Intrinsic| (f.two_nn.dimension, f.two_nn.standard_error),
            |f: &Intrinsic| (f.two_nn.uncorrected, f.two_nn.uncorrected_standard_error),
            |f: &Intrinsic| (f.levina_bickel.dimension, f.levina_bickel.standard_error),
        ];
        for (i, of) in figures.iter().enumerate() {
            let values: Vec<(f64, f64)> = found.iter().map(of).collect();
            let mean = values.iter().map(|v| v.0).sum::<f64>() / 30.0;
            let spread = (values.iter().map(|v| (v.0 - mean).powi(2)).sum::<f64>() / 29.0).sqrt();
            let stated = values.iter().map(|v| v.1).sum::<f64>() / 30.0;
            // A spread of 30 numbers is known to 13% of itself.
            assert!((0.55..1.6).contains(&(spread / stated)), "figure {i}: spread {spread}, stated {stated}");
        }
    }

    #[test]
    fn noise_about_a_curve_is_seen_at_small_sizes_and_repeated_points_are_left_out() {
        let noise = Key::new(5, Purpose::Noise).normal(0, 2000, 3);
        let at = Key::new(5, Purpose::Data).uniform(0, 2000, 1);
        let thick: Vec<f32> = at
            .iter()
            .zip(noise.chunks(3))
            .flat_map(|(t, z)| {
                let (s, c) = (f64::from(*t) * std::f64::consts::TAU).sin_cos();
                [c as f32 + 0.05 * z[0], s as f32 + 0.05 * z[1], 0.05 * z[2]]
            })
            .collect();
        let found = intrinsic_dimension(&thick, 3, Key::new(0, Purpose::Metric)).unwrap();
        assert!(found.scales[0].dimension > found.scales[3].dimension + 0.3, "{:?}", found.scales);
        let twice = [thick.clone(), thick[..300].to_vec()].concat();
        let again = intrinsic_dimension(&twice, 3, Key::new(0, Purpose::Metric)).unwrap();
        assert_eq!((again.repeated, again.n), (100, 2000));
        assert_eq!(again.two_nn, found.two_nn);
        assert!(intrinsic_dimension(&[1.0; 300], 3, Key::new(0, Purpose::Metric)).is_err());
        assert!(intrinsic_dimension(&[f32::NAN; 300], 3, Key::new(0, Purpose::Metric)).is_err());
    }
}
