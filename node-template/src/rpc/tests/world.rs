//! A server with a few methods of its own, and clients that speak plain bytes.

use crate::rpc::{
    Access, Health, MethodsOffered, Origins, Server, Serving, Token, gate::Healthy,
    server::Answers, token::operator_only,
};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use jsonrpsee::RpcModule;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// What it serves: `small`, `large` (256 KiB), `slow` (until released), `order` (the operator's), `heads` (a subscription).
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) url: String,
    pub(super) token: String,
    /// How often `large` was called.
    pub(super) large_calls: Arc<AtomicUsize>,
    pub(super) release: Arc<Notify>,
    _serving: Serving,
}

pub(super) const LARGE: usize = 256 * 1024;

/// A node that is well and without peers.
pub(super) struct Well;

impl Healthy for Well {
    fn health(&self) -> Health {
        Health {
            peers: 0,
            is_syncing: false,
            should_have_peers: false,
        }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn until_there(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}

impl World {
    pub(super) fn local() -> Self {
        Self::new("127.0.0.1:0", MethodsOffered::All, RpcModule::new(()))
    }

    pub(super) fn new(listen: &str, methods: MethodsOffered, mut module: RpcModule<()>) -> Self {
        let large_calls = Arc::new(AtomicUsize::new(0));
        let release = Arc::new(Notify::new());
        module.register_method("small", |_, (), _| "small").unwrap();
        let calls = Arc::clone(&large_calls);
        module
            .register_method("large", move |_, (), _| {
                calls.fetch_add(1, Ordering::Relaxed);
                "x".repeat(LARGE)
            })
            .unwrap();
        module
            .register_method("order", |_, (), extensions| operator_only(extensions))
            .unwrap();
        let released = Arc::clone(&release);
        module
            .register_async_method("slow", move |_, _, _| {
                let released = Arc::clone(&released);
                async move { released.notified().await }
            })
            .unwrap();
        module
            .register_subscription("heads", "head", "no_heads", |_, pending, _, _| async move {
                let sink = pending.accept().await?;
                sink.closed().await;
                Ok(())
            })
            .unwrap();
        let token = Token::new();
        let server = Server::bind(listen.parse().unwrap()).unwrap();
        let (mut address, url) = (server.address(), server.local_url());
        address.set_ip([127, 0, 0, 1].into());
        let answers = Answers {
            methods: module.into(),
            health: Arc::new(Well),
            block_bytes: 5 * 1024 * 1024,
        };
        let access = Access {
            methods,
            origins: Origins::default(),
        };
        let secret = token.secret().to_owned();
        Self {
            address,
            url,
            token: secret,
            large_calls,
            release,
            _serving: server.start_with(answers, token, access).unwrap(),
        }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    /// What a call of `method` over HTTP is answered, with these lines in its head.
    pub(super) fn call(&self, method: &str, head: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(post(method, head).as_bytes()).unwrap();
        rest(&mut stream)
    }

    /// A WebSocket.
    pub(super) fn socket(&self) -> TcpStream {
        let mut stream = self.connect();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"));
        stream
    }
}

/// A call of `method` without parameters.
pub(super) fn body(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":[]}}"#)
}

/// The same as a request. `head` names the host, or the default is taken.
pub(super) fn post(method: &str, head: &str) -> String {
    let body = body(method);
    let host = if head.contains("Host:") {
        ""
    } else {
        "Host: 127.0.0.1\r\n"
    };
    format!(
        "POST / HTTP/1.1\r\n{host}{head}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The same as a WebSocket's message.
pub(super) fn frame(method: &str) -> Vec<u8> {
    let body = body(method);
    let length = u8::try_from(body.len()).unwrap();
    assert!(length < 126, "a longer one is framed otherwise");
    // Masked with zeros.
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend(body.as_bytes());
    frame
}

/// What comes until the end.
pub(super) fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A server that closes early is seen in what came.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
