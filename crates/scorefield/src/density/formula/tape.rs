//! A formula as a list of operations, each on numbers computed before it, and its derivative by going through them backwards.
//!
//! Reverse mode: with ā = ∂ log p/∂a, each operation y = f(a, b) adds ȳ·∂f/∂a to ā and ȳ·∂f/∂b to b̄; what arrives at the coordinates is the
//! score (Griewank & Walther 2008, section 3.2). One pass costs a small multiple of log p itself, whatever d is. The lists are the same for
//! numbers of any kind ([`Real`]): eight rows at once for samplers, dual numbers for vᵀ∇²(log p)v.

use super::function::Function;
use super::number::Real;

/// The place of a number: coordinates first, then constants, then results in order.
pub(super) type Slot = u32;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Add(Slot, Slot),
    Sub(Slot, Slot),
    Mul(Slot, Slot),
    Div(Slot, Slot),
    Neg(Slot),
    /// a + c.
    Shift(Slot, f64),
    /// c·a.
    Scale(Slot, f64),
    /// aⁿ.
    Whole(Slot, i32),
    /// a^c.
    ToThe(Slot, f64),
    Max(Slot, Slot),
    Min(Slot, Slot),
    Apply(Function, Slot),
    /// a, which derivatives take for a constant: for a shift that drops out of the result.
    Hold(Slot),
}

impl Step {
    /// The numbers that it needs.
    pub fn needs(self) -> [Option<Slot>; 2] {
        match self {
            Self::Add(a, b) | Self::Sub(a, b) | Self::Mul(a, b) | Self::Div(a, b) | Self::Max(a, b) | Self::Min(a, b) => {
                [Some(a), Some(b)]
            }
            Self::Neg(a)
            | Self::Shift(a, _)
            | Self::Scale(a, _)
            | Self::Whole(a, _)
            | Self::ToThe(a, _)
            | Self::Apply(_, a)
            | Self::Hold(a) => [Some(a), None],
        }
    }

    /// The same operation on other places.
    pub fn moved(self, to: impl Fn(Slot) -> Slot) -> Self {
        match self {
            Self::Add(a, b) => Self::Add(to(a), to(b)),
            Self::Sub(a, b) => Self::Sub(to(a), to(b)),
            Self::Mul(a, b) => Self::Mul(to(a), to(b)),
            Self::Div(a, b) => Self::Div(to(a), to(b)),
            Self::Max(a, b) => Self::Max(to(a), to(b)),
            Self::Min(a, b) => Self::Min(to(a), to(b)),
            Self::Neg(a) => Self::Neg(to(a)),
            Self::Shift(a, c) => Self::Shift(to(a), c),
            Self::Scale(a, c) => Self::Scale(to(a), c),
            Self::Whole(a, n) => Self::Whole(to(a), n),
            Self::ToThe(a, c) => Self::ToThe(to(a), c),
            Self::Apply(f, a) => Self::Apply(f, to(a)),
            Self::Hold(a) => Self::Hold(to(a)),
        }
    }

    /// Its result.
    #[inline(always)]
    pub fn value<T: Real>(self, v: &[T]) -> T {
        let at = |slot: Slot| v[slot as usize];
        match self {
            Self::Add(a, b) => at(a) + at(b),
            Self::Sub(a, b) => at(a) - at(b),
            Self::Mul(a, b) => at(a) * at(b),
            Self::Div(a, b) => at(a) / at(b),
            Self::Neg(a) => -at(a),
            Self::Shift(a, c) => at(a) + T::constant(c),
            Self::Scale(a, c) => at(a) * T::constant(c),
            Self::Whole(a, n) => at(a).whole_power(n),
            Self::ToThe(a, c) => at(a).to_the(c),
            Self::Max(a, b) => at(a).choose(at(b), at(a).at_least(at(b))),
            Self::Min(a, b) => at(a).choose(at(b), at(b).at_least(at(a))),
            Self::Apply(f, a) => at(a).apply(f),
            Self::Hold(a) => at(a),
        }
    }

