//! A Parquet column's pages, looked at before the decoder sees them: what the head of each says, and how far those inflate whose decoder
//! does not stop at the size that the head says.

use std::io::{BufReader, Read, Seek, SeekFrom};

use ::parquet::basic::Compression;
use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::footer::{EMPTY, Place, STATISTICS, SURELY_FINE, read_at, said};
use super::thrift::{Fields, Is, Trouble, Walk};

const PAGE_HEADER: Fields = &[
    (1, Is::I32),
    (UNCOMPRESSED as i16, Is::I32),
    (COMPRESSED as i16, Is::I32),
    (4, Is::I32),
    (5, Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::I32), (4, Is::I32), (5, STATISTICS)])),
    (6, EMPTY),
    (7, Is::Struct(&[(1, Is::I32), (2, Is::I32), (3, Is::Bool)])),
    (VERSION_2 as i16, Is::Struct(VERSION_2_HEADER)),
];
const UNCOMPRESSED: usize = 2;
const COMPRESSED: usize = 3;
const VERSION_2: usize = 8;
const VERSION_2_HEADER: Fields = &[
    (1, Is::I32),
    (2, Is::I32),
    (3, Is::I32),
    (4, Is::I32),
    (DEFINITIONS as i16, Is::I32),
    (REPETITIONS as i16, Is::I32),
    (7, Is::Bool),
    (8, STATISTICS),
];
const DEFINITIONS: usize = 5;
const REPETITIONS: usize = 6;

/// What is read of a page at first: as a rule its head is far shorter.
const HEAD: u64 = 512;
/// The longest head of a page.
const MOST_HEAD: u64 = 16 << 20;
/// What no page may take.
const MOST_PAGE: u64 = 512 << 20;
/// How often its own size a page may inflate to; DEFLATE can make 1,032 times as much.
const MOST_INFLATION: u64 = 1100;

/// Looks at a column's pages: at the heads of all, and at how far those inflate whose decoder goes on to their end.
pub(super) fn check_pages(file: &mut (impl Read + Seek), place: &Place) -> Result<(), String> {
    let (mut at, end) = (place.start, place.start + place.size);
    let mut bytes = Vec::new();
    while at < end {
        let mut length = HEAD;
        let page = loop {
            let read = length.min(end - at);
            bytes.resize(read as usize, 0);
            read_at(file, at, &mut bytes)?;
            match page(&bytes) {
                Err(Trouble::Short) if read < end - at && read < MOST_HEAD => length *= 8,
                found => break found.map_err(said)?,
            }
        };
        let body = at + page.head;
        at = body.saturating_add(page.body);
        // Snappy, Zstandard and raw LZ4 stop at the size that the page says.
        let (packed, inflated) = (page.body.saturating_sub(page.levels), page.inflated.saturating_sub(page.levels));
        file.seek(SeekFrom::Start(body.saturating_add(page.levels))).map_err(|e| e.to_string())?;
        let mut packed = BufReader::new(file.by_ref().take(packed));
        let beyond = match place.compression {
            Compression::GZIP(_) => is_longer(MultiGzDecoder::new(&mut packed), inflated),
            Compression::LZ4 => is_longer(FrameDecoder::new(&mut packed), inflated),
            _ => false,
        };
        if beyond {
            return Err(format!("a page that inflates beyond the {} bytes that it says", page.inflated));
        }
    }
    Ok(())
}

/// Whether more than `most` bytes can be read. What cannot be inflated is the decoder's to tell.
fn is_longer(inflating: impl Read, most: u64) -> bool {
    std::io::copy(&mut inflating.take(most.saturating_add(1)), &mut std::io::sink()).is_ok_and(|n| n > most)
}

/// What a page's head says, in bytes.
struct Page {
    head: u64,
    body: u64,
    /// What the body inflates to.
    inflated: u64,
    /// Levels at the body's beginning that are never compressed.
    levels: u64,
}

