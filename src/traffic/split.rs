//! What the feed speaks of: the wished split, a poll, its answer, and what leaves as events.

use crate::domain::{Generation, Name, Override, RolloutName, Share, Side, Weight};
use crate::plan::Splitter;
use crate::store::InstanceRow;

/// The split a route should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Wished {
    pub route: Name,
    pub generation: Generation,
    /// Side B's.
    pub share: Share,
    /// Segments with a share of their own.
    pub overrides: Vec<Override>,
    pub serving: Side,
    /// Values of the arm label on either side, as far as known.
    pub labels: [Option<String>; 2],
    pub splitter: Splitter,
    /// Starts the hash that spreads units over the split, so that two routes draw independently.
    pub salt: String,
    /// The rollout that holds the route.
    pub holder: Option<RolloutName>,
    /// Its rollout is paused because a hand lowered the canary: that hand is respected everywhere.
    pub yields: bool,
}

impl Wished {
    /// Side B's share when everybody is on the serving side: what a proxy starts with when we are not there.
    pub fn settled(&self) -> Share {
        match self.serving {
            Side::A => Share::ZERO,
            Side::B => Share::FULL,
        }
    }

    /// The idle side's share: what a canary there gets.
    pub fn idle_weight(&self) -> Weight {
        self.exposure(self.share)
    }

    /// What the idle side gets where side B gets `share`.
    pub fn exposure(&self, share: Share) -> Weight {
        match self.serving {
            Side::A => share,
            Side::B => share.complement(),
        }
    }

    /// Since when a segment is kept apart. Who carries an older split still mixes it in.
    pub(super) fn apart_since(&self) -> Option<Generation> {
        self.overrides.iter().map(|own| own.since).max()
    }

    /// A split whose segments this splitter can tell apart: where it cannot, everybody is on the serving side.
    pub(super) fn expressible(self) -> Self {
        if self.overrides.is_empty() || self.splitter.abilities().segments {
            return self;
        }
        let (route, splitter) = (&self.route, self.splitter.word());
        tracing::warn!(%route, "{splitter} cannot keep a segment apart: `{route}` is all on its serving side");
        Self { share: self.settled(), overrides: Vec::new(), ..self }
    }

    pub fn baseline_label(&self) -> Option<&str> {
        self.labels[self.serving.index()].as_deref()
    }

    pub fn canary_label(&self) -> Option<&str> {
        self.labels[self.serving.other().index()].as_deref()
    }
}

/// One question of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    pub route: Name,
    /// The instance's host, or another name that outlives its restarts.
    pub node: String,
    /// Differs after every start of the instance.
    pub boot: String,
    /// The generation it carries: its acknowledgement. `None` just after its start.
    pub have: Option<Generation>,
    /// Side B's share in force there, read back; a hand may have changed it.
    pub share: Option<Share>,
    /// The settled share it would start with next time, where it keeps one.
    pub settled: Option<Share>,
    /// Where its own counters can be read.
    pub metrics: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Polled {
    Split(Box<Wished>),
    /// Nothing new within the hold.
    Unchanged,
    /// There is no such route.
    Unknown,
}

/// What the rest of the service must hear of.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedEvent {
    /// One more instance carries the newest split, or one that did not was forgotten: ask [`Feed::confirmation`].
    Acknowledged { route: Name, generation: Generation },
    /// An instance carries another weight of the idle side than it was told. A lower one stands, a higher one is undone.
    HandEdit { route: Name, node: String, seen: Weight },
    /// To be saved.
    Instance(InstanceRow),
}
