//! Classifier two-sample test: how often a network tells samples from real points that it did not learn from (Lopez-Paz & Oquab 2017).
//!
//! ½ is as good as the truth, 1 a difference in every point. The accuracy is over folds, each judged by a network trained on the others, so
//! every point counts once; a classifier that is too weak makes it too low, never too high. The network sees each coordinate and its square,
//! so that a difference in spread is as plain to it as one in mean.

use super::classifier::{Classifier, ClassifierConfig};
use crate::error::Result;
use crate::key::{Key, Purpose};

/// Folds.
pub const FOLDS: usize = 5;

/// The accuracy over all points of `x` and `y`, row-major with `d` columns.
///
/// # Errors
/// Fewer than five points of either.
pub fn two_sample_accuracy(x: &[f32], y: &[f32], d: usize, seed: u64) -> Result<f64> {
    let (n, m) = (x.len() / d, y.len() / d);
    let mut pooled = [x, y].concat();
    standardise(&mut pooled, d);
    let mut pooled: Vec<f32> = pooled.chunks(d).flat_map(|row| row.iter().copied().chain(row.iter().map(|x| x * x))).collect();
    let d = 2 * d;
    standardise(&mut pooled, d);
    let label = |i: usize| u8::from(i >= n);
    // Each set is dealt to the folds by itself, in an order of its own: folds have equal shares of both.
    let key = Key::new(seed, Purpose::Metric);
    let fold = |i: usize| {
        let place = if i < n { key.permute(i as u64, n as u64) } else { key.at(1).permute((i - n) as u64, m as u64) };
        place as usize % FOLDS
    };
    // As many of either class in the loss: otherwise the majority alone would be a good guess.
    let (mut right_x, mut right_y) = (0usize, 0usize);
    for held_out in 0..FOLDS {
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..n + m).partition(|i| fold(*i) != held_out);
        let balanced = balance(&inside, label);
        let rows = |of: &[usize]| of.iter().flat_map(|i| pooled[i * d..][..d].iter().copied()).collect::<Vec<f32>>();
        let labels: Vec<u8> = balanced.iter().map(|i| label(*i)).collect();
        let config = ClassifierConfig { seed: seed.wrapping_add(held_out as u64), ..ClassifierConfig::default() };
        let classifier = Classifier::fit(&rows(&balanced), &labels, d, 2, &config)?;
        for (i, (class, _)) in outside.iter().zip(classifier.classify(&rows(&outside))) {
            match (label(*i), class) {
                (0, 0) => right_x += 1,
                (1, 1) => right_y += 1,
                _ => (),
            }
        }
    }
    // The mean of the two classes' accuracies: unequal sets do not move it from ½.
    Ok(0.5 * (right_x as f64 / n as f64 + right_y as f64 / m as f64))
}

/// The rows, those of the smaller class as often as it takes to be as many.
fn balance(rows: &[usize], label: impl Fn(usize) -> u8) -> Vec<usize> {
    let (x, y): (Vec<usize>, Vec<usize>) = rows.iter().partition(|i| label(**i) == 0);
    let most = x.len().max(y.len());
    let filled = |rows: Vec<usize>| rows.into_iter().cycle().take(most).collect::<Vec<_>>();
    [filled(x), filled(y)].concat()
}

fn standardise(points: &mut [f32], d: usize) {
    let n = (points.len() / d) as f64;
    for j in 0..d {
        let column = |f: &dyn Fn(f64) -> f64| points.iter().skip(j).step_by(d).map(|x| f(f64::from(*x))).sum::<f64>() / n;
        let mean = column(&|x| x);
        let std = column(&|x| (x - mean).powi(2)).sqrt();
        let scale = if std > 0.0 { 1.0 / std } else { 0.0 };
        points.iter_mut().skip(j).step_by(d).for_each(|x| *x = ((f64::from(*x) - mean) * scale) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifted_normals_are_told_apart_as_often_as_bayes_would() {
        let (n, key) = (2000, Key::new(8, Purpose::Data));
        let x = key.normal(0, n, 1);
        let y: Vec<f32> = key.at(1).normal(0, n, 1).iter().map(|z| z + 1.0).collect();
        let found = two_sample_accuracy(&x, &y, 1, 0).unwrap();
        // Bayes: Φ(½) = 0.69146, ± 4·√(p(1 − p)/2n); a learned boundary loses a little.
        let error = (0.69146f64 * 0.30854 / (2 * n) as f64).sqrt();
        assert!(found < 0.69146 + 4.0 * error && found > 0.69146 - 4.0 * error - 0.01, "{found}");
    }

    #[test]
    fn equal_laws_are_told_apart_half_the_time_even_if_one_set_is_larger() {
        let key = Key::new(9, Purpose::Data);
        let found = two_sample_accuracy(&key.normal(0, 1500, 2), &key.at(1).normal(0, 500, 2), 2, 0).unwrap();
        // The smaller set's accuracy decides: ½·√(¼/500 + ¼/1500), 4 standard errors and as much for what was learnt by heart.
        assert!((found - 0.5).abs() < 0.06, "{found}");
    }

    #[test]
    fn white_noise_is_no_digit() {
        let digits = crate::data::open("digits", &crate::data::Options::default()).unwrap();
        let real = crate::data::all(&*digits.train, 500, key()).unwrap();
        assert!(two_sample_accuracy(&key().normal(0, 500, 64), &real, 64, 0).unwrap() > 0.99);
    }

    fn key() -> Key {
        Key::new(10, Purpose::Data)
    }
}
