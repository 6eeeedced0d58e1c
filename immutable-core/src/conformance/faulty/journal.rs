use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::{Call, Faulty};
use crate::error::Result;
use crate::id::{StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Loaded};

/// Loads are never stale: everything acknowledged is in them, or they fail.
#[async_trait]
impl<P: Journal + ?Sized + 'static> Journal for Faulty<P> {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.look(Call::Load, "load").await?;
        self.0.inner.as_ref().load(stream, after).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        self.change(Call::Append, "append", |inner: Arc<P>| {
            let append = append.clone();
            async move { inner.as_ref().append(append).await }.boxed()
        })
        .await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.look(Call::Wrote, "wrote").await?;
        self.0.inner.as_ref().wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.change(Call::Compact, "compact", |inner: Arc<P>| {
            let compact = compact.clone();
            async move { inner.as_ref().compact(compact).await }.boxed()
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.look(Call::List, "list").await?;
        self.0.inner.as_ref().list(prefix, after, limit).await
    }
}
