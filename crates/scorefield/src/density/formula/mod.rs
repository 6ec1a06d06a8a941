//! A density written as a formula for log p, with its score by differentiation of the formula itself: docs/formula.md is the language.
//!
//! The text becomes a tree ([`parse`]), the tree with its parameters a list of operations ([`expand`]), and the list is gone through forwards
//! for log p and backwards for ∇ log p ([`tape`]), eight rows at a time, in double precision. How long a formula may be, how deep and how
//! long when written out is bounded, so that a file of any content is read or refused in a moment.

mod builder;
mod expand;
mod file;
mod function;
mod lexer;
mod number;
mod parse;
mod tape;
mod trouble;

#[cfg(test)]
mod tests;

pub use expand::Parameter;
pub(super) use file::{FIELDS, read};

use super::exact::Constant;
use super::pointwise::PointDensity;
use number::{Dual, LANES, Lanes};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tape::{Step, Tape};
use trouble::{Outcome, Trouble};

/// Characters of a formula.
pub const MOST_CHARACTERS: usize = 65_536;
/// Dimensions of a formula.
pub const MOST_DIMENSIONS: usize = 10_000;
/// Numbers in the parameters of a formula.
pub const MOST_NUMBERS: usize = 100_000;

/// What a formula is made from.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub dim: usize,
    pub text: String,
    pub parameters: BTreeMap<String, Parameter>,
    /// Where chains begin: centre `[d]`, and standard deviation.
    pub start: Vec<f64>,
    pub spread: f64,
    pub constant: Constant,
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Formula {
    tape: Tape,
    start: Vec<f64>,
    spread: f64,
    constant: Constant,
    fingerprint: String,
}

impl Formula {
    /// Reads the formula, and evaluates it once where chains begin.
    fn new(written: &Written) -> Outcome<Self> {
        let text: Vec<char> = written.text.chars().take(MOST_CHARACTERS + 1).collect();
        if text.len() > MOST_CHARACTERS {
            return Err(Trouble::whole(format!("it has more than {MOST_CHARACTERS} characters")));
        }
        let tape = expand::expand(&parse::parse(&text)?, written.dim, &written.parameters)?;
        let mut hash = Sha256::new();
        // `{:?}` of a double has all its digits.
        hash.update(format!("{} {:?} {:?} {}", tape.dim, tape.constants, tape.steps, tape.output));
        hash.update(format!("{:?} {:?}", written.start, written.spread));
        let fingerprint = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let (start, spread, constant) = (written.start.clone(), written.spread, written.constant);
        let formula = Self { tape, start, spread, constant, fingerprint };
        formula.check_start()?;
        Ok(formula)
    }

    /// Refuses a formula that has no finite value, or no finite score, where chains begin.
    fn check_start(&self) -> Outcome<()> {
        let tape = &self.tape;
        let mut work = tape.workspace::<f64>();
        work.values[..tape.dim].copy_from_slice(&self.start);
        let log = tape.forward(&mut work);
        let shown: Vec<String> = self.start.iter().take(4).map(f64::to_string).collect();
        let more = if self.start.len() > 4 { ", …" } else { "" };
        let place = format!("at the start point ({}{more})", shown.join(", "));
        let hint = "start = […] in the file is a point where the density is positive and smooth";
        let first = tape.first_step();
        if !log.is_finite() {
            let bad = (0..tape.steps.len()).find(|i| !work.values[first + i].is_finite()).unwrap_or(tape.steps.len() - 1);
            let why = said(tape.steps[bad], &work.values, work.values[first + bad]);
            let log = if log.is_nan() {
                "no number"
            } else if log < 0.0 {
                "−∞"
            } else {
                "+∞"
            };
            return Err(Trouble::new(tape.at[bad] as usize, format!("log p is {log} {place}: {why}")).hint(hint));
        }
        let mut bad = None;
        let values = tape.workspace::<f64>().values.len();
        let score = tape.backward(&mut work, |i, bars| {
            let broken = |slot: u32| (slot as usize) < values && !bars[slot as usize].is_finite();
            if bad.is_none() && tape.steps[i].needs().into_iter().flatten().any(broken) {
                bad = Some(i);
            }
        });
        if score.iter().all(|s| s.is_finite()) {
            return Ok(());
        }
        let i = bad.unwrap_or(0);
        Err(Trouble::new(tape.at[i] as usize, format!("the score is not finite {place}: here is no slope")).hint(hint))
    }
}

/// What an operation did that has no finite result.
fn said(step: Step, values: &[f64], result: f64) -> String {
    let at = |slot: u32| values[slot as usize];
    match step {
        Step::Div(_, b) if at(b) == 0.0 => "division by zero".to_owned(),
        Step::Apply(f, a) => format!("{} of {}", f.name(), at(a)),
        Step::Whole(a, n) => format!("{}^{n}", at(a)),
        Step::ToThe(a, c) => format!("{}^{c}", at(a)),
        _ if result.is_nan() => "no number results here".to_owned(),
        _ => "a number too large for 64 bits".to_owned(),
    }
}

impl PointDensity for Formula {
    fn dim(&self) -> usize {
        self.tape.dim
    }

    fn log_density(&self, x: &[f64], score: &mut [f64]) -> f64 {
        let mut log = [0.0];
        self.log_densities(x, &mut log, score);
        log[0]
    }

    fn log_densities(&self, x: &[f64], log: &mut [f64], score: &mut [f64]) {
        let d = self.tape.dim;
        let mut work = self.tape.workspace::<Lanes>();
        let groups = x.chunks(LANES * d).zip(score.chunks_mut(LANES * d)).zip(log.chunks_mut(LANES));
        for ((x, score), log) in groups {
            let n = log.len();
            for (j, lanes) in work.values[..d].iter_mut().enumerate() {
                // Lanes without a row repeat the last.
                *lanes = Lanes(std::array::from_fn(|i| x[i.min(n - 1) * d + j]));
            }
            let logs = self.tape.forward(&mut work);
            log.copy_from_slice(&logs.0[..n]);
            for (j, lanes) in self.tape.backward(&mut work, |_, _| {}).iter().enumerate() {
                for (i, s) in lanes.0[..n].iter().enumerate() {
                    // Outside its domain a formula has no slope, even where its parts do (log x has 1/x below 0): a chain that went
                    // there is seen to have diverged.
                    score[i * d + j] = if log[i].is_nan() { f64::NAN } else { *s };
                }
            }
        }
    }

    /// The score's derivative along v, by dual numbers through the same list.
    fn curvature(&self, x: &[f64], v: &[f64]) -> f64 {
        let mut work = self.tape.workspace::<Dual>();
        for (dual, (x, v)) in work.values.iter_mut().zip(x.iter().zip(v)) {
            *dual = Dual { value: *x, slope: *v };
        }
        self.tape.forward(&mut work);
        self.tape.backward(&mut work, |_, _| {}).iter().zip(v).map(|(s, v)| s.slope * v).sum()
    }

    fn constant(&self) -> Constant {
        self.constant
    }

    fn moments(&self) -> (Vec<f64>, f64) {
        (self.start.clone(), self.spread * self.spread)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
