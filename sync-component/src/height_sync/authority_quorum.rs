use super::{Ballot, Electorate, Tally, consensus_block};
use crate::registry::HeightStrategy;
use sp_runtime::traits::Block as BlockT;

/// `authority-quorum`: only authorities vote, each with the newest attestation of its own best tip, and those that are silent
/// count as voters. A peer id is worth nothing, so free identities can neither veto nor forge; two halves of a network
/// cannot both have need(n) votes. The default where there are several authorities.
///
/// With the default threshold of 0.67, 1–3 authorities tolerate none that is down or lies, 4–6 one, 7–9 two. When more are
/// down, nobody authors until enough are back.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthorityQuorum;

impl<B: BlockT> HeightStrategy<B> for AuthorityQuorum {
    fn electorate(&self) -> Electorate {
        Electorate::Authorities
    }

    fn tally(&self, ballot: &Ballot<B>) -> Tally<B> {
        let voters = ballot.voters.len().saturating_add(ballot.silent);
        let need = ballot.threshold.need(voters);
        let chains = ballot.voters.iter().map(|voter| &voter.chain);
        Tally {
            voters,
            need,
            with_us: ballot.with_us(),
            electors: voters,
            need_of_electors: need,
            consensus: consensus_block(chains, need),
        }
    }
}
