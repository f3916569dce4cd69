use super::{
    Metrics,
    counts::{counter, counters, gauge},
};
use crate::pool::{PoolObserver, ProposalEnd};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

/// Counts of the transaction pool, and of what of it goes into our blocks, with Substrate's names.
#[derive(Debug)]
pub(super) struct PoolCounts {
    submitted: IntCounter,
    invalid: IntCounter,
    in_block: IntGauge,
    ends: IntCounterVec,
}

impl PoolCounts {
    pub(super) fn new(registry: &Registry) -> Self {
        let ends = counters(
            registry,
            "substrate_proposer_end_proposal_reason",
            "The reason why the block proposing was ended. This doesn't include errors.",
            &["reason"],
        );
        for end in ProposalEnd::ALL {
            ends.with_label_values(&[end.name()]);
        }
        Self {
            submitted: counter(
                registry,
                "substrate_sub_txpool_submitted_transactions",
                "Total number of transactions submitted",
            ),
            invalid: counter(
                registry,
                "substrate_sub_txpool_validations_invalid",
                "Total number of transactions that were removed from the pool as invalid",
            ),
            in_block: gauge(
                registry,
                "substrate_proposer_number_of_transactions",
                "Number of transactions included in block",
            ),
            ends,
        }
    }
}

impl PoolObserver for Metrics {
    fn submitted(&self) {
        self.pool.submitted.inc();
    }

    fn found_invalid(&self) {
        self.pool.invalid.inc();
    }

    fn proposed(&self, extrinsics: usize, end: ProposalEnd) {
        let extrinsics = i64::try_from(extrinsics).unwrap_or(i64::MAX);
        self.pool.in_block.set(extrinsics);
        self.pool.ends.with_label_values(&[end.name()]).inc();
    }
}
