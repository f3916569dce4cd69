use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, ws::is_upgrade_request},
};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service};

/// How long the body of a request may take. Too low: large ones do not get through a slow line; too high: clients that send
/// half a request hold their place.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the whole body of a request, in time and up to a length, before anything works on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WholeBody {
    pub(super) most: usize,
}

impl<S> Layer<S> for WholeBody {
    type Service = WithWholeBody<S>;

    fn layer(&self, inner: S) -> WithWholeBody<S> {
        WithWholeBody {
            inner,
            most: self.most,
        }
    }
}

/// A service behind [`WholeBody`].
#[derive(Clone, Debug)]
pub(super) struct WithWholeBody<S> {
    inner: S,
    most: usize,
}

impl<S, B> Service<Request<B>> for WithWholeBody<S>
where
    S: Service<Request<HttpBody>, Response = Response<HttpBody>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<HttpBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<HttpBody>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut inner = self.inner.clone();
        if is_upgrade_request(&request) {
            return Box::pin(inner.call(request.map(HttpBody::new)));
        }
        let most = self.most;
        Box::pin(async move {
            let (head, body) = request.into_parts();
            match whole(body, most).await {
                Ok(body) => inner.call(Request::from_parts(head, body)).await,
                Err(status) => {
                    let mut response = Response::new(HttpBody::empty());
                    *response.status_mut() = status;
                    Ok(response)
                }
            }
        })
    }
}

async fn whole<B>(body: B, most: usize) -> Result<HttpBody, StatusCode>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    // What says beforehand that it is too long is not read.
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > most) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = Limited::new(body, most).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(HttpBody::from(Vec::from(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
