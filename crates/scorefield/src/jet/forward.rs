//! Jets: a value with its first and, if wanted, second derivative along each of M directions of the network's input.
//!
//! The rules, with x(τ) and y(τ) along one line:
//!
//! - linear L: (Lx)˙ = Lẋ, (Lx)¨ = Lẍ;
//! - product or any bilinear B: B(x, y)˙ = B(ẋ, y) + B(x, ẏ), B(x, y)¨ = B(ẍ, y) + 2B(ẋ, ẏ) + B(x, ÿ);
//! - f of each number: f(x)˙ = f′(x)·ẋ, f(x)¨ = f″(x)·ẋ² + f′(x)·ẍ.
//!
//! The value is computed once a point, whatever M is.

use super::{Function, Value};
use crate::tensor::{EPSILON, Tensor, beside, for_each_direction, layer_norm, times_rows};

/// How many derivatives a jet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first: J·v.
    First,
    /// The first and the second: vᵀHv of each output.
    Second,
}

/// A value `[n, d]` and its derivatives along M directions a point, `[M·n, d]` each, direction m of point i in row m·n + i.
#[derive(Clone, Debug)]
pub struct Jet {
    primal: Tensor<2>,
    first: Tensor<2>,
    /// `None`: zero, or not wanted (the order says which).
    second: Option<Tensor<2>>,
    order: Order,
}

impl Jet {
    /// The input of a network on the lines x + τv: `x` is `[n, d]`, `v` `[M·n, d]`.
    ///
    /// # Panics
    /// If the directions are no whole number a point.
    pub fn line(x: Tensor<2>, v: Tensor<2>, order: Order) -> Self {
        let ([n, d], [rows, width]) = (x.dims(), v.dims());
        assert!(d == width && n > 0 && rows > 0 && rows.is_multiple_of(n), "{rows} directions of {width} for {n} points of {d}");
        Self { primal: x, first: v, second: None, order }
    }

    /// A jet whose derivatives are known; `second` is there exactly at second order.
    pub fn new(primal: Tensor<2>, first: Tensor<2>, second: Option<Tensor<2>>) -> Self {
        let order = if second.is_some() { Order::Second } else { Order::First };
        Self { primal, first, second, order }
    }

    /// How many derivatives it carries.
    pub fn order(&self) -> Order {
        self.order
    }

    /// M.
    pub fn directions(&self) -> usize {
        self.first.dims()[0] / self.primal.dims()[0]
    }

    /// Whether the value is still a straight line: no second derivative has arisen.
    pub fn is_straight(&self) -> bool {
        self.second.is_none()
    }

    /// The value `[n, d]`, the first derivative and the second, `[M·n, d]` each.
    ///
    /// # Panics
    /// If second derivatives are asked of a first-order jet.
    pub fn into_parts(self) -> (Tensor<2>, Tensor<2>, Option<Tensor<2>>) {
        let second = match (self.order, self.second) {
            (Order::First, _) => None,
            (Order::Second, Some(second)) => Some(second),
            (Order::Second, None) => Some(self.first.zeros_like()),
        };
        (self.primal, self.first, second)
    }

    fn map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self { primal: f(self.primal), first: f(self.first), second: self.second.map(f), order: self.order }
    }
}

/// a + b where either may be zero.
fn sum(a: Option<Tensor<2>>, b: Option<Tensor<2>>) -> Option<Tensor<2>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, None) | (None, one) => one,
    }
}

impl Value for Jet {
    fn primal(&self) -> &Tensor<2> {
        &self.primal
    }

    fn linear_map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        self.map(f)
    }

    fn shift(self, c: Tensor<2>) -> Self {
        Self { primal: self.primal + c, ..self }
    }

    fn scale(self, c: Tensor<2>) -> Self {
        self.map(|t| times_rows(t, c.clone()))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            primal: self.primal + other.primal,
            first: self.first + other.first,
            second: sum(self.second, other.second),
            order: self.order,
        }
    }

    fn bilinear(self, other: Self, f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Self {
        let m = self.directions();
        let (x, y) = (for_each_direction(self.primal.clone(), m), for_each_direction(other.primal.clone(), m));
        let second = (self.order == Order::Second).then(|| {
            let cross = f(self.first.clone(), other.first.clone()) * 2.0;
            let outer = sum(self.second.map(|xx| f(xx, y.clone())), other.second.map(|yy| f(x.clone(), yy)));
            outer.map_or_else(|| cross.clone(), |outer| cross.clone() + outer)
        });
        Self { primal: f(self.primal, other.primal), first: f(self.first, y) + f(x, other.first), second, order: self.order }
    }

    fn apply(self, f: Function) -> Self {
        let u = self.primal;
        let slope = f.slope(u.clone());
        let second = (self.order == Order::Second).then(|| {
            let bent = times_rows(self.first.clone().powi_scalar(2), f.bend(u.clone()));
            match self.second {
                Some(uu) => bent + times_rows(uu, slope.clone()),
                None => bent,
            }
        });
        Self { primal: f.value(u), first: times_rows(self.first, slope), second, order: self.order }
    }

    fn concat(parts: Vec<Self>) -> Self {
        let order = parts[0].order;
        let curved = parts.iter().any(|p| p.second.is_some());
        let second =
            curved.then(|| beside(parts.iter().map(|p| p.second.clone().unwrap_or_else(|| p.first.zeros_like())).collect()));
        let primal = beside(parts.iter().map(|p| p.primal.clone()).collect());
        Self { primal, first: beside(parts.into_iter().map(|p| p.first).collect()), second, order }
    }

    /// y = c/s with c = x − mean x and s² = mean c² + ε; with a = mean(y·ċ) = ṡ:
    /// ẏ = (ċ − y·a)/s and ÿ = (c̈ − 2ẏ·a − y·mean(ẏ·ċ + y·c̈))/s.
    fn layer_norm(self) -> Self {
        let centred = |t: Tensor<2>| t.clone() - t.mean_dim(1);
        let c = centred(self.primal.clone());
        let inverse = (c.powi_scalar(2).mean_dim(1) + EPSILON).sqrt().recip();
        let y = layer_norm(self.primal);
        let first = centred(self.first);
        let a = times_rows(first.clone(), y.clone()).mean_dim(1);
        let m = first.dims()[0] / y.dims()[0];
        let along = |a: Tensor<2>| match m {
            1 => y.clone() * a,
            m => for_each_direction(y.clone(), m) * a,
        };
        let slope = times_rows(first.clone() - along(a.clone()), inverse.clone());
        let second = (self.order == Order::Second).then(|| {
            let second = self.second.map(centred);
            let mut turn = (slope.clone() * first).mean_dim(1);
            if let Some(second) = &second {
                turn = turn + times_rows(second.clone(), y.clone()).mean_dim(1);
            }
            let bent = slope.clone() * a * 2.0 + along(turn);
            times_rows(second.map_or_else(|| bent.clone().neg(), |second| second - bent.clone()), inverse)
        });
        Self { primal: y, first: slope, second, order: self.order }
    }
}
