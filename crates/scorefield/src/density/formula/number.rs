//! What a tape is evaluated in: one number, eight rows at once, or a number with its derivative along a direction.

use super::function::Function;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// See the head of this file.
pub(super) trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The same number everywhere.
    fn constant(x: f64) -> Self;

    /// f(x).
    fn apply(self, f: Function) -> Self;

    /// x^c for a constant c.
    fn to_the(self, c: f64) -> Self;

    /// 1 where `self` ≥ `other`, else 0.
    fn at_least(self, other: Self) -> Self;

    /// `self` where `which` is 1, `other` where it is 0; what is not chosen leaves no trace, even if it is not finite.
    fn choose(self, other: Self, which: Self) -> Self;

    /// xⁿ by squaring.
    fn whole_power(self, n: i32) -> Self {
        let (mut base, mut left, mut power) = (self, n.unsigned_abs(), Self::constant(1.0));
        while left > 0 {
            if left & 1 == 1 {
                power = power * base;
            }
            left >>= 1;
            if left > 0 {
                base = base * base;
            }
        }
        if n < 0 { Self::constant(1.0) / power } else { power }
    }
}

impl Real for f64 {
    fn constant(x: f64) -> Self {
        x
    }

    fn apply(self, f: Function) -> Self {
        f.value(self)
    }

    fn to_the(self, c: f64) -> Self {
        self.powf(c)
    }

    fn at_least(self, other: Self) -> Self {
        f64::from(u8::from(self >= other))
    }

    fn choose(self, other: Self, which: Self) -> Self {
        if which == 1.0 { self } else { other }
    }
}

/// Rows that go together: two registers of AVX2, one of AVX-512.
pub(super) const LANES: usize = 8;

/// The same number of eight rows. What one lane is does not depend on the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(pub [f64; LANES]);

impl Lanes {
    #[inline(always)]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.map(f))
    }

    #[inline(always)]
    fn with(mut self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }
}

macro_rules! by_lane {
    ($($name:ident, $method:ident, $sign:tt;)*) => {$(
        impl $name for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.with(other, |a, b| a $sign b)
            }
        }
    )*};
}
by_lane! { Add, add, +; Sub, sub, -; Mul, mul, *; Div, div, /; }

impl Neg for Lanes {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|a| -a)
    }
}

impl Real for Lanes {
    #[inline(always)]
    fn constant(x: f64) -> Self {
        Self([x; LANES])
    }

    fn apply(self, f: Function) -> Self {
        self.map(|x| f.value(x))
    }

    fn to_the(self, c: f64) -> Self {
        self.map(|x| x.powf(c))
    }

    fn at_least(self, other: Self) -> Self {
        self.with(other, |a, b| a.at_least(b))
    }

    fn choose(self, other: Self, which: Self) -> Self {
        let mut chosen = other;
        for (c, (a, w)) in chosen.0.iter_mut().zip(self.0.iter().zip(which.0)) {
            *c = a.choose(*c, w);
        }
        chosen
    }
}

/// a + a′ε with ε² = 0: a number and its derivative along a direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Add for Dual {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self { value: self.value + b.value, slope: self.slope + b.slope }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self { value: self.value - b.value, slope: self.slope - b.slope }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self { value: self.value * b.value, slope: self.slope * b.value + self.value * b.slope }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let value = self.value / b.value;
        Self { value, slope: (self.slope - value * b.slope) / b.value }
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, slope: -self.slope }
    }
}

impl Real for Dual {
    fn constant(x: f64) -> Self {
        Self { value: x, slope: 0.0 }
    }

    fn apply(self, f: Function) -> Self {
        let value = f.value(self.value);
        // What does not move has no slope, even where f has none that is finite.
        let slope = if self.slope == 0.0 { 0.0 } else { f.slope(self.value, value) * self.slope };
        Self { value, slope }
    }

    fn to_the(self, c: f64) -> Self {
        let slope = if self.slope == 0.0 { 0.0 } else { c * self.value.powf(c - 1.0) * self.slope };
        Self { value: self.value.powf(c), slope }
    }

    fn at_least(self, other: Self) -> Self {
        Self::constant(self.value.at_least(other.value))
    }

    fn choose(self, other: Self, which: Self) -> Self {
        if which.value == 1.0 { self } else { other }
    }
}
