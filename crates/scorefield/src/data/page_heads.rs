//! A Parquet column's pages, looked at before the decoder sees them: what the head of each says, that no page is larger than its numbers are,
//! and that a page inflates to what its head says, where its decoder does not look itself.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use ::parquet::basic::Compression;
use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::footer::{EMPTY, Place, STATISTICS, read_at, said};
use super::thrift::{Fields, Is, Trouble, Walk};

const PAGE_HEADER: Fields = &[
    (1, Is::I32),
    (UNCOMPRESSED as i16, Is::I32),
    (COMPRESSED as i16, Is::I32),
    (4, Is::I32),
    (VERSION_1 as i16, Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::I32), (4, Is::I32), (5, STATISTICS)])),
    (6, EMPTY),
    (DICTIONARY as i16, Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::Bool)])),
    (VERSION_2 as i16, Is::Struct(VERSION_2_HEADER)),
];
const TYPE: usize = 1;
const UNCOMPRESSED: usize = 2;
const COMPRESSED: usize = 3;
const VERSION_1: usize = 5;
const DICTIONARY: usize = 7;
const VERSION_2: usize = 8;
const VERSION_2_HEADER: Fields = &[
    (1, Is::I32),
    (2, Is::I32),
    (3, Is::I32),
    (4, Is::I32),
    (DEFINITIONS as i16, Is::I32),
    (REPETITIONS as i16, Is::I32),
    (IS_COMPRESSED as i16, Is::Bool),
    (8, STATISTICS),
];
const DEFINITIONS: usize = 5;
const REPETITIONS: usize = 6;
const IS_COMPRESSED: usize = 7;
/// Of any of the three heads.
const NUMBERS: usize = 1;

/// What a page may be, by its type.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Data,
    Dictionary,
    /// The decoder passes over it, or refuses it.
    Other,
}

/// What is read of a page at first: as a rule its head is far shorter.
const HEAD: u64 = 512;
/// The longest head of a page.
const MOST_HEAD: u64 = 16 << 20;
/// What a number takes at most in any encoding, with its levels: eight bytes and some.
const NUMBER: u64 = 16;
/// What a page may take besides.
const BESIDES: u64 = 4096;

/// What of a column is in memory at once, in bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    /// The largest page, inflated.
    page: u64,
    /// The largest page as it stands in the file.
    pub packed: u64,
    dictionary: u64,
}

impl Held {
    /// While others are decoded: a page, and the dictionary as bytes and as numbers.
    pub fn all(self) -> u64 {
        self.page.saturating_add(self.dictionary.saturating_mul(2))
    }
}

/// Looks at the pages of a column of `rows` numbers in a file of `length` bytes.
pub(super) fn check_pages(file: &mut (impl Read + Seek), place: &Place, rows: u64, length: u64) -> Result<Held, String> {
    let (mut at, end) = (place.start, place.start + place.size);
    let (mut bytes, mut held) = (Vec::new(), Held::default());
    let (mut numbers, mut entries) = (0u64, 0u64);
    while at < end {
        let mut read = HEAD;
        let page = loop {
            let here = read.min(end - at);
            bytes.resize(here as usize, 0);
            read_at(file, at, &mut bytes)?;
            match page(&bytes) {
                Err(Trouble::Short) if here < end - at && here < MOST_HEAD => read *= 8,
                found => break found.map_err(said)?,
            }
        };
        let body = at + page.head;
        at = body.saturating_add(page.body);
        if at > length {
            return Err(format!("a page of {} bytes at byte {body}, in a file of {length}", page.body));
        }
        if page.kind == Kind::Other {
            continue;
        }
        let is_plain = place.compression == Compression::UNCOMPRESSED || !page.is_compressed;
        let inflated = if is_plain { page.body } else { page.inflated };
        if inflated > page.numbers.saturating_mul(NUMBER).saturating_add(BESIDES) {
            return Err(format!("a page of {} numbers that takes {inflated} bytes", page.numbers));
        }
        if !is_plain {
            check_inflation(file, place.compression, body, &page)?;
        }
        held.packed = held.packed.max(page.body);
        let (largest, numbers) = match page.kind {
            Kind::Dictionary => (&mut held.dictionary, &mut entries),
            _ => (&mut held.page, &mut numbers),
        };
        *largest = inflated.max(*largest);
        *numbers = numbers.saturating_add(page.numbers);
        if *numbers > rows {
            return Err(format!("pages of {numbers} numbers in a column of {rows}"));
        }
    }
    Ok(held)
}

