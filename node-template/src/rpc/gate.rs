//! What stands before the methods: who may call, and the two plain addresses for load balancers.

use super::{
    Health, Token,
    cors::Origins,
    token::{Caller, MethodsOffered},
};
use futures::future::{BoxFuture, Either};
use http::{HeaderValue, Method, Request, Response, StatusCode, header, uri::Authority};
use jsonrpsee::server::HttpBody;
use std::{
    fmt,
    future::{Ready, ready},
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Names by which programs of this machine call it. A web page whose name was bound to 127.0.0.1 calls it by another.
pub(super) const LOCAL_HOSTS: [&str; 3] = ["localhost:*", "127.0.0.1:*", "[::1]:*"];

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerAddress(pub(super) IpAddr);

/// Answers `GET /health` and `GET /health/readiness`.
pub(super) trait Healthy: Send + Sync {
    /// `system_health`.
    fn health(&self) -> Health;
    /// Whether work may be sent to this node: it is in sync, and its tip is fresh.
    fn is_ready(&self) -> bool;
    /// Waits while the stores are exchanged, but not for ever.
    fn until_there(&self) -> BoxFuture<'_, ()>;
}

/// What every request passes.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) token: Token,
    pub(super) offered: MethodsOffered,
    pub(super) origins: Origins,
    pub(super) health: Arc<dyn Healthy>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("offered", &self.offered)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// An answer that needs no method.
    fn answer<B>(&self, request: &Request<B>) -> Option<Response<HttpBody>> {
        let origin = request.headers().get(header::ORIGIN);
        if origin.is_some_and(|origin| !self.origins.allow(origin)) {
            return Some(text(
                StatusCode::FORBIDDEN,
                "pages of this origin may not call this node; --rpc-cors names those that may\n",
            ));
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => Some(self.report(StatusCode::OK)),
            (&Method::GET, "/health/readiness") => Some(self.report(if self.health.is_ready() {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            })),
            _ => None,
        }
    }

    /// Whoever comes from elsewhere, or calls this machine by a name that it does not give itself, has no business with the
    /// operator's methods, whatever the server listens on.
    pub(super) fn caller<B>(&self, request: &Request<B>) -> Caller {
        match self.offered {
            MethodsOffered::All if comes_from_here(request) && is_for_here(request) => {
                self.token.caller(request)
            }
            MethodsOffered::All | MethodsOffered::Safe => Caller::Anybody,
        }
    }

    fn report(&self, status: StatusCode) -> Response<HttpBody> {
        let body = serde_json::to_string(&self.health.health())
            .expect("numbers and switches are always valid JSON");
        let mut response = text(status, body);
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

fn comes_from_here<B>(request: &Request<B>) -> bool {
    let address = request.extensions().get::<CallerAddress>();
    address.is_some_and(|CallerAddress(ip)| ip.to_canonical().is_loopback())
}

/// Whether the request names one of [`LOCAL_HOSTS`].
fn is_for_here<B>(request: &Request<B>) -> bool {
    let named = request.headers().get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    named.is_some_and(|named| {
        LOCAL_HOSTS
            .iter()
            .filter_map(|local| local.strip_suffix(":*"))
            .any(|local| named.host().eq_ignore_ascii_case(local))
    })
}

fn text(status: StatusCode, body: impl Into<HttpBody>) -> Response<HttpBody> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }
}

/// A service behind a [`Gate`].
#[derive(Clone, Debug)]
pub(super) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S, B> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<HttpBody>>,
{
    type Response = Response<HttpBody>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<HttpBody>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(answer) = self.gate.answer(&request) {
            return Either::Right(ready(Ok(answer)));
        }
        // Who calls is known here only; the methods ask for it.
        let caller = self.gate.caller(&request);
        request.extensions_mut().insert(caller);
        Either::Left(self.inner.call(request))
    }
}
