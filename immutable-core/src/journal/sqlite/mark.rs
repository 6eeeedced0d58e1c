//! What tells that a file has lost commits: how many there were, in a file of its own.
//!
//! A WAL that is cut off or damaged is shorter, says SQLite, and begins anew where it ends; what had been acknowledged is gone without a
//! word. The mark is written after each commit, and is never ahead of the file. It is not synced: after a power failure it may be behind, and then
//! it says less.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use super::super::sum::sum;
use super::file::File;
use crate::error::{Error, Result};
use crate::id::{read_hex, write_hex};

/// A journal's own id, drawn when its file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(pub(super) [u8; 16]);

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_hex(f, &self.0)
    }
}

/// How many commits of which journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) identity: Identity,
    pub(super) commits: u64,
}

impl Said {
    /// A line, always of one length, so that it is overwritten whole.
    fn line(&self) -> String {
        let sum = sum("mark", &[&self.identity.0, &self.commits.to_be_bytes()]);
        format!("{} {:020} {}\n", self.identity, self.commits, Identity(sum))
    }

    /// Whatever is not as it was written says nothing.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let identity = Identity(read_hex(words.next()?)?);
        let said = Self { identity, commits: words.next()?.parse().ok()? };
        (said.line() == text).then_some(said)
    }
}

/// What the mark beside a file says, if it says anything.
pub(super) fn read(file: &File) -> Result<Option<Said>> {
    let mut text = Vec::new();
    let path = file.beside("-mark");
    match fs::File::open(&path).and_then(|mark| mark.take(1 << 10).read_to_end(&mut text)) {
        Ok(_) => Ok(std::str::from_utf8(&text).ok().and_then(Said::read)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => {
            let message = format!("{} cannot be read; this process must own it", path.display());
            Err(Error::new(crate::error::ErrorKind::Denied, message).with_source(why))
        }
    }
}

/// The mark of an open file.
#[derive(Debug)]
pub(super) struct Mark {
    identity: Identity,
    handle: Option<fs::File>,
}

impl Mark {
    pub(super) fn new(file: &File, identity: Identity) -> Self {
        let handle = fs::OpenOptions::new().write(true).create(true).truncate(false).open(file.beside("-mark")).ok();
        Self { identity, handle }
    }

    /// What cannot be written here is only not told later: the commit itself is on the disk.
    pub(super) fn set(&mut self, commits: u64) {
        if let Some(handle) = &mut self.handle {
            let line = Said { identity: self.identity, commits }.line();
            drop(handle.seek(SeekFrom::Start(0)).and_then(|_| handle.write_all(line.as_bytes())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_text_and_a_damaged_one_says_nothing() {
        let said = Said { identity: Identity([7; 16]), commits: 42 };
        let line = said.line();
        assert_eq!(Said::read(&line), Some(said));
        for at in 0..line.len() {
            let mut damaged = line.clone().into_bytes();
            damaged[at] ^= 1;
            assert_eq!(Said::read(&String::from_utf8(damaged).unwrap()), None, "{at}");
            assert_eq!(Said::read(&line[..at]), None, "{at}");
        }
    }
}