/// Whether the body of `page`, from byte `body` on, inflates to what the page says. Zstandard and raw LZ4 look themselves.
fn check_inflation(file: &mut (impl Read + Seek), compression: Compression, body: u64, page: &Page) -> Result<(), String> {
    let (packed, inflated) = (page.body.saturating_sub(page.levels), page.inflated.saturating_sub(page.levels));
    if inflated == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::Start(body.saturating_add(page.levels))).map_err(|e| e.to_string())?;
    let mut packed = BufReader::new(file.by_ref().take(packed));
    let beyond = match compression {
        Compression::GZIP(_) => is_longer(MultiGzDecoder::new(&mut packed), inflated),
        Compression::LZ4 => is_longer(FrameDecoder::new(&mut packed), inflated),
        // Its decoder fills up with zeros what is missing.
        Compression::SNAPPY => match snappy_length(&mut packed) {
            Some(length) if length != inflated => {
                return Err(format!("a page that inflates to {length} bytes and says {inflated}"));
            }
            _ => false,
        },
        _ => false,
    };
    if beyond {
        return Err(format!("a page that inflates beyond the {} bytes that it says", page.inflated));
    }
    Ok(())
}

/// Whether more than `most` bytes can be read. What cannot be inflated is the decoder's to tell.
fn is_longer(inflating: impl Read, most: u64) -> bool {
    std::io::copy(&mut inflating.take(most.saturating_add(1)), &mut std::io::sink()).is_ok_and(|n| n > most)
}

