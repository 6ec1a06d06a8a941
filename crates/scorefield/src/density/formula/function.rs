//! The functions of one number that a formula may use: value, and slope from argument and value.

use super::number::Real;

/// See the head of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Function {
    Exp,
    Log,
    Sqrt,
    Abs,
    Sign,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Log1p,
    Expm1,
    Softplus,
    Sigmoid,
    Erf,
}

/// By the names a user may type.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("exp", Function::Exp),
    ("log", Function::Log),
    ("ln", Function::Log),
    ("sqrt", Function::Sqrt),
    ("abs", Function::Abs),
    ("sign", Function::Sign),
    ("sin", Function::Sin),
    ("cos", Function::Cos),
    ("tan", Function::Tan),
    ("asin", Function::Asin),
    ("acos", Function::Acos),
    ("atan", Function::Atan),
    ("sinh", Function::Sinh),
    ("cosh", Function::Cosh),
    ("tanh", Function::Tanh),
    ("log1p", Function::Log1p),
    ("expm1", Function::Expm1),
    ("softplus", Function::Softplus),
    ("sigmoid", Function::Sigmoid),
    ("erf", Function::Erf),
];

impl Function {
    /// As errors say it.
    pub fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|f| f.1 == self).map_or("", |f| f.0)
    }

    /// f(x).
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Sign => sign(x),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Tanh => x.tanh(),
            Self::Log1p => x.ln_1p(),
            Self::Expm1 => x.exp_m1(),
            // log(1 + eˣ) without overflow.
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Sigmoid if x >= 0.0 => 1.0 / (1.0 + (-x).exp()),
            Self::Sigmoid => x.exp() / (1.0 + x.exp()),
            Self::Erf => libm::erf(x),
        }
    }

    /// f′(x), from x and y = f(x).
    pub fn slope<T: Real>(self, x: T, y: T) -> T {
        let number = T::constant;
        let one = number(1.0);
        match self {
            Self::Exp => y,
            Self::Log => one / x,
            Self::Sqrt => number(0.5) / y,
            Self::Abs => x.apply(Self::Sign),
            Self::Sign => number(0.0),
            Self::Sin => x.apply(Self::Cos),
            Self::Cos => -x.apply(Self::Sin),
            Self::Tan => one + y * y,
            Self::Asin => one / (one - x * x).apply(Self::Sqrt),
            Self::Acos => -(one / (one - x * x).apply(Self::Sqrt)),
            Self::Atan => one / (one + x * x),
            Self::Sinh => x.apply(Self::Cosh),
            Self::Cosh => x.apply(Self::Sinh),
            Self::Tanh => one - y * y,
            Self::Log1p => one / (one + x),
            Self::Expm1 => y + one,
            Self::Softplus => x.apply(Self::Sigmoid),
            Self::Sigmoid => y * (one - y),
            Self::Erf => number(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).apply(Self::Exp),
        }
    }
}

/// −1, 0 or 1.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        // 0, and what is no number.
        x * 0.0
    }
}
