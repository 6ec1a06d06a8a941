//! The solvers of the probability flow and of the reverse SDE, on densities known in closed form.
//!
//! Order: from the same starts, n levels and 2n levels end at distances e(n) and e(2n) from the flow itself, and the order is the slope of ln e
//! over ln n. Weak order: the same of the error in the variance of the ends, which for a stochastic method is what a step length decides. Marginals:
//! whatever the way, the ends follow the density.

use super::{Case, Section, Settings};
use crate::density::{self, Component, Mixture};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::levels::Levels;
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use crate::sample::solver::{Tolerance, dormand_prince, equal_steps};
use crate::sample::{
    Annealed, Churn, Ddim, Dpmpp2M, Draw, End, EulerMaruyama, Heun, PfOde, PredictorCorrector, Sampler, Start, draw,
};
use crate::score::Score;
use std::sync::Arc;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "solvers",
    aliases: &[],
    summary: "the solvers' orders of convergence, and the marginals of what they draw, on exact densities",
    formula: "e(n) ∝ n^−order",
    source: "Karras et al. 2022; Lu et al. 2022b; Dormand & Prince 1980; Kloeden & Platen 1992",
    value: cases,
};

/// How far a measured order may be from the declared one.
const ORDER: f64 = 0.2;
/// The levels between which orders are measured.
const SPAN: (f64, f64) = (5.0, 0.3);

fn cases() -> Vec<Case> {
    let case = |about: &'static str, measure: fn(&Settings) -> Result<Vec<Check>>| Case {
        about: vec![about],
        measure: Box::new(measure),
    };
    let mut cases = vec![
        case("ddim", |s| order("ddim", 1.0, s, |levels| Box::new(Ddim { levels, eta: 0.0 }))),
        case("heun", |s| order("heun", 2.0, s, |levels| Box::new(Heun { levels, churn: Churn::NONE }))),
        case("dpmpp-2m", |s| order("dpmpp-2m", 2.0, s, |levels| Box::new(Dpmpp2M { levels }))),
        case("pf-ode", |s| Ok(vec![order_of_the_pair(s)?, tolerance_is_kept(s)?])),
        case("euler-maruyama", |s| weak_order("euler-maruyama", s, |levels| Box::new(EulerMaruyama { levels }))),
        case("ddim", |s| weak_order("ddim, η = 1", s, |levels| Box::new(Ddim { levels, eta: 1.0 }))),
        case("predictor-corrector", corrector),
    ];
    for way in ["ddim", "heun", "dpmpp-2m", "pf-ode", "euler-maruyama", "heun with churn", "predictor-corrector", "annealed"] {
        let about = way.split(' ').next().unwrap_or(way);
        cases.push(Case { about: vec![about], measure: Box::new(move |settings| marginals(way, settings)) });
    }
    cases
}

/// Starts at the highest level: draws from p_σ.
fn starts(p: &Mixture, n: usize, sigma: f64, seed: u64) -> Vec<f64> {
    p.sample(Key::new(seed, Purpose::Start), 0, n, sigma).into_iter().map(f64::from).collect()
}

fn ends(p: &Mixture, sampler: &dyn Sampler, starts: &[f64], sigma: f64, seed: u64) -> Result<Vec<f64>> {
    let points: Arc<[f64]> = starts.into();
    let request = Draw { n: starts.len() / p.dim(), from: 0, seed, start: Start::Points(points), start_sigma: sigma };
    Ok(draw(p, sampler, &request, &mut ())?.points)
}

/// dx/dσ = −σ·s at rows of their own levels.
fn slope(p: &Mixture) -> impl FnMut(&[usize], &[f64], &[f64], &mut [f64]) {
    move |_, sigma, x, out| {
        p.score_rows_at(x, sigma, out);
        out.chunks_mut(p.dim()).zip(sigma).for_each(|(row, sigma)| row.iter_mut().for_each(|s| *s *= -sigma));
    }
}

