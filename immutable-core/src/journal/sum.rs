//! Checksums of what is stored.

use sha2::{Digest as _, Sha256};

/// A checksum: the first half of a SHA-256.
pub(super) type Sum = [u8; 16];

/// The checksum of some values in this order, of what kind they are included.
pub(super) fn sum(kind: &str, parts: &[&[u8]]) -> Sum {
    let mut hash = Sha256::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut sum = Sum::default();
    sum.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    sum
}
