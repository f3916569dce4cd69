use std::sync::Arc;
use sync_component::{
    Observer,
    observer::{BlockStage, StageEnd},
    ports::Clock,
};

/// Times the stages of an import.
#[derive(Debug)]
pub(crate) struct Measure {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Measure {
    /// Does `work`, which is `stage`.
    pub(crate) fn stage<T, E>(
        &self,
        stage: BlockStage,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = self.clock.now();
        let result = work();
        let took = self.clock.now().since(begun);
        self.observer.stage(stage, StageEnd::of(&result), took);
        result
    }
}
