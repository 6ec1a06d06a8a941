//! Cuts Rust text into code and comments, so that a rule about code does not trip over a word in a sentence or a string.
//!
//! Not a parser: a walk over the characters that knows line and nested block comments, strings with escapes, raw strings, byte and C
//! strings, and the difference between a character literal and a lifetime.

/// The two halves of a text. Both have the line breaks of the original; what belongs to the other half is blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Code, with the contents of strings and characters blanked.
    pub code: String,
    /// Comments, doc comments included.
    pub comments: String,
}

#[derive(Clone, Copy)]
enum To {
    Code,
    Comment,
    Neither,
}

/// Cuts `text`.
pub fn scrub(text: &str) -> Scrubbed {
    let chars: Vec<char> = text.chars().collect();
    let mut walk = Walk { chars: &chars, at: 0, out: Scrubbed::default() };
    while walk.at < chars.len() {
        if walk.starts("//") {
            walk.while_not(|c| c == '\n', To::Comment);
        } else if walk.starts("/*") {
            walk.block_comment();
        } else if let Some(hashes) = walk.raw_string() {
            walk.raw(hashes);
        } else if walk.chars[walk.at] == '"' {
            walk.quoted('"');
        } else if walk.character() {
            walk.quoted('\'');
        } else {
            walk.take(1, To::Code);
        }
    }
    walk.out
}

struct Walk<'a> {
    chars: &'a [char],
    at: usize,
    out: Scrubbed,
}

impl Walk<'_> {
    fn starts(&self, with: &str) -> bool {
        with.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn take(&mut self, n: usize, to: To) {
        for &c in &self.chars[self.at..(self.at + n).min(self.chars.len())] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            let (code, comment) = match to {
                To::Code => (c, blank),
                To::Comment => (blank, c),
                To::Neither => (blank, blank),
            };
            self.out.code.push(code);
            self.out.comments.push(comment);
        }
        self.at = (self.at + n).min(self.chars.len());
    }

    fn while_not(&mut self, end: impl Fn(char) -> bool, to: To) {
        while self.at < self.chars.len() && !end(self.chars[self.at]) {
            self.take(1, to);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while self.at < self.chars.len() {
            if self.starts("/*") {
                depth += 1;
                self.take(2, To::Comment);
            } else if self.starts("*/") {
                depth -= 1;
                self.take(2, To::Comment);
                if depth == 0 {
                    return;
                }
            } else {
                self.take(1, To::Comment);
            }
        }
    }

    /// The number of hashes, if a raw string's `#…"` begins here, right after its prefix.
    fn raw_string(&self) -> Option<usize> {
        let before = |back: usize| self.at.checked_sub(back).and_then(|i| self.chars.get(i)).copied();
        let prefixed = before(1) == Some('r')
            && match before(2) {
                Some('b' | 'c') => !before(3).is_some_and(is_word),
                other => !other.is_some_and(is_word),
            };
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        (prefixed && self.chars.get(self.at + hashes) == Some(&'"')).then_some(hashes)
    }

    fn raw(&mut self, hashes: usize) {
        let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        self.take(hashes + 1, To::Code);
        while self.at < self.chars.len() && !self.starts(&end) {
            self.take(1, To::Neither);
        }
        self.take(hashes + 1, To::Code);
    }

    fn quoted(&mut self, quote: char) {
        self.take(1, To::Code);
        while self.at < self.chars.len() && self.chars[self.at] != quote {
            let escaped = self.chars[self.at] == '\\';
            self.take(if escaped { 2 } else { 1 }, To::Neither);
        }
        self.take(1, To::Code);
    }

    /// Whether a character literal begins here, and not a lifetime: `'x'`, `'\n'`, but not `'static`.
    fn character(&self) -> bool {
        self.chars[self.at] == '\'' && (self.chars.get(self.at + 1) == Some(&'\\') || self.chars.get(self.at + 2) == Some(&'\''))
    }
}

/// The code up to the test module, which comes last (clippy's `items_after_test_module`).
pub fn before_tests(code: &str) -> &str {
    const MARK: &str = "#[cfg(test)]";
    let is_module = |at: &(usize, &str)| code[at.0 + MARK.len()..].trim_start().starts_with("mod ");
    code.match_indices(MARK).find(is_module).map_or(code, |(end, _)| &code[..end])
}

/// Whether a character may stand inside an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The lines (from 1) on which `word` stands as a whole word.
pub fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let bounded = |line: &str| {
        line.match_indices(word).any(|(i, _)| {
            let (before, after) = (line[..i].chars().next_back(), line[i + word.len()..].chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    text.lines().enumerate().filter(|(_, line)| bounded(line)).map(|(i, _)| i + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_comments_part_and_lines_stay() {
        let text = "let a = \"// no\"; // yes\n/* b /* nested */ c */ let d = 'x'; //! e\n";
        let s = scrub(text);
        assert_eq!(s.code.lines().count(), 2);
        assert!(s.code.contains("let a = \"     \";") && s.code.contains("let d = ' ';"), "{}", s.code);
        assert!(s.comments.contains("// yes") && s.comments.contains("nested */ c */") && !s.comments.contains("no"));
    }

    #[test]
    fn raw_strings_escapes_and_lifetimes_are_understood() {
        let s = scrub("f(r#\"a \" unsafe \"#, b\"\\\" unsafe\", br\"unsafe\\\", '\\'', '\"'); fn g<'a>(x: &'a str) { real() }");
        assert!(!s.code.contains("unsafe") && s.code.contains("fn g<'a>(x: &'a str) { real() }"), "{}", s.code);
        assert!(scrub("let r = \"unsafe\"; tail").code.contains("tail"));
        assert!(scrub("for x in r {} \"unsafe").code.ends_with("\"      "));
    }

    #[test]
    fn tests_begin_at_their_module_and_not_at_another_attribute() {
        assert_eq!(before_tests("a #[cfg(test)] fn b() {} #[cfg(test)]\nmod tests { c }"), "a #[cfg(test)] fn b() {} ");
        assert_eq!(before_tests("a"), "a");
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with("unsafe_code\nunsafe {\n xunsafe", "unsafe"), [2]);
    }
}
