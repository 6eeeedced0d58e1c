//! Values out of bytes. Out of no bytes come the smallest.

use std::time::Duration;

pub(crate) struct Draw<'a>(pub(crate) &'a [u8]);

impl Draw<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Below `end`, or one of so many more, which came later: what was kept before means what it meant.
    pub(crate) fn below_or(&mut self, end: u8, more: u8) -> u8 {
        match self.byte() {
            later @ 224.. => end + later % more,
            before => before % end,
        }
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Mostly small, sometimes as large as can be.
    pub(crate) fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::MAX,
            254 => u32::MAX - 1,
            253 => 1 << 31,
            252 => u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
            small => u32::from(small % 8),
        }
    }

    /// Mostly of the order of seconds to hours.
    pub(crate) fn duration(&mut self) -> Duration {
        match self.byte() {
            255 => Duration::MAX,
            254 => Duration::from_secs(u64::from(u32::MAX) * 60),
            253 => Duration::from_nanos(1),
            252 => Duration::ZERO,
            small => Duration::from_secs(u64::from(small) * 30),
        }
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()].clone()
    }
}
