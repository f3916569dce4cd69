//! Every penalty there is.

/// What a peer can be charged with. Being ahead, behind, forked, slow, pruned, busy or empty is none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Bytes that prove the fault without any state of ours: a bad seal, a broken link, a wrong extrinsics root, a cap
    /// exceeded, something that does not decode.
    ProvablyWrong,
    /// An answer that contradicts an earlier one, or does not answer the question.
    Contradiction,
}

impl Offence {
    /// Points of trust it costs; trust runs from −100 to 100 and starts at 0.
    pub(super) const fn cost(self) -> f64 {
        match self {
            // Fatal at once: below any score a peer can have.
            Self::ProvablyWrong => 200.0,
            Self::Contradiction => 10.0,
        }
    }
}

/// A peer whose trust falls to this is banned.
pub(super) const BAN_AT: f64 = -50.0;

/// After this many seconds an unbanned peer's loss of trust has halved.
pub(super) const HALF_LIFE_SECS: f64 = 600.0;
