//! What a metric is in Azure Monitor.

use std::time::Duration;

use immutable_core::provider::Query;
use immutable_core::{Error, Result};

/// What a metric is in Azure Monitor: of what, its name, and how one value is made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub(super) of: Of,
    pub(super) metric: String,
    pub(super) namespace: Option<String>,
    pub(super) aggregate: Aggregate,
    pub(super) interval: Interval,
    dimensions: Vec<(String, Dimension)>,
    pub(super) over: Option<Box<Measure>>,
}

/// Whose metric it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    ScaleSets,
    Resource(String),
}

/// How one value is made of what was measured. "Azure Monitor Metrics aggregation and display explained".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// The mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// All together.
    Total,
    /// How many samples there were.
    Count,
}

impl Aggregate {
    /// What is asked for: also how many samples a point is made of.
    pub(super) fn asked(self) -> &'static str {
        match self {
            Self::Average => "average,count",
            Self::Minimum => "minimum,count",
            Self::Maximum => "maximum,count",
            Self::Total => "total,count",
            Self::Count => "count",
        }
    }

    pub(super) fn adds_up(self) -> bool {
        matches!(self, Self::Total | Self::Count)
    }
}

/// How long a point stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// A minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// A quarter of an hour.
    QuarterHour,
    /// Half an hour.
    HalfHour,
    /// An hour.
    Hour,
}

impl Interval {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Minute => "PT1M",
            Self::FiveMinutes => "PT5M",
            Self::QuarterHour => "PT15M",
            Self::HalfHour => "PT30M",
            Self::Hour => "PT1H",
        }
    }

    pub(super) fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::QuarterHour => 900,
            Self::HalfHour => 1800,
            Self::Hour => 3600,
        })
    }
}

/// What a dimension is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dimension {
    /// The generation's name, as in `web-0007`: so are its backend pools called.
    Generation,
    /// The generation's number, as in `7`.
    Number,
    /// The version of its artifact.
    Version,
    /// One of the instances that count.
    Instance,
    /// Always this.
    Is(String),
}

impl Measure {
    /// A metric of the scale sets of a generation, of the instances that count: `Percentage CPU`.
    pub fn of_scale_sets(metric: impl Into<String>, aggregate: Aggregate) -> Self {
        Self::new(Of::ScaleSets, metric.into(), aggregate).dimension("VMName", Dimension::Instance)
    }

    /// A metric of one resource, by its id, or as in `Microsoft.Network/loadBalancers/front` of the resource group. It needs a [dimension](Self::dimension) that tells generations apart.
    pub fn of_resource(id: impl Into<String>, metric: impl Into<String>, aggregate: Aggregate) -> Self {
        Self::new(Of::Resource(id.into()), metric.into(), aggregate)
    }

    fn new(of: Of, metric: String, aggregate: Aggregate) -> Self {
        Self { of, metric, namespace: None, aggregate, interval: Interval::Minute, dimensions: Vec::new(), over: None }
    }

    /// Of all machines of the scale sets, whether they count or not: for what has no dimension `VMName`, such as `CPU Credits Remaining`.
    #[must_use]
    pub fn of_all_machines(mut self) -> Self {
        self.dimensions.retain(|(_, value)| *value != Dimension::Instance);
        self
    }

    /// Only where this dimension is so; set again, it is so instead.
    #[must_use]
    pub fn dimension(mut self, name: impl Into<String>, value: Dimension) -> Self {
        let name = name.into();
        self.dimensions.retain(|(known, _)| *known != name);
        self.dimensions.push((name, value));
        self
    }

