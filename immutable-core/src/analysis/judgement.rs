use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a judge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It is good enough.
    Pass,
    /// It is not.
    Fail,
    /// It cannot be told: there is no data, or too little.
    Inconclusive,
}

/// `pass`, `fail`, `inconclusive`.
impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// What a judge says of a release, and by what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub says: Says,
    /// In one sentence.
    pub why: Arc<str>,
    /// What was measured: its name, and what was found, in words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<Arc<str>, Arc<str>>,
}

impl Judgement {
    fn new(says: Says, why: impl Into<Arc<str>>) -> Self {
        Self { says, why: why.into(), evidence: BTreeMap::new() }
    }

    /// It is good enough.
    #[must_use]
    pub fn pass(why: impl Into<Arc<str>>) -> Self {
        Self::new(Says::Pass, why)
    }

    /// It is not.
    #[must_use]
    pub fn fail(why: impl Into<Arc<str>>) -> Self {
        Self::new(Says::Fail, why)
    }

    /// It cannot be told.
    #[must_use]
    pub fn inconclusive(why: impl Into<Arc<str>>) -> Self {
        Self::new(Says::Inconclusive, why)
    }

    /// Adds what was measured, and what was found; the same name again replaces it.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, found: impl Into<Arc<str>>) -> Self {
        self.evidence.insert(name.into(), found.into());
        self
    }
}

/// `fail: error_rate is 0.02, more than 0.01`
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.says, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_its_json_and_leaves_out_what_is_empty() {
        let bare = Judgement::inconclusive("nobody asked");
        assert_eq!(serde_json::to_string(&bare).unwrap(), r#"{"says":"inconclusive","why":"nobody asked"}"#);
        let full = Judgement::fail("too slow").with("p99", "480").with("errors", "2").with("p99", "500");
        let json = serde_json::to_string(&full).unwrap();
        assert_eq!(json, r#"{"says":"fail","why":"too slow","evidence":{"errors":"2","p99":"500"}}"#);
        for judgement in [bare, full, Judgement::pass("fine")] {
            let json = serde_json::to_string(&judgement).unwrap();
            assert_eq!(serde_json::from_str::<Judgement>(&json).unwrap(), judgement);
        }
    }

    #[test]
    fn it_reads_as_a_line() {
        assert_eq!(Judgement::pass("nothing is slower").to_string(), "pass: nothing is slower");
        assert_eq!(format!("{:>14}", Says::Inconclusive), "  inconclusive");
    }
}
