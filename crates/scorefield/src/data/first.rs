//! The first rows of a source, as a finite source: `data.rows`.

use super::shape::EventShape;
use super::source::{self, Source};
use crate::error::Result;
use crate::key::Key;
use std::sync::Arc;

/// Rows 0 to n − 1 of another source. Of an endless one, row i is the same at every step: a finite sample, drawn once.
pub struct First {
    source: Arc<dyn Source>,
    n: u64,
}

impl First {
    /// At most `n` rows.
    pub fn new(source: Arc<dyn Source>, n: u64) -> Self {
        let n = source.len().map_or(n, |len| len.min(n));
        Self { source, n }
    }
}

impl Source for First {
    fn len(&self) -> Option<u64> {
        Some(self.n)
    }

    fn event(&self) -> &EventShape {
        self.source.event()
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        source::check(self, indices, out)?;
        let key = if self.source.len().is_none() { key.at(0) } else { key };
        self.source.fill(indices, key, out)
    }

    fn labels(&self) -> Option<&[u8]> {
        self.source.labels().map(|labels| &labels[..self.n as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Options, open};
    use crate::key::Purpose;

    #[test]
    fn the_first_rows_of_an_endless_source_are_the_same_at_every_step_and_no_others_are_there() {
        let moons = open("toy:two-moons", &Options::default()).unwrap();
        let first = First::new(moons.train, 5);
        let at = |step| {
            let mut out = [0.0; 6];
            first.fill(&[4, 0, 2], Key::new(3, Purpose::Data).at(step), &mut out).unwrap();
            out
        };
        assert_eq!((first.len(), at(0)), (Some(5), at(9)));
        assert!(first.fill(&[5], Key::new(3, Purpose::Data), &mut [0.0; 2]).is_err());
    }
}