    /// In this namespace, as in `azure.applicationinsights`; in that of the resource's kind if nothing is said.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = Some(name.into());
        self
    }

    /// With points that stand for so long; a minute if nothing is said.
    #[must_use]
    pub fn interval(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// By another: of the same window and side, this is divided by that. No data if either has none, or that is 0. If that is a total or a count, it is how many samples the value is made of.
    ///
    /// Of what never happens there is no data, and nobody knows whether it would be told: count what went well, which a working service always has, and not what failed.
    #[must_use]
    pub fn per(mut self, base: Self) -> Self {
        self.over = Some(Box::new(base));
        self
    }

    pub(super) fn is_by_instance(&self) -> bool {
        self.dimensions.iter().any(|(_, value)| *value == Dimension::Instance)
    }

    /// A resource that both generations use says something of one of them only if it is asked to.
    pub(super) fn tells_sides_apart(&self) -> Result<()> {
        if self.dimensions.iter().any(|(_, value)| !matches!(value, Dimension::Is(_))) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "`{}` would be of the whole fleet; say which dimension of it tells generations apart, with Measure::dimension",
            self.metric
        )))
    }

    /// `$filter`: "A eq 'a1' and B eq 'b1' or B eq 'b2'".
    pub(super) fn filter(&self, query: &Query<'_>, instances: &[String]) -> Result<Option<String>> {
        let mut clauses = Vec::new();
        for (name, value) in &self.dimensions {
            let values: Vec<String> = match value {
                Dimension::Generation => vec![query.side.generation.name(query.fleet)],
                Dimension::Number => vec![query.side.generation.0.to_string()],
                Dimension::Version => vec![query.side.version.to_string()],
                Dimension::Instance => instances.to_vec(),
                Dimension::Is(value) => vec![value.clone()],
            };
            if let Some(odd) = values.iter().find(|value| value.contains('\'') || *value == "*") {
                return Err(Error::invalid(format!(
                    "the dimension {name} cannot be `{odd}`: it has no quotes, and is one value"
                )));
            }
            let terms: Vec<String> = values.iter().map(|value| format!("{name} eq '{value}'")).collect();
            clauses.push(terms.join(" or "));
        }
        Ok((!clauses.is_empty()).then(|| clauses.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::fleet::{FleetId, GenerationId};
    use immutable_core::id::{InstanceKey, RolloutId, StepIx};
    use immutable_core::provider::{Side, Trial};
    use immutable_core::{Digest, Place, Timestamp};

    fn filter(measure: &Measure) -> Result<Option<String>> {
        let side = Side::new(GenerationId(7), "acmeinc/web".parse().unwrap(), "1.2.0".parse().unwrap(), Digest::of(b""));
        let side = side.instances(["a", "b"].map(InstanceKey::named));
        let fleet = FleetId::new(Place::new("azure", "s", "westeurope").unwrap(), "web");
        let trial = Trial::new(fleet, RolloutId(1), StepIx(0), side, Timestamp::default(), Timestamp::default());
        measure.filter(&trial.query("m", &trial.new), &["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn a_filter_says_of_whom() {
        let cpu = Measure::of_scale_sets("Percentage CPU", Aggregate::Average);
        assert_eq!(filter(&cpu).unwrap().unwrap(), "VMName eq 'a' or VMName eq 'b'");
        assert_eq!(filter(&cpu.of_all_machines()).unwrap(), None);
        let of = |value| {
            Measure::of_resource("x", "m", Aggregate::Total)
                .dimension("Direction", Dimension::Is("In".into()))
                .dimension("Pool", value)
        };
        assert_eq!(filter(&of(Dimension::Generation)).unwrap().unwrap(), "Direction eq 'In' and Pool eq 'web-0007'");
        assert_eq!(filter(&of(Dimension::Number)).unwrap().unwrap(), "Direction eq 'In' and Pool eq '7'");
        assert_eq!(filter(&of(Dimension::Version)).unwrap().unwrap(), "Direction eq 'In' and Pool eq '1.2.0'");
        assert!(filter(&of(Dimension::Is("a' or Pool eq 'b".into()))).is_err());
        assert!(filter(&of(Dimension::Is("*".into()))).is_err(), "that is everybody");
    }

    #[test]
    fn a_resource_of_the_whole_fleet_is_refused() {
        let all = Measure::of_resource("x", "m", Aggregate::Total).dimension("Direction", Dimension::Is("In".into()));
        assert!(all.tells_sides_apart().unwrap_err().to_string().contains("whole fleet"));
        assert!(all.dimension("Pool", Dimension::Generation).tells_sides_apart().is_ok());
    }
}
