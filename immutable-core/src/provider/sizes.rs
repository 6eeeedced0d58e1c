use std::future::Future;

use async_trait::async_trait;

use crate::error::Result;
use crate::fleet::FleetId;

/// Says how many instances a fleet should have: an autoscaler, a schedule, a queue.
///
/// A fleet that [follows](crate::Fleet::follows) it has that size, within the bounds that it names, and no other owner of its size. [`size_fn`] makes one of
/// a function.
#[async_trait]
pub trait SizeSource: Send + Sync {
    /// How many instances a fleet should have now.
    ///
    /// # Contract
    /// To ensure correctness, whatever implements this:
    /// - reads only: it is asked at every look, by every controller that looks;
    /// - speaks of now: an answer that it only remembers is an error;
    /// - is safe to drop at any await.
    ///
    /// # Errors
    /// An error changes nothing: the fleet keeps the size it has.
    async fn desired(&self, fleet: &FleetId) -> Result<u32>;
}

/// Makes a [`SizeSource`] of an async function. What [the contract](SizeSource::desired) asks of a source it asks of the function.
///
/// ```
/// use immutable_core::provider::{SizeSource, size_fn};
///
/// let by_queue = size_fn(|_fleet| async { Ok(120_u32.div_ceil(50)) });
/// # use immutable_core::{Place, fleet::FleetId};
/// # let fleet = FleetId::new(Place::new("memory", "local", "local")?, "web");
/// # immutable_core::time::VirtualClock::default().run(async {
/// assert_eq!(by_queue.desired(&fleet).await?, 3);
/// # Ok::<(), immutable_core::Error>(())
/// # })?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
pub fn size_fn<F, Fut>(size: F) -> impl SizeSource
where
    F: Fn(FleetId) -> Fut + Send + Sync,
    Fut: Future<Output = Result<u32>> + Send,
{
    Function(size)
}

struct Function<F>(F);

#[async_trait]
impl<F, Fut> SizeSource for Function<F>
where
    F: Fn(FleetId) -> Fut + Send + Sync,
    Fut: Future<Output = Result<u32>> + Send,
{
    async fn desired(&self, fleet: &FleetId) -> Result<u32> {
        (self.0)(fleet.clone()).await
    }
}
