//! From the tree to the tape: names get their values, vectors are taken apart into numbers, sums over indices are written out.

use super::builder::{Builder, Extreme, Number};
use super::function::{FUNCTIONS, Function};
use super::parse::{Expr, Kind, Program};
use super::tape::Tape;
use super::trouble::{Outcome, Trouble};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Parts visited while sums are written out, over and over where one is within another: bounds the time before the first evaluation.
const MOST_WORK: usize = 2_000_000;

/// A number or a vector.
#[derive(Clone)]
enum Value {
    One(Number),
    Many(Rc<[Number]>),
}

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// A number.
    One(f64),
    /// A vector.
    Many(Vec<f64>),
}

/// Reductions and other functions that are not of one number.
const OTHERS: &[&str] =
    &["sum", "prod", "mean", "dot", "norm", "norm2", "len", "max", "min", "logsumexp", "pow", "hypot", "normal_lpdf"];
const CONSTANTS: &[(&str, f64)] = &[("pi", std::f64::consts::PI), ("e", std::f64::consts::E)];

/// Whether the formula language has a use for this name already; parameters must have others.
pub(super) fn taken(name: &str) -> bool {
    let reserved = ["x", "d", "let"].contains(&name) || CONSTANTS.iter().any(|c| c.0 == name) || function(name);
    reserved || name.strip_prefix('x').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn function(name: &str) -> bool {
    OTHERS.contains(&name) || FUNCTIONS.iter().any(|f| f.0 == name)
}

/// The tape of a program in `dim` dimensions.
pub(super) fn expand(program: &Program, dim: usize, parameters: &BTreeMap<String, Parameter>) -> Outcome<Tape> {
    let mut names: Vec<(String, Value)> = Vec::new();
    names.push(("x".to_owned(), Value::Many((0..dim).map(|j| Number::At(j as u32)).collect())));
    names.push(("d".to_owned(), Value::One(Number::Known(dim as f64))));
    names.extend(CONSTANTS.iter().map(|(name, c)| ((*name).to_owned(), Value::One(Number::Known(*c)))));
    for (name, parameter) in parameters {
        names.push((
            name.clone(),
            match parameter {
                Parameter::One(x) => Value::One(Number::Known(*x)),
                Parameter::Many(all) => Value::Many(all.iter().map(|x| Number::Known(*x)).collect()),
            },
        ));
    }
    let mut expansion = Expansion { builder: Builder::new(dim), names, dim, work: 0 };
    for (name, at, value) in &program.lets {
        if taken(name) {
            return Err(Trouble::new(*at, format!("the name {name} has a meaning already")));
        }
        let value = expansion.value(value)?;
        expansion.names.push((name.clone(), value));
    }
    match expansion.value(&program.body)? {
        Value::One(Number::At(output)) => Ok(expansion.builder.finish(output)),
        Value::One(Number::Known(c)) => Err(Trouble::whole(format!("it is {c} everywhere: no coordinate of x is in it"))),
        Value::Many(all) => Err(Trouble::new(program.body.at, format!("the result is a vector of {}, not a number", all.len()))
            .hint("sum(…) adds a vector up")),
    }
}

struct Expansion {
    builder: Builder,
    names: Vec<(String, Value)>,
    dim: usize,
    work: usize,
}

impl Expansion {
    fn value(&mut self, expr: &Expr) -> Outcome<Value> {
        self.worked(1, expr.at)?;
        let at = expr.at;
        match &expr.kind {
            Kind::Number(x) => Ok(Value::One(Number::Known(*x))),
            Kind::Name(name) => self.named(name, at),
            Kind::Negative(inner) => {
                let inner = self.value(inner)?;
                self.each(inner, at, |b, a| b.neg(a, at))
            }
            Kind::Chain(first, rest) => {
                let mut so_far = self.value(first)?;
                for (sign, at, next) in rest {
                    let next = self.value(next)?;
                    so_far = self.pair(so_far, next, *at, |b, x, y| match sign {
                        '+' => b.add(x, y, *at),
                        '-' => b.sub(x, y, *at),
                        '*' => b.mul(x, y, *at),
                        _ => b.div(x, y, *at),
                    })?;
                }
                Ok(so_far)
            }
            Kind::Power(base, exponent) => {
                let (base, exponent) = (self.value(base)?, self.value(exponent)?);
                self.pair(base, exponent, at, |b, x, y| b.power(x, y, at))
            }
            Kind::Index(vector, index) => {
                let Value::Many(all) = self.value(vector)? else {
                    return Err(Trouble::new(at, "a number has no index"));
                };
                let i = self.whole(index, "an index")?;
                let found = usize::try_from(i).ok().and_then(|i| all.get(i));
                found.copied().map(Value::One).ok_or_else(|| {
                    Trouble::new(
                        index.at,
                        format!("index {i} of a vector of {}: they count from 0 to {}", all.len(), all.len() - 1),
                    )
                })
            }
            Kind::List(items) => Ok(Value::Many(items.iter().map(|i| self.one(i)).collect::<Outcome<Vec<_>>>()?.into())),
            Kind::Call(name, arguments) => self.call(name, arguments, at),
        }
    }

    /// Counts work, and refuses too much of it.
    fn worked(&mut self, steps: usize, at: usize) -> Outcome<()> {
        self.work += steps;
        if self.work > MOST_WORK {
            return Err(Trouble::new(at, format!("the sums are too long: writing them out takes more than {MOST_WORK} steps")));
        }
        Ok(())
    }

    fn named(&self, name: &str, at: usize) -> Outcome<Value> {
        if let Some((_, value)) = self.names.iter().rev().find(|(known, _)| known == name) {
            return Ok(value.clone());
        }
        if function(name) {
            return Err(Trouble::new(at, format!("{name} is a function: {name}(…)")));
        }
        // x0, x1, … as the columns of written files are called.
        if let Some(j) = name.strip_prefix('x').and_then(|digits| digits.parse::<usize>().ok()) {
            if j < self.dim {
                return Ok(Value::One(Number::At(j as u32)));
            }
            let last = self.dim - 1;
            return Err(Trouble::new(at, format!("{name} in {} dimensions: they count from x0 to x{last}", self.dim)));
        }
        let known = self.names.iter().map(|(known, _)| known.clone());
        Err(Trouble::new(at, format!("unknown name {name:?}")).near(name, known.chain(FUNCTIONS.iter().map(|f| f.0.to_owned()))))
    }

    fn one(&mut self, expr: &Expr) -> Outcome<Number> {
        match self.value(expr)? {
            Value::One(number) => Ok(number),
            Value::Many(all) => Err(Trouble::new(expr.at, format!("a number was expected, got a vector of {}", all.len()))),
        }
    }

    fn many(&mut self, expr: &Expr, of: &str) -> Outcome<Rc<[Number]>> {
        match self.value(expr)? {
            Value::Many(all) => Ok(all),
            Value::One(_) => Err(Trouble::new(expr.at, format!("{of} takes a vector here, got a number"))),
        }
    }

    /// A whole number that is known before x is.
    fn whole(&mut self, expr: &Expr, what: &str) -> Outcome<i64> {
        match self.one(expr)? {
            Number::Known(x) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(x as i64),
            Number::Known(x) => Err(Trouble::new(expr.at, format!("{what} must be a whole number, got {x}"))),
            Number::At(_) => Err(Trouble::new(expr.at, format!("{what} must not depend on x"))),
        }
    }

    fn each(&mut self, a: Value, at: usize, mut f: impl FnMut(&mut Builder, Number) -> Outcome<Number>) -> Outcome<Value> {
        match a {
            Value::One(a) => f(&mut self.builder, a).map(Value::One),
            Value::Many(all) => {
                self.worked(all.len(), at)?;
                Ok(Value::Many(all.iter().map(|a| f(&mut self.builder, *a)).collect::<Outcome<Vec<_>>>()?.into()))
            }
        }
    }

    /// Number by number; a number beside a vector goes with each of its.
    fn pair(
        &mut self,
        a: Value,
        b: Value,
        at: usize,
        mut f: impl FnMut(&mut Builder, Number, Number) -> Outcome<Number>,
    ) -> Outcome<Value> {
        match (a, b) {
            (Value::One(a), b) => self.each(b, at, |builder, b| f(builder, a, b)),
            (a, Value::One(b)) => self.each(a, at, |builder, a| f(builder, a, b)),
            (Value::Many(a), Value::Many(b)) if a.len() == b.len() => {
                self.worked(a.len(), at)?;
                let pairs = a.iter().zip(b.iter()).map(|(a, b)| f(&mut self.builder, *a, *b));
                Ok(Value::Many(pairs.collect::<Outcome<Vec<_>>>()?.into()))
            }
            (Value::Many(a), Value::Many(b)) => {
                Err(Trouble::new(at, format!("vectors of {} and of {} do not go together", a.len(), b.len())))
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expr], at: usize) -> Outcome<Value> {
        if let Some((_, f)) = FUNCTIONS.iter().find(|f| f.0 == name) {
            takes(name, arguments, &[1], at)?;
            let argument = self.value(&arguments[0])?;
            return self.each(argument, at, |b, a| b.apply(*f, a, at));
        }
        match name {
            "sum" | "prod" | "mean" | "logsumexp" => {
                let all = self.items(name, arguments, at)?;
                self.reduced(name, &all, at).map(Value::One)
            }
            "max" | "min" => {
                let which = if name == "max" { Extreme::Max } else { Extreme::Min };
                if let [only] = arguments {
                    let all = self.many(only, name)?;
                    return self.outermost(which, &all, at).map(Value::One);
                }
                takes(name, arguments, &[1, 2], at)?;
                let (a, b) = (self.value(&arguments[0])?, self.value(&arguments[1])?);
                self.pair(a, b, at, |builder, a, b| builder.extreme(which, a, b, at))
            }
            "pow" => {
                takes(name, arguments, &[2], at)?;
                let (a, b) = (self.value(&arguments[0])?, self.value(&arguments[1])?);
                self.pair(a, b, at, |builder, a, b| builder.power(a, b, at))
            }
            "hypot" => {
                takes(name, arguments, &[2], at)?;
                let both = [self.one(&arguments[0])?, self.one(&arguments[1])?];
                self.norm(&both, at).map(Value::One)
            }
            "dot" => {
                takes(name, arguments, &[2], at)?;
                let (a, b) = (self.many(&arguments[0], name)?, self.many(&arguments[1], name)?);
                let product = self.pair(Value::Many(a), Value::Many(b), at, |builder, a, b| builder.mul(a, b, at))?;
                let Value::Many(all) = product else { return Ok(product) };
                self.reduced("sum", &all, at).map(Value::One)
            }
            "norm2" | "norm" => {
                takes(name, arguments, &[1], at)?;
                let all = self.many(&arguments[0], name)?;
                if name == "norm" { self.norm(&all, at).map(Value::One) } else { self.squares(&all, at).map(Value::One) }
            }
            "len" => {
                takes(name, arguments, &[1], at)?;
                Ok(Value::One(Number::Known(self.many(&arguments[0], name)?.len() as f64)))
            }
            "normal_lpdf" => {
                takes(name, arguments, &[3], at)?;
                let (x, mean, std) = (self.value(&arguments[0])?, self.value(&arguments[1])?, self.value(&arguments[2])?);
                self.normal(x, mean, std, at)
            }
            _ if self.names.iter().any(|(known, _)| known == name) => {
                Err(Trouble::new(at, format!("{name} is no function")).hint(format!("write the product out: {name}*(…)")))
            }
            _ => {
                let names = FUNCTIONS.iter().map(|f| f.0).chain(OTHERS.iter().copied()).map(str::to_owned);
                Err(Trouble::new(at, format!("unknown function {name:?}")).near(name, names))
            }
        }
    }

    /// The numbers that a reduction goes over: of a vector, or of a part written for each i from … to …, both included.
    fn items(&mut self, name: &str, arguments: &[Expr], at: usize) -> Outcome<Rc<[Number]>> {
        takes(name, arguments, &[1, 4], at)?;
        let [index, from, to, part] = arguments else { return self.many(&arguments[0], name) };
        let Kind::Name(index_name) = &index.kind else {
            return Err(Trouble::new(index.at, format!("the name of an index was expected: {name}(i, 0, d - 1, …)")));
        };
        if taken(index_name) {
            return Err(Trouble::new(index.at, format!("the name {index_name} has a meaning already")));
        }
        let (from, to) = (self.whole(from, "the first index")?, self.whole(to, "the last index")?);
        if to < from {
            return Err(Trouble::new(at, format!("{name} over nothing: from {from} to {to}")));
        }
        let mut items = Vec::new();
        for i in from..=to {
            self.names.push((index_name.clone(), Value::One(Number::Known(i as f64))));
            let item = self.one(part);
            self.names.pop();
            items.push(item?);
        }
        Ok(items.into())
    }

    fn reduced(&mut self, name: &str, all: &[Number], at: usize) -> Outcome<Number> {
        self.worked(all.len(), at)?;
        if name == "logsumexp" {
            return self.log_sum_exp(all, at);
        }
        let mut result = all[0];
        for next in &all[1..] {
            result = if name == "prod" { self.builder.mul(result, *next, at)? } else { self.builder.add(result, *next, at)? };
        }
        if name == "mean" {
            return self.builder.div(result, Number::Known(all.len() as f64), at);
        }
        Ok(result)
    }

    fn outermost(&mut self, which: Extreme, all: &[Number], at: usize) -> Outcome<Number> {
        self.worked(all.len(), at)?;
        all[1..].iter().try_fold(all[0], |so_far, next| self.builder.extreme(which, so_far, *next, at))
    }

    /// m + log Σ exp(aᵢ − m) with m the largest: it does not depend on m, and so neither do its derivatives.
    fn log_sum_exp(&mut self, all: &[Number], at: usize) -> Outcome<Number> {
        let largest = self.outermost(Extreme::Max, all, at)?;
        let largest = self.builder.hold(largest, at)?;
        let mut sum = Number::Known(0.0);
        for a in all {
            let below = self.builder.sub(*a, largest, at)?;
            let part = self.builder.apply(Function::Exp, below, at)?;
            sum = self.builder.add(sum, part, at)?;
        }
        let log = self.builder.apply(Function::Log, sum, at)?;
        self.builder.add(largest, log, at)
    }

    fn squares(&mut self, all: &[Number], at: usize) -> Outcome<Number> {
        self.worked(all.len(), at)?;
        let mut sum = Number::Known(0.0);
        for a in all {
            let square = self.builder.mul(*a, *a, at)?;
            sum = self.builder.add(sum, square, at)?;
        }
        Ok(sum)
    }

    fn norm(&mut self, all: &[Number], at: usize) -> Outcome<Number> {
        let squares = self.squares(all, at)?;
        self.builder.apply(Function::Sqrt, squares, at)
    }

    /// log N(x; m, s²) = −½((x − m)/s)² − log s − ½ log 2π.
    fn normal(&mut self, x: Value, mean: Value, std: Value, at: usize) -> Outcome<Value> {
        let off = self.pair(x, mean, at, |b, x, m| b.sub(x, m, at))?;
        self.pair(off, std, at, |b, off, s| {
            let standard = b.div(off, s, at)?;
            let square = b.mul(standard, standard, at)?;
            let half = b.mul(square, Number::Known(-0.5), at)?;
            let log = b.apply(Function::Log, s, at)?;
            let shape = b.sub(half, log, at)?;
            b.add(shape, Number::Known(-0.5 * std::f64::consts::TAU.ln()), at)
        })
    }
}

/// Checks how many arguments a function has.
fn takes(name: &str, arguments: &[Expr], counts: &[usize], at: usize) -> Outcome<()> {
    if counts.contains(&arguments.len()) {
        return Ok(());
    }
    let usual = match name {
        "sum" | "prod" | "mean" | "logsumexp" => format!("{name}(v), or {name}(i, 0, d - 1, …)"),
        "max" | "min" => format!("{name}(a, b), or {name}(v)"),
        "normal_lpdf" => format!("{name}(x, mean, std)"),
        _ if counts == [2] => format!("{name}(a, b)"),
        _ => format!("{name}(a)"),
    };
    Err(Trouble::new(at, format!("{name} takes {usual}, got {} arguments", arguments.len())))
}
