//! Writing a recipe as TOML: every setting, defaults included, in a stable order, with a word on each section.

use std::fmt::Write;

use super::raw::RawRecipe;
use super::settings::{SECTIONS, SETTINGS};

impl RawRecipe {
    /// The recipe as a TOML file that, read back, gives the same recipe. A setting without a value is a comment.
    pub fn to_toml(&self) -> String {
        let mut text = String::from("# scorefield recipe: `scorefield train --recipe FILE` repeats the run\n");
        self.write_section(&mut text, "");
        for (section, about) in SECTIONS {
            // Writing into a String cannot fail.
            let _ = write!(text, "\n# {about}\n[{section}]\n");
            self.write_section(&mut text, section);
        }
        text
    }

    fn write_section(&self, text: &mut String, section: &str) {
        for setting in SETTINGS.iter().filter(|s| s.section() == section) {
            let name = setting.name();
            let _ = match setting.value_in(self) {
                Some(value) => writeln!(text, "{name} = {}", value.to_toml()),
                None => writeln!(text, "# {name} is not set: {}", setting.unset),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Kind;
    use super::super::{Layers, Value};
    use super::*;
    use crate::key::{Key, Purpose};

    fn read_back(recipe: &RawRecipe) -> RawRecipe {
        Layers::new().recipe_text("written.toml", &recipe.to_toml()).unwrap().build().unwrap().recipe
    }

    #[test]
    fn the_default_recipe_reads_back_and_names_every_setting() {
        let recipe = RawRecipe::default();
        let text = recipe.to_toml();
        assert_eq!(read_back(&recipe), recipe);
        for setting in SETTINGS {
            assert!(text.contains(setting.name()), "{}", setting.key);
        }
        assert!(text.contains("# the network\n[net]\nname = \"mlp\"\n"), "{text}");
    }

    /// Any value of the setting's type, in range or not: reading back must not depend on the check.
    fn draw(kind: Kind, bits: [u64; 4]) -> Value {
        let number = |b: u64| {
            let x = f64::from_bits(b);
            if x.is_finite() { x } else { b as f64 }
        };
        match kind {
            Kind::Count(least, most) => Value::Count(least + bits[0] % (most - least + 1)),
            Kind::Number(_) => Value::Number(number(bits[0])),
            Kind::Numbers(_) => Value::Numbers(bits.iter().take(1 + (bits[0] % 3) as usize).map(|b| number(*b)).collect()),
            Kind::Word(words) => Value::Text(words[(bits[0] % words.len() as u64) as usize].to_owned()),
            Kind::Text => {
                const PIECES: &[&str] =
                    &["a", "\"", "'", "\\", "\n", "\r", "\t", "\0", "#", "=", "]", "\"\"\"", "é", "雪", "\u{7f}", " "];
                Value::Text(bits.iter().flat_map(|b| b.to_le_bytes()).map(|i| PIECES[i as usize % PIECES.len()]).collect())
            }
        }
    }

    #[test]
    fn whatever_the_values_a_written_recipe_reads_back_the_same() {
        for case in 0..300u32 {
            let key = Key::new(11, Purpose::Metric).at(case);
            let mut recipe = RawRecipe::default();
            for (row, setting) in SETTINGS.iter().enumerate() {
                let at = |i: u64| key.bits(row as u64 * 8 + i);
                if at(7).is_multiple_of(3) {
                    continue;
                }
                assert!((setting.put)(&mut recipe, &draw(setting.kind, [at(0), at(1), at(2), at(3)])), "{}", setting.key);
            }
            assert_eq!(read_back(&recipe), recipe, "{}", recipe.to_toml());
        }
    }
}
