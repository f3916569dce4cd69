use super::{
    chain::Chain,
    importing::{Import, Imported, Suppliers, Waiting, import_from, waiting},
    read::{Read, Unread},
    shelf::{Ready, Shelf},
};
use crate::{
    block_id::{BlockId, number},
    block_sync::{
        FetchError, FetchJob, Terms,
        manager::not_delivered,
        scheduler::{
            Ask, Bounds, Failure, FlightId, Goods, Scheduler, Span, Standing, Stuck, Worth,
        },
        switch::switch_at,
    },
    context::SyncContext,
    peers::RequestError,
    ports::{BridgeError, CheckedBlocks, JobLost, MonoTime, PeerId, RequestFailure, cores, heavy},
    wire::RangeRequest,
};
use futures::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable, Aborted, BoxFuture, OptionFuture},
    stream::FuturesUnordered,
};
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

#[cfg(feature = "test-kit")]
use super::shelf::room;
#[cfg(feature = "test-kit")]
use crate::block_sync::footprint::Sizes;

/// How often the peers are looked at when nothing else happens: what they claim changes without a word to us.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

type Download = Abortable<BoxFuture<'static, (FlightId, Result<Vec<u8>, RequestError>)>>;
type Checked<B> = (FlightId, Result<Result<Read<B>, BridgeError>, JobLost>);

/// A request under way.
struct Asked<B: BlockT> {
    peer: PeerId,
    span: Span,
    request: RangeRequest<B>,
    since: MonoTime,
    abort: AbortHandle,
}

/// One session.
pub(super) struct Session<'a, B: BlockT> {
    context: &'a SyncContext<B>,
    terms: &'a Terms,
    shelf: &'a Shelf<B>,
    job: FetchJob<B>,
    chain: Chain<B>,
    scheduler: Scheduler,
    asked: BTreeMap<FlightId, Asked<B>>,
    downloads: FuturesUnordered<Download>,
    unread: VecDeque<(FlightId, Unread<B>)>,
    /// Whose answers wait for a core or are on one, and for which blocks.
    reading: BTreeMap<FlightId, (PeerId, Span)>,
    checks: FuturesUnordered<BoxFuture<'a, Checked<B>>>,
    ready: Waiting<B>,
    import: Option<Import<'a, B>>,
    importing: (Span, MonoTime),
}

/// What happened.
enum Happened<B: BlockT> {
    Imported(Imported<B>),
    Checked(Checked<B>),
    Arrived(Result<(FlightId, Result<Vec<u8>, RequestError>), Aborted>),
    Nothing,
}

/// What was verified of the chain since.
fn take_in<B: BlockT>(job: &mut FetchJob<B>, chain: &mut Chain<B>) {
    if let Some(run) = job.run_beyond(&chain.last()) {
        chain.go_on(run);
    }
}

impl<'a, B: BlockT> Session<'a, B> {
    pub(super) fn new(
        context: &'a SyncContext<B>,
        mut job: FetchJob<B>,
        terms: &'a Terms,
        shelf: &'a Shelf<B>,
    ) -> Result<Self, FetchError<B>> {
        let Some(base) = context.bridge.header(job.base.hash)? else {
            return Err(FetchError::Overtaken { id: job.base });
        };
        let mut chain = Chain::above(base, job.run().clone());
        // As far as it is known: what earlier sessions left may lie far above.
        take_in(&mut job, &mut chain);
        let start = job.base.height().saturating_add(1);
        let end = chain.last().height().saturating_add(1);
        // Those of a branch that must become better in one step.
        let at_once = if job.is_branch(&context.bridge.best()) {
            switch_at(context, &job) as u64
        } else {
            0
        };
        let mut scheduler = Scheduler::new(start, end, Bounds::of(&context.settings))
            .with_first_import_of(at_once)
            .knowing(shelf.experience());
        let ready = shelf.take(&chain, job.base.height());
        for (start, ready) in &ready {
            let count = ready.blocks.len() as u64;
            let span = Span {
                start: *start,
                count,
            };
            scheduler.have(span, ready.bytes);
        }
        Ok(Self {
            context,
            terms,
            shelf,
            job,
            chain,
            scheduler,
            asked: BTreeMap::new(),
            downloads: FuturesUnordered::new(),
            unread: VecDeque::new(),
            reading: BTreeMap::new(),
            checks: FuturesUnordered::new(),
            ready,
            import: None,
            importing: (Span { start, count: 0 }, MonoTime(Duration::ZERO)),
        })
    }

