//! Parquet tables of plain numeric columns, read once, row by row.

use std::path::Path;

use ::parquet::basic::{ConvertedType, LogicalType};
use ::parquet::column::page::PageReader;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::DataType;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::FileReader;
use ::parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};

use super::columns::{Table, TableWriter};
use super::footer::{self, Checked, guarded};
use super::pages::Ordered;
use crate::error::{Error, Result};

/// Rows decoded in one go.
const BATCH: usize = 1024;

/// The table in a Parquet file; rows beyond `limit` bytes of f32 are kept on disk.
pub(super) fn open(path: &Path, limit: u64) -> Result<Table> {
    let file = Checked::open(path)?;
    guarded(path, || read(path, file, limit))
}

fn read(path: &Path, mut file: Checked, limit: u64) -> Result<Table> {
    let broken = |e: ParquetError| footer::broken(path, e);
    let schema = file.reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> = schema.columns().iter().map(|c| c.path().string()).collect();
    if names.is_empty() {
        return Err(Error::file(path, "the table has no columns, expected at least one"));
    }
    let unsigned = schema.columns().iter().map(|c| numeric(c, path)).collect::<Result<Vec<bool>>>()?;
    let mut table = TableWriter::new(path, names, limit);
    let mut first_row = 0;
    for group in 0..file.reader.num_row_groups() {
        file.check_pages(group, unsigned.len()).map_err(|problem| footer::broken(path, problem))?;
        let group = file.reader.get_row_group(group).map_err(broken)?;
        let mut columns = (0..unsigned.len())
            .map(|i| Ok(column(&schema.column(i), group.get_column_page_reader(i)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        let mut left = u64::try_from(group.metadata().num_rows()).unwrap_or(0);
        let mut batch = vec![Batch::default(); columns.len()];
        while left > 0 {
            let want = left.min(BATCH as u64) as usize;
            for (i, (column, batch)) in columns.iter_mut().zip(&mut batch).enumerate() {
                let records = batch.read(column, want, unsigned[i]).map_err(broken)?;
                if let Some(null) = batch.levels.iter().position(|level| *level == 0) {
                    return Err(table.error(&row(first_row + null as u64), i, "the value is null, expected a number"));
                }
                if records != want || batch.values.len() != want {
                    return Err(table.error(&row(first_row + records as u64), i, "the column ends before its table"));
                }
            }
            for r in 0..want {
                for (i, column) in batch.iter().enumerate() {
                    table.push(column.values[r], || row(first_row + r as u64), i)?;
                }
            }
            first_row += want as u64;
            left -= want as u64;
        }
    }
    table.finish()
}

fn column(descriptor: &ColumnDescPtr, pages: Box<dyn PageReader>) -> ColumnReader {
    get_column_reader(descriptor.clone(), Box::new(Ordered::new(pages)))
}

fn row(index: u64) -> String {
    format!("row {index} counting from 0")
}

/// Some values of one column.
#[derive(Clone, Default)]
struct Batch {
    values: Vec<f64>,
    /// Whether each value is there (1) or null (0); empty where the column cannot hold nulls.
    levels: Vec<i16>,
}

impl Batch {
    fn read(&mut self, column: &mut ColumnReader, want: usize, unsigned: bool) -> Result<usize, ParquetError> {
        match column {
            ColumnReader::Int32ColumnReader(c) if unsigned => self.take(c, want, |x| f64::from(x as u32)),
            ColumnReader::Int32ColumnReader(c) => self.take(c, want, f64::from),
            ColumnReader::Int64ColumnReader(c) if unsigned => self.take(c, want, |x| x as u64 as f64),
            ColumnReader::Int64ColumnReader(c) => self.take(c, want, |x| x as f64),
            ColumnReader::FloatColumnReader(c) => self.take(c, want, f64::from),
            ColumnReader::DoubleColumnReader(c) => self.take(c, want, |x| x),
            _ => Err(ParquetError::General("a column's data are of another type than its schema says".into())),
        }
    }

    fn take<T: DataType>(
        &mut self,
        from: &mut ColumnReaderImpl<T>,
        want: usize,
        f: impl Fn(T::T) -> f64,
    ) -> Result<usize, ParquetError> {
        let mut values = Vec::with_capacity(want);
        self.levels.clear();
        let (records, _, _) = from.read_records(want, Some(&mut self.levels), None, &mut values)?;
        self.values.clear();
        self.values.extend(values.into_iter().map(f));
        Ok(records)
    }
}

/// Refuses a column that is not flat and numeric; tells whether its integers are unsigned.
fn numeric(column: &ColumnDescriptor, path: &Path) -> Result<bool> {
    use ::parquet::basic::Type::{DOUBLE, FLOAT, INT32, INT64};
    let wrong = |what: String| {
        let place = format!("column {}", column.path().string());
        Err(Error::file_at(path, place, format!("expected a column of numbers, found {what}"))
            .with_hint("cast it to a float, or drop it"))
    };
    if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
        return wrong("a nested one".into());
    }
    let kind = column.physical_type();
    if !matches!(kind, INT32 | INT64 | FLOAT | DOUBLE) {
        return wrong(match (column.logical_type_ref(), column.converted_type()) {
            (Some(logical), _) => format!("{logical:?}"),
            (None, ConvertedType::NONE) => format!("{kind}"),
            (None, converted) => format!("{converted}"),
        });
    }
    use ConvertedType as C;
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Integer(integer)), _) => Ok(!integer.is_signed),
        (Some(other), _) => wrong(format!("{other:?}")),
        (None, C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64) => Ok(true),
        (None, C::NONE | C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64) => Ok(false),
        (None, other) => wrong(format!("{other}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::parquet::basic::{Compression, ZstdLevel};
    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    use super::super::source::{Source, all};
    use super::*;
    use crate::key::{Key, Purpose};

    /// Three rows of the columns in `message`; optional columns miss the second value.
    fn write(message: &str, compression: Compression) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let schema = Arc::new(parse_message_type(message).unwrap());
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let mut writer = SerializedFileWriter::new(file.reopen().unwrap(), schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        while let Some(mut column) = group.next_column().unwrap() {
            use ::parquet::column::writer::ColumnWriter as W;
            let optional = matches!(column.untyped(), W::DoubleColumnWriter(c) if c.get_descriptor().max_def_level() == 1);
            match column.untyped() {
                W::Int32ColumnWriter(_) => column.typed::<Int32Type>().write_batch(&[1, -2, 3], None, None).unwrap(),
                W::Int64ColumnWriter(_) => column.typed::<Int64Type>().write_batch(&[1, -2, 3], None, None).unwrap(),
                W::DoubleColumnWriter(_) if optional => {
                    column.typed::<DoubleType>().write_batch(&[0.5, 2.5], Some(&[1, 0, 1]), None).unwrap()
                }
                W::DoubleColumnWriter(_) => column.typed::<DoubleType>().write_batch(&[0.5, 1.5, 2.5], None, None).unwrap(),
                _ => column.typed::<ByteArrayType>().write_batch(&["a", "b", "c"].map(ByteArray::from), None, None).unwrap(),
            };
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        file
    }

    #[test]
    fn numeric_columns_of_every_compression_become_rows() {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        for compression in
            [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW, Compression::GZIP(Default::default()), zstd]
        {
            let file = write("message m { required int32 a; required double b; required int64 c; }", compression);
            for limit in [0, 1000] {
                let table = open(file.path(), limit).unwrap();
                assert_eq!((&table.columns[..], table.rows.len()), (&["a", "b", "c"].map(String::from)[..], Some(3)));
                let rows = all(&table.rows, 9, Key::new(0, Purpose::Data)).unwrap();
                assert_eq!(rows, [1.0, 0.5, 1.0, -2.0, 1.5, -2.0, 3.0, 2.5, 3.0]);
            }
        }
    }

    #[test]
    fn text_dates_and_nulls_are_named() {
        for (message, words) in [
            (
                "message m { required double x; required binary who (UTF8); }",
                "(column who): expected a column of numbers, found UTF8",
            ),
            ("message m { required int32 day (DATE); }", "(column day): expected a column of numbers, found Date"),
            ("message m { required double x; optional double y; }", "(row 1 counting from 0, column y): the value is null"),
            (
                "message m { required group g { required double x; } }",
                "(column g.x): expected a column of numbers, found a nested one",
            ),
        ] {
            let message = open(write(message, Compression::SNAPPY).path(), 1000).err().unwrap().to_string();
            assert!(message.contains(words), "{message} should say {words}");
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_a_panic() {
        let file = write("message m { required int32 a; required double b; optional double c; }", Compression::SNAPPY);
        let whole = std::fs::read(file.path()).unwrap();
        let path = tempfile::NamedTempFile::new().unwrap();
        for i in 0..whole.len() {
            std::fs::write(path.path(), &whole[..i]).unwrap();
            assert!(open(path.path(), 1000).is_err());
            let mut flipped = whole.clone();
            flipped[i] ^= 1 << (i % 8);
            std::fs::write(path.path(), flipped).unwrap();
            // Some bits do not matter (an unused field, a value): only the absence of a panic is asked for.
            let _ = open(path.path(), 1000);
        }
    }
}
