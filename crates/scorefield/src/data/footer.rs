//! What a Parquet file says of itself, looked at before the decoder sees it: the footer here, the head of every page in
//! [`page_heads`](super::page_heads).
//!
//! The decoder trusts a file in much. The tables are the fields that parquet 60 decodes (`parquet.thrift` of github.com/apache/parquet-format):
//! see [`thrift`](super::thrift) for why each must have its type. Beyond that the schema is a tree that ends, columns lie in the file and not
//! upon each other, a page is no larger than its numbers and inflates to what it says, and there are not more rows than a file of this length can hold.
//! What is left, the decoder's own panics, is an error too.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::basic::Compression;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::page_heads::check_pages;
use super::thrift::{Fields, Is, Trouble, Walk};
use crate::error::{Error, Result};

pub(super) const EMPTY: Is = Is::Struct(&[]);
const TIME_UNIT: Is = Is::Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]);
const TIME: Is = Is::Struct(&[(1, Is::Bool), (2, TIME_UNIT)]);
const LOGICAL_TYPE: Is = Is::Struct(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Is::Struct(&[(1, Is::I32), (2, Is::I32)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Is::Struct(&[(1, Is::Byte), (2, Is::Bool)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Is::Struct(&[(1, Is::Byte)])),
    (17, Is::Struct(&[(1, Is::Binary)])),
    (18, Is::Struct(&[(1, Is::Binary), (2, Is::I32)])),
    (19, EMPTY),
]);
const SCHEMA_ELEMENT: Fields = &[
    (1, Is::I32),
    (2, Is::I32),
    (3, Is::I32),
    (4, Is::Binary),
    (CHILDREN as i16, Is::I32),
    (6, Is::I32),
    (7, Is::I32),
    (8, Is::I32),
    (9, Is::I32),
    (10, LOGICAL_TYPE),
];
const KEY_VALUE: Is = Is::Struct(&[(1, Is::Binary), (2, Is::Binary)]);
pub(super) const STATISTICS: Is = Is::Struct(&[
    (1, Is::Binary),
    (2, Is::Binary),
    (3, Is::I64),
    (4, Is::I64),
    (5, Is::Binary),
    (6, Is::Binary),
    (7, Is::Bool),
    (8, Is::Bool),
    (9, Is::I64),
]);
const SIZE_STATISTICS: Is = Is::Struct(&[(1, Is::I64), (2, Is::List(&Is::I64)), (3, Is::List(&Is::I64))]);
const BOX: Is = Is::Struct(&[
    (1, Is::Double),
    (2, Is::Double),
    (3, Is::Double),
    (4, Is::Double),
    (5, Is::Double),
    (6, Is::Double),
    (7, Is::Double),
    (8, Is::Double),
]);
const COLUMN_META_DATA: Is = Is::Struct(&[
    (1, Is::I32),
    (2, Is::List(&Is::I32)),
    (3, Is::List(&Is::Binary)),
    (4, Is::I32),
    (5, Is::I64),
    (6, Is::I64),
    (7, Is::I64),
    (8, Is::List(&KEY_VALUE)),
    (9, Is::I64),
    (10, Is::I64),
    (11, Is::I64),
    (12, STATISTICS),
    (13, Is::List(&Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::I32)]))),
    (14, Is::I64),
    (15, Is::I32),
    (16, SIZE_STATISTICS),
    (17, Is::Struct(&[(1, BOX), (2, Is::List(&Is::I32))])),
]);
const COLUMN_CHUNK: Is =
    Is::Struct(&[(1, Is::Binary), (2, Is::I64), (3, COLUMN_META_DATA), (4, Is::I64), (5, Is::I32), (6, Is::I64), (7, Is::I32)]);