/// Where the flow carries points from one level to another, to 12 digits.
fn flow(p: &Mixture, starts: &[f64], span: (f64, f64)) -> Result<Vec<f64>> {
    let (mut x, tolerance) = (starts.to_vec(), Tolerance { absolute: 1e-12, relative: 1e-12 });
    dormand_prince(&mut slope(p), &mut x, p.dim(), span, tolerance, &mut |_, _| Ok(()))?;
    Ok(x)
}

fn root_mean_square(a: &[f64], b: &[f64]) -> f64 {
    (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64).sqrt()
}

/// The slope of ln y over ln x, by least squares, with its sign turned.
fn fall(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let (mx, my) = (logs.iter().map(|l| l.0).sum::<f64>() / n, logs.iter().map(|l| l.1).sum::<f64>() / n);
    -logs.iter().map(|l| (l.0 - mx) * (l.1 - my)).sum::<f64>() / logs.iter().map(|l| (l.0 - mx).powi(2)).sum::<f64>()
}

fn order(name: &str, declared: f64, settings: &Settings, build: fn(Levels) -> Box<dyn Sampler>) -> Result<Vec<Check>> {
    let p = density::mixture("mixture-1d")?;
    let (high, low) = SPAN;
    let starts = starts(&p, 512, high, settings.seed);
    let exact = flow(&p, &starts, SPAN)?;
    let mut errors = Vec::new();
    for steps in [64, 128, 256, 512] {
        let sampler = build(Levels::karras(high, low, steps + 1, 7.0)?);
        errors.push((steps as f64, root_mean_square(&ends(&p, &*sampler, &starts, high, settings.seed)?, &exact)));
    }
    Ok(vec![Check::exact(format!("{name}: order of convergence on mixture-1d"), declared, fall(&errors), ORDER)])
}

/// The formula of order 5 by steps of equal length.
fn order_of_the_pair(settings: &Settings) -> Result<Check> {
    let p = density::mixture("mixture-1d")?;
    let starts = starts(&p, 512, SPAN.0, settings.seed);
    let exact = flow(&p, &starts, SPAN)?;
    let error = |steps: usize| {
        let mut x = starts.clone();
        equal_steps(&mut slope(&p), &mut x, 1, SPAN, steps);
        (steps as f64, root_mean_square(&x, &exact))
    };
    let errors: Vec<(f64, f64)> = [96, 128, 192, 256].map(error).to_vec();
    Ok(Check::exact("pf-ode: order of convergence on mixture-1d, by equal steps", 5.0, fall(&errors), ORDER))
}

/// The sampler itself, against the flow to 12 digits.
fn tolerance_is_kept(settings: &Settings) -> Result<Check> {
    let p = density::mixture("mixture")?;
    let (high, low, tolerance) = (50.0, 0.0, 1e-7);
    let starts = starts(&p, 512, high, settings.seed);
    let exact = flow(&p, &starts, (high, low))?;
    let tolerances = Tolerance { absolute: tolerance, relative: tolerance };
    let sampler = PfOde { first: high, last: low, end: End::AsItIs, tolerance: tolerances };
    let error = root_mean_square(&ends(&p, &sampler, &starts, high, settings.seed)?, &exact);
    Ok(Check::exact("pf-ode: distance from the flow on mixture, tolerance 1e-7", 0.0, error, 1000.0 * tolerance))
}

/// A Gaussian off the origin, and the levels between which its variance is followed.
fn gaussian() -> Result<(Mixture, f64, (f64, f64))> {
    let variance = 0.25f64;
    Ok((Mixture::new(vec![Component::isotropic(1.0, vec![1.5], variance.sqrt())])?, variance, (4.0, 0.2)))
}

fn variance(x: &[f64]) -> Estimate {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    Estimate::mean(&x.iter().map(|x| (x - mean).powi(2)).collect::<Vec<_>>())
}

fn weak_order(name: &str, settings: &Settings, build: fn(Levels) -> Box<dyn Sampler>) -> Result<Vec<Check>> {
    let (p, data, (high, low)) = gaussian()?;
    let n = 8 * settings.points;
    let starts = starts(&p, n, high, settings.seed);
    let mut errors = Vec::new();
    for steps in [12, 24, 48] {
        let sampler = build(Levels::geometric(high, low, steps + 1)?);
        let found = variance(&ends(&p, &*sampler, &starts, high, settings.seed)?);
        errors.push((steps as f64, (found.mean - data - low * low).abs()));
    }
    Ok(vec![Check::exact(format!("{name}: weak order of convergence on a Gaussian"), 1.0, fall(&errors), ORDER)])
}

