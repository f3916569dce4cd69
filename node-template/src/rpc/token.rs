use jsonrpsee::{Extensions, core::RpcResult, types::ErrorObjectOwned};
use rand::RngCore;
use std::fmt;

/// The code with which Substrate refuses an unsafe call.
const UNSAFE_CALL: i32 = -32601;

/// What the unsafe methods ask for: a secret in `node.json`, which only the node's user can read (SPEC section 12).
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Which methods are offered (`--rpc-methods`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodsOffered {
    /// The unsafe ones too, to whoever has the token.
    All,
    /// None that changes what the node does.
    Safe,
}

/// Who calls, as far as the HTTP request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Whoever can read the node's files.
    Operator,
    /// Anybody else.
    Anybody,
}

impl Token {
    /// A new one for each start.
    pub fn new() -> Self {
        let mut bytes = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut bytes);
        Self(hex::encode(bytes))
    }

    /// The secret text.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Who sends this request. One with an `Origin` comes from a web page, whatever else it carries.
    pub(super) fn caller<T>(&self, request: &http::Request<T>) -> Caller {
        let headers = request.headers();
        let given = headers
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let matches = given.is_some_and(|given| same(given.as_bytes(), self.0.as_bytes()));
        if matches && !headers.contains_key(http::header::ORIGIN) {
            Caller::Operator
        } else {
            Caller::Anybody
        }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

/// Compares without saying, by the time it takes, how much is right.
fn same(given: &[u8], secret: &[u8]) -> bool {
    given.len() == secret.len()
        && given
            .iter()
            .zip(secret)
            .fold(0, |differences, (a, b)| differences | (a ^ b))
            == 0
}

/// Refuses an unsafe call of anybody but the operator.
pub(super) fn operator_only(extensions: &Extensions) -> RpcResult<()> {
    if extensions.get::<Caller>() == Some(&Caller::Operator) {
        return Ok(());
    }
    Err(ErrorObjectOwned::owned(
        UNSAFE_CALL,
        "this method is unsafe: a node with --rpc-methods safe does not offer it, so start it without, or stop it and give the order to its files; others offer it on this machine, without an Origin, with the header `Authorization: Bearer <token>` and the token of node.json",
        None::<()>,
    ))
}
