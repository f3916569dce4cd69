use sync_component::ports::BridgeError;

/// Why an extrinsic does not come into the pool.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// It is in the pool.
    #[error("the extrinsic is in the pool already")]
    Known,
    /// Only an author makes such extrinsics.
    #[error("only the author of a block may put this extrinsic into it; send a signed one")]
    NotSigned,
    /// Its signature does not hold.
    #[error(
        "the signature is bad: it covers the genesis hash of this chain, the nonce, the amount and the receiver, all as they are sent"
    )]
    BadSignature,
    /// Its nonce is used up.
    #[error("the nonce {nonce} is used up, the account is at {next}; ask system_accountNextIndex")]
    Stale {
        /// Its nonce.
        nonce: u64,
        /// The account's next one.
        next: u64,
    },
    /// Its nonce is far above the account's.
    #[error(
        "the nonce {nonce} is more than {most} above {next}, where the account is; send those between first"
    )]
    TooFarAhead {
        /// Its nonce.
        nonce: u64,
        /// The account's next one.
        next: u64,
        /// How far it may lie above.
        most: u64,
    },
    /// Another extrinsic has its sender and nonce.
    #[error("another extrinsic with the nonce {nonce} of this account is in the pool; it stays")]
    NonceTaken {
        /// Its nonce.
        nonce: u64,
    },
    /// The sender has too little.
    #[error(
        "the extrinsic needs {cost}, and its account has {left} left for it beside what waits in the pool"
    )]
    CannotPay {
        /// What it needs.
        cost: u128,
        /// What the account has left.
        left: u128,
    },
    /// The pool is full of extrinsics that go first.
    #[error(
        "the pool is full ({count} extrinsics, {bytes} bytes); send it again after the next blocks"
    )]
    Full {
        /// Extrinsics in it.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The runtime did not take it when it was its turn.
    #[error(
        "the runtime of this chain refused it when it was put into a block, and it stays out for a while: look for the reason in the log of the author's node, and send it again later"
    )]
    Refused,
    /// The node stops, or exchanges its stores.
    #[error(
        "the node takes nothing in just now, as it stops or exchanges its stores; send it again in a moment"
    )]
    Stopping,
    /// The state could not be read.
    #[error(transparent)]
    Local(#[from] BridgeError),
}
