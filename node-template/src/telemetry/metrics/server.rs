use super::Exposed;
use crate::port::Port;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// The one path that is served.
const PATH: &str = "/metrics";

/// Most connections at once; more wait. Too low: a slow reader delays the others; too high: readers fill our memory.
const CONNECTIONS: usize = 16;

/// How long a connection may take, from its first byte to the last of the answer; then it is cut off. Too low: answers do
/// not get through a slow line; too high: slow readers keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of a request's head, and of an answer that wait to be sent. Too low: honest requests are refused; too high:
/// readers fill our memory.
const BUFFER: usize = 16 * 1024;

/// Pause after the system refused to accept a connection, which it does again and again while files are used up.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Prometheus cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve Prometheus metrics on {address} ({source}); stop what uses the port, choose another with --prometheus-port, or give --no-prometheus"
)]
pub struct MetricsStartError {
    /// Where we wanted to listen.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// A server that has its port. It answers while [`MetricsServer::run`] is polled.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    address: SocketAddr,
    url: String,
}

impl MetricsServer {
    /// Takes the port, so that one in use is known before anything else runs. Needs a tokio runtime.
    pub fn bind(address: SocketAddr) -> Result<Self, MetricsStartError> {
        let error = |source| MetricsStartError { address, source };
        let port = Port::take(address).map_err(error)?;
        Ok(Self {
            address: port.address(),
            url: format!("{}{PATH}", port.local_url()),
            listener: port.listen().map_err(error)?,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where programs of this machine reach it.
    pub fn local_url(&self) -> String {
        self.url.clone()
    }

    /// Answers; never returns. A connection holds bytes at most, never the chain, so none has to be waited for when the
    /// node stops.
    pub async fn run(self, exposed: Arc<Exposed>) -> Infallible {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("nobody closes the semaphore");
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let exposed = Arc::clone(&exposed);
                    tokio::spawn(async move {
                        answer_one(stream, exposed).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a reader of the metrics was not accepted");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            }
        }
    }
}

/// One request and its answer.
async fn answer_one(stream: TcpStream, exposed: Arc<Exposed>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&exposed)));
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // Whatever went wrong is the reader's to notice.
    match tokio::time::timeout(PATIENCE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a reader of the metrics was not answered"),
        Err(_) => tracing::debug!("a slow reader of the metrics was cut off"),
    }
}

async fn answer(
    request: Request<Incoming>,
    exposed: Arc<Exposed>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET || request.uri().path() != PATH {
        return Ok(plain(
            StatusCode::NOT_FOUND,
            "GET /metrics is all there is\n".into(),
        ));
    }
    let text = tokio::task::spawn_blocking(move || exposed.text()).await;
    Ok(match text {
        Ok(Ok(text)) => plain(StatusCode::OK, text),
        Ok(Err(error)) => failed(&error.to_string()),
        Err(error) => failed(&error.to_string()),
    })
}

fn failed(why: &str) -> Response<Full<Bytes>> {
    tracing::error!(why, "the metrics cannot be written; report this");
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "see the node's log\n".into(),
    )
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(prometheus::TEXT_FORMAT);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
