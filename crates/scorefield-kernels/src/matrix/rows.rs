//! A matrix in a slice, row after row, each `stride` numbers after the one before.
//!
//! Making one checks that the slice holds the rows, so that a kernel may walk through them by pointer: number j < `cols` of row
//! i < `rows` is at i·`stride` + j.

/// A matrix to read.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

/// A matrix to write.
pub(crate) struct RowsMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

fn fits(len: usize, rows: usize, cols: usize, stride: usize) -> bool {
    rows == 0 || (cols <= stride && (rows - 1).checked_mul(stride).and_then(|n| n.checked_add(cols)).is_some_and(|n| n <= len))
}

impl<'a> Rows<'a> {
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, stride), "{rows} rows of {cols}, stride {stride}, in {}", data.len());
        Self { data, rows, cols, stride }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr()
    }

    pub(crate) fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.stride..][..self.cols]
    }
}

impl<'a> RowsMut<'a> {
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, stride), "{rows} rows of {cols}, stride {stride}, in {}", data.len());
        Self { data, rows, cols, stride }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }

    pub(crate) fn row(&mut self, i: usize) -> &mut [f32] {
        &mut self.data[i * self.stride..][..self.cols]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_the_slice_holds_make_a_matrix() {
        assert!(fits(0, 0, 5, 0) && fits(5, 1, 5, 100) && fits(13, 3, 3, 5) && fits(0, 4, 0, 0));
        assert!(!fits(12, 3, 3, 5) && !fits(4, 1, 5, 5) && !fits(100, 2, 5, 4) && !fits(9, usize::MAX, 3, 4));
    }
}