const ROW_GROUP: Fields = &[
    (COLUMNS as i16, Is::List(&COLUMN_CHUNK)),
    (2, Is::I64),
    (3, Is::I64),
    (4, Is::List(&Is::Struct(&[(1, Is::I32), (2, Is::Bool), (3, Is::Bool)]))),
    (5, Is::I64),
    (6, Is::I64),
    (7, Is::I16),
];
const FILE_META_DATA: Fields = &[
    (1, Is::I32),
    (SCHEMA as i16, Is::List(&Is::Struct(SCHEMA_ELEMENT))),
    (3, Is::I64),
    (ROW_GROUPS as i16, Is::List(&Is::Struct(ROW_GROUP))),
    (5, Is::List(&KEY_VALUE)),
    (6, Is::Binary),
    (7, Is::List(&Is::Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))),
];
const SCHEMA: usize = 2;
const ROW_GROUPS: usize = 4;
/// Of a row group.
const COLUMNS: usize = 1;
const CHILDREN: usize = 5;

/// The footer's length and what a Parquet file ends in.
const TAIL: usize = 8;
/// The longest footer: a decoded one takes up to twenty-five times the room.
const MOST_FOOTER: u64 = 32 << 20;
/// Elements of a schema at most, and row groups with their columns: a decoded one takes some 500 bytes, written in as few as seven.
const MOST_ELEMENTS: u64 = 1 << 17;
const MOST_CHUNKS: u64 = 1 << 20;
/// What of a row group may be in memory at once, of each column a page and a dictionary; or, in a large file, this many times its length.
const MOST_HELD: u64 = 512 << 20;
const MOST_HELD_TIMES: u64 = 3;
/// Columns within columns at most.
const DEPTH: usize = 64;
/// What any table may take.
const SURELY_FINE: u64 = 64 << 20;
/// How many bytes of f32 a byte of a file may be the table of. Columns of a few values that come in long runs take a hundredth of a byte a number.
const MOST_ROWS: u64 = 400;

/// A Parquet file whose footer is in order.
pub(super) struct Checked {
    file: File,
    length: u64,
    pub reader: SerializedFileReader<File>,
}

impl Checked {
    pub fn open(path: &Path) -> Result<Self> {
        let unreadable = |e: std::io::Error| Error::read(path, &e);
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        check_footer(&mut file, length).map_err(|problem| broken(path, problem))?;
        let again = file.try_clone().map_err(unreadable)?;
        let reader = guarded(path, || SerializedFileReader::new(again).map_err(|e| broken(path, e)))?;
        check_room(reader.metadata(), length).map_err(|problem| broken(path, problem))?;
        Ok(Self { file, length, reader })
    }

    /// Looks at the heads of all pages of row group `i`, whose columns should be as many as the table's.
    pub fn check_pages(&mut self, i: usize, columns: usize) -> Result<(), String> {
        let group = self.reader.metadata().row_group(i);
        if group.num_columns() != columns {
            return Err(format!("a row group has {} columns, the table {columns}", group.num_columns()));
        }
        let rows = u64::try_from(group.num_rows()).map_err(|_| format!("a group of {} rows", group.num_rows()))?;
        let (mut held, mut packed) = (0u64, 0);
        for place in places(group, self.length)? {
            let column = check_pages(&mut self.file, &place, rows, self.length)?;
            held = held.saturating_add(column.all());
            packed = column.packed.max(packed);
        }
        check_held(held.saturating_add(packed), self.length)
    }
}

/// `work` of the decoder, whose panics are errors: it has some left, on files that no writer makes.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(broken(path, "the decoder gave it up")))
}

pub(super) fn broken(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::file(path, format!("not a readable Parquet file: {problem}"))
}

pub(super) fn said(trouble: Trouble) -> String {
    match trouble {
        Trouble::Short => "it ends in the middle of what it says of itself".into(),
        Trouble::Wrong(what) => what,
    }
}

