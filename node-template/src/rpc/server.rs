use super::{MethodsOffered, Origins, Rpc, Token, gate::Gate};
use http::{HeaderValue, Method, header::CONTENT_TYPE, request::Parts};
use jsonrpsee::server::{
    BatchRequestConfig, ServerBuilder, ServerConfig, ServerHandle,
    middleware::http::HostFilterLayer,
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Threads that answer. Lower: one slow call delays the others; higher: calls take the cores from the import.
const WORKERS: usize = 2;

/// Longest request. The longest of ours is a list of block numbers.
const REQUEST_BYTES: u32 = 1024 * 1024;

/// Longest answer.
const RESPONSE_BYTES: u32 = 8 * 1024 * 1024;

/// Most connections at once, as with Substrate. Too low: tools are refused; too high: callers fill our memory.
const CONNECTIONS: u32 = 100;

/// Most calls in one batch.
const BATCH: u32 = 100;

/// Most subscriptions of one connection. Too low: tools that follow several things are refused; each costs a task.
const SUBSCRIPTIONS: u32 = 64;

/// Names by which programs of this machine call it. A web page whose name was bound to 127.0.0.1 calls it by another.
const LOCAL_HOSTS: [&str; 3] = ["localhost:*", "127.0.0.1:*", "[::1]:*"];

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
pub struct Server {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port, so that one in use is known before anything else runs.
    pub fn bind(address: SocketAddr) -> Result<Self, RpcStartError> {
        let error = |source| RpcStartError { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(error)?;
        listener.set_nonblocking(true).map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where programs of this machine reach it.
    pub fn local_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// Answers until [`Serving::stop`]. Without `--rpc-external`, only calls to a name of this machine are
    /// answered, and pages of other origins are turned away.
    pub fn start(self, rpc: Rpc, token: Token, access: Access) -> Result<Serving, RpcStartError> {
        let is_local = self.address.ip().is_loopback();
        let hosts = if is_local {
            HostFilterLayer::new(LOCAL_HOSTS).expect("the names are constants and well formed")
        } else {
            HostFilterLayer::disable()
        };
        let config = ServerConfig::builder()
            .max_request_body_size(REQUEST_BYTES)
            .max_response_body_size(RESPONSE_BYTES)
            .max_connections(CONNECTIONS)
            .max_subscriptions_per_connection(SUBSCRIPTIONS)
            .set_batch_request_config(BatchRequestConfig::Limit(BATCH))
            .build();
        let origins = access.origins.clone();
        let allowed = move |origin: &HeaderValue, _: &Parts| origins.allow(origin);
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([CONTENT_TYPE]);
        let gate = Gate {
            token,
            // Whoever comes from elsewhere has no business with the operator's methods.
            offered: if is_local {
                access.methods
            } else {
                MethodsOffered::Safe
            },
            origins: access.origins,
            health: Arc::new(rpc.clone()),
        };
        let address = self.address;
        let error = |source| RpcStartError { address, source };
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("rpc")
            .enable_all()
            .build()
            .map_err(error)?;
        let handle = {
            let _context = runtime.enter();
            let server = ServerBuilder::with_config(config)
                .set_http_middleware(
                    tower::ServiceBuilder::new()
                        .layer(hosts)
                        .layer(cors)
                        .layer(gate),
                )
                .build_from_tcp(self.listener)
                .map_err(error)?;
            server.start(rpc.into_module())
        };
        Ok(Serving {
            handle,
            runtime: Some(runtime),
        })
    }
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
