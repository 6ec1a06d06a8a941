//! Points from a file, in the file's order, to be evaluated one by one.

use scorefield::data::{self, Dataset, Dequantise, Options, Origin, all};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::posterior::Observation;
use scorefield::recipe::{Target, open_source};
use scorefield::tensor::{Tensor, matrix, numbers, repeated};

use crate::session::Session;

/// Rows that are evaluated together: it bounds memory, and nothing else depends on it.
const CHUNK: usize = 2048;

/// Some points.
pub struct Points {
    /// `[n, d]`, row-major, data units.
    pub values: Vec<f32>,
    /// Rows.
    pub n: usize,
    /// Names of the columns, if they have any.
    pub columns: Option<Vec<String>>,
    /// Where they are from.
    pub origin: Origin,
}

/// Reads the points of a file (or of a finite data set) and checks that the target can work on them.
///
/// # Errors
/// A file that cannot be read, an endless source, points of another dimension or with columns in another order.
pub fn read(spec: &str, target: &Target, session: &Session) -> Result<Points> {
    let options = Options { held_out: 0.0, dequantise: Dequantise::None, ..session.data_options() };
    let set = data::open(spec, &options)?;
    if set.train.len().is_none() {
        return Err(Error::setting("POINTS", "a file of points", format!("{spec}, which is endless"))
            .with_hint("draw some into a file first"));
    }
    rows(&set, spec, target, session, &options, None)
}

/// Reads any DATA: the first `most` rows of a file (all if `None`) in its order, or as many draws of an endless source (`usual` if `None`) that
/// training does not see. Levels of grey or colour become numbers by uniform noise.
///
/// # Errors
/// Data that cannot be read or fetched, of another dimension or with columns in another order.
pub fn sample(spec: &str, target: &Target, session: &Session, most: Option<usize>, usual: usize) -> Result<Points> {
    let options = Options { held_out: 0.0, dequantise: Dequantise::Uniform, ..session.data_options() };
    let set = open_source(spec, &options)?;
    let most = if set.train.len().is_none() { Some(most.unwrap_or(usual)) } else { most };
    rows(&set, spec, target, session, &options, most)
}

fn rows(set: &Dataset, spec: &str, target: &Target, session: &Session, options: &Options, most: Option<usize>) -> Result<Points> {
    let (event, wanted) = (set.train.event(), target.event());
    if event.len() != wanted.len() || (event.is_image() && wanted.is_image() && *event != wanted) {
        let problem = format!("its rows have shape {event}, the target works on {wanted}");
        return Err(Error::file(spec, problem));
    }
    if let (Some(given), Some(known)) = (&set.columns, target.columns()) {
        check_columns(spec, given, known)?;
    }
    let (d, key) = (event.len(), Key::new(session.seed(), Purpose::Data));
    let most = most.unwrap_or(usize::MAX);
    let mut values = match set.train.len() {
        None => all(&*set.held_out, most, key)?,
        Some(n) => {
            let rows = all(&*set.train, n as usize, key)?;
            // A data set is opened in the order of its split, here of all rows; that is undone.
            let order = Key::new(options.split_seed, Purpose::Shuffle);
            let mut values = vec![0.0; rows.len()];
            for (i, row) in rows.chunks_exact(d).enumerate() {
                let place = order.permute(i as u64, n) as usize;
                values[place * d..(place + 1) * d].copy_from_slice(row);
            }
            values.truncate(most.saturating_mul(d));
            values
        }
    };
    // Pictures are read as [0, 1]; the target may have another black and white.
    if let (Origin::Images | Origin::Digits, (black, white)) = (set.origin, target.values()) {
        values.iter_mut().for_each(|v| *v = black + (white - black) * *v);
    }
    Ok(Points { n: values.len() / d, values, columns: set.columns.clone(), origin: set.origin })
}

fn check_columns(spec: &str, given: &[String], known: &[String]) -> Result<()> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    if given != known && sorted(given) == sorted(known) {
        let problem = format!("its columns are in another order than the model's: {}", known.join(", "));
        return Err(Error::file(spec, problem));
    }
    Ok(())
}

/// ∇ log p_σ at points in data units, in data units; σ in the target's own units.
pub fn scores(target: &Target, points: &[f32], sigma: f64) -> Vec<f32> {
    let mut scores: Vec<f32> =
        pieces(target, points, sigma).flat_map(|(x, level)| numbers(target.score().score(x, &level))).collect();
    if let Some(map) = target.standardise() {
        // z = (x − m)/s per column, so ∂/∂x = (1/s)·∂/∂z.
        scores.chunks_exact_mut(map.std.len()).for_each(|row| row.iter_mut().zip(&map.std).for_each(|(v, std)| *v /= std));
    }
    scores
}

/// E[x₀ given x̃] for points in data units, in data units; σ in the target's own units.
pub fn denoised(target: &Target, points: &[f32], sigma: f64) -> Vec<f32> {
    let mut clean: Vec<f32> =
        pieces(target, points, sigma).flat_map(|(x, level)| numbers(target.score().denoise(x, &level))).collect();
    if let Some(map) = target.standardise() {
        map.invert(&mut clean);
    }
    clean
}

/// x̂ for points that were noisy from the start, in data units, from the score at the target's level `level`; and how many values have
/// none, and stay as they were.
pub fn clean(target: &Target, points: &[f32], noise: &Observation, level: f64) -> (Vec<f32>, usize) {
    let mut clean = scores(target, points, level);
    let mut left = 0;
    for (s, y) in clean.iter_mut().zip(points) {
        *s = match noise.clean(f64::from(*y), f64::from(*s)) {
            Some(x) => x as f32,
            None => {
                left += 1;
                *y
            }
        };
    }
    (clean, left)
}

/// log p_σ up to a constant at points in data units, `[n]`; `None` where the target has none ([`Target::has_log_density`]). Standardising
/// columns only moves the constant.
pub fn log_densities(target: &Target, points: &[f32], sigma: f64) -> Option<Vec<f32>> {
    let pieces = pieces(target, points, sigma).map(|(x, level)| target.score().log_density(x, &level).map(numbers));
    pieces.collect::<Option<Vec<_>>>().map(|pieces| pieces.concat())
}

/// Points as the target's score sees them, some at a time, with their level.
fn pieces<'a>(target: &'a Target, points: &'a [f32], sigma: f64) -> impl Iterator<Item = (Tensor<2>, Tensor<1>)> + 'a {
    let (d, device) = (target.score().dim(), target.score().device());
    points.chunks(CHUNK * d).map(move |chunk| {
        let mut rows = chunk.to_vec();
        if let Some(map) = target.standardise() {
            map.apply(&mut rows);
        }
        let n = rows.len() / d;
        (matrix(rows, n, d, &device), repeated(sigma as f32, n, &device))
    })
}

/// Points in data units as the target's score sees them: in its own units, and double precision.
pub fn to_target(target: &Target, points: &[f32]) -> Vec<f64> {
    let Some(map) = target.standardise() else { return points.iter().map(|x| f64::from(*x)).collect() };
    let columns = map.mean.iter().zip(&map.std).cycle();
    points.iter().zip(columns).map(|(x, (mean, std))| (f64::from(*x) - f64::from(*mean)) / f64::from(*std)).collect()
}

/// The way back from [`to_target`], in single precision.
pub fn from_target(target: &Target, points: &[f64]) -> Vec<f32> {
    let mut values: Vec<f32> = points.iter().map(|x| *x as f32).collect();
    if let Some(map) = target.standardise() {
        map.invert(&mut values);
    }
    values
}
