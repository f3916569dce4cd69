use crate::ports::{BridgeError, PeerId};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// What a session keeps to beside the settings. The default: anybody may deliver, anything may be written.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    /// Who may be asked, if not everybody.
    pub(crate) only: Option<Arc<BTreeSet<PeerId>>>,
    /// Asked before every import: an error ends the session.
    pub(crate) room: Option<Arc<dyn Fn() -> Result<(), BridgeError> + Send + Sync>>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

impl Terms {
    pub(super) fn allow(&self, peer: &PeerId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(peer))
    }
}
