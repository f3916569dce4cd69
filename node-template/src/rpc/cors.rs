use http::HeaderValue;
use std::str::FromStr;

/// Web pages that may call, by their origin (`--rpc-cors`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every page.
    All,
    /// Pages from these origins.
    These(Vec<Origin>),
}

/// `scheme://host`, `scheme://host:port`, or `scheme://host:*` for every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// No origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no origin of a page: something like https://example.org, http://localhost:*, or all is expected"
)]
pub struct NotAnOrigin(String);

impl Default for Origins {
    /// Pages of this machine, and the wallet that Substrate's nodes allow as well.
    fn default() -> Self {
        let these = [
            "http://localhost:*",
            "http://127.0.0.1:*",
            "https://localhost:*",
            "https://127.0.0.1:*",
            "https://polkadot.js.org",
        ];
        Self::These(these.map(|origin| Origin(origin.to_owned())).into())
    }
}

impl Origins {
    /// Whether a page of this origin may call.
    pub(super) fn allow(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => origin
                .to_str()
                .is_ok_and(|origin| these.iter().any(|one| one.covers(origin))),
        }
    }
}

impl Origin {
    fn covers(&self, origin: &str) -> bool {
        let Some(any_port) = self.0.strip_suffix(":*") else {
            return origin.eq_ignore_ascii_case(&self.0);
        };
        let host = match origin.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => origin,
        };
        host.eq_ignore_ascii_case(any_port)
    }
}

impl FromStr for Origins {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        if text == "all" {
            return Ok(Self::All);
        }
        let origins = text.split(',').map(|origin| {
            let is_one = ["http://", "https://"].iter().any(|scheme| {
                let rest = origin.strip_prefix(scheme);
                rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
            });
            if is_one {
                Ok(Origin(origin.to_owned()))
            } else {
                Err(NotAnOrigin(origin.to_owned()))
            }
        });
        origins.collect::<Result<_, _>>().map(Self::These)
    }
}
