use super::{Ballot, Tally, consensus_block};
use crate::registry::HeightStrategy;
use sp_runtime::traits::Block as BlockT;

/// `tip-quorum`: each peer has one vote and votes for the chain that it is on, so whoever lags votes for what it has. We add
/// our own vote on our side. The default where there is one authority.
///
/// It protects neither against free identities nor in a partition: whoever connects with enough peer ids decides, and two
/// halves that see only themselves both go on. Under extreme delay laggards that vote for both sides can leave a vote split.
/// Where several authorities take turns, `authority-quorum` has none of these faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct TipQuorum;

impl<B: BlockT> HeightStrategy<B> for TipQuorum {
    fn tally(&self, ballot: &Ballot<B>) -> Tally<B> {
        let electors = ballot.voters.len();
        let voters = electors.saturating_add(1);
        let need_of_electors = ballot.threshold.need(electors);
        let chains = ballot.voters.iter().map(|voter| &voter.chain);
        Tally {
            voters,
            need: ballot.threshold.need(voters),
            with_us: ballot.with_us().saturating_add(1),
            electors,
            need_of_electors,
            consensus: consensus_block(chains, need_of_electors),
        }
    }
}
