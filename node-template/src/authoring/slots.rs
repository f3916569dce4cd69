use sp_consensus_aura::{Slot, SlotDuration};
use std::time::Duration;
use sync_component::ports::UnixMillis;

/// Turns wall-clock time into slots.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    duration: SlotDuration,
}

/// A moment within a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The slot.
    pub slot: Slot,
    /// Time since it started.
    pub gone: Duration,
    /// Time until the next one starts; never zero.
    pub left: Duration,
}

impl Slots {
    /// Slots of this length; the chain spec's reader refuses a length of zero.
    pub fn new(duration: SlotDuration) -> Self {
        Self { duration }
    }

    /// Where in its slot this time lies.
    pub fn at(self, time: UnixMillis) -> Moment {
        let length = self.duration.as_millis().max(1);
        let gone = time.0 % length;
        Moment {
            slot: Slot::from(time.0 / length),
            gone: Duration::from_millis(gone),
            left: Duration::from_millis(length - gone),
        }
    }

    /// Whether so little of the slot is left that its block would come late: more than half is gone.
    pub fn is_late(self, moment: Moment) -> bool {
        moment.gone > moment.left
    }

    /// The length of `count` slots.
    pub fn length_of(self, count: usize) -> Duration {
        let slot = Duration::from_millis(self.duration.as_millis());
        slot.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
    }
}
