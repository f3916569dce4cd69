use sp_runtime::{
    OpaqueExtrinsic,
    generic::{Block, Header},
    traits::{BlakeTwo256, Block as BlockT, Keccak256},
};

/// The template's kind of block: u32 numbers, Blake2.
pub type SmallBlock = Block<Header<u32, BlakeTwo256>, OpaqueExtrinsic>;

/// Another kind, to keep the component honest about its generics: u64 numbers, Keccak.
pub type BigBlock = Block<Header<u64, Keccak256>, OpaqueExtrinsic>;

/// A block type that the test kit can forge.
pub trait TestBlock: BlockT {
    /// An extrinsic of these bytes.
    fn extrinsic(bytes: Vec<u8>) -> Self::Extrinsic;
}

impl TestBlock for SmallBlock {
    fn extrinsic(bytes: Vec<u8>) -> OpaqueExtrinsic {
        OpaqueExtrinsic::from_blob(bytes)
    }
}

impl TestBlock for BigBlock {
    fn extrinsic(bytes: Vec<u8>) -> OpaqueExtrinsic {
        OpaqueExtrinsic::from_blob(bytes)
    }
}