    pub(super) async fn run(mut self) -> Result<BlockId<B>, FetchError<B>> {
        let result = self.work().await;
        if result.is_err() {
            self.finish_what_came().await;
        }
        result
    }

    /// The session failed: what arrived may be good all the same, and the next one finds it.
    async fn finish_what_came(&mut self) {
        if let Some(import) = self.import.take()
            && let Err((_, left)) = import.await
        {
            self.ready.extend(left);
        }
        self.check();
        while let Some((id, read)) = self.checks.next().await {
            if let Ok(Ok(read)) = read {
                self.checked(id, read);
            }
            self.check();
        }
    }

    async fn work(&mut self) -> Result<BlockId<B>, FetchError<B>> {
        loop {
            #[cfg(feature = "test-kit")]
            self.measure();
            self.go_on();
            self.send();
            self.check();
            self.start_import();
            if self.import.is_none() {
                if self.scheduler.is_done() {
                    return Ok(self.chain.last());
                }
                if let Some(stuck) = self.scheduler.stuck() {
                    return Err(self.give_up(stuck).await);
                }
            }
            match self.next().await {
                Happened::Imported(result) => self.imported(result)?,
                Happened::Checked((id, read)) => self.checked(id, read??),
                Happened::Arrived(Ok((id, result))) => self.arrived(id, result),
                Happened::Arrived(Err(Aborted)) | Happened::Nothing => {}
            }
        }
    }

    fn now(&self) -> MonoTime {
        self.context.clock.now()
    }

    /// Says how much is held that peers can grow (invariant I6).
    #[cfg(feature = "test-kit")]
    fn measure(&self) {
        let unread = self.unread.iter().map(|(_, unread)| unread.body.len());
        self.context.peers.buffers().hold(Sizes {
            unread: (self.unread.len(), unread.sum()),
            ready: room(self.ready.values()),
            shelf: self.shelf.holds(),
        });
    }

    /// Takes in what was verified of the chain since.
    fn go_on(&mut self) {
        take_in(&mut self.job, &mut self.chain);
        self.scheduler
            .extend(self.chain.last().height().saturating_add(1));
    }

    /// Performs what the scheduler wants.
    fn send(&mut self) {
        let now = self.now();
        self.scheduler
            .suppliers(standings(self.context, self.terms));
        for ask in self.scheduler.poll(now) {
            self.perform(ask);
        }
    }

    fn perform(&mut self, ask: Ask) {
        let Ask {
            id,
            peer,
            span,
            within,
        } = ask;
        let Some(parent) = self.chain.id(span.start.saturating_sub(1)) else {
            // Cannot be: only known blocks are wanted.
            return self.scheduler.failed(id, Failure::Unsent, self.now());
        };
        let request = RangeRequest {
            start: number::<B>(span.start),
            count: u32::try_from(span.count).unwrap_or(u32::MAX),
            parent: parent.hash,
        };
        let (client, whom, what) = (self.context.peers.clone(), peer.clone(), request.clone());
        let download = async move {
            let result = client.block_bytes(&whom, &what, within).await;
            (id, result)
        };
        let (abort, registration) = AbortHandle::new_pair();
        self.downloads
            .push(Abortable::new(download.boxed(), registration));
        let asked = Asked {
            peer,
            span,
            request,
            since: self.now(),
            abort,
        };
        self.asked.insert(id, asked);
    }

