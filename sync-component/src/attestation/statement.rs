use crate::{
    block_id::BlockId,
    ports::{AttestationCounter, Signer, SignerError},
    wire::{Attestation, AttestedTip},
};
use codec::Encode;
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use sp_runtime::traits::Block as BlockT;

/// What separates these signatures from all others of the same key, and one version of them from the next.
const DOMAIN: &str = "sync-attest/1";

/// The bytes that are signed.
fn statement<B: BlockT>(genesis: B::Hash, tip: &AttestedTip<B>) -> Vec<u8> {
    (DOMAIN, genesis, tip).encode()
}

/// Makes the attestation of `key` for the best tip `best`, with the hashes `below` it, the highest first. Blocks until the
/// counter is on disk.
pub fn attest<B: BlockT>(
    signer: &dyn Signer,
    key: sr25519::Public,
    genesis: B::Hash,
    slot: Slot,
    best: BlockId<B>,
    below: &[B::Hash],
) -> Result<Attestation<B>, SignerError> {
    let tip = |counter: AttestationCounter| AttestedTip {
        slot: *slot,
        counter: counter.0,
        best,
        below: below.to_vec(),
    };
    let (counter, signature) =
        signer.attest(&key, slot, &|counter| statement(genesis, &tip(counter)))?;
    Ok(Attestation {
        authority: key,
        tip: tip(counter),
        signature,
    })
}

/// Whether the authority signed it, for the chain with this genesis. Costs a signature check.
pub fn is_genuine<B: BlockT>(genesis: B::Hash, attestation: &Attestation<B>) -> bool {
    sr25519::Pair::verify(
        &attestation.signature,
        statement(genesis, &attestation.tip),
        &attestation.authority,
    )
}
