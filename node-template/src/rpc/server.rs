use super::{
    MethodsOffered, Origins, Rpc, Token,
    accept::{Answering, accept},
    body::WholeBody,
    gate::{Gate, Healthy, LOCAL_HOSTS},
    places::{CONNECTIONS, Places},
};
use crate::port::PortOfBoth;
use http::{HeaderValue, Method, header::CONTENT_TYPE, request::Parts};
use jsonrpsee::{
    Methods,
    server::{
        BatchRequestConfig, PingConfig, ServerBuilder, ServerConfig, ServerHandle,
        middleware::http::HostFilterLayer, stop_channel,
    },
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::runtime::{Builder, Runtime};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Threads that answer. Lower: one slow call delays the others; higher: calls take the cores from the import.
const WORKERS: usize = 2;

/// Most threads for calls that read the store. Lower: they wait for each other; higher: callers take the cores and the disk
/// from the import, and the memory of as many answers.
const READERS: usize = 16;

/// Longest request. Too low: batches of transfers are refused; too high: each connection may hold as much.
const REQUEST_BYTES: u32 = 1024 * 1024;

/// Longest answer that has no block in it: peers, lists of hashes, what waits in the pool.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Most calls in one batch.
const BATCH: u32 = 100;

/// Most subscriptions of one connection. Too low: tools that follow several things are refused; each costs a task.
const SUBSCRIPTIONS: u32 = 64;

/// Answers and notifications that wait for a WebSocket. Too low: tasks wait for each other; too high: slow readers hold more.
const WAITING: u32 = 16;

/// How often a WebSocket's client is asked for a sign of life. Too low: traffic for nothing; too high: those that vanished
/// hold a place for so much longer.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long it may give none.
const SILENT_FOR: Duration = Duration::from_secs(45);

/// The RPC cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve the RPC on {address} ({source}); stop what uses the port, or choose another with --rpc-port"
)]
pub struct RpcStartError {
    /// Where we wanted to listen.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Who may call what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// `--rpc-methods`.
    pub methods: MethodsOffered,
    /// `--rpc-cors`.
    pub origins: Origins,
}

/// A server that has its port. It answers from [`Server::start`] on.
#[derive(Debug)]
pub struct Server(PortOfBoth);

/// What it answers with.
pub(super) struct Answers {
    /// The methods.
    pub(super) methods: Methods,
    /// For load balancers.
    pub(super) health: Arc<dyn Healthy>,
    /// Longest block of the chain, encoded, in bytes.
    pub(super) block_bytes: usize,
}

impl Server {
    /// Takes the port, so that one in use is known before anything else runs. The loopback, or all interfaces, of IPv4 are those
    /// of IPv6 as well.
    pub fn bind(address: SocketAddr) -> Result<Self, RpcStartError> {
        let port = PortOfBoth::take(address)
            .map_err(|(address, source)| RpcStartError { address, source })?;
        Ok(Self(port))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.port().address()
    }

    /// Where programs of this machine reach it.
    pub fn local_url(&self) -> String {
        self.0.port().local_url()
    }

    /// Answers until [`Serving::stop`]. Without `--rpc-external`, only calls to a name of this machine are
    /// answered, and pages of other origins are turned away.
    pub fn start(self, rpc: Rpc, token: Token, access: Access) -> Result<Serving, RpcStartError> {
        let answers = Answers {
            block_bytes: rpc.facts.block_bytes,
            health: Arc::new(rpc.clone()),
            methods: rpc.into_module().into(),
        };
        self.start_with(answers, token, access)
    }

    pub(super) fn start_with(
        self,
        answers: Answers,
        token: Token,
        access: Access,
    ) -> Result<Serving, RpcStartError> {
        let address = self.address();
        let error = |source| RpcStartError { address, source };
        let hosts = if address.ip().is_loopback() {
            HostFilterLayer::new(LOCAL_HOSTS).expect("the names are constants and well formed")
        } else {
            HostFilterLayer::disable()
        };
        let origins = access.origins.clone();
        let allowed = move |origin: &HeaderValue, _: &Parts| origins.allow(origin);
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([CONTENT_TYPE]);
        let node = Arc::clone(&answers.health);
        let gate = Gate {
            token,
            offered: access.methods,
            origins: access.origins,
            health: answers.health,
        };
        let body = WholeBody {
            most: usize::try_from(REQUEST_BYTES).unwrap_or(usize::MAX),
        };
        let service = ServerBuilder::with_config(config(answers.block_bytes))
            .set_http_middleware(
                tower::ServiceBuilder::new()
                    .layer(hosts)
                    .layer(cors)
                    .layer(gate)
                    .layer(body),
            )
            .to_service_builder();
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(READERS)
            .thread_name("rpc")
            .enable_all()
            .build()
            .map_err(error)?;
        let (stop, handle) = stop_channel();
        let listeners = {
            let _context = runtime.enter();
            self.0.listen().map_err(error)?
        };
        let answering = Answering {
            service,
            methods: answers.methods,
            places: Arc::new(Places::default()),
            node,
            stop,
        };
        for listener in listeners {
            runtime.spawn(accept(listener, answering.clone()));
        }
        Ok(Serving {
            handle,
            runtime: Some(runtime),
        })
    }
}

fn config(block_bytes: usize) -> ServerConfig {
    let ping = PingConfig::new()
        .ping_interval(PING_EVERY)
        .inactive_limit(SILENT_FOR);
    // `Places` bounds the connections; those that were cut and still end here must not take the place of new ones.
    let requests = u32::try_from(2 * CONNECTIONS).unwrap_or(u32::MAX);
    ServerConfig::builder()
        .max_request_body_size(REQUEST_BYTES)
        .max_response_body_size(longest_answer(block_bytes))
        .max_connections(requests)
        .max_subscriptions_per_connection(SUBSCRIPTIONS)
        .set_batch_request_config(BatchRequestConfig::Limit(BATCH))
        .set_message_buffer_capacity(WAITING)
        .enable_ws_ping(ping)
        .build()
}

/// Longest answer where blocks have at most so many bytes: in JSON, a block is two digits for each byte, and a few
/// characters more for each of its extrinsics, none of which is shorter than ten bytes.
pub(super) fn longest_answer(block_bytes: usize) -> u32 {
    let longest = block_bytes.saturating_mul(3).max(ANSWER_BYTES);
    u32::try_from(longest).unwrap_or(u32::MAX)
}

/// A server that answers. It has a runtime of its own, whose end takes every connection with it: a client that sends half
/// a request and stays would otherwise hold the chain's store and the port for as long as it likes.
#[derive(Debug)]
pub struct Serving {
    handle: ServerHandle,
    /// There until it is stopped.
    runtime: Option<Runtime>,
}

impl Serving {
    /// Takes no more calls; those under way go on.
    pub fn begin_to_stop(&self) {
        // An error only says that it has stopped already.
        let _ = self.handle.stop();
    }

    /// Waits for the calls under way, and cuts off what does not end within `patience`.
    pub async fn stop(mut self, patience: Duration) {
        self.begin_to_stop();
        let stopped = tokio::time::timeout(patience, self.handle.clone().stopped()).await;
        if stopped.is_err() {
            tracing::debug!("RPC clients were cut off");
        }
        if let Some(runtime) = self.runtime.take() {
            // A panic in it is logged by the runtime.
            let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(patience)).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The node ends without having stopped it; a runtime must not be waited for in a task of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
