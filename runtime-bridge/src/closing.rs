use std::sync::{Arc, Weak};

/// Lies in what must not be open twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open(Arc<()>);

impl Open {
    pub(crate) fn closing(&self) -> Closing {
        Closing(Arc::downgrade(&self.0))
    }
}

/// Tells whether a store, or the record `signed`, is closed: work on another thread may hold it for a while after nobody else does.
#[derive(Clone, Debug)]
pub struct Closing(Weak<()>);

impl Closing {
    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.0.strong_count() == 0
    }
}
