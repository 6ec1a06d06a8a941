//! Formulas against the complex step, against differences, against densities in closed form; and that no text makes them panic.

use super::function::{FUNCTIONS, Function};
use super::number::Real;
use super::*;
use crate::key::{Key, Purpose};
use crate::score::LogDensity;
use std::ops::{Add, Div, Mul, Neg, Sub};

fn written(text: &str, dim: usize) -> Written {
    let parameters = [
        ("a".to_owned(), Parameter::One(1.5)),
        ("scale".to_owned(), Parameter::One(2.0)),
        ("m".to_owned(), Parameter::Many(vec![0.5, -1.0, 2.0])),
    ];
    Written {
        dim,
        text: text.to_owned(),
        parameters: parameters.into(),
        start: (0..dim).map(|j| 0.3 + 0.2 * j as f64).collect(),
        spread: 1.0,
        constant: Constant::Unknown,
    }
}

fn formula(text: &str, dim: usize) -> Formula {
    Formula::new(&written(text, dim))
        .unwrap_or_else(|trouble| panic!("{}: {trouble:?}", text.chars().take(200).collect::<String>()))
}

fn trouble(text: &str, dim: usize) -> Trouble {
    Formula::new(&written(text, dim)).err().unwrap_or_else(|| panic!("{text} is taken for a formula"))
}

fn at(formula: &Formula, x: &[f64]) -> (f64, Vec<f64>) {
    let mut score = vec![0.0; x.len()];
    let log = formula.log_density(x, &mut score);
    (log, score)
}

/// log p where the coordinates are the parameters `x` of the tests.
fn value(text: &str, x: &[f64]) -> f64 {
    at(&formula(text, x.len()), x).0
}

/// A complex number: f(x + ih) = f(x) + ihf′(x) gives derivatives without any difference (Squire & Trapp 1998).
#[derive(Clone, Copy, Debug)]
struct Complex(f64, f64);

impl Add for Complex {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self(self.0 + b.0, self.1 + b.1)
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self(self.0 - b.0, self.1 - b.1)
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self(self.0 * b.0 - self.1 * b.1, self.0 * b.1 + self.1 * b.0)
    }
}

impl Div for Complex {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let size = b.0 * b.0 + b.1 * b.1;
        Self((self.0 * b.0 + self.1 * b.1) / size, (self.1 * b.0 - self.0 * b.1) / size)
    }
}

impl Neg for Complex {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl Complex {
    fn exp(self) -> Self {
        Self(self.0.exp() * self.1.cos(), self.0.exp() * self.1.sin())
    }

    fn log(self) -> Self {
        Self(self.0.hypot(self.1).ln(), self.1.atan2(self.0))
    }

    fn sqrt(self) -> Self {
        let half = Self(0.5, 0.0) * self.log();
        half.exp()
    }
}

const ONE: Complex = Complex(1.0, 0.0);

impl Real for Complex {
    fn constant(x: f64) -> Self {
        Self(x, 0.0)
    }

    /// By the formulas for complex numbers, real and imaginary part apart, so that a tiny imaginary part keeps its digits; no derivative
    /// is written anywhere.
    fn apply(self, f: Function) -> Self {
        let (z, Self(x, y)) = (self, self);
        let (up, down) = (z.exp(), (-z).exp());
        let sin = Self(x.sin() * y.cosh(), x.cos() * y.sinh());
        let cos = Self(x.cos() * y.cosh(), -x.sin() * y.sinh());
        let sinh = Self(x.sinh() * y.cos(), x.cosh() * y.sin());
        let cosh = Self(x.cosh() * y.cos(), x.sinh() * y.sin());
        let atan = |Self(x, y): Self| {
            Self(0.5 * (2.0 * x).atan2(1.0 - x * x - y * y), 0.25 * (4.0 * y / (x * x + (1.0 - y) * (1.0 - y))).ln_1p())
        };
        match f {
            Function::Exp => up,
            Function::Log => z.log(),
            Function::Sqrt => z.sqrt(),
            Function::Abs if x < 0.0 => -z,
            Function::Abs => z,
            Function::Sign => Self(x.signum(), 0.0),
            Function::Sin => sin,
            Function::Cos => cos,
            Function::Tan => sin / cos,
            Function::Asin => atan(z / (ONE - z * z).sqrt()),
            Function::Acos => Self(std::f64::consts::FRAC_PI_2, 0.0) - atan(z / (ONE - z * z).sqrt()),
            Function::Atan => atan(z),
            Function::Sinh => sinh,
            Function::Cosh => cosh,
            Function::Tanh => sinh / cosh,
            Function::Log1p => (ONE + z).log(),
            Function::Expm1 => up - ONE,
            Function::Softplus => (ONE + up).log(),
            Function::Sigmoid => ONE / (ONE + down),
            // Its series, Σ (−1)ᵏ z²ᵏ⁺¹/(k!(2k + 1))·2/√π: enough for |z| < 2.
            Function::Erf => {
                let (mut power, mut sum) = (z, Self(0.0, 0.0));
                for k in 0..60 {
                    let k = f64::from(k);
                    sum = sum + power / Self(2.0 * k + 1.0, 0.0);
                    power = -(power * z * z) / Self(k + 1.0, 0.0);
                }
                Self(std::f64::consts::FRAC_2_SQRT_PI, 0.0) * sum
            }
        }
    }

