//! SPDX licence expressions: does a set of allowed licences satisfy one?
//!
//! `A OR B` needs one, `A AND B` both, `A WITH E` is looked up whole; AND binds tighter than OR. The old spelling `A/B` means OR.

/// Whether the expression can be met with licences that `allowed` accepts.
///
/// # Errors
/// Text that is not an expression.
pub fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, at: 0, allowed };
    let met = parser.any()?;
    match parser.next() {
        None => Ok(met),
        Some(extra) => Err(format!("unexpected {extra} in licence {expression:?}")),
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    at: usize,
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn eat(&mut self, word: &str) -> bool {
        let here = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(here);
        here
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut met = self.all()?;
        while self.eat("OR") {
            met |= self.all()?;
        }
        Ok(met)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut met = self.one()?;
        while self.eat("AND") {
            met &= self.one()?;
        }
        Ok(met)
    }

    fn one(&mut self) -> Result<bool, String> {
        match self.next() {
            Some("(") => {
                let met = self.any()?;
                if self.eat(")") { Ok(met) } else { Err("a bracket is not closed".to_owned()) }
            }
            Some(name) if !matches!(name, ")" | "OR" | "AND" | "WITH") => {
                if self.eat("WITH") {
                    let exception = self.next().ok_or("WITH needs an exception")?;
                    Ok((self.allowed)(&format!("{name} WITH {exception}")))
                } else {
                    Ok((self.allowed)(name))
                }
            }
            other => Err(format!("expected a licence, got {}", other.unwrap_or("the end"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> bool {
        satisfied(expression, &|name| matches!(name, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception")).unwrap()
    }

    #[test]
    fn or_needs_one_and_needs_both() {
        assert!(met("MIT") && met("GPL-3.0 OR MIT") && met("MIT/GPL-3.0") && met("MIT / GPL-3.0") && met("MIT AND ISC"));
        assert!(!met("GPL-3.0") && !met("MIT AND GPL-3.0") && !met("(MIT OR ISC) AND GPL-3.0"));
        assert!(met("MIT OR GPL-3.0 AND GPL-2.0") && met("(GPL-3.0 OR ISC) AND MIT"));
    }

    #[test]
    fn an_exception_is_looked_up_with_its_licence() {
        assert!(met("Apache-2.0 WITH LLVM-exception OR GPL-3.0") && !met("Apache-2.0") && !met("MIT WITH LLVM-exception"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "OR", "MIT WITH"] {
            assert!(satisfied(text, &|_| true).is_err(), "{text:?}");
        }
    }
}
