//! Parquet: one required float column for each number of a row, Snappy, some rows a group.

use std::sync::Arc;

use ::parquet::basic::{Compression, Repetition, Type as Physical};
use ::parquet::data_type::FloatType;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

use crate::atomic::AtomicFile;
use crate::error::{Error, Result};

/// Numbers held before a row group is written.
const GROUP: usize = 1 << 20;

/// The file under construction.
pub(super) struct Body {
    writer: SerializedFileWriter<AtomicFile>,
    path: std::path::PathBuf,
    d: usize,
    pending: Vec<f32>,
}

impl Body {
    pub fn new(file: AtomicFile, names: &[String]) -> Result<Self> {
        let path = file.path().to_path_buf();
        let (d, pending) = (names.len(), Vec::new());
        let writer = begin(file, names).map_err(|e| failed(&path, e))?;
        Ok(Self { writer, path, d, pending })
    }

    pub fn push(&mut self, mut rows: &[f32]) -> Result<()> {
        let group = self.d * (GROUP / self.d).max(1);
        while !rows.is_empty() {
            let (now, later) = rows.split_at(rows.len().min(group - self.pending.len()));
            self.pending.extend_from_slice(now);
            rows = later;
            if self.pending.len() == group {
                self.group().map_err(|e| failed(&self.path, e))?;
            }
        }
        Ok(())
    }

    /// Writes what is left, the record if there is one, and the footer, and gives the file back.
    pub fn finish(mut self, record: Option<(String, String)>) -> Result<AtomicFile> {
        if !self.pending.is_empty() {
            self.group().map_err(|e| failed(&self.path, e))?;
        }
        if let Some((key, value)) = record {
            self.writer.append_key_value_metadata(KeyValue { key, value: Some(value) });
        }
        self.writer.into_inner().map_err(|e| failed(&self.path, e))
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let mut at = 0;
        while let Some(mut column) = group.next_column()? {
            let values: Vec<f32> = self.pending[at..].iter().step_by(self.d).copied().collect();
            column.typed::<FloatType>().write_batch(&values, None, None)?;
            column.close()?;
            at += 1;
        }
        group.close()?;
        self.pending.clear();
        Ok(())
    }
}

fn begin(file: AtomicFile, names: &[String]) -> Result<SerializedFileWriter<AtomicFile>, ParquetError> {
    let column = |name: &String| {
        Type::primitive_type_builder(name, Physical::FLOAT).with_repetition(Repetition::REQUIRED).build().map(Arc::new)
    };
    let fields = names.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
}

/// A full disk stays what it is, whatever layers it came through.
fn failed(path: &std::path::Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::write(path, *source),
            Err(other) => Error::failed(format!("writing {}", path.display()), other.to_string()),
        },
        other => Error::failed(format!("writing {}", path.display()), other.to_string()),
    }
}