    fn forget(&mut self, id: FlightId) {
        if let Some(asked) = self.asked.remove(&id) {
            asked.abort.abort();
        }
    }

    fn arrived(&mut self, id: FlightId, result: Result<Vec<u8>, RequestError>) {
        let Some(asked) = self.asked.remove(&id) else {
            return;
        };
        let now = self.now();
        let body = match result {
            Ok(body) => body,
            Err(error) => {
                tracing::debug!(peer = %asked.peer, %error, "blocks not delivered");
                self.context.observer.retried();
                return self.scheduler.failed(id, failure(&error), now);
            }
        };
        self.scheduler.arrived(id, body.len(), now);
        let below = asked.span.start.saturating_sub(1);
        let Some(parent) = self.chain.header(below).cloned() else {
            // Cannot be: only known blocks are asked for.
            self.scheduler.checked(id, Worth::Useless, 0, now);
            return;
        };
        self.reading.insert(id, (asked.peer.clone(), asked.span));
        let unread = Unread {
            peer: asked.peer,
            request: asked.request,
            body,
            took: now.since(asked.since),
            base: self.chain.stored(),
            parent,
            headers: self.chain.run_from(asked.span.start),
        };
        self.unread.push_back((id, unread));
    }

    /// Has answers decoded and checked, as many at once as there are cores, the lowest blocks first.
    fn check(&mut self) {
        while self.checks.len() < cores() {
            let lowest = self
                .unread
                .iter()
                .enumerate()
                .min_by_key(|(_, (_, unread))| unread.request.start)
                .map(|(at, _)| at);
            let Some((id, unread)) = lowest.and_then(|at| self.unread.remove(at)) else {
                return;
            };
            let job = heavy(self.context.executor.as_ref(), unread.reader(self.context));
            self.checks.push(job.map(move |read| (id, read)).boxed());
        }
    }

    fn checked(&mut self, id: FlightId, read: Read<B>) {
        let Some((peer, span)) = self.reading.remove(&id) else {
            return;
        };
        if matches!(read.worth, Worth::ThenWrong(_) | Worth::Useless) {
            self.context.observer.retried();
        }
        let now = self.now();
        let outcome = self.scheduler.checked(id, read.worth, read.bytes, now);
        if let Some(overtaken) = outcome.overtaken {
            self.forget(overtaken);
        }
        if outcome.goods == Goods::Wanted {
            let ready = Ready {
                blocks: read.blocks,
                from: peer,
                bytes: read.bytes,
            };
            self.ready.insert(span.start, ready);
        }
    }

    /// Hands the next blocks to the importer, if it has none and they are there.
    fn start_import(&mut self) {
        if self.import.is_some() {
            return;
        }
        let most = self.scheduler.batch();
        let Some(span) = self.scheduler.importable(most) else {
            return;
        };
        let (blocks, suppliers) = self.take_ready(span);
        self.scheduler.importing(span);
        self.importing = (span, self.now());
        let headers = self.chain.run_from(span.start);
        self.import = Some(import_from(
            self.context,
            self.terms,
            blocks,
            headers,
            suppliers,
        ));
    }

    fn take_ready(&mut self, span: Span) -> (CheckedBlocks<B>, Suppliers) {
        let above = self.ready.split_off(&span.end());
        let taken = std::mem::replace(&mut self.ready, above);
        let mut blocks = CheckedBlocks::unchecked(Vec::new());
        let mut suppliers = Vec::new();
        for ready in taken.into_values() {
            suppliers.push((ready.blocks.len(), ready.from));
            blocks.append(ready.blocks);
        }
        (blocks, suppliers)
    }

    fn imported(&mut self, result: Imported<B>) -> Result<(), FetchError<B>> {
        self.import = None;
        if let Err((error, left)) = result {
            self.ready.extend(left);
            return Err(error);
        }
        let (span, begun) = self.importing;
        let took = self.now().since(begun);
        self.scheduler.imported(span.count, took);
        self.chain.stored_below(span.end());
        Ok(())
    }

