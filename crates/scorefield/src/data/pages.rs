//! A Parquet column's pages in an order that its decoder can bear: a page that speaks by a dictionary comes after one.
//!
//! The decoder takes that for granted and gives up the process where it is not so.

use ::parquet::basic::Encoding;
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    NoDictionary,
    Dictionary,
}

/// Pages, each looked at before it is handed on.
pub(super) struct Ordered {
    inner: Box<dyn PageReader>,
    seen: Seen,
}

impl Ordered {
    /// The pages of `inner`.
    pub fn new(inner: Box<dyn PageReader>) -> Self {
        Self { inner, seen: Seen::NoDictionary }
    }

    fn look(&mut self, page: &Page) -> Result<()> {
        match (page, page.encoding()) {
            // The decoder makes room for as many as it says, and a number takes four bytes at least.
            (Page::DictionaryPage { buf, num_values, .. }, _) if u64::from(*num_values) * 4 > buf.len() as u64 => {
                return Err(ParquetError::General(format!("a dictionary of {num_values} numbers in {} bytes", buf.len())));
            }
            (Page::DictionaryPage { .. }, _) => self.seen = Seen::Dictionary,
            (_, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY) if self.seen == Seen::NoDictionary => {
                return Err(ParquetError::General("a page of dictionary indices without a dictionary".into()));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Iterator for Ordered {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Ordered {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        page.iter().try_for_each(|page| self.look(page))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}
