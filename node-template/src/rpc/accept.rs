use super::{
    bounded::Bounds,
    gate::{CallerAddress, Healthy},
    line::Line,
    places::Places,
};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::{
    Methods,
    core::BoxError,
    server::{
        HttpBody, StopHandle, TowerServiceBuilder, TowerServiceNoHttp,
        middleware::rpc::RpcServiceBuilder,
    },
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tower::{
    Layer, Service,
    layer::util::{Identity, Stack},
};

/// How long the head of a request may take, and how long a connection may wait for its next one. Too low: clients on slow
/// lines are cut off; too high: idle ones hold their place.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);

/// Most bytes of a head, and of an answer that hyper copies before it writes. Too low: honest requests are refused; too high:
/// each connection may hold as much.
const BUFFER: usize = 32 * 1024;

/// Pause after the system refused to accept a connection, which it does again and again while files are used up.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// What every connection is answered with.
#[derive(Clone)]
pub(super) struct Answering<H> {
    pub(super) service: TowerServiceBuilder<Identity, H>,
    pub(super) methods: Methods,
    pub(super) places: Arc<Places>,
    pub(super) node: Arc<dyn Healthy>,
    pub(super) stop: StopHandle,
}

type RpcStack = Stack<Bounds, Identity>;

/// Takes connections in until the server is stopped.
pub(super) async fn accept<H>(listener: TcpListener, answering: Answering<H>)
where
    H: Layer<TowerServiceNoHttp<RpcStack>> + Clone + Send + Sync + 'static,
    H::Service: Service<Request<Incoming>, Response = Response<HttpBody>, Error = BoxError> + Send,
    <H::Service as Service<Request<Incoming>>>::Future: Send + 'static,
{
    let stopped = answering.stop.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => begin(stream, from, &answering),
            Err(error) => {
                tracing::debug!(%error, "an RPC client was not accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
    }
}

/// Answers one connection, if there is a place for it.
fn begin<H>(stream: TcpStream, from: SocketAddr, answering: &Answering<H>)
where
    H: Layer<TowerServiceNoHttp<RpcStack>> + Clone + Send + Sync + 'static,
    H::Service: Service<Request<Incoming>, Response = Response<HttpBody>, Error = BoxError> + Send,
    <H::Service as Service<Request<Incoming>>>::Future: Send + 'static,
{
    let Some((connection, place)) = answering.places.take(from.ip()) else {
        tracing::debug!(%from, "an RPC client was turned away: all connections are in use");
        return;
    };
    // Answers are small and somebody waits for them.
    let _ = stream.set_nodelay(true);
    let bounds = RpcServiceBuilder::new().layer(Bounds {
        connection: Arc::clone(&connection),
        node: Arc::clone(&answering.node),
    });
    let service = answering
        .service
        .clone()
        .set_rpc_middleware(bounds)
        .build(answering.methods.clone(), answering.stop.clone());
    let address = CallerAddress(connection.from());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(address);
        let answer = service.clone().call(request);
        async move { answer.await.map_err(io::Error::other) }
    });
    let line = TokioIo::new(Line::new(stream, connection, place));
    let stopped = answering.stop.clone().shutdown();
    tokio::spawn(async move {
        let answered = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(BUFFER)
            .serve_connection(line, service)
            .with_upgrades();
        tokio::pin!(answered, stopped);
        let ended = tokio::select! {
            ended = &mut answered => ended,
            () = &mut stopped => {
                answered.as_mut().graceful_shutdown();
                answered.await
            }
        };
        // Whatever went wrong is the client's to notice.
        if let Err(error) = ended {
            tracing::debug!(%error, "an RPC client was not answered");
        }
    });
}
