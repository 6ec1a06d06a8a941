//! Tables in text: cells separated by tabs, semicolons or commas, a row a line, plain or gzip.
//!
//! The separator is the first of tab, semicolon, comma that the first line has outside quotes. The first line is a header if a cell of
//! it is text (neither a number, nor empty, nor a word for a missing value) and either no cell is a number or every cell of the
//! second line is one. So a missing value in the first row does not turn that row into names.

use std::io::{BufRead, Cursor, Read};
use std::path::Path;

use ::csv::{ByteRecord, Position, ReaderBuilder};

use super::columns::{Table, TableWriter};
use super::gzip;
use crate::error::{Error, Result};

/// A line longer than this is no line of a table.
const MAX_LINE: usize = 16 << 20;

/// Words that programs write for a value that is not there.
const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "?", "-"];

/// The table in a text file; rows beyond `limit` bytes of f32 are kept on disk.
pub(super) fn open(path: &Path, limit: u64) -> Result<Table> {
    let read = |e: std::io::Error| Error::read(path, &e);
    let mut reader = gzip::open(path)?.reader;
    // The first line that is not empty tells the separator. Some programs begin a file with the mark of its encoding.
    let (mut head, mut start, mut left) = (Vec::new(), 0, MAX_LINE as u64);
    while left > 0 && head[start..].trim_ascii().is_empty() {
        let n = reader.by_ref().take(left).read_until(b'\n', &mut head).map_err(read)?;
        start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        left = if n == 0 { 0 } else { left - n as u64 };
    }
    let separator = separator(&head[start..]);
    let lines = Lines { inner: Cursor::new(head.split_off(start)).chain(reader), line: 0 };
    let mut records = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(lines);

    let failed = |e: ::csv::Error| match e.kind() {
        ::csv::ErrorKind::Io(e) => Error::read(path, e),
        _ => Error::file(path, e.to_string()),
    };
    let (mut first, mut record) = (ByteRecord::new(), ByteRecord::new());
    if !records.read_byte_record(&mut first).map_err(failed)? {
        return Err(Error::file(path, "the file is empty, expected a table"));
    }
    let more = records.read_byte_record(&mut record).map_err(failed)?;
    let header = is_header(&first, more.then_some(&record));
    let columns = if header {
        first.iter().enumerate().map(|(i, cell)| name(i, text(cell))).collect()
    } else {
        (0..first.len()).map(|i| name(i, "")).collect()
    };
    let mut table = TableWriter::new(path, columns, limit);
    if !header {
        push(&mut table, path, &first)?;
    }
    let mut more = more;
    while more {
        push(&mut table, path, &record)?;
        more = records.read_byte_record(&mut record).map_err(failed)?;
    }
    table.finish()
}

fn push(table: &mut TableWriter, path: &Path, record: &ByteRecord) -> Result<()> {
    let line = || line_at(path, record.position().map_or(0, Position::byte));
    let width = table.columns().len();
    if record.len() != width {
        return Err(Error::file_at(path, line(), format!("expected {width} cells as in the first line, found {}", record.len())));
    }
    for (column, cell) in record.iter().enumerate() {
        let cell = text(cell);
        match cell.parse::<f64>() {
            Ok(value) => table.push(value, line, column)?,
            Err(_) if cell.is_empty() => return Err(table.error(&line(), column, "the cell is empty, expected a number")),
            Err(_) => {
                let error = table.error(&line(), column, format!("expected a number, found {:?}", shortened(cell)));
                let comma = cell.contains(',') && cell.replace(',', ".").parse::<f64>().is_ok();
                return Err(if comma { error.with_hint("write decimals with a point") } else { error });
            }
        }
    }
    Ok(())
}

/// The line, counting from 1, of the first record at or after byte `at` of the text. The parser's own count is off after empty lines
/// and with two-byte line ends, so an error, being rare, reads the file again up to its place.
fn line_at(path: &Path, at: u64) -> String {
    let count = || {
        let mut text = gzip::open(path).ok()?.reader;
        let mut bytes = text.by_ref().bytes().map_while(std::result::Result::ok).peekable();
        let mark = u64::from(bytes.peek() == Some(&0xef)) * 3;
        let before = bytes.by_ref().take(usize::try_from(mark + at).ok()?).filter(|b| *b == b'\n').count();
        let empty = bytes.take_while(|b| b"\r\n".contains(b)).filter(|b| *b == b'\n').count();
        Some(1 + before + empty)
    };
    count().map_or_else(|| "an unknown line".to_string(), |line| format!("line {line}"))
}

/// A cell as text; bytes that are not UTF-8 cannot be a number and are shown as such.
fn text(cell: &[u8]) -> &str {
    std::str::from_utf8(cell).unwrap_or("\u{fffd}").trim()
}

