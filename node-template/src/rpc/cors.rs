use http::HeaderValue;
use std::{net::Ipv6Addr, num::NonZeroU16, str::FromStr};

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
            "http://[::1]:*",
            "https://localhost:*",
            "https://127.0.0.1:*",
            "https://[::1]:*",
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
        let origins = text.split(',').map(|one| Origin::from_str(one.trim()));
        origins.collect::<Result<_, _>>().map(Self::These)
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let origin = || {
            let (scheme, rest) = text.split_once("://")?;
            let own_port = match scheme {
                "http" => "80",
                "https" => "443",
                _ => return None,
            };
            let (host, port) = match rest.rsplit_once(':') {
                // The colon of an address in brackets is none before a port.
                Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                _ => (rest, None),
            };
            let is_port = |port: &str| {
                // As a browser writes it.
                let is_number = port
                    .parse()
                    .is_ok_and(|of: NonZeroU16| of.to_string() == port);
                port == "*" || is_number
            };
            if !is_host(host) || !port.is_none_or(is_port) {
                return None;
            }
            // Browsers leave it out.
            Some(match port {
                Some(port) if port != own_port => text.to_owned(),
                _ => format!("{scheme}://{host}"),
            })
        };
        origin()
            .map(Self)
            .ok_or_else(|| NotAnOrigin(text.to_owned()))
    }
}

/// Whether a browser would name a host so: a name of letters, digits, hyphens and dots, or an IP address.
fn is_host(text: &str) -> bool {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Some(address) = inner {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(is_letter)
    };
    text.split('.').all(is_label)
}
