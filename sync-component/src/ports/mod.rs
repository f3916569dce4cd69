//! What the component needs of the world around it (SPEC section 8: strategies see nothing else).
//!
//! | port | who provides it |
//! |---|---|
//! | [`Network`] | `net` over libp2p; the test kit's simulated network |
//! | [`Bridge`] ([`ReadChain`], [`VerifyHeaders`], [`ImportBlocks`]) | `runtime-bridge`; the test kit's reference bridge |
//! | [`ServeStates`], [`BuildSnapshots`], which a bridge may lack | `runtime-bridge`; the test kit's reference bridge |
//! | [`Signer`] | the node, over the record `signed`; the test kit's signer |
//! | [`Clock`], [`Randomness`], [`Executor`] | [`SystemClock`], [`SystemRandomness`], [`TokioExecutor`]; virtual ones in tests |

mod bridge;
mod checked;
mod clock;
mod executor;
mod network;
mod peer_id;
mod randomness;
mod signer;
mod snapshot;

pub use bridge::{
    BlockFault, Bridge, BridgeError, ChainEvent, HashedHeader, HeaderFault, HeaderRejected,
    ImportBlocks, ImportError, ImportReport, Presence, ReadChain, Retracted, VerifyHeaders, Vote,
    VoteStanding,
};
pub use checked::{CheckReport, CheckedBlocks, Checker, Finding};
pub use clock::{Clock, MonoTime, SystemClock, UnixMillis};
pub use executor::{Executor, JobLost, TokioExecutor, cores, heavy};
pub use network::{Network, NetworkEvent, Protocol, RequestFailure};
pub use peer_id::{NotAPeerId, PeerId};
pub use randomness::{Randomness, SystemRandomness};
pub use signer::{AttestationCounter, Signer, SignerError, StatementOf};
pub use snapshot::{
    BuildSnapshots, FinishRefused, HeadersRefused, NoSnapshots, ProofBudget, ProofFault,
    ServeStates, SnapshotStanding, StateProof, StateRefused, StateStanding,
};
