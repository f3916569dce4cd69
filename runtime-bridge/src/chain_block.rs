use sp_core::H256;
use sp_runtime::traits::{BlakeTwo256, Block as BlockT, Header as HeaderT};

/// The blocks that this bridge can hold: 32-byte Blake2 hashes, as Substrate's chains have them; any number type, any
/// extrinsics.
pub trait ChainBlock:
    BlockT<Hash = H256, Header: HeaderT<Hash = H256, Hashing = BlakeTwo256>>
{
}

impl<B: BlockT<Hash = H256, Header: HeaderT<Hash = H256, Hashing = BlakeTwo256>>> ChainBlock for B {}