    fn to_the(self, c: f64) -> Self {
        (Self(c, 0.0) * self.log()).exp()
    }

    fn at_least(self, other: Self) -> Self {
        Self(self.0.at_least(other.0), 0.0)
    }

    fn choose(self, other: Self, which: Self) -> Self {
        if which.0 == 1.0 { self } else { other }
    }
}

/// Formulas in three dimensions that between them use everything.
fn everything() -> Vec<String> {
    let mut all: Vec<String> = [
        "-norm2(x - m)/a",
        "let r = norm(x); -(r - 2)^2/0.3 + 0.2*x[1]",
        "sum(i, 0, d - 2, -100*(x[i+1] - x[i]^2)^2 - (1 - x[i])^2)/20",
        "logsumexp([log(0.8) - 0.5*norm2(x - 1), log(0.2) - 0.5*norm2(x + [1, 2, 3])])",
        "logsumexp(i, 0, 2, x[i]*m[i]) - prod(i, 0, 2, x[i])",
        "sum(normal_lpdf(x, m, exp(x[2])))",
        "max(x[0], x[1]) - min(x[2], 0.1) + max(x*m) - min(x)",
        "-mean(x^4) + dot(x, m)/len(x) - x0*x1/x2",
        "2^x[0] - x[1]^x[2] + x[0]^-2 - (1 + x[1]^2)^1.7 + pow(x[2], 3)",
        "-hypot(x[0], x[1]) + prod(x) - 3/x[1] - x[2]/x[0] + pi*e*x[0]",
        "-x[0]*-x[1] - +x[2] + 2**3**x[0]/500",
    ]
    .map(str::to_owned)
    .to_vec();
    // Arguments within (0.1, 0.9), where each of them is smooth.
    all.extend(FUNCTIONS.iter().map(|(name, _)| format!("{name}(0.5 + 0.3*sin(x[0] + 2*x[1]*x[2]))*(x[2] + x[0]^2)")));
    all
}

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs().max(1.0)
}

#[test]
fn the_score_is_the_complex_step_of_the_formula() {
    for text in everything() {
        let formula = formula(&text, 3);
        let mut work = formula.tape.workspace::<Complex>();
        for x in [[0.3, 0.5, 0.7], [1.3, 0.4, 0.9], [0.2, 1.7, 1.1]] {
            let (_, score) = at(&formula, &x);
            for (j, score) in score.into_iter().enumerate() {
                let h = 1e-30;
                for (k, x) in x.iter().enumerate() {
                    work.values[k] = Complex(*x, if k == j { h } else { 0.0 });
                }
                // What is held constant for derivatives is no function that a complex step can see through, but it drops out.
                let expected = formula.tape.forward(&mut work).1 / h;
                assert!(close(score, expected, 1e-12), "{text} at {x:?}, axis {j}: {score} against {expected}");
            }
        }
    }
}

