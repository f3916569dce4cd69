use super::walk::{NodeFeed, WalkEnd, WalkError, Walked, walk};
use sp_core::{Blake2Hasher, H256, Hasher};
use sync_component::ports::{ProofFault, StateProof};

/// The nodes of a proof, each taken only in its turn.
struct Listed<'a> {
    nodes: &'a [Vec<u8>],
    taken: Vec<H256>,
}

impl NodeFeed for Listed<'_> {
    type Error = ProofFault;

    fn next(&mut self, hash: &H256, _entries: u64) -> Result<Option<Vec<u8>>, ProofFault> {
        let index = self.taken.len();
        let Some(node) = self.nodes.get(index) else {
            return Ok(None);
        };
        if Blake2Hasher::hash(node) != *hash {
            return Err(ProofFault::WrongNode { index });
        }
        self.taken.push(*hash);
        Ok(Some(node.clone()))
    }
}

/// Checks that `proof` holds the entries behind `root` that come next after `after`, and nothing else. Returns how far it
/// reaches, and the hashes of its nodes, in their order.
pub(crate) fn verify(
    root: H256,
    after: Option<&[u8]>,
    proof: &StateProof,
) -> Result<(Walked, Vec<H256>), ProofFault> {
    let mut listed = Listed {
        nodes: &proof.0,
        taken: Vec::new(),
    };
    let walked = walk(root, after, &mut listed).map_err(|error| match error {
        WalkError::Feed(fault) => fault,
        WalkError::Malformed => ProofFault::Malformed {
            index: listed.taken.len().saturating_sub(1),
        },
    })?;
    let left = proof.0.len() - listed.taken.len();
    if left > 0 {
        return Err(ProofFault::Surplus { left });
    }
    if walked.entries == 0 && walked.end == WalkEnd::Cut {
        return Err(ProofFault::NoEntry);
    }
    Ok((walked, listed.taken))
}
