//! What one connection may cost (SPEC section 13, I6). jsonrpsee begins to work on every message of a WebSocket at once and
//! holds each answer until it is sent, without a bound; so the stream below it stops reading while a client owes us reading.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// Calls of one connection that are worked on at once; those read already wait, the rest is not read. Too low: clients that
/// ask much wait for themselves; too high: one client takes all threads, and its answers our memory.
pub(super) const CALLS: usize = 16;

/// Bytes of answers to one connection that are not sent yet; beyond, nothing more of it is read or worked on. Too low: slow
/// lines idle; too high: clients that never read fill our memory.
const UNSENT: usize = 1024 * 1024;

/// Bytes of calls under way and of answers not sent yet, of all connections together; beyond, everybody but the operator is
/// told to come again. Too low: a few large blocks at once are refused; too high: many connections fill our memory.
const HELD: usize = 64 * 1024 * 1024;

/// What all connections hold together, in bytes.
#[derive(Debug, Default)]
pub(super) struct Held(AtomicUsize);

/// One connection, as its stream, its calls and the table of connections see it.
#[derive(Debug)]
pub(super) struct Connection {
    from: IpAddr,
    turns: Arc<Semaphore>,
    sent: Notify,
    held: Arc<Held>,
    flow: Mutex<Flow>,
}

#[derive(Debug)]
struct Flow {
    /// Calls that began and are not answered.
    calls: usize,
    /// Bytes of answers that are not sent.
    unsent: usize,
    /// When something came last.
    heard: Instant,
    /// Whether it ever called.
    called: bool,
    /// Whether it is to end.
    cut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Whoever makes room first when all places are taken: one that never called before one that did, then the longest silent.
pub(super) type Idleness = (bool, Instant);

impl Connection {
    pub(super) fn new(from: IpAddr, held: Arc<Held>) -> Self {
        Self {
            from,
            turns: Arc::new(Semaphore::new(CALLS)),
            sent: Notify::new(),
            held,
            flow: Mutex::new(Flow {
                calls: 0,
                unsent: 0,
                heard: Instant::now(),
                called: false,
                cut: false,
                reader: None,
                writer: None,
            }),
        }
    }

    /// Where it comes from.
    pub(super) fn from(&self) -> IpAddr {
        self.from
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How idle it is; `None` while it is worked for.
    pub(super) fn idleness(&self) -> Option<Idleness> {
        let flow = self.flow();
        (flow.calls == 0 && flow.unsent == 0 && !flow.cut).then_some((flow.called, flow.heard))
    }

    /// Ends it: its stream fails from now on.
    pub(super) fn cut(&self) {
        let wakers = {
            let mut flow = self.flow();
            flow.cut = true;
            [flow.reader.take(), flow.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether it may be read; `waker` is called when that may have changed.
    pub(super) fn may_read(&self, waker: &Waker) -> Poll<Result<(), Cut>> {
        let mut flow = self.flow();
        if flow.cut {
            return Poll::Ready(Err(Cut));
        }
        flow.reader = Some(waker.clone());
        if flow.calls >= CALLS || flow.unsent > UNSENT {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    /// Something came.
    pub(super) fn heard(&self) {
        self.flow().heard = Instant::now();
    }

    /// Whether it may be written; `waker` is called when it is cut.
    pub(super) fn may_write(&self, waker: &Waker) -> Result<(), Cut> {
        let mut flow = self.flow();
        if flow.cut {
            return Err(Cut);
        }
        flow.writer = Some(waker.clone());
        Ok(())
    }

    /// So many bytes went out. Notifications and heads are written too, and were never counted; what is counted goes down
    /// a little early for them, and never below what is not sent by more than they are.
    pub(super) fn sent(&self, bytes: usize) {
        let reader = {
            let mut flow = self.flow();
            let less = bytes.min(flow.unsent);
            flow.unsent -= less;
            self.held.less(less);
            flow.reader.take()
        };
        self.sent.notify_waiters();
        reader.into_iter().for_each(Waker::wake);
    }

    /// A call of so many bytes begins; `None` if too much is under way.
    pub(super) fn begin(self: &Arc<Self>, bytes: usize, who: Priority) -> Option<Call> {
        let before = self.held.more(bytes);
        if before > HELD && who == Priority::Anybody {
            self.held.less(bytes);
            return None;
        }
        let mut flow = self.flow();
        flow.calls += 1;
        flow.called = true;
        Some(Call {
            connection: Arc::clone(self),
            bytes,
            turn: None,
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let unsent = self.flow().unsent;
        self.held.less(unsent);
    }
}

/// The connection is to end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection was ended to make room for another one")]
pub(super) struct Cut;

/// Who goes before others when much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// Is never sent away.
    Operator,
    /// Comes again later.
    Anybody,
}

/// A call under way. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Call {
    connection: Arc<Connection>,
    bytes: usize,
    turn: Option<OwnedSemaphorePermit>,
}

impl Call {
    /// Waits until few enough calls of the connection are worked on and its answers were read.
    pub(super) async fn turn(&mut self) {
        let connection = &self.connection;
        let turn = Arc::clone(&connection.turns).acquire_owned().await;
        self.turn = Some(turn.expect("nobody closes the semaphore"));
        loop {
            let sent = connection.sent.notified();
            if connection.flow().unsent <= UNSENT {
                return;
            }
            sent.await;
        }
    }

    /// It is answered with so many bytes, which wait to be sent.
    pub(super) fn answered(self, bytes: usize) {
        self.connection.held.more(bytes);
        self.connection.flow().unsent += bytes;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.connection.held.less(self.bytes);
        let reader = {
            let mut flow = self.connection.flow();
            flow.calls -= 1;
            flow.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }
}

impl Held {
    /// Says how much it was before.
    fn more(&self, bytes: usize) -> usize {
        self.0.fetch_add(bytes, Ordering::Relaxed)
    }

    fn less(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}
