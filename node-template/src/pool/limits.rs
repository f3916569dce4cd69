use std::time::Duration;

/// How much the pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most extrinsics (`--pool-limit`).
    pub count: usize,
    /// Most bytes of them, encoded (`--pool-kbytes`).
    pub bytes: usize,
    /// How far above the nonce that is next an extrinsic's may lie. Too low: wallets that send many at once are refused;
    /// too high: extrinsics that nothing leads to fill the pool.
    pub nonces_ahead: u64,
    /// How long an extrinsic may wait for one before it, or for a balance.
    pub unready: Duration,
}

impl Default for Limits {
    /// Substrate's.
    fn default() -> Self {
        Self {
            count: 8_192,
            bytes: 20 * 1_024 * 1_024,
            nonces_ahead: 8_192,
            unready: Duration::from_mins(5),
        }
    }
}
