//! Azure Monitor's metrics, as a source for a judge.

mod measure;
mod series;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::analysis::Reading;
use immutable_core::provider::{Metrics, Query};
use immutable_core::{Error, ErrorKind, Result, Timestamp};

use crate::client::{Azure, Call};
use measure::Of;
pub use measure::{Aggregate, Dimension, Interval, Measure};
use series::{Points, Window};

/// The version of the API of metrics.
const METRICS: &str = "2024-02-01";
/// How many instances are named in a call: they are all in its URL.
const NAMES: usize = 20;
/// "top: the maximum number of records to retrieve per resource … defaults to 10": more series than can come.
const TOP: usize = 1000;

/// A source of metrics: Azure Monitor's, of the scale sets of a generation, or of a resource that tells generations apart by a dimension.
///
/// ```no_run
/// use backend_azure::{Aggregate, Azure, AzureMetrics, Dimension, Measure};
/// use immutable_core::analysis::{Limit, Thresholds};
/// use immutable_core::provider::ThresholdJudge;
/// use std::sync::Arc;
///
/// # fn example(azure: &Azure) -> immutable_core::Result<()> {
/// let answers = || {
///     Measure::of_resource("Microsoft.Network/applicationGateways/front", "BackendResponseStatus", Aggregate::Total)
///         .dimension("BackendPool", Dimension::Generation)
/// };
/// let good = answers().dimension("HttpStatusGroup", Dimension::Is("2xx".into()));
/// let metrics = AzureMetrics::new(azure)
///     .metric("cpu", Measure::of_scale_sets("Percentage CPU", Aggregate::Average))
///     .metric("good", good.per(answers()));
/// let thresholds = Thresholds::new([Limit::at_most("cpu", 80.0), Limit::at_least("good", 0.99)])?;
/// let judge = ThresholdJudge::new(thresholds, Arc::new(metrics));
/// # drop(judge);
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - A reading is made of whole intervals that lie in the window, and of the side that is asked for: the machines that count, or what a dimension says of the generation.
/// - A point with nothing but a time is no data, nor is a 0 that is made of no samples (azure-libraries-for-net#499), nor a metric of a scale set that is not there.
/// - Of all series and all points one value is made: the mean is weighted by how many samples Azure counted in each, as far as it says so of all; a total and a count are added up; the
///   least and the greatest are the least and the greatest.
/// - What Azure says of the query itself is heeded: another interval than was asked for, a metric that could not be read, or as many series as it would send are errors, not data.
///
/// # Caveats
/// - Azure shows what was measured late: 2 to 3 minutes were seen, and zeros until then (promitor#198, azure-libraries-for-net#499), and who reads metrics waits 3 minutes or more
///   (azure_metrics_exporter#79). So of a window that ends now the end is not read, but what is older than the [delay](Self::delay): its reading's [`newest`](Reading::newest) says until when.
///   A window that is younger has no data yet.
/// - The finest interval is a minute, and intervals begin with a full one: "Supported metrics with Azure Monitor", time grains. So a window has at least two minutes, and the delay, before
///   there is data.
/// - Scale sets are found by the tags of the fleet, also those that were adopted.
#[derive(Clone, Debug)]
pub struct AzureMetrics {
    azure: Azure,
    measures: BTreeMap<String, Measure>,
    delay: Duration,
}

impl AzureMetrics {
    /// A source that knows no metric yet.
    pub fn new(azure: &Azure) -> Self {
        Self { azure: azure.clone(), measures: BTreeMap::new(), delay: Duration::from_secs(180) }
    }

    /// With a metric of this name, by which a [`Limit`](immutable_core::analysis::Limit) names it.
    #[must_use]
    pub fn metric(mut self, name: impl Into<String>, measure: Measure) -> Self {
        self.measures.insert(name.into(), measure);
        self
    }

    /// How long Azure takes until what was measured is all there; 3 min if nothing is said.
    #[must_use]
    pub fn delay(mut self, at_most: Duration) -> Self {
        self.delay = at_most;
        self
    }

    /// By what was there at this time.
    async fn read_one(&self, query: &Query<'_>, measure: &Measure, settled: Timestamp) -> Result<Option<Reading>> {
        let Some(window) = Window::within(query.since, query.until.min(settled), measure.interval.length()) else {
            return Ok(None);
        };
        let mut points = Points::default();
        for (resource, names) in self.resources(query, measure).await? {
            for names in names.chunks(NAMES) {
                let filter = measure.filter(query, names)?;
                let found = self.add(&resource, measure, &window, filter.as_deref(), &mut points).await?;
                // Who is there is asked for: a part is not the whole.
                found?;
            }
            if names.is_empty() {
                let filter = measure.filter(query, &[])?;
                // A scale set that is gone, or was never measured.
                let _none = self.add(&resource, measure, &window, filter.as_deref(), &mut points).await?;
            }
        }
        Ok(points.reading(measure.aggregate))
    }