fn shortened(cell: &str) -> String {
    if cell.chars().count() > 40 { cell.chars().take(40).chain(['…']).collect() } else { cell.to_string() }
}

fn name(index: usize, cell: &str) -> String {
    if cell.is_empty() { format!("column {}", index + 1) } else { shortened(cell) }
}

fn is_header(first: &ByteRecord, second: Option<&ByteRecord>) -> bool {
    let number = |cell: &[u8]| text(cell).parse::<f64>().is_ok();
    let named = |cell: &[u8]| !number(cell) && !MISSING.contains(&text(cell).to_ascii_lowercase().as_str());
    first.iter().any(named) && (!first.iter().any(number) || second.is_some_and(|row| row.iter().all(number)))
}

fn separator(line: &[u8]) -> u8 {
    let mut quoted = false;
    let outside: Vec<u8> = line
        .iter()
        .copied()
        .filter(|b| {
            quoted ^= *b == b'"';
            !quoted
        })
        .collect();
    *b"\t;".iter().find(|s| outside.contains(s)).unwrap_or(&b',')
}

/// Passes bytes on while their lines are of a length that a table's lines have: the parser holds a whole record in memory.
struct Lines<R> {
    inner: R,
    line: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.line = match out[..n].iter().rposition(|b| *b == b'\n') {
            Some(end) => n - end - 1,
            None => self.line + n,
        };
        if self.line > MAX_LINE {
            return Err(std::io::Error::other("a line is longer than 16 MiB: this is no table"));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::{Source, all};
    use super::*;
    use crate::key::{Key, Purpose};

    fn read(bytes: &[u8], limit: u64) -> Result<(Vec<String>, Vec<f32>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, bytes).unwrap();
        let table = open(&path, limit)?;
        assert_eq!(table.rows.event().len(), table.columns.len());
        Ok((table.columns, all(&table.rows, 100, Key::new(0, Purpose::Data))?))
    }

    #[test]
    fn separators_headers_and_quotes_are_recognised() {
        for (bytes, names) in [
            ("a,b\n1,2\n3,4\n", ["a", "b"]),
            ("\u{feff}a,b\r\n1,2\r\n3,4", ["a", "b"]),
            ("\"x;y\";\"b\"\n1;2\n\n3;4\n", ["x;y", "b"]),
            ("a\tb\n1\t 2\n3\t4\n", ["a", "b"]),
            ("1,2\n3,4\n", ["column 1", "column 2"]),
            (",b\n1,2\n3,4\n", ["column 1", "b"]),
            ("0,b\n1,2\n3,4\n", ["0", "b"]),
            ("\n\na;b\n1;2\n3;4\n", ["a", "b"]),
        ] {
            for limit in [0, 1 << 20] {
                let (columns, values) = read(bytes.as_bytes(), limit).unwrap();
                assert_eq!((&columns[..], &values[..]), (&names.map(String::from)[..], &[1.0, 2.0, 3.0, 4.0][..]), "{bytes:?}");
            }
        }
    }

    #[test]
    fn every_bad_cell_is_named_by_line_and_column() {
        for (bytes, words) in [
            ("price,size\n1,2\n3,large\n", "(line 3, column size): expected a number, found \"large\""),
            ("price,size\n1,2\n\n3,\n", "(line 4, column size): the cell is empty"),
            ("\u{feff}price,size\r\n1,2\r\n\r\n3,\r\n", "(line 4, column size): the cell is empty"),
            ("\n\nprice,size\n\"1\n\",2\n3,", "(line 6, column size): the cell is empty"),
            ("price,size\n1,NaN\n", "(line 2, column size): the value is NaN"),
            ("price,size\n1,1e39\n", "(line 2, column size): 1e39 is beyond"),
            ("price,size\n1,inf\n", "(line 2, column size): the value is inf"),
            ("price,size\n1,2,3\n", "(line 2): expected 2 cells as in the first line, found 3"),
            ("price,size\n1\n", "(line 2): expected 2 cells as in the first line, found 1"),
            ("1,\n3,4\n", "(line 1, column 2): the cell is empty"),
            ("1,x\n3,y\n", "(line 1, column 2): expected a number, found \"x\""),
            ("a;b\n1,5;2\n", "expected a number, found \"1,5\""),
            ("a,b\n", "the table has no rows"),
            ("", "the file is empty"),
            ("\n\n", "the file is empty"),
        ] {
            let message = read(bytes.as_bytes(), 1 << 20).unwrap_err().to_string();
            assert!(message.contains(words) && !message.contains('\n'), "{message} should say {words}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_memory() {
        let endless = Lines { inner: std::io::repeat(b'7'), line: 0 };
        let mut records = ReaderBuilder::new().has_headers(false).from_reader(endless);
        assert!(records.read_byte_record(&mut ByteRecord::new()).unwrap_err().to_string().contains("16 MiB"));
    }
}
