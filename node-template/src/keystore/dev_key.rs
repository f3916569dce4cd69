use sp_core::{Pair, sr25519};
use std::fmt;

/// A well-known development key. Anybody can sign with it: never use one on a network of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DevKey {
    /// `//Alice`
    Alice,
    /// `//Bob`
    Bob,
    /// `//Charlie`
    Charlie,
    /// `//Dave`
    Dave,
    /// `//Eve`
    Eve,
    /// `//Ferdie`
    Ferdie,
}

impl DevKey {
    /// All of them, in the order in which presets and `localnet` use them.
    pub const ALL: [Self; 6] = [
        Self::Alice,
        Self::Bob,
        Self::Charlie,
        Self::Dave,
        Self::Eve,
        Self::Ferdie,
    ];

    /// The name, as in the seed phrase.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alice => "Alice",
            Self::Bob => "Bob",
            Self::Charlie => "Charlie",
            Self::Dave => "Dave",
            Self::Eve => "Eve",
            Self::Ferdie => "Ferdie",
        }
    }

    /// The option that selects it, without the dashes.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
            Self::Charlie => "charlie",
            Self::Dave => "dave",
            Self::Eve => "eve",
            Self::Ferdie => "ferdie",
        }
    }

    /// The derivation path of the key, such as `//Alice`.
    pub fn suri(self) -> String {
        format!("//{}", self.name())
    }

    /// The key pair.
    pub fn pair(self) -> sr25519::Pair {
        sr25519::Pair::from_string(&self.suri(), None)
            .expect("a derivation path is a valid secret URI")
    }
}

impl fmt::Display for DevKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
