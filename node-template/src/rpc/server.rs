use super::{Rpc, Token, token::Caller};
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, ServerBuilder, ServerConfig, ServerHandle,
    middleware::http::HostFilterLayer,
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tower::util::MapRequestLayer;

/// Longest request. The longest of ours is a list of block numbers.
const REQUEST_BYTES: u32 = 1024 * 1024;

/// Longest answer.
const RESPONSE_BYTES: u32 = 8 * 1024 * 1024;

/// Most connections at once, as with Substrate. Too low: tools are refused; too high: callers fill our memory.
const CONNECTIONS: u32 = 100;

/// Most calls in one batch.
const BATCH: u32 = 100;

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

    /// Answers until the handle is told to stop. Without `--rpc-external`, only calls to a name of this machine are
    /// answered. No answer allows another origin, so no web page can read one.
    pub fn start(self, rpc: Rpc, token: Token) -> Result<ServerHandle, RpcStartError> {
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
            .set_batch_request_config(BatchRequestConfig::Limit(BATCH))
            .build();
        // Who calls is known here only; the methods ask for it.
        let callers = MapRequestLayer::new(move |mut request: http::Request<HttpBody>| {
            let caller = if is_local {
                token.caller(&request)
            } else {
                Caller::Anybody
            };
            request.extensions_mut().insert(caller);
            request
        });
        let server = ServerBuilder::with_config(config)
            .set_http_middleware(tower::ServiceBuilder::new().layer(hosts).layer(callers))
            .build_from_tcp(self.listener)
            .map_err(|source| RpcStartError {
                address: self.address,
                source,
            })?;
        Ok(server.start(rpc.into_module()))
    }
}
