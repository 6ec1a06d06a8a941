//! Writes a tape: constants are computed at once, and what was computed before is not computed again.

use super::function::Function;
use super::number::Real;
use super::tape::{Slot, Step, Tape};
use super::trouble::{Outcome, Trouble};
use std::collections::HashMap;

/// Operations of a formula whose sums and vectors are written out: one evaluation of that many takes a fraction of a millisecond a row.
pub(super) const MOST_STEPS: usize = 100_000;

/// A number of the formula: known now, or a slot of the tape under construction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Known(f64),
    At(Slot),
}

/// See the head of this file. Slots count the coordinates and then the steps; constants get theirs when the tape is finished.
pub(super) struct Builder {
    dim: usize,
    steps: Vec<Planned>,
    at: Vec<u32>,
    seen: HashMap<Key, Slot>,
}

/// A step of which an argument may still be a constant.
#[derive(Clone, Copy)]
enum Planned {
    Step(Step),
    /// c/a, a = slot.
    Reciprocal(f64, Slot),
    /// max(a, c), min(a, c).
    Bound(Extreme, Slot, f64),
}

/// The larger or the smaller of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Extreme {
    Max,
    Min,
}

/// What tells one step from another.
type Key = (u8, Slot, Slot, u64);

impl Planned {
    fn key(&self) -> Key {
        match *self {
            Self::Step(step) => match step {
                // a + b and b + a are one, and so for products.
                Step::Add(a, b) => (0, a.min(b), a.max(b), 0),
                Step::Mul(a, b) => (1, a.min(b), a.max(b), 0),
                Step::Sub(a, b) => (2, a, b, 0),
                Step::Div(a, b) => (3, a, b, 0),
                Step::Neg(a) => (4, a, 0, 0),
                Step::Shift(a, c) => (5, a, 0, c.to_bits()),
                Step::Scale(a, c) => (6, a, 0, c.to_bits()),
                Step::Whole(a, n) => (7, a, 0, n as u64),
                Step::ToThe(a, c) => (8, a, 0, c.to_bits()),
                Step::Max(a, b) => (9, a, b, 0),
                Step::Min(a, b) => (10, a, b, 0),
                Step::Apply(f, a) => (11, a, f as Slot, 0),
                Step::Hold(a) => (12, a, 0, 0),
            },
            Self::Reciprocal(c, a) => (13, a, 0, c.to_bits()),
            Self::Bound(extreme, a, c) => (14, a, extreme as Slot, c.to_bits()),
        }
    }
}

use Number::{At, Known};

impl Builder {
    pub fn new(dim: usize) -> Self {
        Self { dim, steps: Vec::new(), at: Vec::new(), seen: HashMap::new() }
    }

    fn push(&mut self, planned: Planned, at: usize) -> Outcome<Number> {
        if let Some(slot) = self.seen.get(&planned.key()) {
            return Ok(At(*slot));
        }
        if self.steps.len() == MOST_STEPS {
            return Err(Trouble::new(at, format!("written out, the formula has more than {MOST_STEPS} operations")));
        }
        let slot = (self.dim + self.steps.len()) as Slot;
        self.steps.push(planned);
        self.at.push(at as u32);
        self.seen.insert(planned.key(), slot);
        Ok(At(slot))
    }

    fn step(&mut self, step: Step, at: usize) -> Outcome<Number> {
        self.push(Planned::Step(step), at)
    }

    pub fn add(&mut self, a: Number, b: Number, at: usize) -> Outcome<Number> {
        match (a, b) {
            (Known(a), Known(b)) => known(a + b, at, || format!("{a} + {b}")),
            (x, Known(0.0)) | (Known(0.0), x) => Ok(x),
            (At(a), Known(c)) | (Known(c), At(a)) => self.step(Step::Shift(a, c), at),
            (At(a), At(b)) => self.step(Step::Add(a, b), at),
        }
    }

    pub fn sub(&mut self, a: Number, b: Number, at: usize) -> Outcome<Number> {
        match (a, b) {
            (a, Known(c)) => self.add(a, Known(-c), at),
            (Known(c), At(_)) => {
                let negative = self.neg(b, at)?;
                self.add(negative, Known(c), at)
            }
            (At(a), At(b)) => self.step(Step::Sub(a, b), at),
        }
    }

    pub fn neg(&mut self, a: Number, at: usize) -> Outcome<Number> {
        match a {
            Known(c) => Ok(Known(-c)),
            At(a) => self.step(Step::Neg(a), at),
        }
    }

    pub fn mul(&mut self, a: Number, b: Number, at: usize) -> Outcome<Number> {
        match (a, b) {
            (Known(a), Known(b)) => known(a * b, at, || format!("{a}*{b}")),
            (x, Known(1.0)) | (Known(1.0), x) => Ok(x),
            (At(a), Known(c)) | (Known(c), At(a)) => self.step(Step::Scale(a, c), at),
            (At(a), At(b)) if a == b => self.step(Step::Whole(a, 2), at),
            (At(a), At(b)) => self.step(Step::Mul(a, b), at),
        }
    }