    /// Adds to the derivatives `bar` by its arguments, given its result y and ȳ.
    #[inline(always)]
    fn back<T: Real>(self, v: &[T], y: T, y_bar: T, bar: &mut [T]) {
        let at = |slot: Slot| v[slot as usize];
        let mut add = |slot: Slot, by: T| bar[slot as usize] = bar[slot as usize] + by;
        let none = T::constant(0.0);
        match self {
            Self::Add(a, b) => {
                add(a, y_bar);
                add(b, y_bar);
            }
            Self::Sub(a, b) => {
                add(a, y_bar);
                add(b, -y_bar);
            }
            Self::Mul(a, b) => {
                add(a, y_bar * at(b));
                add(b, y_bar * at(a));
            }
            Self::Div(a, b) => {
                let by = y_bar / at(b);
                add(a, by);
                add(b, -(by * y));
            }
            Self::Neg(a) => add(a, -y_bar),
            Self::Shift(a, _) => add(a, y_bar),
            Self::Scale(a, c) => add(a, y_bar * T::constant(c)),
            Self::Whole(a, n) => add(a, y_bar * (T::constant(f64::from(n)) * at(a).whole_power(n - 1))),
            Self::ToThe(a, c) => add(a, y_bar * (T::constant(c) * at(a).to_the(c - 1.0))),
            Self::Max(a, b) => {
                let first = at(a).at_least(at(b));
                add(a, y_bar.choose(none, first));
                add(b, none.choose(y_bar, first));
            }
            Self::Min(a, b) => {
                let first = at(b).at_least(at(a));
                add(a, y_bar.choose(none, first));
                add(b, none.choose(y_bar, first));
            }
            Self::Apply(f, a) => add(a, y_bar * f.slope(at(a), y)),
            Self::Hold(_) => {}
        }
    }
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    /// d.
    pub dim: usize,
    pub constants: Vec<f64>,
    pub steps: Vec<Step>,
    /// The character of the formula that each step stands for.
    pub at: Vec<u32>,
    pub output: Slot,
}

/// The numbers of one evaluation, used again for the next.
pub(super) struct Workspace<T> {
    pub values: Vec<T>,
    bars: Vec<T>,
}

impl Tape {
    /// Where the results begin.
    pub fn first_step(&self) -> usize {
        self.dim + self.constants.len()
    }

    /// Room for evaluations, with the constants in place.
    pub fn workspace<T: Real>(&self) -> Workspace<T> {
        let slots = self.first_step() + self.steps.len();
        let mut values = vec![T::constant(0.0); slots];
        for (value, c) in values[self.dim..].iter_mut().zip(&self.constants) {
            *value = T::constant(*c);
        }
        Workspace { values, bars: vec![T::constant(0.0); slots] }
    }

    /// log p, where the first d values are the coordinates.
    pub fn forward<T: Real>(&self, work: &mut Workspace<T>) -> T {
        for (slot, step) in (self.first_step()..).zip(&self.steps) {
            let y = step.value(&work.values);
            work.values[slot] = y;
        }
        work.values[self.output as usize]
    }

    /// After [`Tape::forward`]: ∂ log p/∂x, `[d]`. `seen` looks at each step with the derivatives so far.
    pub fn backward<'w, T: Real>(&self, work: &'w mut Workspace<T>, mut seen: impl FnMut(usize, &[T])) -> &'w [T] {
        work.bars.fill(T::constant(0.0));
        work.bars[self.output as usize] = T::constant(1.0);
        let first = self.first_step();
        for (i, step) in self.steps.iter().enumerate().rev() {
            let (bars, own) = work.bars.split_at_mut(first + i);
            step.back(&work.values, work.values[first + i], own[0], bars);
            seen(i, bars);
        }
        &work.bars[..self.dim]
    }
}
