//! The client itself.

use std::io;
use std::time::Duration;

use admin_api::{Caller, Endpoint, Kind, Nothing, Problem};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::door::Door;
use crate::error::{ClientError, Lost, about_our_certificate};
use crate::stream;

/// How long an answer may be: all sessions, all copies, and then some.
const LONGEST_ANSWER: usize = 64 << 20;
/// How long finding an agent and asking it may take, if nobody says otherwise.
const LIMIT: Duration = Duration::from_secs(15);

/// What drives a connection, until it ends or fails.
type Driver = JoinHandle<Result<(), hyper::Error>>;

/// Asks one agent.
#[derive(Debug, Clone)]
pub struct Client {
    door: Door,
    caller: Option<Caller>,
    limit: Duration,
}

impl Client {
    /// Asks the agent behind `door`; it is not asked yet.
    pub fn new(door: Door) -> Self {
        Self { door, caller: None, limit: LIMIT }
    }

    /// The agent that answers first of those behind `doors`, or why the last of them does not within `limit`.
    pub async fn first_of(doors: &[Door], limit: Duration) -> Result<Self, ClientError> {
        let mut asked = JoinSet::new();
        for door in doors {
            let client = Self::new(door.clone()).with_limit(limit);
            asked.spawn(async move {
                let version = client.get(&admin_api::routes::ShowVersion {}, &Nothing {}).await;
                match version {
                    // It answers; what it thinks of this caller is told when the caller asks.
                    Ok(_) | Err(ClientError::Problem(_)) => Ok(client),
                    Err(error) => Err(error),
                }
            });
        }
        let mut last = None;
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(client)) => return Ok(client.with_limit(LIMIT)),
                Ok(Err(error)) => last = Some(error),
                Err(panic) => last = Some(no_agent("any door", io::Error::other(panic))),
            }
        }
        let nowhere = || no_agent("any socket", io::Error::new(io::ErrorKind::NotFound, "there is none"));
        Err(last.unwrap_or_else(nowhere))
    }

    /// Asks in the name of `caller`. Agents believe it of each other, and of nobody else.
    #[must_use]
    pub fn in_the_name_of(self, caller: Caller) -> Self {
        Self { caller: Some(caller), ..self }
    }

    /// Waits so long for an answer, from connecting to its last octet.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Waits so much longer for an answer, which may be put off on purpose.
    #[must_use]
    pub fn with_more_time(self, more: Duration) -> Self {
        Self { limit: self.limit + more, ..self }
    }

    /// Where the agent listens.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Looks at something.
    pub async fn get<E>(&self, endpoint: &E, query: &E::Query) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Request = Nothing>,
    {
        self.call(endpoint, query, &Nothing {}).await
    }

    /// Asks for something to be done.
    pub async fn send<E>(&self, endpoint: &E, request: &E::Request) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Query = Nothing>,
    {
        self.call(endpoint, &Nothing {}, request).await
    }

    /// Asks whatever can be asked.
    pub async fn call<E: Endpoint>(
        &self,
        endpoint: &E,
        query: &E::Query,
        request: &E::Request,
    ) -> Result<E::Response, ClientError> {
        let route = E::ROUTE;
        let target = endpoint.target(query);
        let asked = format!("{} {target}", route.method.word());
        let begun = tokio::time::Instant::now();
        let (mut sender, driver) = match timeout(self.limit, self.connect()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(no_agent(&self.door, io::ErrorKind::TimedOut.into())),
        };
        let request = self.request::<E>(&asked, &target, request)?;
        let lost = |lost| ClientError::NoAnswer {
            door: self.door.to_string(),
            request: asked.clone(),
            may_be_done: route.method != admin_api::Method::Get,
            lost,
        };
        let exchange = async {
            let answer = match sender.send_request(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    let shut_out = self.shut_out(&error, driver).await;
                    return Err(shut_out.unwrap_or_else(|| lost(Lost::BrokenOff(error))));
                }
            };
            let (head, body) = answer.into_parts();
            let body = read(body).await.map_err(lost)?;
            Ok(Response::from_parts(head, body))
        };
        let left = self.limit.saturating_sub(begun.elapsed());
        let answer = timeout(left, exchange).await.map_err(|_| lost(Lost::TimedOut(self.limit)))??;
        self.understand(&asked, &answer)
    }

    /// Whether an exchange failed because the agent does not take our certificate.
    async fn shut_out(&self, error: &hyper::Error, driver: Driver) -> Option<ClientError> {
        let mut alert = about_our_certificate(error);
        // A request that came too late to be sent is called off, and the driver knows why.
        if alert.is_none() && error.is_canceled() {
            let ended = driver.await.ok()?;
            alert = ended.as_ref().err().and_then(|error| about_our_certificate(error));
        }
        alert.map(|alert| ClientError::ShutOut { door: self.door.to_string(), alert })
    }

    /// A connection, with its driver on a task of its own that ends with it.
    async fn connect(&self) -> Result<(http1::SendRequest<Full<Bytes>>, Driver), ClientError> {
        let stream = stream::open(&self.door).await.map_err(|error| match about_our_certificate(&error) {
            Some(alert) => ClientError::ShutOut { door: self.door.to_string(), alert },
            None => no_agent(&self.door, error),
        })?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| no_agent(&self.door, io::Error::other(error)))?;
        Ok((sender, tokio::spawn(connection)))
    }

    fn request<E: Endpoint>(
        &self,
        asked: &str,
        target: &str,
        request: &E::Request,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let not_sendable = |why: String| {
            ClientError::Problem(Problem::new(Kind::BadInput, format!("{asked} cannot be asked: {why}")))
        };
        let body = if E::ROUTE.has_body() {
            serde_json::to_vec(request).map_err(|error| not_sendable(error.to_string()))?
        } else {
            Vec::new()
        };
        let mut built = Request::builder()
            .method(E::ROUTE.method.word())
            .uri(target)
            .header(HOST, self.door.host())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = self.door.token() {
            let mut value = HeaderValue::from_str(&token.authorization())
                .map_err(|_| not_sendable("the token holds what cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            built = built.header(AUTHORIZATION, value);
        }
        for (name, value) in self.caller.iter().flat_map(Caller::headers) {
            built = built.header(name, value);
        }
        built.body(Full::new(body.into())).map_err(|error| not_sendable(error.to_string()))
    }

    fn understand<T: serde::de::DeserializeOwned>(
        &self,
        asked: &str,
        answer: &Response<Bytes>,
    ) -> Result<T, ClientError> {
        let status = answer.status();
        if status.is_success() {
            return serde_json::from_slice(answer.body()).map_err(|error| ClientError::NotUnderstood {
                door: self.door.to_string(),
                request: asked.to_owned(),
                why: error.to_string(),
            });
        }
        // What stands in the way of an agent, a proxy for instance, does not know our problems.
        let problem = serde_json::from_slice(answer.body()).unwrap_or_else(|_| {
            let kind = Kind::of_status(status.as_u16());
            Problem::new(kind, format!("{asked} was answered with HTTP status {status}"))
        });
        Err(ClientError::Problem(problem))
    }
}

/// The whole body; one that is too long is broken off.
async fn read(body: Incoming) -> Result<Bytes, Lost> {
    match Limited::new(body, LONGEST_ANSWER).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(Lost::BrokenOff(*error)),
            Err(_) => Err(Lost::TooLong(LONGEST_ANSWER)),
        },
    }
}

fn no_agent(door: &(impl ToString + ?Sized), source: io::Error) -> ClientError {
    ClientError::NoAgent { door: door.to_string(), source }
}
