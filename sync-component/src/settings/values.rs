use super::Threshold;
use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

/// The checked `[sync]` table. `SyncSettings::default()` is SPEC section 9's default column.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SyncSettings {
    /// `tier1_*`, `gate_wait`.
    pub tier1: Tier1Settings,
    /// `tier2_*`, `join_windows`.
    pub tier2: Tier2Settings,
    /// `tier3_*`. `tier3_requires_manual` can only be true, so it is checked and not kept.
    pub tier3: Tier3Settings,
    /// `attestation_slots`: how many slots an attestation counts. Too low: one lost message silences an authority; too
    /// high: a dead authority's vote lingers. 1 to max(1, `tier2_max_reorg`).
    pub attestation_slots: AttestationSlots,
    /// `[sync.strategies]`.
    pub strategies: StrategyChoice,
    /// `[sync.strategy.<name>]`.
    pub strategy_tables: StrategyTables,
    /// `[sync.limits]`.
    pub limits: Limits,
}

/// `attestation_slots`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestationSlots(pub NonZeroU32);

impl AttestationSlots {
    /// The most that `tier2_max_reorg` allows: an attestation must not outlive the blocks that it speaks for.
    pub(super) fn most_for(max_reorg: u64) -> u64 {
        max_reorg.max(1)
    }

    /// The default, 3, or less where `tier2_max_reorg` demands it.
    pub(super) fn default_for(max_reorg: u64) -> Self {
        let default = Self::default();
        let most = u32::try_from(Self::most_for(max_reorg)).ok();
        let most = most.and_then(NonZeroU32::new);
        most.map_or(default, |most| Self(most.min(default.0)))
    }
}

impl Default for AttestationSlots {
    fn default() -> Self {
        Self(NonZeroU32::new(3).expect("3 is not 0"))
    }
}

/// Tier 1: the height check, and the gate that stands on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier1Settings {
    /// `tier1_timeout_secs`, 1–300: the longest a round waits. Too low: slow links look like silence.
    pub timeout: Duration,
    /// `tier1_consensus_threshold`.
    pub threshold: Threshold,
    /// `tier1_max_gap` in blocks, 1 to below 100: the largest gap that the gate closes inline.
    pub max_gap: u64,
    /// `tier1_min_responses`; `None`: half of the peers that can be expected to answer, at least 1.
    pub min_responses: Option<NonZeroUsize>,
    /// `tier1_fresh_slots`, above 0: a view younger than this many slots answers the gate at once. Too high: the gate
    /// clears on old news; too low: every slot pays a round trip.
    pub fresh_slots: f64,
    /// `tier1_slot_share`, between 0 and 1: the part of a slot that the gate may spend on asking.
    pub slot_share: f64,
    /// `gate_wait`.
    pub gate_wait: GateWait,
}

impl Tier1Settings {
    /// How many answers a round needs of `expected` peers (SPEC section 4).
    pub fn required(&self, expected: usize) -> usize {
        self.min_responses
            .map_or(expected.div_ceil(2).max(1), NonZeroUsize::get)
    }
}

impl Default for Tier1Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            threshold: Threshold::default(),
            max_gap: 5,
            min_responses: None,
            fresh_slots: 1.0,
            slot_share: 0.33,
            gate_wait: GateWait::Slot,
        }
    }
}

/// `gate_wait`: how long the gate may wait (SPEC section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateWait {
    /// `slot`: within `tier1_slot_share` of the slot.
    Slot,
    /// `letter`: the original design; waits for Tier 2, and up to `tier1_timeout_secs` for answers.
    Letter,
}

/// Tier 2: catching up.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier2Settings {
    /// `tier2_timeout_per_block`, 1–300 seconds: per attempt. Too low: big blocks never arrive over slow links.
    pub timeout_per_block: Duration,
    /// `tier2_max_retries`, 1–20: attempts per block in one round, each on another peer.
    pub max_retries: NonZeroU32,
    /// `tier2_max_gap` in blocks, above 100: how much one call covers.
    pub max_gap: u64,
    /// `tier2_max_reorg` in blocks: how many blocks of ours the fork choice may take back. 0: every fork is the
    /// operator's.
    pub max_reorg: u64,
    /// `join_windows`: whether a larger gap on our own chain is closed in successive windows.
    pub join_windows: JoinWindows,
}