    pub fn div(&mut self, a: Number, b: Number, at: usize) -> Outcome<Number> {
        match (a, b) {
            (_, Known(0.0)) => Err(Trouble::new(at, "division by zero")),
            (Known(a), Known(b)) => known(a / b, at, || format!("{a}/{b}")),
            (At(_), Known(1.0)) => Ok(a),
            // A multiplication where it is exact or as good: the reciprocal's rounding is one more unit in the last place.
            (At(a), Known(c)) if (1.0 / c).is_finite() => self.step(Step::Scale(a, 1.0 / c), at),
            (At(_), Known(c)) => Err(Trouble::new(at, format!("division by {c}, which is too small"))),
            (Known(c), At(a)) => self.push(Planned::Reciprocal(c, a), at),
            (At(a), At(b)) => self.step(Step::Div(a, b), at),
        }
    }

    pub fn power(&mut self, a: Number, b: Number, at: usize) -> Outcome<Number> {
        match (a, b) {
            (Known(a), Known(b)) => {
                let value = if b.fract() == 0.0 && b.abs() <= WHOLE { a.whole_power(b as i32) } else { a.powf(b) };
                known(value, at, || format!("{a}^{b}"))
            }
            (_, Known(0.0)) => Ok(Known(1.0)),
            (_, Known(1.0)) => Ok(a),
            (_, Known(0.5)) => self.apply(Function::Sqrt, a, at),
            (At(a), Known(n)) if n.fract() == 0.0 && n.abs() <= WHOLE => self.step(Step::Whole(a, n as i32), at),
            (At(a), Known(c)) => self.step(Step::ToThe(a, c), at),
            // aᵇ = exp(b·ln a).
            (_, At(_)) => {
                let log = self.apply(Function::Log, a, at)?;
                let product = self.mul(b, log, at)?;
                self.apply(Function::Exp, product, at)
            }
        }
    }

    pub fn apply(&mut self, f: Function, a: Number, at: usize) -> Outcome<Number> {
        match a {
            Known(a) => known(f.value(a), at, || format!("{} of {a}", f.name())),
            At(a) => self.step(Step::Apply(f, a), at),
        }
    }

    pub fn extreme(&mut self, which: Extreme, a: Number, b: Number, at: usize) -> Outcome<Number> {
        match (a, b, which) {
            (Known(a), Known(b), Extreme::Max) => Ok(Known(a.max(b))),
            (Known(a), Known(b), Extreme::Min) => Ok(Known(a.min(b))),
            (At(a), Known(c), _) | (Known(c), At(a), _) => self.push(Planned::Bound(which, a, c), at),
            (At(a), At(b), Extreme::Max) => self.step(Step::Max(a, b), at),
            (At(a), At(b), Extreme::Min) => self.step(Step::Min(a, b), at),
        }
    }

    /// The number, which derivatives take for a constant.
    pub fn hold(&mut self, a: Number, at: usize) -> Outcome<Number> {
        match a {
            Known(_) => Ok(a),
            At(a) => self.step(Step::Hold(a), at),
        }
    }

    /// The tape that computes `output`, without what it does not need.
    pub fn finish(self, output: Slot) -> Tape {
        let dim = self.dim;
        let arguments = |planned: &Planned| match *planned {
            Planned::Step(step) => step.needs(),
            Planned::Reciprocal(_, a) | Planned::Bound(_, a, _) => [Some(a), None],
        };
        let mut needed = vec![false; dim + self.steps.len()];
        needed[output as usize] = true;
        for (i, planned) in self.steps.iter().enumerate().rev() {
            if needed[dim + i] {
                arguments(planned).into_iter().flatten().for_each(|a| needed[a as usize] = true);
            }
        }
        let mut constants: Vec<f64> = Vec::new();
        let mut places: HashMap<u64, Slot> = HashMap::new();
        for (i, planned) in self.steps.iter().enumerate() {
            if let (true, Planned::Reciprocal(c, _) | Planned::Bound(_, _, c)) = (needed[dim + i], planned) {
                places.entry(c.to_bits()).or_insert_with(|| {
                    constants.push(*c);
                    (dim + constants.len() - 1) as Slot
                });
            }
        }
        let first = dim + constants.len();
        let (mut steps, mut at) = (Vec::new(), Vec::new());
        // Coordinates stay; results move up behind the constants.
        let mut to: Vec<Slot> = (0..needed.len() as Slot).collect();
        for (i, planned) in self.steps.iter().enumerate() {
            if !needed[dim + i] {
                continue;
            }
            let place = |slot: Slot| to[slot as usize];
            let constant = |c: f64| places[&c.to_bits()];
            steps.push(match *planned {
                Planned::Step(step) => step.moved(place),
                Planned::Reciprocal(c, a) => Step::Div(constant(c), place(a)),
                Planned::Bound(Extreme::Max, a, c) => Step::Max(place(a), constant(c)),
                Planned::Bound(Extreme::Min, a, c) => Step::Min(place(a), constant(c)),
            });
            at.push(self.at[i]);
            to[dim + i] = (first + steps.len() - 1) as Slot;
        }
        Tape { dim, constants, steps, at, output: to[output as usize] }
    }
}

/// Largest whole exponent that is multiplied out.
const WHOLE: f64 = 1024.0;

/// A constant, if it is a number.
fn known(value: f64, at: usize, said: impl FnOnce() -> String) -> Outcome<Number> {
    if value.is_finite() {
        return Ok(Known(value));
    }
    let what = if value.is_nan() { "no number" } else { "infinite" };
    Err(Trouble::new(at, format!("{} is {what}", said())))
}