/// Looks at the footer of a file of `length` bytes. What is no Parquet file at all is the decoder's to tell.
fn check_footer(file: &mut (impl Read + Seek), length: u64) -> Result<(), String> {
    let mut tail = [0; TAIL];
    let Some(start) = length.checked_sub(TAIL as u64) else { return Ok(()) };
    read_at(file, start, &mut tail)?;
    let size = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = start.checked_sub(size).filter(|_| tail.ends_with(b"PAR1")) else { return Ok(()) };
    if size > MOST_FOOTER {
        return Err(format!("a footer of {size} bytes, expected at most {MOST_FOOTER}"));
    }
    let mut footer = vec![0; size as usize];
    read_at(file, start, &mut footer)?;
    let said_of_it = Walk::new(&footer, 0).structure(FILE_META_DATA).map_err(said)?;
    said_of_it.place[ROW_GROUPS].map_or(Ok(()), |at| check_chunks(&footer, at))?;
    said_of_it.place[SCHEMA].map_or(Ok(()), |at| check_schema(&footer, at))
}

/// Whether row groups, a list at `at`, and their columns are as many as can be decoded.
fn check_chunks(footer: &[u8], at: usize) -> Result<(), String> {
    let mut walk = Walk::new(footer, at);
    let (_, groups) = walk.list().map_err(said)?;
    let mut chunks = groups;
    for _ in 0..groups {
        if let Some(columns) = walk.structure(ROW_GROUP).map_err(said)?.place[COLUMNS] {
            chunks += Walk::new(footer, columns).list().map_err(said)?.1;
        }
        if chunks > MOST_CHUNKS {
            return Err(format!("row groups of more than {MOST_CHUNKS} columns together"));
        }
    }
    Ok(())
}

/// Whether the schema, a list at `at` in depth-first order, is a tree: no element has more children than follow it, nor is any too deep.
fn check_schema(footer: &[u8], at: usize) -> Result<(), String> {
    let mut walk = Walk::new(footer, at);
    let (_, count) = walk.list().map_err(said)?;
    if count > MOST_ELEMENTS {
        return Err(format!("a schema of {count} columns, expected at most {MOST_ELEMENTS}"));
    }
    // Children that are still to come, of each element that the present one is within.
    let mut open: Vec<u64> = Vec::new();
    for i in 0..count {
        let element = walk.structure(SCHEMA_ELEMENT).map_err(said)?;
        let children = element.number[CHILDREN].unwrap_or(0);
        let children = u64::try_from(children).ok().filter(|n| *n < count - i);
        let children = children.ok_or("an element of its schema has more children than there are elements")?;
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        open.push(children);
        while open.last() == Some(&0) {
            open.pop();
        }
        if open.len() > DEPTH {
            return Err(format!("columns within columns, more than {DEPTH} deep"));
        }
    }
    Ok(())
}

/// Whether a file of `length` bytes has room for its columns and its rows.
fn check_room(metadata: &ParquetMetaData, length: u64) -> Result<(), String> {
    let (mut bytes, mut numbers) = (0u64, 0u64);
    for group in metadata.row_groups() {
        for place in places(group, length)? {
            bytes = bytes.saturating_add(place.size);
        }
        let rows = u64::try_from(group.num_rows()).map_err(|_| format!("a group of {} rows", group.num_rows()))?;
        numbers = numbers.saturating_add(rows.saturating_mul(group.num_columns() as u64));
    }
    if bytes > length {
        return Err(format!("its columns lie upon each other: they take {bytes} bytes in a file of {length}"));
    }
    if numbers.saturating_mul(4) > SURELY_FINE.max(length.saturating_mul(MOST_ROWS)) {
        return Err(format!(
            "it claims {numbers} numbers in {length} bytes, which no data do; if it is in order, write it as .npy"
        ));
    }
    Ok(())
}

/// Whether `held` bytes of a file of `length` may be in memory at once.
fn check_held(held: u64, length: u64) -> Result<(), String> {
    let most = MOST_HELD.max(length.saturating_mul(MOST_HELD_TIMES));
    if held > most {
        return Err(format!(
            "a page of each column takes {held} bytes together, expected at most {most}; write it with smaller pages or row groups"
        ));
    }
    Ok(())
}

/// Where a column lies in the file.
pub(super) struct Place {
    pub start: u64,
    pub size: u64,
    pub compression: Compression,
}

