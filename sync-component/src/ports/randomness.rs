use std::fmt;

/// Seeds for generators (`rand_chacha`), so that a simulated run repeats.
pub trait Randomness: fmt::Debug + Send + Sync {
    /// A new seed, different from every earlier one.
    fn seed(&self) -> [u8; 32];
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn seed(&self) -> [u8; 32] {
        use rand_chacha::rand_core::{OsRng, RngCore};
        let mut seed = [0; 32];
        OsRng.fill_bytes(&mut seed);
        seed
    }
}
