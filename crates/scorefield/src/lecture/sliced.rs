//! Claim 5: sliced score matching costs the same whatever d is; one projection is unbiased, more lower the variance; Gaussian and Rademacher
//! directions both serve.
//!
//! At a given point the loss vᵀJv + ½(vᵀs)² is the quadratic form vᵀAv, A = J + ½ssᵀ, whose mean is tr J + ½‖s‖² for any law with E[vvᵀ] = I and
//! whose variance is 2‖A‖²_F for Gaussian v and 2(‖A‖²_F − ΣA_ii²) for Rademacher v. The mean of M directions has 1/M of it.

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::learn::learn;
use super::losses::{Points, asked, wide};
use super::stage::Stage;
use crate::density::{Mixture, mixture};
use crate::error::Result;
use crate::key::Purpose;
use crate::objective::{Implicit, Law, Projection, Sliced};
use crate::oracle::{Estimate, slope};
use crate::plot::{Comparison, Measured, Measurement, Series, comparison};
use crate::registry::Entry;
use crate::score::{Score, ScoreJvp};
use crate::tensor::{matrix, numbers, repeated};
use nalgebra::{DMatrix, DVector};

const TEN: usize = 10;
const LAWS: [Law; 2] = [Law::Gaussian, Law::Rademacher];
const PROJECTIONS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Points at which directions are drawn again and again.
const POINTS: usize = 16;
/// A bias that would be noticed, in standard deviations of the loss over one direction.
const BIAS: f64 = 0.1;
/// E‖s_θ − s*‖²/E‖s*‖² that a trained network is held to.
const LEARNED: f64 = 0.03;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let mut evidence = Evidence {
        done: format!(
            "The score of a correlated normal in ten dimensions at {POINTS} fixed points: directions are drawn again and again, M at a time, and \
             the losses' mean and variance held against theory, for Gaussian and for Rademacher directions. Directions are counted at d = 512. \
             Then two networks learn the score of a correlated normal in the plane by one direction a point."
        ),
        ..Evidence::default()
    };
    variance(stage, &mut evidence)?;
    let sliced = |law| Sliced { projection: Projection { law, count: 1 } };
    for law in LAWS {
        let (directions, _) = asked(&sliced(law), 512, 0.0, stage.key(Purpose::Data, 501))?;
        evidence.figures.push(
            Figure::exact(format!("directions a point, d = 512, {} directions", law.word()), 1.0, directions, 0.0)
                .meaning("As many as are asked for, whatever d is; claim 2 shows the whole curve beside the trace's."),
        );
    }
    for law in LAWS {
        learned(stage, law, &mut evidence)?;
    }
    Ok(evidence)
}

fn variance(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let (p, repetitions) = (mixture("gaussian-10")?, stage.either(1500, 12_000));
    let points = p.sample(stage.key(Purpose::Data, 500), 0, POINTS, 0.0);
    let exact = Points::clean(&points, TEN).losses(&Implicit, &p, stage.key(Purpose::Metric, 500));
    let forms = quadratic_forms(&p, &points);
    // Row r·POINTS + i is repetition r of point i.
    let repeated = points.repeat(repetitions);
    let all = Points::clean(&repeated, TEN);
    let (mut measured, mut theory) = (Vec::new(), Vec::new());
    for (k, law) in LAWS.into_iter().enumerate() {
        let of_one = forms.iter().map(|a| law.trace_variance(a)).sum::<f64>() / POINTS as f64;
        let mut found = Vec::new();
        for (step, count) in PROJECTIONS.into_iter().enumerate() {
            let objective = Sliced { projection: Projection { law, count } };
            let losses = all.losses(&objective, &p, stage.key(Purpose::Projection, 500 + (k * PROJECTIONS.len() + step) as u32));
            let of_point = |i: usize| losses.iter().skip(i).step_by(POINTS).copied().collect::<Vec<_>>();
            if count == 1 {
                let off: Vec<f64> = losses.iter().enumerate().map(|(row, loss)| loss - exact[row % POINTS]).collect();
                let Estimate { mean, standard_error } = Estimate::mean(&off);
                let deviation = standard_error * (off.len() as f64).sqrt();
                evidence.figures.push(
                    Figure::statistical(
                        format!("bias of one {} direction, in standard deviations", law.word()),
                        0.0,
                        Estimate { mean: mean / deviation, standard_error: standard_error / deviation },
                        BIAS,
                    )
                    .meaning(format!("The mean loss less tr J + ½‖s‖² at the same points, over {} draws.", losses.len())),
                );
            }
            let each: Vec<Estimate> = (0..POINTS).map(|i| Estimate::variance(&of_point(i))).collect();
            found.push(Estimate {
                mean: each.iter().map(|e| e.mean).sum::<f64>() / POINTS as f64,
                standard_error: each.iter().map(|e| e.standard_error.powi(2)).sum::<f64>().sqrt() / POINTS as f64,
            });
            stage.told(k * PROJECTIONS.len() + step + 1, 2 * PROJECTIONS.len())?;
        }
        let (x, y): (Vec<f64>, Vec<Estimate>) = PROJECTIONS.iter().zip(&found).map(|(m, e)| ((*m as f64).ln(), e.ln())).unzip();
        evidence.figures.extend([
            Figure::statistical(format!("variance of one {} direction", law.word()), of_one, found[0], 0.4 * of_one)
                .meaning("By the closed form at the head of the experiment, averaged over the points."),
            Figure::statistical(format!("slope of ln(variance) over ln M, {} directions", law.word()), -1.0, slope(&x, &y), 0.2)
                .meaning("Independent directions: the variance of their mean falls as 1/M."),
        ]);
        measured.push(
            PROJECTIONS
                .iter()
                .zip(&found)
                .map(|(m, e)| Measurement {
                    x: *m as f64,
                    y: e.mean,
                    interval: [e.mean - 2.0 * e.standard_error, e.mean + 2.0 * e.standard_error],
                })
                .collect::<Vec<_>>(),
        );
        theory.push(PROJECTIONS.map(|m| (m as f64, of_one / m as f64)));
    }
    let picture = comparison(&Comparison {
        title: "More directions, less variance",
        caption: "Variance of the sliced loss at a given point, over the draw of M directions. Rademacher directions know the diagonal of A exactly \
                  and vary less.",
        theory: &[Series { name: "theory", points: &theory[0] }, Series { name: "", points: &theory[1] }],
        measured: &[Measured { name: "Gaussian", points: &measured[0] }, Measured { name: "Rademacher", points: &measured[1] }],
        x_label: "directions M",
        y_label: "variance of the loss",
    })?;
    evidence.pictures.push(Panel {
        name: "variance",
        picture,
        alt: "Two rows of dots falling along two parallel lines".to_owned(),
    });
    Ok(())
}

