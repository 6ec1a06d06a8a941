//! A table read once, row by row, into f32 columns: the common end of CSV and Parquet.

use std::path::Path;

use super::element::{Element, complaint};
use super::rows::Rows;
use super::shape::EventShape;
use super::store::StoreWriter;
use crate::error::{Error, Result};

/// A table with its column names.
pub(super) struct Table {
    pub rows: Rows,
    pub columns: Vec<String>,
}

/// Collects finite numbers, row after row.
pub(super) struct TableWriter<'a> {
    path: &'a Path,
    columns: Vec<String>,
    store: StoreWriter,
    bytes: Vec<u8>,
}

impl<'a> TableWriter<'a> {
    /// Rows beyond `limit` bytes go to disk.
    pub fn new(path: &'a Path, columns: Vec<String>, limit: u64) -> Self {
        Self { path, columns, store: StoreWriter::new(limit), bytes: Vec::new() }
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next number of the row at `row` (as a person counts rows in this format) and `column`.
    pub fn push(&mut self, value: f64, row: impl FnOnce() -> String, column: usize) -> Result<()> {
        let narrow = value as f32;
        if !narrow.is_finite() {
            return Err(self.error(&row(), column, complaint(value)));
        }
        self.bytes.extend_from_slice(&narrow.to_le_bytes());
        if self.bytes.len() >= 1 << 16 {
            self.store.push(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }

    /// A complaint about one cell.
    pub fn error(&self, row: &str, column: usize, problem: impl Into<String>) -> Error {
        let column = self.columns.get(column).map_or_else(
            || format!("column {}", column + 1),
            |name| if name.starts_with("column ") { name.clone() } else { format!("column {name}") },
        );
        Error::file_at(self.path, format!("{row}, {column}"), problem)
    }

    pub fn finish(mut self) -> Result<Table> {
        self.store.push(&self.bytes)?;
        let store = self.store.finish(self.path)?;
        if store.len() == 0 {
            return Err(Error::file(self.path, "the table has no rows, expected at least one"));
        }
        let rows = Rows::new(store, Element::NATIVE, EventShape::new(&[self.columns.len()])?);
        Ok(Table { rows, columns: self.columns })
    }
}
