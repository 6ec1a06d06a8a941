//! How good the digits are: each figure with what is wanted of it and what real digits get.

use super::{Denoised, SIGMA};
use crate::data::Dataset;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::metric::{Classifier, ClassifierConfig, energy_distance, nearest_distances, nearest_within};

/// One figure, in words that can be printed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DemoFigure {
    /// What was measured.
    pub name: String,
    /// The value.
    pub value: String,
    /// What is wanted.
    pub wanted: String,
    /// What real digits get.
    pub yardstick: String,
    /// Whether it is as wanted.
    pub ok: Option<bool>,
    /// In plain words.
    pub meaning: String,
}

/// What is judged against what.
pub struct Judge<'a> {
    pub(super) train: &'a [f32],
    pub(super) held_out: &'a [f32],
    pub(super) dataset: &'a Dataset,
    pub(super) samples: &'a [f32],
    pub(super) denoised: &'a Denoised,
}

/// The probability from which a classifier counts as sure.
const SURE: f32 = 0.9;
/// Random splits of the real digits into halves.
const SPLITS: u32 = 10;

impl Judge<'_> {
    /// All figures.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub(super) fn figures(&self) -> Result<Vec<DemoFigure>> {
        let d = self.dataset.train.event().len();
        let classifier = Classifier::train(&*self.dataset.train, &ClassifierConfig::default())?;
        let accuracy = classifier.accuracy(&*self.dataset.held_out)?;
        let judged = classifier.classify(self.samples);
        let share_sure = |judged: &[(usize, f32)]| judged.iter().filter(|(_, p)| *p >= SURE).count() as f64 / judged.len() as f64;
        let (sure, sure_real) = (share_sure(&judged), share_sure(&classifier.classify(self.held_out)));
        let mut shares = vec![0.0; classifier.classes()];
        judged.iter().for_each(|(k, _)| shares[*k] += 1.0 / judged.len() as f64);
        let (fewest, most) = shares.iter().fold((1.0f64, 0.0f64), |(low, high), s| (low.min(*s), high.max(*s)));

        let real: Vec<f32> = [self.train, self.held_out].concat();
        let typical = median(nearest_within(&real, d));
        let far = nearest_distances(self.samples, self.train, d).iter().filter(|r| **r > 0.5 * typical).count() as f64;
        let own = far / (self.samples.len() / d) as f64;

        let distance = energy_distance(self.samples, self.held_out, d);
        let halves = halves(&real, d);
        let floor = energy_distance(self.train, self.held_out, d);

        let (noisy, gain) = self.psnr(d);
        let percent = |x: f64| format!("{:.1}%", 100.0 * x);
        let figure = |name: &str, value: String, wanted: &str, yardstick: String, ok: bool, meaning: String| DemoFigure {
            name: name.to_owned(),
            value,
            wanted: wanted.to_owned(),
            yardstick,
            ok: Some(ok),
            meaning,
        };
        Ok(vec![
            figure(
                "samples that are clearly one digit",
                percent(sure),
                "at least 80%",
                format!("held-out real digits: {}", percent(sure_real)),
                sure >= 0.8,
                format!(
                    "A classifier trained on real digits ({} right on those it never saw) gives one class a probability of \
                     0.9 or more.",
                    percent(accuracy)
                ),
            ),
            figure(
                "share of each digit, rarest to commonest",
                format!("{} to {}", percent(fewest), percent(most)),
                "4% to 20%",
                "real digits: 9.7% to 10.2%".to_owned(),
                fewest >= 0.04 && most <= 0.2,
                "All ten digits are drawn, none much too often.".to_owned(),
            ),
            figure(
                "samples that are nobody's copy",
                percent(own),
                "at least 95%",
                format!("half the usual distance between neighbouring real digits: {:.2}", 0.5 * typical),
                own >= 0.95,
                "The nearest training image is farther away than half the median distance between a real digit and its nearest \
                 neighbour."
                    .to_owned(),
            ),
            figure(
                "distance to held-out digits, in halves of the real ones",
                format!("{:.2}×", distance / halves),
                "at most 2.5×",
                format!("the training digits themselves: {:.2}×", floor / halves),
                distance <= 2.5 * halves,
                format!("Energy distance {distance:.4}; between two random halves of the real digits it is {halves:.4}."),
            ),
            figure(
                &format!("denoising at σ = {SIGMA}"),
                format!("+{gain:.2} dB"),
                "at least +7.5 dB",
                format!("noisy: {noisy:.2} dB"),
                gain >= 7.5,
                "Mean gain in peak signal-to-noise ratio over held-out digits, by one step along the score (Tweedie's formula)."
                    .to_owned(),
            ),
        ])
    }

    /// Mean PSNR of the noisy images and mean gain of the denoised ones, dB.
    fn psnr(&self, d: usize) -> (f64, f64) {
        let each = |images: &[f32]| -> Vec<f64> {
            images.chunks(d).zip(self.denoised.clean.chunks(d)).map(|(image, clean)| psnr(image, clean)).collect()
        };
        let mean = |v: Vec<f64>| v.iter().sum::<f64>() / v.len() as f64;
        let noisy = mean(each(&self.denoised.noisy));
        (noisy, mean(each(&self.denoised.denoised)) - noisy)
    }
}

/// Peak signal-to-noise ratio of an image with values in [0, 1]: −10 log₁₀ of the mean squared error, dB.
pub(super) fn psnr(image: &[f32], clean: &[f32]) -> f64 {
    let squares: f64 = image.iter().zip(clean).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    -10.0 * (squares / clean.len() as f64).log10()
}

/// Mean energy distance between random halves.
fn halves(points: &[f32], d: usize) -> f64 {
    let n = points.len() / d;
    let one = |split: u32| {
        let key = Key::new(0, Purpose::Metric).at(split);
        let pick = |range: std::ops::Range<usize>| -> Vec<f32> {
            let row = |i: usize| key.permute(i as u64, n as u64) as usize;
            range.flat_map(|i| points[row(i) * d..][..d].iter().copied()).collect()
        };
        energy_distance(&pick(0..n / 2), &pick(n / 2..n), d)
    };
    (0..SPLITS).map(one).sum::<f64>() / f64::from(SPLITS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