/// `join_windows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinWindows {
    /// `true`: in successive windows, in the background.
    Successive,
    /// `false`: the design's letter; the operator's resync.
    Operator,
}

impl Tier2Settings {
    /// So many blocks above the consensus block nothing is built on a tip where authorities vote: one less than a fork may heal,
    /// but at least one. One more: a majority that lasts for a moment lets the author of the last of them add another, beyond what
    /// it may take back; less: a few laggards make everybody wait.
    pub fn most_above_consensus(&self) -> u64 {
        self.max_reorg.saturating_sub(1).max(1)
    }
}

impl Default for Tier2Settings {
    fn default() -> Self {
        Self {
            timeout_per_block: Duration::from_secs(10),
            max_retries: NonZeroU32::new(3).expect("3 is not 0"),
            max_gap: 1_000,
            max_reorg: 5,
            join_windows: JoinWindows::Successive,
        }
    }
}

/// Tier 3: the operator's resync.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier3Settings {
    /// `tier3_trust_hours`: observed hours after which a peer is trusted.
    pub trust_hours: f64,
    /// `tier3_backup_retention_days`: how long a backup is kept at least.
    pub backup_retention_days: f64,
}

impl Default for Tier3Settings {
    fn default() -> Self {
        Self {
            trust_hours: 5.0,
            backup_retention_days: 1.0,
        }
    }
}

/// `[sync.strategies]`: names in the registry. `None`: the default for the tier, if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StrategyChoice {
    /// `tier1`.
    pub tier1: Option<String>,
    /// `tier2`.
    pub tier2: Option<String>,
    /// `tier3`.
    pub tier3: Option<String>,
}

/// `[sync.strategy.<name>]`: a table for each strategy that has settings of its own, which its factory reads.
pub type StrategyTables = BTreeMap<String, toml::Table>;

