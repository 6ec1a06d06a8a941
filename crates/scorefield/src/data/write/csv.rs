//! Text with commas and a header; each number in the fewest digits that read back as the same f32.

use std::fmt::Write;

use crate::error::Result;

/// The first line; names are quoted where they have to be.
pub(super) fn header(names: &[String]) -> String {
    let cell = |name: &String| {
        if name.contains([',', '"', '\n', '\r', ';', '\t']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.clone() }
    };
    names.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
}

/// The lines of some rows of `d` numbers.
pub(super) fn body(rows: &[f32], d: usize, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut line = String::new();
    for row in rows.chunks_exact(d) {
        line.clear();
        for (i, x) in row.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(line, "{}{x:?}", if i == 0 { "" } else { "," });
        }
        line.push('\n');
        write(line.as_bytes())?;
    }
    Ok(())
}
