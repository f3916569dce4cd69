use codec::Encode;
use sp_runtime::{
    StateVersion,
    traits::{Block as BlockT, Hash as HashT, Header as HeaderT},
};
use sync_component::ports::BlockFault;

/// Checks the block's body against the extrinsics root in its header (state version 1) and its encoded length against
/// `limit`. Returns the encoded length in bytes.
pub fn check_body<B: BlockT>(block: &B, limit: usize) -> Result<usize, BlockFault> {
    // The root first: whatever else is wrong with a body that is not the header's says nothing of the block.
    if extrinsics_root::<B>(block.extrinsics()) != *block.header().extrinsics_root() {
        return Err(BlockFault::WrongExtrinsicsRoot);
    }
    let bytes = block.encoded_size();
    if bytes > limit {
        return Err(BlockFault::TooLarge { bytes, limit });
    }
    Ok(bytes)
}

/// The root that a header must have for this body.
pub(crate) fn extrinsics_root<B: BlockT>(extrinsics: &[B::Extrinsic]) -> B::Hash {
    let encoded = extrinsics.iter().map(Encode::encode).collect();
    <<B::Header as HeaderT>::Hashing as HashT>::ordered_trie_root(encoded, StateVersion::V1)
}
