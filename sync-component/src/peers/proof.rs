/// How many requests for blocks in a row a peer that delivered some before may leave without an answer until one that never
/// did comes before it. 0, and after a single lost answer any number of free identities is asked first; many, and it takes
/// long to find those that deliver when all old ones are gone.
const UNANSWERED_CREDIT: u32 = 2;

/// Whether a peer ever delivered good blocks: identities are free, and showing headers costs little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It did.
    Delivered,
    /// It was never asked, or did not.
    None,
}

impl Proof {
    /// How much is held against asking a peer that left `unanswered` requests for blocks in a row without an answer.
    pub(crate) fn demerits(self, unanswered: u32) -> u32 {
        match self {
            Self::Delivered => unanswered,
            Self::None => unanswered.saturating_add(UNANSWERED_CREDIT),
        }
    }
}