/// `[sync.limits]`: bounds on what a peer can make this node keep or do.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// `drift_ms`: how far in the future a slot may start. Too low: honest peers' blocks are put off; too high: an
    /// authority can seal early.
    pub drift: Duration,
    /// `block_bytes`: longest encoded block that is valid.
    pub block_bytes: usize,
    /// `reply_soft_bytes`: a reply takes no further item beyond this.
    pub reply_soft_bytes: usize,
    /// `reply_hard_bytes`: longest reply body that is read.
    pub reply_hard_bytes: usize,
    /// `status_hashes`: hashes below the tip in a status. Too low: more requests to find an ancestor.
    pub status_hashes: usize,
    /// `poll_slots`: a peer that announced nothing for this many slots is asked.
    pub poll_slots: u32,
    /// `stalled_slots`: nothing new for this many slots is a stall.
    pub stalled_slots: u32,
    /// `ban_secs`: how long a ban lasts.
    pub ban: Duration,
    /// `short_disconnect_secs`: a shorter absence does not reset what is known of a peer.
    pub short_disconnect: Duration,
    /// `backoff_first_ms`: the first pause after a failed round of attempts; doubles.
    pub backoff_first: Duration,
    /// `backoff_max_ms`: the longest pause.
    pub backoff_max: Duration,
    /// `backoff_jitter`, below 1: each pause varies by up to this part of itself, so that nodes do not retry in step.
    pub backoff_jitter: f64,
    /// `window_blocks`: how many blocks may wait for import at once.
    pub window_blocks: usize,
    /// `window_bytes`: how many bytes of blocks may wait for import at once.
    pub window_bytes: usize,
    /// `hashes_per_request`: most numbers in one hashes request.
    pub hashes_per_request: u32,
    /// `headers_per_request`: most headers in one request.
    pub headers_per_request: u32,
    /// `blocks_per_request`: most blocks in one request.
    pub blocks_per_request: u32,
    /// `requests_in_flight`: most requests for blocks that wait for an answer at once, over all peers. Too low: lines to distant
    /// peers stand still between answers; too high: as many answers of `reply_hard_bytes` may have to be held.
    pub requests_in_flight: usize,
    /// `headers_ahead`: how far above our chain headers of a long gap are verified while its blocks are fetched, and how many headers
    /// a snapshot keeps that are not final. Too low: fetching blocks waits for headers, and no snapshot comes past a stretch
    /// without finality; too high: they fill memory.
    pub headers_ahead: u32,
    /// `requests_per_peer`: most requests of one peer that are answered at once, and of ours to one peer.
    pub requests_per_peer: usize,
    /// `announcements_per_slot`: most announcements of one peer that are looked at in one slot, beside four for each authority,
    /// whose attestations they carry.
    pub announcements_per_slot: u32,
    /// `tracked_tips`: most tips, verified or claimed, that are kept at once.
    pub tracked_tips: usize,
    /// `max_peers`: most peers whose view is kept.
    pub max_peers: usize,
    /// `max_authorities`: most attestations in a status, one per authority. Too low: a status with more is refused.
    pub max_authorities: usize,
    /// `serving_bytes`: bytes of headers and blocks that are being read from the store or wait to be sent, over all
    /// peers. Too low: peers that catch up are told to come back later; too high: slow readers fill our memory.
    pub serving_bytes: usize,
    /// `state_proofs_at_once`: how many proofs of a state are made at once, over all peers; other requests for states wait. They
    /// are the dearest replies. Too low: peers that fetch a state wait for one another; too high: statuses, own verification
    /// and imports wait for the cores and the disk.
    ///
    /// Measured (`cargo bench --bench import`, two cores, 100 000 accounts, all nodes in the system's cache): one at a time is
    /// 690 000 nodes or 51 MB of proofs in a second, more than most links carry; two at once are 970 000 and leave no core
    /// to anything else, four no more than two.
    pub state_proofs_at_once: usize,
    /// `state_nodes_per_request`: a proof of a state takes no further entry beyond this many nodes, each of which is read from
    /// the store. Too low: a state comes in many round trips; too high: one request keeps the disk busy for long.
    ///
    /// Measured as above: 1 024 nodes take 1.3 ms for 77 kB, 4 096 take 6.0 ms for 306 kB, 16 384 take 27 ms for 1.2 MB. Up to
    /// 4 096 a node costs about the same, and whoever waits for its turn waits for less than most round trips take. Where the nodes
    /// are not in the cache, as many reads of the disk come on top.
    pub state_nodes_per_request: usize,
    /// `refused_peers`: most peers whose connections are refused at once; beyond it the oldest is let in again.
    pub refused_peers: usize,
    /// `remembered_peers`: most peers of which the ledger keeps a record, bans of the operator aside; at least `max_peers`
    /// are. Too low: trust and bans are forgotten early.
    pub remembered_peers: usize,
    /// `found_peers`: most peers that are known from others only, or are of another chain, and are kept in mind for dialling.
    /// Too low: a node in a large network finds a place late.
    pub found_peers: usize,
    /// `addresses_per_peer`: most addresses that are kept of one such peer.
    pub addresses_per_peer: usize,
    /// `disk_reserve_bytes`: what a run of Tier 3 leaves free on the disk, where the live chain goes on growing. Too low: what it builds
    /// takes the last byte, and the live node can neither sign nor store blocks; too high: a run stops with room left.
    ///
    /// The database of the live chain may write its buffers out at once (93 MiB), and then merge files of which the old ones go
    /// last (some 300 MiB).
    pub disk_reserve_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            drift: Duration::from_millis(500),
            block_bytes: 5 * MIB,
            reply_soft_bytes: 2 * MIB,
            reply_hard_bytes: 8 * MIB,
            status_hashes: 16,
            poll_slots: 2,
            stalled_slots: 20,
            ban: Duration::from_hours(1),
            short_disconnect: Duration::from_mins(5),
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            backoff_jitter: 0.2,
            window_blocks: 1_024,
            window_bytes: 64 * MIB,
            hashes_per_request: 256,
            headers_per_request: 1_024,
            blocks_per_request: 512,
            requests_in_flight: 32,
            headers_ahead: 49_152,
            requests_per_peer: 16,
            announcements_per_slot: 32,
            tracked_tips: 16,
            max_peers: 128,
            max_authorities: 256,
            serving_bytes: 256 * MIB,
            state_proofs_at_once: 1,
            state_nodes_per_request: 4_096,
            refused_peers: 1_024,
            remembered_peers: 1_024,
            found_peers: 256,
            addresses_per_peer: 8,
            disk_reserve_bytes: 512 * MIB,
        }
    }
}
