//! A store behind a wire that loses replies, sends requests twice and says 409, and that counts.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What becomes of one put.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Sound,
    /// It never arrives.
    LostRequest,
    /// It is done, and the answer is an error.
    LostReply,
    /// The answer is lost, the client sends it again, and is told that there is one already.
    SentTwice,
    /// Another request for this name is under way, says the store, and makes nothing.
    Busy,
    /// It is refused.
    Denied,
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Fates are taken in turn, then all is sound, or drawn.
#[derive(Default)]
struct Inner {
    calls: BTreeMap<&'static str, u32>,
    puts: VecDeque<Fate>,
    drawn: Option<u64>,
    before_get: Option<Hook>,
    before_put: Option<Hook>,
}

#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) store: Arc<InMemory>,
    inner: Arc<Mutex<Inner>>,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self { store: Arc::new(InMemory::new()), inner: Arc::default() }
    }

    /// Draws each put's fate.
    pub(crate) fn bad(seed: u64) -> Self {
        let wire = Self::new();
        wire.inner.lock().unwrap().drawn = Some(seed);
        wire
    }

    pub(crate) fn next_puts(&self, fates: &[Fate]) {
        self.inner.lock().unwrap().puts.extend(fates);
    }

    pub(crate) fn before_get(&self, hook: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static) {
        self.inner.lock().unwrap().before_get = Some(Box::new(hook));
    }

    pub(crate) fn before_put(&self, hook: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static) {
        self.inner.lock().unwrap().before_put = Some(Box::new(hook));
    }

    /// The calls since the last time, as `get 1, put 2`.
    pub(crate) fn calls(&self) -> String {
        let calls = std::mem::take(&mut self.inner.lock().unwrap().calls);
        calls.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    }

    fn count(&self, name: &'static str) {
        *self.inner.lock().unwrap().calls.entry(name).or_default() += 1;
    }

    fn fate(&self) -> Fate {
        let mut inner = self.inner.lock().unwrap();
        if let Some(fate) = inner.puts.pop_front() {
            return fate;
        }
        let Some(seed) = &mut inner.drawn else {
            return Fate::Sound;
        };
        // Knuth's MMIX: only its high bits are any good.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match *seed >> 60 {
            0 | 1 => Fate::LostRequest,
            2 | 3 => Fate::LostReply,
            4 | 5 => Fate::SentTwice,
            6 => Fate::Busy,
            _ => Fate::Sound,
        }
    }

    async fn hook(&self, of: impl Fn(&mut Inner) -> &mut Option<Hook>) {
        let hook = of(&mut self.inner.lock().unwrap()).take();
        if let Some(hook) = hook {
            hook().await;
        }
    }
}

fn lost() -> Error {
    Error::Generic { store: "wire", source: "the connection was reset".into() }
}

fn exists(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "409".into() }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

#[async_trait]
impl ObjectStore for Wire {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count("put");
        self.hook(|inner| &mut inner.before_put).await;
        let create = options.mode == PutMode::Create;
        match self.fate() {
            Fate::LostRequest => Err(lost()),
            Fate::LostReply => {
                self.store.put_opts(path, payload, options).await?;
                Err(lost())
            }
            Fate::SentTwice if create => {
                self.store.put_opts(path, payload, options).await?;
                Err(exists(path))
            }
            Fate::Busy if create => Err(exists(path)),
            Fate::Denied => Err(Error::PermissionDenied { path: path.to_string(), source: "403".into() }),
            _ => self.store.put_opts(path, payload, options).await,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(if options.head { "head" } else { "get" });
        self.hook(|inner| &mut inner.before_get).await;
        self.store.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count("delete");
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("list");
        self.store.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("list");
        self.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count("list");
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}
