//! One HTTP connection to one member.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;

/// A connection, for one request at a time. Dropping it closes it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nothing was sent.
    #[error("the request was not sent")]
    NotSent(#[source] hyper::Error),
    /// It may have arrived.
    #[error("no answer came")]
    NoAnswer(#[source] hyper::Error),
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let stream = TcpStream::connect(endpoint.address()).await?;
        stream.set_nodelay(true)?;
        match (endpoint.certified(), tls) {
            (None, _) => Self::over(stream).await,
            (Some(name), Some(tls)) => {
                let connector = TlsConnector::from(Arc::clone(tls));
                Self::over(connector.connect(name.clone(), stream).await?).await
            }
            (Some(_), None) => Err(io::Error::other("there are no certificates for an https endpoint")),
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> io::Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        });
        Ok(Self { sender, driver: driver.abort_handle() })
    }

    /// Waits until it can take another request; whether it still can.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(super) async fn post(
        &mut self,
        endpoint: &Endpoint,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, AskError> {
        let request = Request::post(path)
            .header(header::HOST, endpoint.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .expect("the path is one of ours and the host was parsed");
        self.sender.try_send_request(request).await.map_err(|mut error| {
            let unsent = error.take_message().is_some();
            if unsent {
                AskError::NotSent(error.into_error())
            } else {
                AskError::NoAnswer(error.into_error())
            }
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
