//! What a Parquet file says of itself, looked at before the decoder sees it: the footer, and the head of every page.
//!
//! The tables are the fields that parquet 60 decodes (`parquet.thrift` of github.com/apache/parquet-format): see
//! [`thrift`](super::thrift) for why a field must have the type that it is decoded as.

use std::io::{Read, Seek, SeekFrom};

use super::thrift::{Fields, Is, Trouble, Walk};

const EMPTY: Is = Is::Struct(&[]);
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
const SCHEMA_ELEMENT: Is = Is::Struct(&[
    (1, Is::I32),
    (2, Is::I32),
    (3, Is::I32),
    (4, Is::Binary),
    (5, Is::I32),
    (6, Is::I32),
    (7, Is::I32),
    (8, Is::I32),
    (9, Is::I32),
    (10, LOGICAL_TYPE),
]);
const KEY_VALUE: Is = Is::Struct(&[(1, Is::Binary), (2, Is::Binary)]);
const STATISTICS: Is = Is::Struct(&[
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
const ROW_GROUP: Is = Is::Struct(&[
    (1, Is::List(&COLUMN_CHUNK)),
    (2, Is::I64),
    (3, Is::I64),
    (4, Is::List(&Is::Struct(&[(1, Is::I32), (2, Is::Bool), (3, Is::Bool)]))),
    (5, Is::I64),
    (6, Is::I64),
    (7, Is::I16),
]);
const FILE_META_DATA: Fields = &[
    (1, Is::I32),
    (2, Is::List(&SCHEMA_ELEMENT)),
    (3, Is::I64),
    (4, Is::List(&ROW_GROUP)),
    (5, Is::List(&KEY_VALUE)),
    (6, Is::Binary),
    (7, Is::List(&Is::Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))),
];
const PAGE_HEADER: Fields = &[
    (1, Is::I32),
    (2, Is::I32),
    (COMPRESSED_SIZE, Is::I32),
    (4, Is::I32),
    (5, Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::I32), (4, Is::I32), (5, STATISTICS)])),
    (6, EMPTY),
    (7, Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::Bool)])),
    (
        8,
        Is::Struct(&[
            (1, Is::I32),
            (2, Is::I32),
            (3, Is::I32),
            (4, Is::I32),
            (5, Is::I32),
            (6, Is::I32),
            (7, Is::Bool),
            (8, STATISTICS),
        ]),
    ),
];
const COMPRESSED_SIZE: i16 = 3;

/// The footer's length and what a Parquet file ends in.
const TAIL: usize = 8;
/// What is read of a page at first: as a rule its head is far shorter.
const HEAD: u64 = 512;

fn said(trouble: Trouble) -> String {
    match trouble {
        Trouble::Short => "it ends in the middle of what it says of itself".into(),
        Trouble::Wrong(what) => what,
    }
}

/// Looks at the footer of a file of `length` bytes. What is no Parquet file at all is the decoder's to tell.
pub(super) fn check_footer(file: &mut (impl Read + Seek), length: u64) -> Result<(), String> {
    let mut tail = [0; TAIL];
    let Some(start) = length.checked_sub(TAIL as u64) else { return Ok(()) };
    read_at(file, start, &mut tail)?;
    let size = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = start.checked_sub(size).filter(|_| tail.ends_with(b"PAR1")) else { return Ok(()) };
    let mut footer = vec![0; size as usize];
    read_at(file, start, &mut footer)?;
    Walk::new(&footer).fields(FILE_META_DATA, 0).map_err(said)
}

/// Looks at the heads of the pages in the `size` bytes from `start` on.
pub(super) fn check_pages(file: &mut (impl Read + Seek), start: u64, size: u64) -> Result<(), String> {
    let (mut at, end) = (start, start + size);
    let mut bytes = Vec::new();
    while at < end {
        let mut length = HEAD;
        let (head, body) = loop {
            let read = length.min(end - at);
            bytes.resize(read as usize, 0);
            read_at(file, at, &mut bytes)?;
            match page_header(&bytes) {
                Err(Trouble::Short) if read < end - at => length *= 8,
                found => break found.map_err(said)?,
            }
        };
        at = at.saturating_add(head).saturating_add(body);
    }
    Ok(())
}

/// Bytes of the head with which a page begins, and of what follows it.
fn page_header(bytes: &[u8]) -> Result<(u64, u64), Trouble> {
    let (mut walk, mut last, mut body) = (Walk::new(bytes), 0, 0);
    while let Some((id, code)) = walk.field(last)? {
        if id == COMPRESSED_SIZE {
            // Looked at twice: what it says, and whether it is the number it should be.
            body = Walk::new(&bytes[walk.at()..]).zigzag()?;
        }
        walk.value(PAGE_HEADER, id, code, 0)?;
        last = id;
    }
    let body = u64::try_from(body).map_err(|_| Trouble::Wrong(format!("a page of {body} bytes")))?;
    Ok((walk.at() as u64, body))
}

fn read_at(file: &mut (impl Read + Seek), start: u64, into: &mut [u8]) -> Result<(), String> {
    file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(into)).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A list of 2³¹ − 1 truth values in field 9.
    const BOMB: [u8; 7] = [0x99, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07];

    #[test]
    fn a_bomb_in_the_footer_and_in_any_pages_head_is_found() {
        let file = |footer: &[u8]| {
            let bytes = [b"PAR1", footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat();
            check_footer(&mut Cursor::new(&bytes), bytes.len() as u64)
        };
        assert_eq!(file(&[0x15, 2, 0]), Ok(()));
        assert_eq!(file(&[&BOMB[..], &[0]].concat()), Err("a list of truth values".into()));
        assert_eq!(file(&[0x18, 1, 9, 0]), Err("field 1 of a structure is of type 8, which it cannot be".into()));
        assert_eq!(file(&[0x15]), Err("it ends in the middle of what it says of itself".into()));

        // Type 0, sizes of 600 and 600 bytes; the second with field 9.
        let head = [0x15, 0, 0x15, 0xb0, 0x09, 0x15, 0xb0, 0x09];
        let page = |more: &[u8]| [&head[..], more, &[0], &[7; 600]].concat();
        let pages = |bytes: Vec<u8>| check_pages(&mut Cursor::new(&bytes), 0, bytes.len() as u64);
        assert_eq!(pages([page(&[]), page(&[])].concat()), Ok(()));
        let mut bomb = BOMB;
        bomb[0] = 0x69;
        assert_eq!(pages([page(&[]), page(&bomb)].concat()), Err("a list of truth values".into()));
        assert_eq!(pages(vec![0x35, 1, 0]), Err("a page of -1 bytes".into()));
        // A head longer than what is read at first.
        let long = [&[0x68, 0xd0, 0x0f][..], &[1; 2000]].concat();
        assert_eq!(pages([page(&long), page(&[])].concat()), Ok(()));
    }
}
