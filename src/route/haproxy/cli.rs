//! One standing connection to HAProxy's Runtime API. Sends lines and splits answers; knows no
//! command's meaning and sets no time limit: its caller does, and drops it after any error.
//!
//! The connection is in interactive mode (`prompt`), where each command ends its answer with
//! `"\n> "`, and all commands of an exchange are sent at once. Measured on HAProxy 2.6.12 over
//! loopback against one connection per exchange: 76 to 94 us against 135 us at the median, and the
//! order of two exchanges is certain, which a retreat needs that follows a cancelled raise.

use super::Error;
use super::address::Address;
use memchr::memmem;
use rustls::pki_types::ServerName;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// The most bytes that one answer may have. `show stat` takes about 400 for a server, the longest of the
/// answers, so this is enough for 2,000 servers.
const LONGEST: usize = 1 << 20;

/// How much is read at once: HAProxy's buffers hold as much (`tune.bufsize`, 16 KiB by default).
const CHUNK: usize = 16 << 10;

/// What ends each answer in interactive mode.
const PROMPT: &[u8] = b"\n> ";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// A connection, with what is still to be sent and to be read. It stays whole when the future of an
/// exchange is dropped: the next one finishes what that one began.
pub struct Connection {
    stream: Box<dyn Stream>,
    address: Address,
    /// Still to be sent.
    output: Vec<u8>,
    /// Received, and not yet taken as an answer.
    input: Vec<u8>,
    /// How much of the input was searched for the end of an answer, in vain.
    searched: usize,
    /// Answers that earlier, dropped exchanges asked for and that nobody waits for any more.
    orphans: usize,
    /// The answers of the exchange that goes on.
    answers: Vec<String>,
    /// How many answers that exchange waits for.
    asked: usize,
    /// Whether the first prompt was seen: what answers is HAProxy.
    greeted: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects; a host name is looked up anew each time.
    pub async fn open(address: &Address, tls: Option<&Arc<rustls::ClientConfig>>) -> Result<Self, Error> {
        let failed = |source| Error::Connect { address: address.clone(), source };
        let stream: Box<dyn Stream> = match address {
            Address::Unix { path } => Box::new(UnixStream::connect(path).await.map_err(failed)?),
            Address::Tcp { host, port } => Box::new(tcp(host, *port).await.map_err(failed)?),
            Address::Tls { host, port } => {
                let tls = tls.ok_or_else(|| Error::NoCertificate { address: address.clone() })?;
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| Error::Tls { address: address.clone(), reason: error.to_string() })?;
                let stream = tcp(host, *port).await.map_err(failed)?;
                let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
                Box::new(stream.map_err(|error| broken(address, error))?)
            }
        };
        // The answer to `prompt` is the first prompt; nobody waits for it.
        Ok(Self {
            stream,
            address: address.clone(),
            output: b"prompt\n".to_vec(),
            input: Vec::new(),
            searched: 0,
            orphans: 1,
            answers: Vec::new(),
            asked: 0,
            greeted: false,
        })
    }

    /// Sends the commands and returns as many answers, in their order, without surrounding space.
    ///
    /// A dropped exchange's commands are still sent, before these, and its answers are skipped.
    pub async fn exchange(&mut self, commands: &[String]) -> Result<Vec<String>, Error> {
        self.orphans += self.asked - self.answers.len();
        self.answers.clear();
        self.asked = commands.len();
        for command in commands {
            self.output.extend_from_slice(command.as_bytes());
            self.output.push(b'\n');
        }
        self.send().await.map_err(|error| broken(&self.address, error))?;
        while self.answers.len() < self.asked {
            self.input.reserve(CHUNK);
            let read = self.stream.read_buf(&mut self.input).await;
            let read = read.map_err(|error| broken(&self.address, error))?;
            self.take_answers()?;
            if self.input.len() > LONGEST {
                return Err(Error::TooLong { address: self.address.clone(), limit: LONGEST });
            }
            if read == 0 && self.answers.len() < self.asked {
                return Err(Error::Closed { address: self.address.clone() });
            }
        }
        self.asked = 0;
        if self.input.is_empty() {
            // Nothing comes before the next question: an idle connection keeps no room for it.
            self.input = Vec::new();
        }
        Ok(std::mem::take(&mut self.answers))
    }

    /// Whether what answers has shown itself to be HAProxy.
    pub const fn greeted(&self) -> bool {
        self.greeted
    }

    async fn send(&mut self) -> std::io::Result<()> {
        while !self.output.is_empty() {
            let sent = self.stream.write(&self.output).await?;
            if sent == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.output.drain(..sent);
        }
        self.stream.flush().await
    }

    fn take_answers(&mut self) -> Result<(), Error> {
        if !self.greeted {
            let seen = &self.input[..self.input.len().min(PROMPT.len())];
            if !PROMPT.starts_with(seen) {
                return Err(Error::NotHaProxy {
                    address: self.address.clone(),
                    answer: excerpt(&self.input),
                });
            }
            self.greeted = seen == PROMPT;
        }
        let mut taken = 0;
        let mut from = self.searched;
        while let Some(offset) = memmem::find(&self.input[from..], PROMPT) {
            let end = from + offset;
            let answer = &self.input[taken..end];
            if self.orphans > 0 {
                self.orphans -= 1;
            } else if self.answers.len() < self.asked {
                self.answers.push(text(answer).trim().to_owned());
            } else {
                return Err(Error::NotHaProxy { address: self.address.clone(), answer: excerpt(answer) });
            }
            taken = end + PROMPT.len();
            from = taken;
        }
        self.input.drain(..taken);
        // Its last bytes may be the beginning of a prompt.
        self.searched = self.input.len().saturating_sub(PROMPT.len() - 1);
        Ok(())
    }
}

async fn tcp(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A broken connection; with TLS the reason lies inside.
fn broken(address: &Address, error: std::io::Error) -> Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(reason) => Error::Tls { address: address.clone(), reason: reason.to_string() },
        None => match error.kind() {
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::BrokenPipe => Error::Closed { address: address.clone() },
            _ => Error::Connect { address: address.clone(), source: error },
        },
    }
}

/// An answer as text. It nearly always is one, and to see that is much faster than to mend it.
fn text(answer: &[u8]) -> Cow<'_, str> {
    str::from_utf8(answer).map_or_else(|_| String::from_utf8_lossy(answer), Cow::Borrowed)
}

/// The beginning of an answer, printable.
pub fn excerpt(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(80)]).trim().escape_debug().to_string()
}
