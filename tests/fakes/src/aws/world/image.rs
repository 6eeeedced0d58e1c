//! Images, and how what was launched from them fares.

use std::time::Duration;

use super::{Region, Tags};

/// An AMI.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: String,
    pub(crate) public: bool,
    pub(crate) architecture: String,
    pub(crate) created: u64,
    pub(crate) available_at: u64,
    pub(crate) failed: bool,
    pub(crate) disabled: bool,
    pub(crate) deregistered: bool,
    pub(crate) deprecate_at: Option<u64>,
    pub(crate) snapshot: String,
    pub(crate) source: Option<(String, String)>,
    pub(crate) tags: Tags,
    pub(crate) fate: Fate,
}

/// What becomes of an image's instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// They boot, and their targets become healthy.
    #[default]
    Sound,
    /// They boot, and fail every health check of a load balancer.
    Sick,
    /// They boot, are healthy for so long, and then fail every health check.
    Sickens(Duration),
    /// They boot, and fail health checks for so long.
    Slow(Duration),
    /// They stay `pending`.
    Hangs,
    /// They go from `pending` to `terminated`: `Client.InternalError`.
    Dies,
}

impl Image {
    /// EC2 API, Image: `pending`, `available`, `failed`, `deregistered`, `disabled`.
    pub(crate) fn state(&self, now: u64) -> &'static str {
        match self {
            Self { deregistered: true, .. } => "deregistered",
            Self { disabled: true, .. } => "disabled",
            Self { available_at, .. } if now < *available_at => "pending",
            Self { failed: true, .. } => "failed",
            _ => "available",
        }
    }
}

impl Region {
    /// An image of this account, available at once.
    pub(crate) fn make_image(&mut self, name: &str) -> String {
        let id = self.id("ami");
        let snapshot = self.id("snap");
        let image = Image {
            id: id.clone(),
            name: name.into(),
            description: String::new(),
            owner: self.account.clone(),
            public: false,
            architecture: "x86_64".into(),
            created: self.now,
            available_at: self.now,
            failed: false,
            disabled: false,
            deregistered: false,
            deprecate_at: None,
            snapshot,
            source: None,
            tags: Tags::default(),
            fate: Fate::Sound,
        };
        self.images.insert(id.clone(), image);
        id
    }
}