/// The corrector does not become exact with more levels: its own step stays. On a Gaussian the variance is known all the same.
fn corrector(settings: &Settings) -> Result<Vec<Check>> {
    let (p, data, (high, low)) = gaussian()?;
    let (levels, snr, corrections) = (Levels::geometric(high, low, 21)?, 0.16, 2);
    let mut expected = data + high * high;
    for pair in levels.as_slice().windows(2) {
        let (h, total) = (pair[0].powi(2) - pair[1].powi(2), data + pair[1].powi(2));
        expected = (1.0 - h / (data + pair[0].powi(2))).powi(2) * expected + h;
        let epsilon = 4.0 * (snr * pair[1]).powi(2);
        for _ in 0..corrections {
            expected = (1.0 - 0.5 * epsilon / total).powi(2) * expected + epsilon;
        }
    }
    let starts = starts(&p, settings.points, high, settings.seed);
    let sampler = PredictorCorrector { levels, snr, corrections };
    let found = variance(&ends(&p, &sampler, &starts, high, settings.seed)?);
    Ok(vec![Check::statistical("predictor-corrector: variance on a Gaussian after 20 levels", expected, found, 0.2 * data)])
}

/// What a sampler of enough levels draws of the lecture's mixture: the first mode's share, and how wide it is.
fn marginals(way: &str, settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture("mixture")?;
    let high = 50.0;
    let n = settings.points / 4;
    let karras = |n: usize| Levels::karras(high, 0.01, n, 7.0).map(Levels::to_zero);
    let sampler: Box<dyn Sampler> = match way {
        "ddim" => Box::new(Ddim { levels: karras(400)?, eta: 0.0 }),
        "heun" => Box::new(Heun { levels: karras(60)?, churn: Churn::NONE }),
        "heun with churn" => {
            Box::new(Heun { levels: karras(100)?, churn: Churn { amount: 20.0, from: 0.05, to: 20.0, noise: 1.0 } })
        }
        "dpmpp-2m" => Box::new(Dpmpp2M { levels: karras(60)? }),
        "euler-maruyama" => Box::new(EulerMaruyama { levels: karras(800)? }),
        "predictor-corrector" => Box::new(PredictorCorrector { levels: karras(400)?, snr: 0.05, corrections: 1 }),
        "pf-ode" => {
            let tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };
            Box::new(PfOde { first: high, last: 0.0, end: End::AsItIs, tolerance })
        }
        "annealed" => {
            let levels = Levels::geometric(high, 0.05, 24)?;
            Box::new(Annealed { levels, steps_per_level: 40, epsilon: 0.05 * 0.05f64.powi(2), denoise: true })
        }
        other => return Err(Error::failed("verify", format!("no sampler is made for {other}"))),
    };
    let starts = starts(&p, n, high, settings.seed);
    let x: Vec<f32> = ends(&p, &*sampler, &starts, high, settings.seed)?.into_iter().map(|x| x as f32).collect();
    let modes = p.assign(&x, 0.0);
    let share: Vec<f64> = modes.iter().map(|k| if *k == 0 { 1.0 } else { 0.0 }).collect();
    let within =
        x.chunks(2).zip(&modes).filter(|(_, k)| **k == 0).flat_map(|(x, _)| x.iter().map(|x| (f64::from(*x) - 5.0).powi(2)));
    let width: Vec<f64> = within.collect();
    Ok(vec![
        Check::statistical(format!("{way}: share of mixture's first mode"), 0.8, Estimate::mean(&share), 0.05),
        Check::statistical(format!("{way}: variance within mixture's first mode"), 1.0, Estimate::mean(&width), 0.2),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_power_is_its_exponent() {
        let points = [1.0, 2.0, 4.0, 8.0].map(|x: f64| (x, 3.0 * x.powf(-2.5)));
        assert!((fall(&points) - 2.5).abs() < 1e-12);
    }
}
