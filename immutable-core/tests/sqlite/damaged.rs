//! Files whose bits were flipped, and files that were cut off: what is read is what was written, or the error says that it is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use immutable_core::id::{StreamId, StreamVersion};
use immutable_core::journal::{After, Compact, Journal as _, Keep, Loaded, Record};
use immutable_core::{ErrorKind, Result, SqliteJournal};

use super::{Folder, append, beside, run, write};

/// Everything that can be asked of a journal.
type Content = BTreeMap<String, String>;

const STREAMS: [&str; 3] = ["fleet/web", "fleet/api", "registry/acmeinc/web"];

async fn fill(journal: &SqliteJournal) -> Result<()> {
    let long = "x".repeat(9_000);
    for nth in 0..40 {
        let text = format!("{{\"nth\":{nth},\"of\":\"{}\"}}", "web".repeat(nth as usize));
        append(journal, STREAMS[0], nth * 2, nth, &[&text, "{}"]).await?;
    }
    for nth in 0..6 {
        append(journal, STREAMS[1], nth, 100 + nth, &[&long]).await?;
    }
    append(journal, STREAMS[2], 0, 200, &["a", "", "c"]).await?;
    for (stream, at, keep) in [(0, 50, Keep::Everything), (1, 4, Keep::Nothing)] {
        let snapshot = Record::from(format!("of {at}").repeat(300).as_bytes());
        let compact = Compact { stream: STREAMS[stream].into(), at: StreamVersion(at), snapshot, keep };
        journal.compact(compact).await?;
    }
    append(journal, STREAMS[0], 80, 80, &["the last"]).await.map(drop)
}

async fn read(path: &Path) -> Result<Content> {
    let journal = SqliteJournal::open(path)?;
    let mut content = Content::from([("list".into(), format!("{:?}", journal.list("", None, 100).await?))]);
    let text = |loaded: Loaded| format!("{:?} {:?} {}", loaded.snapshot, loaded.records, loaded.head);
    for stream in STREAMS.map(StreamId::from) {
        content.insert(format!("{stream} snapshot"), text(journal.load(&stream, After::Snapshot).await?));
        match journal.load(&stream, After::Version(StreamVersion(0))).await {
            Err(error) if error.kind() == ErrorKind::NotFound => content.insert(format!("{stream} all"), error.to_string()),
            loaded => content.insert(format!("{stream} all"), text(loaded?)),
        };
    }
    for nth in [0, 39, 80, 105, 200, 999] {
        let mut found = Vec::new();
        for stream in STREAMS.map(StreamId::from) {
            found.push(journal.wrote(&stream, write(nth)).await?);
        }
        content.insert(format!("wrote {nth}"), format!("{found:?}"));
    }
    Ok(content)
}

/// What lies on the disk: the file, what is behind it in its WAL, and its mark.
#[derive(Clone)]
struct Disk {
    files: BTreeMap<&'static str, Vec<u8>>,
    content: Content,
}

impl Disk {
    /// A journal that was closed, or one whose process was killed.
    fn new(killed: bool) -> Self {
        let folder = Folder::new();
        let journal = SqliteJournal::open(folder.file()).unwrap();
        run(fill(&journal)).unwrap();
        let journal = killed.then_some(journal);
        let read_now = |suffix| fs::read(beside(&folder.file(), suffix)).map(|bytes| (suffix, bytes));
        let files: BTreeMap<_, _> = ["", "-wal", "-mark"].into_iter().filter_map(|suffix| read_now(suffix).ok()).collect();
        drop(journal);
        let content = run(read(&folder.file())).unwrap();
        assert_eq!(files.contains_key("-wal"), killed, "a journal that is closed leaves no WAL");
        let disk = Self { files, content };
        assert!(disk.opens(&Folder::new()).unwrap(), "undamaged");
        disk
    }

    /// Whether it is opened with the right content; an error that is not `Corrupt`, or names another file, is none that may be.
    fn opens(&self, folder: &Folder) -> Result<bool, String> {
        let path = folder.file();
        for suffix in ["", "-wal", "-mark", "-shm"] {
            drop(fs::remove_file(beside(&path, suffix)));
        }
        for (suffix, bytes) in &self.files {
            fs::write(beside(&path, suffix), bytes).unwrap();
        }
        match run(read(&path)) {
            Ok(content) if content == self.content => Ok(true),
            Ok(content) => {
                let differs = |(name, text): &(&String, &String)| self.content.get(*name) != Some(*text);
                let names: Vec<&String> = content.iter().filter(differs).map(|(name, _)| name).collect();
                Err(format!("other content of {names:?}"))
            }
            Err(error) if error.kind() == ErrorKind::Corrupt && error.to_string().contains("journal.db") => Ok(false),
            Err(error) => Err(format!("{:?}: {error}: {:?}", error.kind(), std::error::Error::source(&error))),
        }
    }
}

