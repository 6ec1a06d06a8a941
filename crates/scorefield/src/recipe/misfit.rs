//! What to say about a setting that is unknown or of the wrong type: the nearest right name, the type that was expected.

use super::settings::{Kind, SECTIONS, SETTINGS, Setting};
use crate::error::Error;
use crate::registry::nearest;

/// An unknown key or section, with the nearest right one: in the same section, else anywhere.
pub(super) fn unknown(section: &str, name: &str, is_table: bool, place: String) -> Error {
    let all = || SETTINGS.iter();
    if section.is_empty() && is_table {
        let error = Error::recipe(format!("[{name}] is not a section"), place);
        return match nearest(name, SECTIONS.iter().map(|(known, _)| *known)) {
            Some(near) => error.with_hint(format!("did you mean [{near}]?")),
            None => error.with_hint(format!("sections: {}", SECTIONS.iter().map(|s| s.0).collect::<Vec<_>>().join(", "))),
        };
    }
    let key = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
    let near = all()
        .find(|s| s.name() == name)
        .or_else(|| {
            let near = nearest(name, all().filter(|s| s.section() == section).map(Setting::name))?;
            all().find(|s| s.section() == section && s.name() == near)
        })
        .or_else(|| {
            let near = nearest(name, all().map(Setting::name).filter(|n| *n != "name"))?;
            all().find(|s| s.name() == near)
        });
    let error = Error::recipe(format!("{key} is not a setting"), place);
    match near {
        Some(setting) if setting.section().is_empty() => {
            error.with_hint(format!("did you mean {}, at the top of the file?", setting.key))
        }
        Some(setting) => error.with_hint(format!("did you mean {}?", setting.key)),
        None => error,
    }
}

/// A value of the wrong type.
pub(super) fn wrong_type(setting: &Setting, got: &str, place: String) -> Error {
    let expected = match setting.kind {
        Kind::Count(..) => "a whole number, zero or more".to_owned(),
        Kind::Number(_) => "a number".to_owned(),
        Kind::Numbers(_) => "a number or a list of numbers".to_owned(),
        Kind::Text => "text in quotes".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
    };
    let error = Error::recipe(format!("{} must be {expected}, got {got}", setting.name()), place);
    let near = match setting.kind {
        Kind::Word(words) => nearest(got.trim_matches('"'), words.iter().copied()),
        _ => None,
    };
    match near {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}