/// The page that begins here.
fn page(bytes: &[u8]) -> Result<Page, Trouble> {
    let mut walk = Walk::new(bytes, 0);
    let head = walk.structure(PAGE_HEADER)?;
    let size = |field: usize, what| {
        let size = head.number[field].and_then(|n| u64::try_from(n).ok());
        size.ok_or_else(|| Trouble::Wrong(format!("a page that does not say its size {what}")))
    };
    let (body, inflated) = (size(COMPRESSED, "in the file")?, size(UNCOMPRESSED, "in memory")?);
    if inflated > MOST_PAGE.min(SURELY_FINE.max(body.saturating_mul(MOST_INFLATION))) {
        return Err(Trouble::Wrong(format!("a page of {body} bytes that inflates to {inflated}, which no data do")));
    }
    if body > MOST_PAGE {
        return Err(Trouble::Wrong(format!("a page of {body} bytes, expected at most {MOST_PAGE}")));
    }
    let levels = match head.place[VERSION_2] {
        None => 0,
        Some(at) => {
            let head = Walk::new(bytes, at).structure(VERSION_2_HEADER)?;
            let levels = [DEFINITIONS, REPETITIONS].map(|field| head.number[field].and_then(|n| u64::try_from(n).ok()));
            levels.into_iter().flatten().sum()
        }
    };
    Ok(Page { head: walk.at() as u64, body, inflated, levels })
}

#[cfg(test)]
mod tests {
    use super::super::footer::tests::BOMB;
    use super::*;
    use std::io::{Cursor, Write};

    fn pages(bytes: &[u8], compression: Compression) -> Result<(), String> {
        check_pages(&mut Cursor::new(bytes), &Place { start: 0, size: bytes.len() as u64, compression })
    }

    #[test]
    fn a_bomb_in_any_pages_head_is_found() {
        // Type 0, sizes of 600 and 600 bytes; the second with field 9.
        let head = [0x15, 0, 0x15, 0xb0, 0x09, 0x15, 0xb0, 0x09];
        let page = |more: &[u8]| [&head[..], more, &[0], &[7; 600]].concat();
        let pages = |bytes: Vec<u8>| pages(&bytes, Compression::UNCOMPRESSED);
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
        says(&[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x02, 0x15, 2, 0, 9], "which no data do");
    }

    /// `body`, after a head that says it inflates to `inflated` bytes, behind `levels` that are of the second version of pages if there are any.
    fn packed(body: &[u8], inflated: u32, levels: u32) -> Vec<u8> {
        let number = |n: u32| {
            let zigzag = n << 1;
            [0, 7, 14, 21, 28].map(|at| ((zigzag >> at) & 0x7f) as u8 | if at < 28 { 0x80 } else { 0 })
        };
        let body = [&vec![7; levels as usize][..], body].concat();
        let mut head = [&[0x15, 0, 0x15][..], &number(inflated + levels), &[0x15], &number(body.len() as u32)].concat();
        if levels > 0 {
            head.extend([&[0x5c, 0x55][..], &number(levels - 1), &[0x15], &number(1), &[0]].concat());
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
                let honest = packed(body, inflated, levels);
                assert_eq!(pages(&honest, compression), Ok(()));
                for says in [1, 100, inflated - 1] {
                    let bomb = packed(body, says, levels);
                    let problem = format!("a page that inflates beyond the {} bytes that it says", says + levels);
                    assert_eq!(pages(&[&honest[..], &bomb].concat(), compression), Err(problem));
                    assert_eq!(pages(&bomb, Compression::SNAPPY), Ok(()), "which reads no further than that");
                }
            }
            // What is no such stream is left to the decoder, and none is asked for where nothing is.
            assert_eq!(pages(&packed(&body[1..], 1, 0), compression), Ok(()));
            assert_eq!(pages(&packed(&[], 0, 0), compression), Ok(()));
        }
    }
}
