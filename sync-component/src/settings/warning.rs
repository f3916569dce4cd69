use super::SyncSettings;

/// Settings that are accepted, but that an operator should know the price of. Shown at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsWarning {
    /// `tier2_max_reorg` below 3 with more than one authority.
    #[error(
        "sync.tier2_max_reorg = {max_reorg} with {authorities} authorities: forks of one or two blocks are daily life, and \
         each deeper than {max_reorg} will need an operator; 3 or more lets them heal by themselves"
    )]
    ShallowReorg {
        /// The setting, in blocks.
        max_reorg: u64,
        /// Authorities of the chain.
        authorities: usize,
    },
}

impl SyncSettings {
    /// What to warn of on a chain of so many authorities.
    pub fn warnings(&self, authorities: usize) -> Vec<SettingsWarning> {
        const HEALS_BY_ITSELF: u64 = 3;
        let max_reorg = self.tier2.max_reorg;
        if authorities > 1 && max_reorg < HEALS_BY_ITSELF {
            vec![SettingsWarning::ShallowReorg {
                max_reorg,
                authorities,
            }]
        } else {
            Vec::new()
        }
    }
}
