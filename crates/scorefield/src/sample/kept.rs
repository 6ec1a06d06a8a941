//! Which steps of a chain are draws.

/// The last part of a chain's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Steps before the first that counts.
    pub after: usize,
    /// Steps that count.
    pub steps: usize,
}

impl Kept {
    /// Of a warm-up and so many `steps` after it the second half, without the warm-up.
    pub fn after(warmup: usize, steps: usize) -> Self {
        let all = warmup + steps;
        let after = warmup.max(all / 2);
        Self { after, steps: all - after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_kept_and_the_warm_up_never() {
        assert_eq!(Kept::after(0, 101), Kept { after: 50, steps: 51 });
        assert_eq!(Kept::after(300, 100), Kept { after: 300, steps: 100 });
    }
}