/// A = J + ½ssᵀ at each point; of a normal J = −Σ⁻¹ everywhere, from vᵀJv along e_i + e_j.
fn quadratic_forms(p: &Mixture, points: &[f32]) -> Vec<DMatrix<f64>> {
    let form = |x: &[f32]| {
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let pairs: Vec<(usize, usize)> = (0..TEN).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        let mut v = vec![0.0; pairs.len() * TEN];
        for ((i, j), v) in pairs.iter().zip(v.chunks_mut(TEN)) {
            v[*i] += 1.0;
            v[*j] += 1.0;
        }
        let (mut s, mut bends) = (vec![0.0; TEN], vec![0.0; pairs.len()]);
        p.curvature_rows(&x, &[0.0], &v, &mut s, &mut bends);
        // (2e_i)ᵀJ(2e_i) = 4J_ii; (e_i + e_j)ᵀJ(e_i + e_j) = J_ii + J_jj + 2J_ij.
        let mut jacobian = DMatrix::zeros(TEN, TEN);
        for ((i, j), bend) in pairs.iter().zip(&bends).filter(|((i, j), _)| i == j) {
            jacobian[(*i, *j)] = bend / 4.0;
        }
        for ((i, j), bend) in pairs.iter().zip(&bends).filter(|((i, j), _)| i != j) {
            let off = 0.5 * (bend - jacobian[(*i, *i)] - jacobian[(*j, *j)]);
            (jacobian[(*i, *j)], jacobian[(*j, *i)]) = (off, off);
        }
        let s = DVector::from_vec(s);
        jacobian + 0.5 * &s * s.transpose()
    };
    points.chunks_exact(TEN).map(form).collect()
}

fn learned(stage: &mut Stage<'_>, law: Law, evidence: &mut Evidence) -> Result<()> {
    let settings = [
        ("data.source", "density:gaussian"),
        ("objective.name", "sliced"),
        ("objective.projection", law.word()),
        ("net.name", "plain-mlp"),
        ("net.width", "32"),
        ("net.depth", "2"),
        ("train.steps", stage.either("1500", "4000")),
    ];
    let model = learn(stage, &settings)?.model;
    let (p, n) = (mixture("gaussian")?, stage.either(20_000, 100_000));
    let (x, device) = (p.sample(stage.key(Purpose::Data, 502), 0, n, 0.0), model.device());
    let at = |score: &dyn Score| wide(numbers(score.score(matrix(x.clone(), n, 2, &device), &repeated(0.0, n, &device))));
    let (found, exact) = (at(&model), at(&p));
    let rows = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..n).map(|i| of(2 * i) + of(2 * i + 1)).collect() };
    let errors = rows(&|k| (found[k] - exact[k]).powi(2));
    let sizes = rows(&|k| exact[k].powi(2));
    evidence.figures.push(
        Figure::at_most(
            format!("relative error of a network trained by one {} direction", law.word()),
            LEARNED,
            Estimate::ratio(&errors, &sizes),
        )
        .meaning("E‖s_θ − s*‖²/E‖s*‖² after a short training without noise."),
    );
    Ok(())
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "sliced",
    aliases: &["ssm"],
    summary: "Sliced score matching costs the same in any dimension; one direction is unbiased, more lower the variance",
    formula: "E_v[vᵀJv + ½(vᵀs)²] = tr J + ½‖s‖², E[vvᵀ] = I",
    source: "Song, Garg, Shi & Ermon 2019; Hutchinson 1989",
    value: Experiment { number: 5, measure },
};