    /// What is asked, and for which instances; for no instances at all if it is not told apart by them.
    async fn resources(&self, query: &Query<'_>, measure: &Measure) -> Result<Vec<(String, Vec<String>)>> {
        let by_instance = measure.is_by_instance();
        let names: Vec<String> = query.side.instances.iter().map(|key| key.name.as_str().to_owned()).collect();
        if by_instance && names.is_empty() {
            return Ok(Vec::new());
        }
        match &measure.of {
            Of::Resource(id) => {
                measure.tells_sides_apart()?;
                let id = if id.starts_with('/') { id.clone() } else { self.in_group(id)? };
                Ok(vec![(id, if by_instance { names } else { Vec::new() })])
            }
            Of::ScaleSets => {
                let groups = self.azure.groups().await?;
                let ours = groups
                    .into_iter()
                    .filter(|group| group.id(query.fleet).is_some_and(|id| id.generation == query.side.generation));
                let (mut found, mut told) = (Vec::new(), 0);
                for group in ours {
                    // Machines are called by their scale set.
                    let its = names.iter().filter(|name| crate::marks::is_named_by(name, &group.name)).cloned();
                    let its: Vec<String> = if by_instance { its.collect() } else { Vec::new() };
                    told += its.len();
                    if !by_instance || !its.is_empty() {
                        found.push((group.resource.clone(), its));
                    }
                }
                // A part is not the whole.
                if told > 0 && told != names.len() {
                    let what = format!("of {} instances {told} are in scale sets that are there; ask again", names.len());
                    return Err(Error::new(ErrorKind::Unreachable, what));
                }
                Ok(found)
            }
        }
    }

    /// `Microsoft.Network/loadBalancers/front` of the resource group.
    fn in_group(&self, id: &str) -> Result<String> {
        match id.split('/').collect::<Vec<_>>()[..] {
            [provider, kind, name] if ![provider, kind, name].contains(&"") => {
                Ok(self.azure.of(&format!("{provider}/{kind}"), name))
            }
            _ => Err(Error::invalid(format!(
                "`{id}` is no resource; write it as in Microsoft.Network/loadBalancers/front, or as its id"
            ))),
        }
    }

    /// Adds what is there; within, that there is no such resource.
    async fn add(
        &self,
        resource: &str,
        measure: &Measure,
        window: &Window,
        filter: Option<&str>,
        points: &mut Points,
    ) -> Result<Result<()>> {
        const CALL: &str = "metrics.list";
        let path = format!("{resource}/providers/Microsoft.Insights/metrics");
        let mut call = Call::get(CALL, &path, METRICS)
            .query("timespan", &window.to_string())
            .query("interval", measure.interval.name())
            .query("metricnames", &measure.metric)
            .query("aggregation", measure.aggregate.asked());
        if let Some(filter) = filter {
            call = call.query("$filter", filter).query("top", &TOP.to_string());
        }
        if let Some(namespace) = &measure.namespace {
            call = call.query("metricnamespace", namespace);
        }
        let answer = match self.azure.ask(&call).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Err(error)),
            Err(error) => return Err(error),
        };
        points.add(CALL, &answer.body, measure, window, TOP).map(Ok)
    }
}

#[async_trait]
impl Metrics for AzureMetrics {
    async fn read(&self, query: &Query<'_>) -> Result<Option<Reading>> {
        let named = |error: Error| error.with_operation("read").with_resource(query.metric).with_place(self.azure.place());
        let known = || self.measures.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let measure = self.measures.get(query.metric).ok_or_else(|| {
            named(Error::invalid(format!("nobody said what `{}` is in Azure Monitor; known are: {}", query.metric, known())))
        })?;
        // Of one moment: a part and what it is a part of are of the same minutes.
        let settled = self.azure.now() - self.delay;
        let reading = self.read_one(query, measure, settled).await.map_err(named)?;
        let Some(over) = &measure.over else { return Ok(reading) };
        let Some(reading) = reading else { return Ok(None) };
        let base = self.read_one(query, over, settled).await.map_err(named)?;
        Ok(base.and_then(|base| ratio(reading, base, over.aggregate)))
    }
}

/// One by the other; nothing by nothing is nothing.
fn ratio(reading: Reading, base: Reading, of: Aggregate) -> Option<Reading> {
    if base.value <= 0.0 {
        return None;
    }
    let newest: Timestamp = reading.newest.min(base.newest);
    // What it is a part of is what it is made of: so many requests.
    let samples = if of.adds_up() { base.value as u64 } else { base.samples };
    Some(Reading::new(reading.value / base.value, samples, newest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_of_what_it_is_a_part_of() {
        let at = |millis| Timestamp::from_millis(millis);
        let (failed, all) = (Reading::new(3.0, 5, at(300)), Reading::new(60.0, 4, at(240)));
        assert_eq!(ratio(failed, all, Aggregate::Total), Some(Reading::new(0.05, 60, at(240))));
        assert_eq!(ratio(failed, all, Aggregate::Average), Some(Reading::new(0.05, 4, at(240))));
        assert_eq!(ratio(failed, Reading::new(0.0, 4, at(240)), Aggregate::Total), None, "nothing was asked for");
    }
}
