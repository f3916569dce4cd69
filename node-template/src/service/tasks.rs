use std::{any::Any, collections::HashMap, future::Future};
use tokio::task::{Id, JoinSet};

/// The node's background tasks. None of them ends by itself: the first that does stops the node.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A task ended that should run as long as the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the task \"{task}\" {end}; the node cannot go on without it: restart it, and report this with the log above"
)]
pub struct TaskEnded {
    /// Its name.
    pub task: &'static str,
    /// How it ended.
    pub end: TaskEnd,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// It came to its end.
    Returned,
    /// It panicked with this message.
    Panicked(String),
}

impl std::fmt::Display for TaskEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Returned => f.write_str("ended"),
            Self::Panicked(message) => write!(f, "panicked ({message})"),
        }
    }
}

impl Tasks {
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let handle = self.set.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first task that ends; for ever if there is none.
    pub(super) async fn first_end(&mut self) -> TaskEnded {
        let (id, end) = match self.set.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, TaskEnd::Returned),
            Some(Err(error)) => {
                let id = error.id();
                let end = match error.try_into_panic() {
                    Ok(panic) => TaskEnd::Panicked(message(panic.as_ref())),
                    Err(_) => TaskEnd::Returned,
                };
                (id, end)
            }
            None => return std::future::pending().await,
        };
        let task = self.names.get(&id).copied().unwrap_or("unknown");
        TaskEnded { task, end }
    }

    /// Cancels all tasks and waits until they are gone.
    pub(super) async fn stop(mut self) {
        self.set.shutdown().await;
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}