    /// Waits for whatever comes next.
    async fn next(&mut self) -> Happened<B> {
        let now = self.now();
        let again = now.plus(LOOK_AGAIN);
        let wake = self
            .scheduler
            .wake_at(now)
            .map_or(again, |at| at.min(again));
        let import: OptionFuture<_> = self.import.as_mut().into();
        // Biased, so that a simulated run repeats.
        tokio::select! {
            biased;
            Some(result) = import => Happened::Imported(result),
            Some(read) = self.checks.next() => Happened::Checked(read),
            Some(download) = self.downloads.next() => Happened::Arrived(download),
            () = self.job.grown() => Happened::Nothing,
            () = self.context.clock.sleep(wake.since(now)) => Happened::Nothing,
        }
    }

    /// The lowest missing block will not come. What is below it on a branch and lower than our own tip is stored all the same: no
    /// fork choice takes it, and the next session begins above it.
    async fn give_up(&mut self, stuck: Stuck) -> FetchError<B> {
        let head = self.scheduler.head();
        let ours = self.context.bridge.best().height();
        let end = stuck.at.min(ours);
        if let Some(count) = end
            .checked_sub(head)
            .filter(|count| *count > 0 && self.scheduler.at_once() > 0)
        {
            let span = Span { start: head, count };
            let (mut blocks, suppliers) = self.take_ready(span);
            // A piece may reach above the span: that part is kept.
            let most = usize::try_from(count).unwrap_or(usize::MAX);
            let above = blocks.split_off(most);
            let above = waiting(span.start, suppliers.clone(), most, above);
            self.ready.extend(above);
            let headers = self.chain.run_from(span.start);
            let imported = import_from(self.context, self.terms, blocks, headers, suppliers);
            if let Err((error, left)) = imported.await {
                self.ready.extend(left);
                return error;
            }
        }
        let id = self.chain.id(stuck.at).unwrap_or(self.job.base);
        let Stuck {
            attempts,
            peers,
            busy,
            ..
        } = stuck;
        not_delivered(self.context, id, attempts, peers, busy)
    }
}

impl<B: BlockT> Drop for Session<'_, B> {
    fn drop(&mut self) {
        #[cfg(feature = "test-kit")]
        self.measure();
        let ready = std::mem::take(&mut self.ready);
        let window = Bounds::of(&self.context.settings).window;
        self.shelf.keep(ready, self.scheduler.learnt(), window);
        #[cfg(feature = "test-kit")]
        self.measure();
    }
}

/// What a request that brought nothing says of its peer.
fn failure(error: &RequestError) -> Failure {
    match error {
        RequestError::Failed(RequestFailure::TooManyInFlight) => Failure::Unsent,
        RequestError::Failed(_) => Failure::Silent,
        _ => Failure::Useless,
    }
}

/// Where every connected peer stands that may be asked.
fn standings<B: BlockT>(context: &SyncContext<B>, terms: &Terms) -> Vec<(PeerId, Standing)> {
    let most = context.settings.limits.requests_per_peer;
    // Some are left for the height check.
    let most_requests = u32::try_from(most.saturating_sub(most / 4)).unwrap_or(u32::MAX);
    let table = context.peers.table();
    let allowed = table.iter().filter(|(peer, _)| terms.allow(peer));
    let told = allowed.filter_map(|(peer, entry)| {
        let standing = &entry.sighting.as_ref()?.standing;
        let record = table.record(peer);
        let standing = Standing {
            best: standing.best.height(),
            lowest: crate::block_id::height::<B>(standing.lowest),
            shown: entry.shown,
            latency: record.and_then(|record| record.latency),
            proof: table.proof(peer),
            undelivered: entry.undelivered,
            most_requests,
        };
        Some((peer.clone(), standing))
    });
    told.collect()
}