/// Damages a disk at many places; how often it was opened with the right content, and how often refused.
fn damage(
    disk: &Disk,
    suffix: &'static str,
    places: impl Iterator<Item = usize>,
    how: impl Fn(&mut Vec<u8>, usize),
) -> (u32, u32) {
    let folder = Folder::new();
    let (mut right, mut refused) = (0, 0);
    for place in places {
        let mut damaged = disk.clone();
        how(damaged.files.get_mut(suffix).unwrap(), place);
        match damaged.opens(&folder) {
            Ok(true) => right += 1,
            Ok(false) => refused += 1,
            Err(wrong) => panic!("journal.db{suffix} damaged at {place}: {wrong}"),
        }
    }
    (right, refused)
}

fn flip(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 1 << (at / 7 % 8);
}

fn cut(bytes: &mut Vec<u8>, at: usize) {
    bytes.truncate(at);
}

/// Every place of the header, where each byte has a meaning, and then every so many.
fn places(disk: &Disk, suffix: &str, step: usize) -> impl Iterator<Item = usize> {
    let length = disk.files[suffix].len();
    (0..length).filter(move |at| *at < 120 || at % step == 0)
}

#[test]
fn a_flipped_bit_of_the_file_is_seen_or_harmless() {
    let disk = Disk::new(false);
    let (right, refused) = damage(&disk, "", places(&disk, "", 61), |bytes, at| flip(bytes, at));
    println!("flipped in the file: {right} harmless, {refused} refused");
    assert!(refused > 100 && right > 10, "{right} {refused}");
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let disk = Disk::new(false);
    let (right, refused) = damage(&disk, "", places(&disk, "", 509), cut);
    println!("cut off: {right} harmless, {refused} refused");
    assert_eq!(right, 0);
}

#[test]
fn a_flipped_bit_of_the_wal_is_seen_or_harmless() {
    let disk = Disk::new(true);
    let (right, refused) = damage(&disk, "-wal", places(&disk, "-wal", 997), |bytes, at| flip(bytes, at));
    println!("flipped in the WAL: {right} harmless, {refused} refused");
    assert!(refused > 100, "{right} {refused}");
}

#[test]
fn a_wal_that_is_cut_off_is_refused() {
    let disk = Disk::new(true);
    let (right, refused) = damage(&disk, "-wal", places(&disk, "-wal", 2003), cut);
    println!("WAL cut off: {right} harmless, {refused} refused");
    assert_eq!(right, 0);
    let mut gone = disk.clone();
    gone.files.remove("-wal");
    assert_eq!(gone.opens(&Folder::new()), Ok(false), "a WAL that was removed is refused");
}

#[test]
fn a_flipped_bit_of_the_file_of_a_killed_process_is_seen_or_harmless() {
    let disk = Disk::new(true);
    let (right, refused) = damage(&disk, "", places(&disk, "", 61), |bytes, at| flip(bytes, at));
    println!("flipped in the file before its WAL: {right} harmless, {refused} refused");
}

#[test]
fn a_damaged_mark_is_harmless() {
    let disk = Disk::new(false);
    assert_eq!(damage(&disk, "-mark", places(&disk, "-mark", 1), |bytes, at| flip(bytes, at)).1, 0);
    assert_eq!(damage(&disk, "-mark", places(&disk, "-mark", 1), cut).1, 0);
}

#[test]
fn several_pages_that_were_lost_are_seen() {
    let disk = Disk::new(false);
    let zero = |bytes: &mut Vec<u8>, page: usize| bytes[page * 4096..(page + 1) * 4096].fill(0);
    let pages = disk.files[""].len() / 4096;
    let (right, refused) = damage(&disk, "", 0..pages, zero);
    println!("pages of zeros: {right} harmless, {refused} refused");
    let swap = |bytes: &mut Vec<u8>, page: usize| {
        let (front, back) = bytes.split_at_mut((page + 1) * 4096);
        front[page * 4096..].swap_with_slice(&mut back[..4096]);
    };
    let (right, refused) = damage(&disk, "", 0..pages - 1, swap);
    println!("pages swapped: {right} harmless, {refused} refused");
}
