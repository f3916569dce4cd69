use super::{
    connection::{Connection, Priority},
    gate::Healthy,
    token::Caller,
};
use jsonrpsee::{
    Extensions,
    server::middleware::rpc::{Batch, BatchEntry, MethodResponse, Notification, RpcServiceT},
    types::{
        ErrorObject, Id, Request,
        error::{INTERNAL_ERROR_CODE, INVALID_REQUEST_CODE},
    },
};
use std::{fmt, sync::Arc};
use tower::Layer;

/// Substrate's range for errors of the server; jsonrpsee's own code for "busy".
const BUSY: i32 = -32009;

/// Keeps the calls of a connection within what it may cost, and waiting while there is nothing to answer from.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) connection: Arc<Connection>,
    pub(super) node: Arc<dyn Healthy>,
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bounds").field(&self.connection).finish()
    }
}

impl<S> Layer<S> for Bounds {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            bounds: self.clone(),
        }
    }
}

/// Methods within [`Bounds`].
#[derive(Clone, Debug)]
pub(super) struct Bounded<S> {
    inner: S,
    bounds: Bounds,
}

impl<S> RpcServiceT for Bounded<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { inner, bounds } = self.clone();
        let Bounds { connection, node } = bounds;
        async move {
            let call = connection.begin(length(&request), priority(&request.extensions));
            let Some(mut call) = call else {
                return busy(request.id);
            };
            call.turn().await;
            node.until_there().await;
            let subscription = subscription(&request);
            let response = told_the_way(inner.call(request).await, subscription);
            // A subscription's is sent by itself.
            if response.is_method_call() {
                call.answered(response.as_json().get().len());
            }
            response
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { inner, bounds } = self.clone();
        let Bounds { connection, node } = bounds;
        async move {
            let (mut bytes, mut who) = (0, Priority::Anybody);
            for entry in batch.iter().flatten() {
                if let BatchEntry::Call(call) = entry {
                    bytes += length(call);
                    who = priority(&call.extensions);
                }
            }
            let Some(mut call) = connection.begin(bytes, who) else {
                return busy(Id::Null);
            };
            call.turn().await;
            node.until_there().await;
            let response = inner.batch(batch).await;
            call.answered(response.as_json().get().len());
            response
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

/// The id of a call that begins or ends a subscription.
fn subscription(request: &Request<'_>) -> Option<Id<'static>> {
    let method = request.method_name();
    let is_one = method.contains("_subscribe") || method.contains("_unsubscribe");
    is_one.then(|| request.id.clone().into_owned())
}

/// Over plain HTTP the server answers a subscription as if it had a fault; the caller is told what it needs.
fn told_the_way(response: MethodResponse, subscription: Option<Id<'static>>) -> MethodResponse {
    match subscription {
        Some(id) if response.as_error_code() == Some(INTERNAL_ERROR_CODE) => {
            let text = "a subscription needs a WebSocket: connect to ws:// at the same address";
            MethodResponse::error(id, ErrorObject::borrowed(INVALID_REQUEST_CODE, text, None))
        }
        _ => response,
    }
}

fn length(request: &Request<'_>) -> usize {
    request
        .params
        .as_ref()
        .map_or(0, |params| params.get().len())
}

fn priority(extensions: &Extensions) -> Priority {
    match extensions.get::<Caller>() {
        Some(Caller::Operator) => Priority::Operator,
        Some(Caller::Anybody) | None => Priority::Anybody,
    }
}

fn busy(id: Id<'_>) -> MethodResponse {
    let text = "too many calls are under way; ask again in a moment";
    MethodResponse::error(id, ErrorObject::borrowed(BUSY, text, None))
}