/// Where each column lies; refuses those that lie elsewhere than in the file: the decoder takes their places for granted.
fn places(group: &RowGroupMetaData, length: u64) -> Result<Vec<Place>, String> {
    let place = |column: &ColumnChunkMetaData| {
        let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        let size = column.compressed_size();
        let place = u64::try_from(start).ok().zip(u64::try_from(size).ok());
        place
            .filter(|(start, size)| start.checked_add(*size).is_some_and(|end| end <= length))
            .map(|(start, size)| Place { start, size, compression: column.compression() })
            .ok_or_else(|| format!("a column of {size} bytes at byte {start}, in a file of {length}"))
    };
    group.columns().iter().map(place).collect()
}

pub(super) fn read_at(file: &mut (impl Read + Seek), start: u64, into: &mut [u8]) -> Result<(), String> {
    file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(into)).map_err(|e| e.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Cursor;

    /// A list of 2³¹ − 1 truth values in field 9.
    pub(in super::super) const BOMB: [u8; 7] = [0x99, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07];

    fn footer(footer: &[u8]) -> Result<(), String> {
        let bytes = [b"PAR1", footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat();
        check_footer(&mut Cursor::new(&bytes), bytes.len() as u64)
    }

    #[test]
    fn a_bomb_in_the_footer_is_found() {
        assert_eq!(footer(&[0x15, 2, 0]), Ok(()));
        assert_eq!(footer(&[&BOMB[..], &[0]].concat()), Err("a list of truth values".into()));
        assert_eq!(footer(&[0x18, 1, 9, 0]), Err("field 1 of a structure is of type 8, which it cannot be".into()));
        assert_eq!(footer(&[0x15]), Err("it ends in the middle of what it says of itself".into()));
    }

    #[test]
    fn what_is_held_at_once_has_a_bound_that_grows_with_the_file() {
        let half = 512 << 20;
        assert_eq!((check_held(half, 0), check_held(3 * half, half)), (Ok(()), Ok(())));
        let problem = check_held(half + 1, 100).unwrap_err();
        assert!(problem.contains("takes 536870913 bytes together, expected at most 536870912"), "{problem}");
        assert!(check_held(3 * half + 1, half).is_err());
    }

    #[test]
    fn a_schema_that_is_no_tree_or_too_deep_is_refused() {
        let schema = |children: &[u8]| {
            let elements = children.iter().flat_map(|n| [0x55, 2 * n, 0]);
            footer(&[0x29, 0xfc, 0x81, 1].into_iter().chain(elements).chain([0]).collect::<Vec<_>>())
        };
        let padded = |children: &[u8]| schema(&[children, &vec![0; 128 + 1 - children.len()]].concat()[..129]);
        assert_eq!(padded(&[60, 1, 1, 1]), Ok(()));
        assert_eq!(padded(&[1; 60]), Ok(()));
        assert!(padded(&[1; 100]).unwrap_err().contains("more than 64 deep"));
        let many = footer(&[0x29, 0x2c, 0x55, 4, 0, 0, 0]);
        assert!(many.unwrap_err().contains("more children than there are elements"));
        let wide = [&[0x29, 0xfc, 0x81, 0x80, 0x08][..], &[0x55, 0, 0].repeat(131_073), &[0]].concat();
        assert!(footer(&wide).unwrap_err().contains("a schema of 131073 columns"));
        // Row groups of 1,024 empty columns each, some of which are one too many.
        let group = [&[0x19, 0xfc, 0x80, 0x08][..], &[0; 1024], &[0]].concat();
        let many = [&[0x49, 0xfc, 0x80, 0x08][..], &group.repeat(1024), &[0]].concat();
        assert!(footer(&many).unwrap_err().contains("row groups of more than 1048576 columns together"));
        let negative = footer(&[0x29, 0x2c, 0x55, 3, 0, 0, 0]);
        assert!(negative.unwrap_err().contains("more children than there are elements"));
    }
}
