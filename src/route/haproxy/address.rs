//! Where an HAProxy process listens for commands. Parses and prints; opens nothing.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// Where one HAProxy process takes commands.
///
/// Two that are equal are the same place; two names of one host are not seen through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `tcp://host:port`: neither encrypted nor authenticated.
    Tcp {
        /// A name or an IP address, lower case, IPv6 without its brackets.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// `unix:///path`: guarded by the file's permissions.
    Unix {
        /// Absolute.
        path: PathBuf,
    },
    /// `tls://host:port`: the server's certificate must name `host`; ours is shown to it.
    Tls {
        /// A name or an IP address, lower case, IPv6 without its brackets.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins with none of the three schemes.
    #[error("address `{0}` has no known scheme: write tcp://host:port, tls://host:port or unix:///path")]
    Scheme(String),
    /// There is no port, or none from 1 to 65535.
    #[error("address `{0}` has no port from 1 to 65535: write it as in tcp://10.0.0.5:9999")]
    Port(String),
    /// The host is missing or cannot be one.
    #[error(
        "address `{0}` has no valid host: write a name or an IP address, IPv6 in brackets as in tcp://[::1]:9999"
    )]
    Host(String),
    /// The path of a Unix socket is not absolute.
    #[error("address `{0}` has no absolute path: write three slashes, as in unix:///run/haproxy/admin.sock")]
    Path(String),
    /// The path of a Unix socket is longer than the kernel takes.
    #[error("address `{0}` is too long: the path of a Unix socket has at most 107 bytes")]
    TooLong(String),
}

/// The longest path of a Unix socket in bytes (unix(7): `sun_path` has 108 with its end mark).
const LONGEST_PATH: usize = 107;

/// The longest host name in bytes (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 253;

impl Address {
    /// Reads `tcp://host:port`, `tls://host:port` or `unix:///path`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let again = || text.to_owned();
        match text.split_once("://") {
            Some(("tcp", rest)) => host_and_port(rest, text).map(|(host, port)| Self::Tcp { host, port }),
            Some(("tls", rest)) => host_and_port(rest, text).map(|(host, port)| Self::Tls { host, port }),
            Some(("unix", path)) if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') => {
                Err(AddressError::Path(again()))
            }
            Some(("unix", path)) if path.len() > LONGEST_PATH => Err(AddressError::TooLong(again())),
            Some(("unix", path)) => Ok(Self::Unix { path: Path::new(path).to_owned() }),
            _ => Err(AddressError::Scheme(again())),
        }
    }

    /// Whether whoever is on the network between could set weights there: plain TCP to a host that
    /// is not this one. Such an address may be used only if the plan says `insecure: true`.
    pub fn needs_insecure(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                let named = host == "localhost" || host.ends_with(".localhost");
                !named && !host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
            Self::Unix { .. } | Self::Tls { .. } => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Unix { path } => return write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } => ("tcp", host, port),
            Self::Tls { host, port } => ("tls", host, port),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

fn host_and_port(rest: &str, text: &str) -> Result<(String, u16), AddressError> {
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| AddressError::Port(text.to_owned()))?;
    // `u16` would also take a sign.
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0);
    let port = port.ok_or_else(|| AddressError::Port(text.to_owned()))?;
    let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
        Some(inner) => inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok()).map(|ip| ip.to_string()),
        None => Some(host.to_ascii_lowercase()).filter(|host| is_host(host)),
    };
    Ok((host.ok_or_else(|| AddressError::Host(text.to_owned()))?, port))
}

/// A name as DNS and Kubernetes write them, or an IPv4 address.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    // A name whose last label is all digits can only be meant as an IPv4 address.
    let number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= LONGEST_HOST && name.split('.').all(label) && (!number || host.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_is_read_and_printed_as_it_was_written() {
        for text in [
            "tcp://10.0.0.5:9999",
            "tcp://[::1]:9999",
            "tcp://lb_1.example:1",
            "tls://lb-3.example:65535",
            "unix:///run/haproxy/admin.sock",
        ] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Address::parse("tcp://LB.Example:9"), Address::parse("tcp://lb.example:9"));
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong_and_what_to_write() {
        let error = |text: &str| Address::parse(text).map_err(|error| error.to_string());
        let no = |message: &str| Err(message.to_owned());
        assert_eq!(
            error("10.0.0.5:9999"),
            no(
                "address `10.0.0.5:9999` has no known scheme: write tcp://host:port, tls://host:port or unix:///path"
            )
        );
        assert_eq!(
            error("tcp://lb"),
            no("address `tcp://lb` has no port from 1 to 65535: write it as in tcp://10.0.0.5:9999")
        );
        for text in ["tcp://lb:", "tcp://lb:0", "tcp://lb:65536", "tls://lb:+9", "tls://lb:99/path"] {
            assert!(matches!(Address::parse(text), Err(AddressError::Port(_))), "{text}");
        }
        for text in [
            "tcp://:99",
            "tcp://a b:99",
            "tcp://me@lb:99",
            "tcp://::1:99",
            "tcp://[lb]:99",
            "tcp://[::1:99",
            "tcp://a..b:99",
            "tcp://10.0.0.256:99",
        ] {
            assert!(matches!(Address::parse(text), Err(AddressError::Host(_))), "{text}");
        }
        for text in ["unix://run/haproxy.sock", "unix://", "unix:///run/"] {
            assert!(matches!(Address::parse(text), Err(AddressError::Path(_))), "{text}");
        }
        assert!(matches!(
            Address::parse(&format!("unix:///{}", "a".repeat(107))),
            Err(AddressError::TooLong(_))
        ));
        for text in ["", "http://lb:99", "TCP://lb:99", "tcp:lb:99"] {
            assert!(matches!(Address::parse(text), Err(AddressError::Scheme(_))), "{text}");
        }
    }

    #[test]
    fn only_plain_tcp_to_another_host_needs_insecure() {
        let needs = |text: &str| Address::parse(text).map(|address| address.needs_insecure());
        for text in [
            "tcp://127.0.0.1:9",
            "tcp://127.8.8.8:9",
            "tcp://[::1]:9",
            "tcp://[::ffff:127.0.0.1]:9",
            "tcp://localhost:9",
            "tls://10.0.0.5:9",
            "unix:///a",
        ] {
            assert_eq!(needs(text), Ok(false), "{text}");
        }
        for text in
            ["tcp://10.0.0.5:9", "tcp://lb:9", "tcp://0.0.0.0:9", "tcp://[::]:9", "tcp://localhost.evil:9"]
        {
            assert_eq!(needs(text), Ok(true), "{text}");
        }
    }
}
