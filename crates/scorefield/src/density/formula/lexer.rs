//! A formula's text as words: numbers, names, signs; white space and comments (`#` to the end of the line) are left out.

use super::trouble::{Outcome, Trouble};

/// A word and the character that it begins at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub what: Word,
    pub at: usize,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Number(f64),
    Name(String),
    /// One of `+ - * / ^ ( ) [ ] , ; =`; `**` is `^`.
    Sign(char),
    End,
}

impl Word {
    /// As an error says it.
    pub fn said(&self) -> String {
        match self {
            Self::Number(x) => format!("the number {x}"),
            Self::Name(name) => format!("{name:?}"),
            Self::Sign(c) => format!("{c:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// The words of a text; the last is [`Word::End`].
pub(super) fn words(text: &[char]) -> Outcome<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let begin = at;
        let what = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '#' => {
                while text.get(at).is_some_and(|c| *c != '\n') {
                    at += 1;
                }
                continue;
            }
            c if c.is_ascii_digit() || (c == '.' && text.get(at + 1).is_some_and(char::is_ascii_digit)) => {
                at = end_of_number(text, at);
                let written: String = text[begin..at].iter().collect();
                match written.parse::<f64>() {
                    Ok(value) if value.is_finite() => Word::Number(value),
                    _ => return Err(Trouble::new(begin, format!("{written} is no number that 64 bits can hold"))),
                }
            }
            c if c.is_alphabetic() || c == '_' => {
                while text.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                    at += 1;
                }
                Word::Name(text[begin..at].iter().collect())
            }
            '*' if text.get(at + 1) == Some(&'*') => {
                at += 2;
                Word::Sign('^')
            }
            '+' | '-' | '*' | '/' | '^' | '(' | ')' | '[' | ']' | ',' | ';' | '=' => {
                at += 1;
                Word::Sign(c)
            }
            '−' => return Err(Trouble::new(at, "\"−\" is a typographic minus").hint("write the hyphen, -")),
            other => return Err(Trouble::new(at, format!("{other:?} has no meaning in a formula"))),
        };
        tokens.push(Token { what, at: begin });
    }
    tokens.push(Token { what: Word::End, at: text.len() });
    Ok(tokens)
}

/// Digits, a point and digits, an exponent.
fn end_of_number(text: &[char], mut at: usize) -> usize {
    let digits = |mut at: usize| {
        while text.get(at).is_some_and(char::is_ascii_digit) {
            at += 1;
        }
        at
    };
    at = digits(at);
    if text.get(at) == Some(&'.') {
        at = digits(at + 1);
    }
    if matches!(text.get(at), Some('e' | 'E')) {
        let signed = at + 1 + usize::from(matches!(text.get(at + 1), Some('+' | '-')));
        if text.get(signed).is_some_and(char::is_ascii_digit) {
            at = digits(signed);
        }
    }
    at
}
