use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::echo::Set;
use super::wire::PAGE_LOST;
use super::{Call, Fault, Faulty};
use crate::artifact::{ImageRef, Place};
use crate::error::Result;
use crate::fleet::Coverage;
use crate::id::BaseQuery;
use crate::provider::{Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageUses, Replica};

#[async_trait]
impl<P: ImageCatalog + ?Sized + 'static> ImageCatalog for Faulty<P> {
    fn capabilities(&self) -> &CatalogCapabilities {
        self.0.inner.capabilities()
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        self.look(Call::ResolveBase, "resolve_base").await?;
        self.0.inner.resolve_base(query).await
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        self.look(Call::Describe, "describe").await?;
        self.0.inner.describe(images).await
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        self.change(Call::Replicate, "replicate", |inner: Arc<P>| {
            let (image, to) = (image.clone(), to.clone());
            async move { inner.replicate(&image, &to).await }.boxed()
        })
        .await
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        self.change(Call::SetStage, "set_stage", |inner: Arc<P>| {
            let image = image.clone();
            async move { inner.set_stage(&image, stage).await.map(|()| Set) }.boxed()
        })
        .await
        .map(|Set| ())
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        let fate = self.look(Call::Uses, "uses").await?;
        let sent = self.0.clock.now();
        let mut uses = self.0.inner.uses(image).await?;
        let mut wire = self.wire();
        // Of nothing, too, a part is no whole: that is what must not be taken for leave to delete.
        if wire.chance(fate.partial) {
            if !uses.by.is_empty() {
                wire.leave_out(&mut uses.by);
            }
            wire.note(sent, Call::Uses, Fault::Partial);
            uses.coverage = Coverage::Part(PAGE_LOST.into());
        }
        Ok(uses)
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        self.change(Call::Delete, "delete", |inner: Arc<P>| {
            let image = image.clone();
            async move { inner.delete(&image).await }.boxed()
        })
        .await
    }
}
