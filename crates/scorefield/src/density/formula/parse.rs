//! From words to a tree.
//!
//! ```text
//! program  = { "let" name "=" sum ";" } sum
//! sum      = product { ("+" | "-") product }
//! product  = sign { ("*" | "/") sign }
//! sign     = { "+" | "-" } power
//! power    = postfix [ "^" sign ]                      from the right: 2^3^2 = 2^9; -x^2 = -(x^2)
//! postfix  = atom { "[" sum "]" }
//! atom     = number | name | name "(" [ sum { "," sum } ] ")" | "(" sum ")" | "[" sum { "," sum } "]"
//! ```
//!
//! Sums and products are kept as lists, so that a tree is no deeper than the formula's brackets.

use super::lexer::{Token, Word, words};
use super::trouble::{Outcome, Trouble};

/// Brackets, signs and exponents within each other.
const DEEPEST: usize = 200;

/// A part of a formula, and the character that it begins at.
#[derive(Debug)]
pub(super) struct Expr {
    pub kind: Kind,
    pub at: usize,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum Kind {
    Number(f64),
    Name(String),
    /// The first, and what follows by `+`, `-`, `*` or `/`, from the left; with the place of each sign.
    Chain(Box<Expr>, Vec<(char, usize, Expr)>),
    Negative(Box<Expr>),
    Power(Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
    Index(Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
}

/// Names for parts, and the part that is the result.
#[derive(Debug)]
pub(super) struct Program {
    pub lets: Vec<(String, usize, Expr)>,
    pub body: Expr,
}

/// The tree of a text.
pub(super) fn parse(text: &[char]) -> Outcome<Program> {
    let mut parser = Parser { tokens: words(text)?, next: 0, depth: 0 };
    let mut lets = Vec::new();
    while parser.is_let() {
        parser.next += 1;
        let at = parser.here().at;
        let Word::Name(name) = parser.take().what else {
            return Err(Trouble::new(at, "a name was expected after let"));
        };
        parser.expect('=')?;
        let value = parser.sum()?;
        parser.expect(';')?;
        lets.push((name, at, value));
    }
    let body = parser.sum()?;
    match parser.here() {
        Token { what: Word::End, .. } => Ok(Program { lets, body }),
        token => Err(Trouble::new(token.at, format!("an operator or the end was expected, got {}", token.what.said()))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn here(&self) -> &Token {
        // The last token is the end, which is never taken.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token {
        let token = self.here().clone();
        self.next += usize::from(token.what != Word::End);
        token
    }

    fn is_let(&self) -> bool {
        let named = |offset: usize| self.tokens.get(self.next + offset).map(|t| &t.what);
        matches!(named(0), Some(Word::Name(name)) if name == "let") && matches!(named(1), Some(Word::Name(_)))
    }

    fn sign(&self, of: &str) -> Option<char> {
        match self.here().what {
            Word::Sign(c) if of.contains(c) => Some(c),
            _ => None,
        }
    }

    fn expect(&mut self, c: char) -> Outcome<()> {
        if self.sign(&c.to_string()).is_none() {
            let token = self.here();
            return Err(Trouble::new(token.at, format!("{c:?} was expected, got {}", token.what.said())));
        }
        self.next += 1;
        Ok(())
    }

    /// One level further in.
    fn within<T>(&mut self, parse: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Trouble::new(self.here().at, format!("more than {DEEPEST} brackets, signs or powers within each other"))
                .hint("name parts: let r = …;"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn chain(&mut self, signs: &str, part: fn(&mut Self) -> Outcome<Expr>) -> Outcome<Expr> {
        let first = part(self)?;
        let mut rest = Vec::new();
        while let Some(c) = self.sign(signs) {
            let at = self.take().at;
            rest.push((c, at, part(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expr { at: first.at, kind: Kind::Chain(Box::new(first), rest) })
    }

    fn sum(&mut self) -> Outcome<Expr> {
        self.chain("+-", Self::product)
    }

    fn product(&mut self) -> Outcome<Expr> {
        self.chain("*/", Self::signed)
    }

    fn signed(&mut self) -> Outcome<Expr> {
        let Some(c) = self.sign("+-") else { return self.power() };
        let at = self.take().at;
        let value = self.within(Self::signed)?;
        Ok(if c == '-' { Expr { at, kind: Kind::Negative(Box::new(value)) } } else { value })
    }

    fn power(&mut self) -> Outcome<Expr> {
        let base = self.postfix()?;
        if self.sign("^").is_none() {
            return Ok(base);
        }
        let at = self.take().at;
        let exponent = self.within(Self::signed)?;
        Ok(Expr { at, kind: Kind::Power(Box::new(base), Box::new(exponent)) })
    }

    fn postfix(&mut self) -> Outcome<Expr> {
        let mut value = self.atom()?;
        let mut indices = 0;
        while self.sign("[").is_some() {
            let at = self.take().at;
            indices += 1;
            if indices > 1 {
                return Err(Trouble::new(at, "a vector has one index"));
            }
            let index = self.within(Self::sum)?;
            self.expect(']')?;
            value = Expr { at: value.at, kind: Kind::Index(Box::new(value), Box::new(index)) };
        }
        Ok(value)
    }

    fn atom(&mut self) -> Outcome<Expr> {
        let Token { what, at } = self.take();
        let kind = match what {
            Word::Number(x) => Kind::Number(x),
            Word::Name(name) if self.sign("(").is_some() => {
                self.next += 1;
                Kind::Call(name, self.list(')')?)
            }
            Word::Name(name) => Kind::Name(name),
            Word::Sign('(') => {
                let inner = self.within(Self::sum)?;
                self.expect(')')?;
                return Ok(inner);
            }
            Word::Sign('[') => {
                let items = self.list(']')?;
                if items.is_empty() {
                    return Err(Trouble::new(at, "a vector has at least one number"));
                }
                Kind::List(items)
            }
            other => {
                let wanted = "a number, a name or a bracket was expected";
                return Err(Trouble::new(at, format!("{wanted}, got {}", other.said())));
            }
        };
        Ok(Expr { kind, at })
    }

    /// Parts between commas, up to the closing sign, which is taken.
    fn list(&mut self, close: char) -> Outcome<Vec<Expr>> {
        let mut items = Vec::new();
        if self.sign(&close.to_string()).is_none() {
            items.push(self.within(Self::sum)?);
            while self.sign(",").is_some() {
                self.next += 1;
                items.push(self.within(Self::sum)?);
            }
        }
        self.expect(close)?;
        Ok(items)
    }
}