#[test]
fn the_curvature_is_the_slope_of_the_score() {
    let v = [0.7, -1.1, 0.4];
    for text in everything() {
        let formula = formula(&text, 3);
        let x = [0.4, 0.55, 0.8];
        let along = |h: f64| -> f64 {
            let moved: Vec<f64> = x.iter().zip(&v).map(|(x, v)| x + h * v).collect();
            at(&formula, &moved).1.iter().zip(&v).map(|(s, v)| s * v).sum()
        };
        let central = |h: f64| (along(h) - along(-h)) / (2.0 * h);
        // Richardson: the error is O(h⁴), and rounding leaves about 1e-16/h of the largest number.
        let expected = (4.0 * central(5e-4) - central(1e-3)) / 3.0;
        let found = formula.curvature(&x, &v);
        assert!(close(found, expected, 1e-7), "{text}: {found} against {expected}");
    }
}

#[test]
fn a_mixture_written_as_a_formula_is_the_mixture() {
    let text = "
        # The lecture's two modes, and a third with a covariance of its own: precision [[1, -0.6], [-0.6, 2]]/1.64, determinant 1.64.
        let u = x - [1, -2];
        logsumexp([
            log(0.5) + sum(normal_lpdf(x, 5, 1)),
            log(0.2) - norm2(x + 5)/(2*0.7^2) - 2*log(0.7) - log(2*pi),
            log(0.3) - 0.5*(u[0]^2 - 2*0.6*u[0]*u[1] + 2*u[1]^2)/1.64 - 0.5*log(1.64) - log(2*pi),
        ])";
    let text = text.replace(",\n        ])", "\n        ])");
    let component = crate::density::Component::isotropic;
    let exact = crate::density::Mixture::new(vec![
        component(0.5, vec![5.0, 5.0], 1.0),
        component(0.2, vec![-5.0, -5.0], 0.7),
        crate::density::Component { weight: 0.3, mean: vec![1.0, -2.0], cov: vec![vec![2.0, 0.6], vec![0.6, 1.0]] },
    ])
    .unwrap();
    let formula = formula(&text, 2);
    let n = 300;
    let x: Vec<f64> = Key::new(4, Purpose::Data).uniform(0, n, 2).iter().map(|u| 24.0 * f64::from(*u) - 12.0).collect();
    let (mut logs, mut scores) = (vec![0.0; n], vec![0.0; 2 * n]);
    formula.log_densities(&x, &mut logs, &mut scores);
    let (mut exact_logs, mut exact_scores) = (vec![0.0; n], vec![0.0; 2 * n]);
    exact.log_prob_rows(&x, 0.0, &mut exact_logs, &mut exact_scores);
    for (found, expected) in logs.iter().zip(&exact_logs).chain(scores.iter().zip(&exact_scores)) {
        assert!(close(*found, *expected, 1e-10), "{found} against {expected}");
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_block() {
    let formula = formula("logsumexp([-norm2(x - 1), -2*norm2(x + a)]) + sin(x[0])*exp(-x[1]^2)", 3);
    let n = 29;
    let x: Vec<f64> = Key::new(9, Purpose::Data).normal(0, n, 3).iter().map(|x| f64::from(*x)).collect();
    let (mut logs, mut scores) = (vec![0.0; n], vec![0.0; 3 * n]);
    formula.log_densities(&x, &mut logs, &mut scores);
    for i in 0..n {
        let (log, score) = at(&formula, &x[3 * i..3 * i + 3]);
        assert_eq!((log.to_bits(), &score[..]), (logs[i].to_bits(), &scores[3 * i..3 * i + 3]));
    }
}

#[test]
fn outside_the_domain_of_a_formula_there_is_no_score() {
    let formula = formula("2*log(x[0]) - x[0] - x[1]^2", 2);
    let x = [-0.5, 1.0, 0.5, 1.0];
    let (mut logs, mut scores) = ([0.0; 2], [0.0; 4]);
    formula.log_densities(&x, &mut logs, &mut scores);
    assert!(logs[0].is_nan() && scores[..2].iter().all(|s| s.is_nan()));
    assert_eq!(scores[2..], [3.0, -2.0]);
}

#[test]
fn operators_bind_as_in_mathematics() {
    let x = [3.0, 2.0, 5.0];
    for (text, expected) in [
        ("x[0] - x[1] - x[2]", -4.0),
        ("x[0]/x[1]/x[2]", 0.3),
        ("-x[0]^2", -9.0),
        ("x[1]^x[0]^2/512", 1.0),
        ("x[0]*x[1]^2 + 1", 13.0),
        ("2 - -x[0]", 5.0),
        ("x[1]^-x[0]", 0.125),
        ("(x[0] + x[1])*x[2]", 25.0),
        ("x[0] # the rest is a comment\n + 1.5e1", 18.0),
        ("x[d - 1] + x[round]", 7.0),
        ("sum(i, 1, 2, sum(k, 0, i, x[i] + 10*k))", 59.0),
    ] {
        let text = text.replace("round", "4/2 - 1");
        let found = value(&text, &x);
        assert!(close(found, expected, 1e-14), "{text}: {found} against {expected}");
    }
}

#[test]
fn repeated_parts_are_computed_once_and_constants_not_at_all() {
    let once = formula("exp(x[0]*a)", 1).tape.steps.len();
    assert_eq!(once, 2);
    assert_eq!(formula("exp(x[0]*a) + 0*log(2) + exp(a*x[0])*1", 1).tape.steps.len(), 3);
    // d = 100 stays in proportion: a square root of squares, 3 operations a coordinate at most.
    assert!(formula("-0.5*sum(i, 0, d - 1, (x[i] - i)^2)", 100).tape.steps.len() <= 301);
}

#[test]
fn what_is_wrong_is_said_at_its_character() {
    for (text, at, problem, hint) in [
        ("-x[0]^2 + sinn(x[1])", 10, "unknown function \"sinn\"", "did you mean sin?"),
        ("-x[0]^2 + scael*2", 10, "unknown name \"scael\"", "did you mean scale?"),
        ("x[0] + (x[1]", 12, "')' was expected, got the end", ""),
        ("x[0] x[1]", 5, "an operator or the end was expected, got \"x\"", ""),
        ("x[0] + ", 7, "a number, a name or a bracket was expected, got the end", ""),
        ("x[3]", 2, "index 3 of a vector of 3", ""),
        ("x[x[0]]", 2, "an index must not depend on x", ""),
        ("x[0.5]", 2, "an index must be a whole number", ""),
        ("x7 + 1", 0, "x7 in 3 dimensions", ""),
        ("exp(x[0], 2)", 0, "exp takes exp(a), got 2 arguments", ""),
        ("normal_lpdf(x)", 0, "normal_lpdf takes normal_lpdf(x, mean, std), got 1 arguments", ""),
        ("x - [1, 2]", 2, "vectors of 3 and of 2", ""),
        ("x", 0, "the result is a vector of 3", "sum(…)"),
        ("2*a + 1", usize::MAX, "it is 4 everywhere", ""),
        ("x[0]/0", 4, "division by zero", ""),
        ("log(a - 1.5) + x[0]", 0, "log of 0 is infinite", ""),
        ("x[0] + log(x[0] - 0.3)", 7, "log p is −∞ at the start point (0.3, 0.5, 0.7): log of 0", "start = "),
        ("1/(x[0] - 0.3) + x[1]", 1, "log p is +∞ at the start point (0.3, 0.5, 0.7): division by zero", "start = "),
        ("sqrt(x[1] - 1)", 0, "log p is no number", "start = "),
        ("sqrt(abs(x[1] - 0.5))", 0, "the score is not finite", "start = "),
        ("x[0] − 1", 5, "typographic minus", "hyphen"),
        ("x[0] + $", 7, "'$' has no meaning", ""),
        ("1e999*x[0]", 0, "1e999 is no number", ""),
        ("sum(i, 2, 1, x[i])", 0, "sum over nothing", ""),
        ("sum(2, 0, 1, x[0])", 4, "the name of an index", ""),
        ("sum(d, 0, 1, x[0])", 4, "the name d has a meaning already", ""),
        ("let pi = 3; pi*x[0]", 4, "the name pi has a meaning already", ""),
        ("a(x[0])", 0, "a is no function", "a*(…)"),
        ("sin + x[0]", 0, "sin is a function", ""),
        ("[] + x[0]", 0, "a vector has at least one number", ""),
        ("a[0]*x[0]", 0, "a number has no index", ""),
    ] {
        let found = trouble(text, 3);
        assert_eq!(found.at.unwrap_or(usize::MAX), at, "{text}: {found:?}");
        assert!(found.problem.contains(problem), "{text}: {found:?}");
        assert!(found.hint.as_deref().unwrap_or("").contains(hint), "{text}: {found:?}");
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_with_its_limit() {
    let long = format!("x[0]{}", "+x[0]".repeat(MOST_CHARACTERS / 5));
    assert!(trouble(&long, 1).problem.contains(&MOST_CHARACTERS.to_string()));
    for deep in ["(", "-", "exp(", "[", "x[", "2^"] {
        assert!(trouble(&format!("{}x[0]", deep.repeat(10_000)), 1).problem.contains("200"), "{deep}");
    }
    // Long without depth is well: sums are lists.
    let many: Vec<String> = (0..4000).map(|i| format!("x[0]*{i}.5")).collect();
    formula(&many.join("+"), 1);
    for wide in [
        "sum(i, 0, 1000000000, x[0])",
        "sum(i, 0, 300, sum(j, 0, 300, sum(k, 0, 300, x[0]*i*j*k)))",
        "sum(i, 0, 900000000, 1) + x[0]",
        "sum(i, 0, 99999, sin(x[0]*i))",
    ] {
        let problem = trouble(wide, 1).problem;
        assert!(problem.contains("steps") || problem.contains("operations"), "{wide}: {problem}");
    }
}

/// Texts out of the words of the language, out of pieces of right formulas, and out of any characters.
fn nonsense(seed: u64) -> String {
    const WORDS: &[&str] = &[
        "x",
        "[",
        "]",
        "(",
        ")",
        "+",
        "-",
        "*",
        "/",
        "^",
        ",",
        ";",
        "=",
        "let",
        "sum",
        "prod",
        "logsumexp",
        "max",
        "min",
        "i",
        "0",
        "1",
        "2.5",
        "d",
        "exp",
        "log",
        "sqrt",
        "norm2",
        "dot",
        "x[0]",
        "x[i]",
        "sum(i,0,d-1,",
        "a",
        "m",
        "normal_lpdf",
        "1e308",
        "#",
        "\n",
        ".",
        "**",
        "é",
        "∑",
        "\u{0}",
        " ",
    ];
    let key = Key::new(seed, Purpose::Data);
    let length = 1 + key.bits(0) % 24;
    let word = |i: u64| {
        let bits = key.bits(i);
        match bits % 16 {
            0 => char::from_u32((bits >> 8) as u32 % 0x3000).map_or(String::new(), String::from),
            _ => WORDS[(bits >> 8) as usize % WORDS.len()].to_owned(),
        }
    };
    (1..=length).map(word).collect()
}

#[test]
fn no_text_makes_the_parser_panic() {
    let right = everything();
    let (mut formulas, mut troubles) = (0, 0);
    for seed in 0..20_000u64 {
        let key = Key::new(seed, Purpose::Shuffle);
        let text = if seed % 2 == 0 {
            nonsense(seed)
        } else {
            // A right formula with a character lost, doubled or another's.
            let mut text: Vec<char> = right[(key.bits(0) % right.len() as u64) as usize].chars().collect();
            let place = (key.bits(1) % text.len() as u64) as usize;
            match key.bits(2) % 3 {
                0 => drop(text.remove(place)),
                1 => text.insert(place, text[place]),
                _ => text[place] = text[(key.bits(3) % text.len() as u64) as usize],
            }
            text.into_iter().collect()
        };
        match Formula::new(&written(&text, 3)) {
            Ok(formula) => {
                formulas += 1;
                let x = [0.1, -2.0, 1e3, 0.0, 0.0, 0.0];
                formula.log_densities(&x, &mut [0.0; 2], &mut [0.0; 6]);
                formula.curvature(&x[..3], &[1.0, 0.0, 2.0]);
            }
            Err(trouble) => {
                troubles += 1;
                assert!(trouble.at.is_none_or(|at| at <= text.chars().count()), "{text:?}: {trouble:?}");
                let _ = trouble.in_file("f.toml".as_ref(), "log_density", &text).to_string();
            }
        }
    }
    assert!(formulas > 1000 && troubles > 1000, "{formulas} formulas, {troubles} others");
}
