//! What comes from the network and outlives an exchange of the stores, on its way to what does not.

use std::collections::BTreeSet;
use sync_component::ports::{NetworkEvent, PeerId};
use tokio::sync::mpsc;

/// Items between the relay and whoever listens. More: as many requests end without an answer when the listener goes.
const UNDER_WAY: usize = 16;

/// What whoever begins to listen has to be told first.
pub(super) trait Recall<T>: Send + 'static {
    /// This was passed on.
    fn note(&mut self, item: &T);
    /// What a newcomer would have to have heard.
    fn recall(&self) -> Vec<T>;
}

/// Nothing.
#[derive(Debug)]
pub(super) struct NothingToRecall;

impl<T> Recall<T> for NothingToRecall {
    fn note(&mut self, _: &T) {}

    fn recall(&self) -> Vec<T> {
        Vec::new()
    }
}

/// Who is connected.
#[derive(Debug, Default)]
pub(super) struct Connected(BTreeSet<PeerId>);

impl Recall<NetworkEvent> for Connected {
    fn note(&mut self, event: &NetworkEvent) {
        match event {
            NetworkEvent::Connected(peer) => {
                self.0.insert(peer.clone());
            }
            NetworkEvent::Disconnected(peer) => {
                self.0.remove(peer);
            }
            NetworkEvent::Request { .. } => {}
        }
    }

    fn recall(&self) -> Vec<NetworkEvent> {
        self.0
            .iter()
            .cloned()
            .map(NetworkEvent::Connected)
            .collect()
    }
}

/// Passes on what comes to whoever listens; while nobody does, it waits.
#[derive(Debug)]
pub(super) struct Relay<T>(mpsc::Sender<mpsc::Sender<T>>);

impl<T: Send + 'static> Relay<T> {
    /// The relay, and the task that does its work.
    pub(super) fn of(
        source: mpsc::Receiver<T>,
        memory: impl Recall<T>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (listen, listeners) = mpsc::channel(1);
        (Self(listen), pass_on(source, listeners, memory))
    }

    /// Listens from now on, in the place of whoever listened before.
    pub(super) async fn listen(&self) -> mpsc::Receiver<T> {
        let (passed, receiver) = mpsc::channel(UNDER_WAY);
        // An error says that its task has ended, and with it whoever would send something.
        let _ = self.0.send(passed).await;
        receiver
    }
}

/// Ends with the source.
async fn pass_on<T>(
    mut source: mpsc::Receiver<T>,
    mut listeners: mpsc::Receiver<mpsc::Sender<T>>,
    mut memory: impl Recall<T>,
) {
    let mut listener: Option<mpsc::Sender<T>> = None;
    // What the last listener was not there for any more.
    let mut left = None;
    loop {
        tokio::select! {
            biased;
            Some(next) = listeners.recv() => {
                listener = tell_all(&next, memory.recall()).await.then_some(next);
            }
            item = next_of(&mut left, &mut source), if listener.is_some() => {
                let Some(item) = item else { return };
                left = match &listener {
                    Some(to) => pass(to, item, &mut memory).await,
                    None => Some(item),
                };
                if left.is_some() {
                    listener = None;
                }
            }
        }
    }
}

/// Passes it on; returns it if nobody is there any more.
async fn pass<T>(to: &mpsc::Sender<T>, item: T, memory: &mut impl Recall<T>) -> Option<T> {
    let Ok(place) = to.reserve().await else {
        return Some(item);
    };
    memory.note(&item);
    place.send(item);
    None
}

async fn next_of<T>(left: &mut Option<T>, source: &mut mpsc::Receiver<T>) -> Option<T> {
    match left.take() {
        Some(item) => Some(item),
        None => source.recv().await,
    }
}

/// Whether somebody was there to be told.
async fn tell_all<T>(to: &mpsc::Sender<T>, items: Vec<T>) -> bool {
    for item in items {
        if to.send(item).await.is_err() {
            return false;
        }
    }
    true
}