/// What a Snappy block says it inflates to, seven bits a byte.
fn snappy_length(packed: &mut impl BufRead) -> Option<u64> {
    let mut length = 0;
    for (i, byte) in packed.bytes().take(5).enumerate() {
        let byte = byte.ok()?;
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// What a page's head says, in bytes.
struct Page {
    kind: Kind,
    head: u64,
    body: u64,
    /// What the body inflates to.
    inflated: u64,
    /// Levels at the body's beginning that are never compressed.
    levels: u64,
    is_compressed: bool,
    /// How many, nulls included.
    numbers: u64,
}

/// The page that begins here.
fn page(bytes: &[u8]) -> Result<Page, Trouble> {
    let mut walk = Walk::new(bytes, 0);
    let head = walk.structure(PAGE_HEADER)?;
    let whole = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok());
    let size = |field: usize, what| {
        whole(head.number[field]).ok_or_else(|| Trouble::Wrong(format!("a page that does not say its size {what}")))
    };
    let (body, inflated) = (size(COMPRESSED, "in the file")?, size(UNCOMPRESSED, "in memory")?);
    let (kind, of_kind) = match head.number[TYPE] {
        Some(0) => (Kind::Data, head.place[VERSION_1]),
        Some(2) => (Kind::Dictionary, head.place[DICTIONARY]),
        Some(3) => (Kind::Data, head.place[VERSION_2]),
        _ => (Kind::Other, None),
    };
    let numbers = match of_kind {
        Some(at) => whole(Walk::new(bytes, at).structure(&[])?.number[NUMBERS]).unwrap_or(0),
        None => 0,
    };
    // Of any page that has such a head, whatever its type.
    let (mut levels, mut is_compressed) = (0, true);
    if let Some(at) = head.place[VERSION_2] {
        let head = Walk::new(bytes, at).structure(VERSION_2_HEADER)?;
        levels = [DEFINITIONS, REPETITIONS].into_iter().filter_map(|field| whole(head.number[field])).sum();
        is_compressed = head.number[IS_COMPRESSED] != Some(0);
    }
    Ok(Page { kind, head: walk.at() as u64, body, inflated, levels, is_compressed, numbers })
}

#[cfg(test)]
mod tests {
    use super::super::footer::tests::BOMB;
    use super::*;
    use std::io::{Cursor, Write};

    const ROWS: u64 = 100_000;

    fn pages(bytes: &[u8], compression: Compression) -> Result<Held, String> {
        let length = bytes.len() as u64;
        check_pages(&mut Cursor::new(bytes), &Place { start: 0, size: length, compression }, ROWS, length)
    }

    #[test]
    fn a_bomb_in_any_pages_head_is_found() {
        // Type 0, sizes of 600 and 600 bytes; the second with field 9.
        let head = [0x15, 0, 0x15, 0xb0, 0x09, 0x15, 0xb0, 0x09];
        let page = |more: &[u8]| [&head[..], more, &[0], &[7; 600]].concat();
        let pages = |bytes: Vec<u8>| pages(&bytes, Compression::UNCOMPRESSED).map(drop);
        assert_eq!(pages([page(&[]), page(&[])].concat()), Ok(()));
        let mut bomb = BOMB;
        bomb[0] = 0x69;
        assert_eq!(pages([page(&[]), page(&bomb)].concat()), Err("a list of truth values".into()));
        // A head longer than what is read at first.
        let long = [&[0x68, 0xd0, 0x0f][..], &[1; 2000]].concat();
        assert_eq!(pages([page(&long), page(&[])].concat()), Ok(()));
        // Sizes that are missing, negative, more than 32 bits, and far more than what is there.
        let says = |bytes: &[u8], words: &str| {
            let problem = pages(bytes.to_vec()).unwrap_err();
            assert!(problem.contains(words), "{problem} should say {words}");
        };
        says(&[0; 100], "does not say its size in the file");
        says(&[0x15, 0, 0x15, 1, 0x15, 2, 0, 9], "does not say its size in memory");
        says(&[0x15, 0, 0x15, 2, 0x15, 0xa0, 0x80, 0x80, 0x80, 0x20, 0], "where a number from");
        says(&[0x15, 0, 0x15, 2, 0x15, 40, 0, 9], "a page of 20 bytes at byte 7, in a file of 8");
    }

    /// `body`, after a head that says it has `numbers` and inflates to `inflated` bytes, behind `levels` that are of the second version of pages if there are any.
    fn packed(body: &[u8], numbers: u32, inflated: u32, levels: u32) -> Vec<u8> {
        let number = |n: u32| {
            let zigzag = n << 1;
            [0, 7, 14, 21, 28].map(|at| ((zigzag >> at) & 0x7f) as u8 | if at < 28 { 0x80 } else { 0 })
        };
        let body = [&vec![7; levels as usize][..], body].concat();
        let kind = if levels > 0 { 6 } else { 0 };
        let mut head = [&[0x15, kind, 0x15][..], &number(inflated + levels), &[0x15], &number(body.len() as u32)].concat();
        let numbers = number(numbers);
        match levels {
            0 => head.extend([&[0x2c, 0x15][..], &numbers, &[0]].concat()),
            _ => head.extend([&[0x5c, 0x15][..], &numbers, &[0x45], &number(levels - 1), &[0x15], &number(1), &[0]].concat()),
        }
        [&head[..], &[0], &body].concat()
    }

    #[test]
    fn a_page_that_inflates_beyond_what_it_says_is_refused_and_one_that_does_not_is_not() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&[0; 5000]).unwrap();
        let gzip = gzip.finish().unwrap();
        // Twice in one page: members are read on to the last.
        let twice = [&gzip[..], &gzip].concat();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&[0; 5000]).unwrap();
        let lz4 = lz4.finish().unwrap();
        for (body, inflated, compression) in [
            (&gzip, 5000, Compression::GZIP(Default::default())),
            (&twice, 10_000, Compression::GZIP(Default::default())),
            (&lz4, 5000, Compression::LZ4),
        ] {
            for levels in [0, 3] {
                let honest = packed(body, 1000, inflated, levels);
                assert!(pages(&honest, compression).is_ok());
                for says in [1, 100, inflated - 1] {
                    let bomb = packed(body, 1000, says, levels);
                    let problem = format!("a page that inflates beyond the {} bytes that it says", says + levels);
                    assert_eq!(pages(&[&honest[..], &bomb].concat(), compression).err(), Some(problem));
                    assert!(pages(&bomb, Compression::LZ4_RAW).is_ok(), "which reads no further than that");
                }
            }
            // What is no such stream is left to the decoder, and none is asked for where nothing is.
            assert!(pages(&packed(&body[1..], 1, 1, 0), compression).is_ok());
            assert!(pages(&packed(&[], 0, 0, 0), compression).is_ok());
        }
    }

    #[test]
    fn a_page_is_no_larger_than_its_numbers_and_there_are_no_more_than_rows() {
        let plain = |numbers, size: usize| packed(&vec![0; size], numbers, size as u32, 0);
        let says = |bytes: Vec<u8>, compression, words: &str| {
            let problem = pages(&bytes, compression).err().unwrap();
            assert!(problem.contains(words), "{problem} should say {words}");
        };
        assert_eq!(pages(&plain(1000, 8000), Compression::UNCOMPRESSED).map(Held::all), Ok(8000));
        says(plain(10, 8000), Compression::UNCOMPRESSED, "a page of 10 numbers that takes 8000 bytes");
        says(
            [plain(60_000, 9), plain(60_000, 9)].concat(),
            Compression::UNCOMPRESSED,
            "pages of 120000 numbers in a column of 100000",
        );
        // 64 MiB of eight bytes.
        says(packed(&[0; 8], 1, 64 << 20, 0), Compression::SNAPPY, "a page of 1 numbers that takes 67108864 bytes");
        says(packed(&[0; 8], 1, 64 << 20, 0), Compression::ZSTD(Default::default()), "a page of 1 numbers that takes");
        // Snappy's length stands before its data: here 8000 in two bytes.
        assert!(pages(&packed(&[0xc0, 0x3e, 0], 1000, 8000, 0), Compression::SNAPPY).is_ok());
        says(packed(&[0xc0, 0x3e, 0], 1000, 8001, 0), Compression::SNAPPY, "a page that inflates to 8000 bytes and says 8001");
    }
}
