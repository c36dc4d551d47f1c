//! A complete message, until every recipient has an answer.
//!
//! Each back end is offered the message at once, on the transaction that is open there since RCPT. Whoever gets no answer,
//! since the back end was lost or the database or the mailbox has moved, is offered it again wherever the database is then, under the same
//! delivery id: a back end that has stored it already says so and stores nothing.

use std::sync::Arc;
use std::time::Duration;

use lmtp::Reply;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::envelope::{Envelope, Recipient};
use super::leg::{Leg, Verdict};
use super::message::Message;
use super::reach::{Found, Unreached, look_again, not_there, reach, release};
use crate::route::Own;
use crate::running::Frontend;

/// The pause before a message is offered for the third time and later: the second is at once.
const BETWEEN_OFFERS: Duration = Duration::from_secs(1);
/// How many back ends may be lost over one message. It may be the message that kills them.
const LOSSES: u32 = 2;

/// What is delivered.
pub(super) struct Delivery {
    pub(super) frontend: Arc<Frontend>,
    pub(super) envelope: Envelope,
    pub(super) recipients: Vec<Recipient>,
    pub(super) message: Message,
    /// How long a database that is not there is waited for.
    pub(super) hold: Duration,
}

/// What a recipient's mail server is told.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The recipient.
    pub(super) place: usize,
    /// What it is told.
    pub(super) reply: Reply,
    /// The back end that said so, if one did.
    pub(super) by: Option<Arc<Own>>,
}

/// A delivery under way.
pub(super) struct Delivering {
    delivery: Arc<Delivery>,
    attempts: JoinSet<Attempt>,
    /// Who has no answer yet.
    unanswered: Vec<usize>,
}

/// Recipients who are offered the message together.
#[derive(Default)]
struct Group {
    places: Vec<usize>,
    /// How often they were offered it.
    offers: u32,
    /// How many back ends were lost with it.
    losses: u32,
    /// Until when their databases are waited for, once that has begun.
    until: Option<Instant>,
}

/// What one attempt came to.
struct Attempt {
    answers: Vec<Answer>,
    /// Whoever has no answer.
    rest: Group,
}

impl Delivering {
    /// Offers the message to everybody. `legs` are the transactions that are open.
    pub(super) fn start(delivery: Delivery, legs: Vec<Leg>) -> Self {
        let delivery = Arc::new(delivery);
        let unanswered: Vec<_> = (0..delivery.recipients.len()).collect();
        let mut delivering = Self { delivery, attempts: JoinSet::new(), unanswered };
        let mut rest = Group { places: delivering.unanswered.clone(), ..Group::default() };
        for leg in legs {
            let places = leg.accepted().to_vec();
            rest.places.retain(|place| !places.contains(place));
            let delivery = Arc::clone(&delivering.delivery);
            let group = Group { places, ..Group::default() };
            delivering.attempts.spawn(async move { delivery.offer(leg, group).await });
        }
        // Their back ends were lost between RCPT and now.
        delivering.offer_again(rest);
        delivering
    }

    /// The next answers; none when everybody has one. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Vec<Answer>> {
        while !self.unanswered.is_empty() {
            let answers = match self.attempts.join_next().await {
                Some(Ok(attempt)) => {
                    self.offer_again(attempt.rest);
                    attempt.answers
                }
                Some(Err(error)) => {
                    tracing::error!(%error, delivery = %self.delivery.envelope.id, "a delivery panicked");
                    continue;
                }
                // Those of attempts that panicked.
                None => {
                    let reply = Reply::new(451, 3, 0, "The message was not delivered");
                    let answer = |place: &usize| Answer { place: *place, reply: reply.clone(), by: None };
                    self.unanswered.iter().map(answer).collect()
                }
            };
            if !answers.is_empty() {
                self.unanswered.retain(|place| answers.iter().all(|answer| answer.place != *place));
                return Some(answers);
            }
        }
        None
    }

    /// Whether everybody has an answer.
    pub(super) fn is_complete(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// What is delivered.
    pub(super) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Offers the message again, to the recipients of each database apart: they may be in different places by now.
    fn offer_again(&mut self, rest: Group) {
        let Group { mut places, offers, losses, until } = rest;
        while let Some(first) = places.first() {
            let database = self.delivery.recipients[*first].database();
            let here = places.extract_if(.., |place| self.delivery.recipients[*place].database() == database);
            let group = Group { places: here.collect(), offers, losses, until };
            let delivery = Arc::clone(&self.delivery);
            self.attempts.spawn(async move { delivery.find_and_offer(group).await });
        }
    }
}

impl Delivery {
    /// Offers the message to `group`, who are accepted on `leg`.
    async fn offer(&self, mut leg: Leg, mut group: Group) -> Attempt {
        let mut answers = Vec::with_capacity(group.places.len());
        if group.places.is_empty() {
            release(&self.frontend, leg).await;
            return Attempt { answers, rest: group };
        }
        group.offers += 1;
        let (_, limit) = self.frontend.inner_limits();
        let handed_over = leg.hand_over(&self.message, limit).await;
        let own = Arc::clone(leg.inner().own());
        for (place, verdict) in handed_over.answers {
            let reply = match verdict {
                Verdict::Yes => Reply::new(250, 0, 0, format!("Delivered as {}", self.envelope.id)),
                Verdict::No(reply) => reply,
                Verdict::NotThere(_) => continue,
            };
            answers.push(Answer { place, reply, by: Some(Arc::clone(&own)) });
        }
        group.places.retain(|place| answers.iter().all(|answer| answer.place != *place));
        match handed_over.lost {
            None => release(&self.frontend, leg).await,
            Some(lost) => {
                tracing::warn!(server = own.server, delivery = %self.envelope.id, %lost, "a back end was lost over a delivery");
                group.losses += u32::from(handed_over.sent);
            }
        }
        Attempt { answers, rest: group }
    }

    /// Offers the message to `group`, who are in one database if none of them was moved to another, wherever that is, waiting
    /// for it if it is nowhere.
    async fn find_and_offer(&self, mut group: Group) -> Attempt {
        let until = *group.until.get_or_insert_with(|| Instant::now() + self.hold);
        if group.offers > 1 {
            sleep(BETWEEN_OFFERS).await;
        }
        let mut patience = until.saturating_duration_since(Instant::now());
        if group.losses >= LOSSES || (group.offers > 1 && patience.is_zero()) {
            return Attempt::given_up(group, &not_there());
        }
        let recipients: Vec<_> =
            group.places.iter().map(|place| (*place, &self.recipients[*place])).collect();
        // If the directory gives no answer, where they were is as good a place to ask as any.
        if let Ok(Found::Scattered) = look_again(&self.frontend, &recipients).await {
            return Attempt { answers: Vec::new(), rest: group };
        }
        let (leg, verdicts) = match reach(&self.frontend, &self.envelope, &recipients, &mut patience).await {
            Ok(begun) => begun,
            Err(Unreached::Scattered) => return Attempt { answers: Vec::new(), rest: group },
            Err(Unreached::Over(reply)) => return Attempt::given_up(group, &reply),
        };
        let own = Arc::clone(leg.inner().own());
        let refusals = group.places.iter().zip(verdicts).filter_map(|(place, verdict)| match verdict {
            Verdict::No(reply) => Some(Answer { place: *place, reply, by: Some(Arc::clone(&own)) }),
            Verdict::Yes | Verdict::NotThere(_) => None,
        });
        let refusals: Vec<_> = refusals.collect();
        group.places.retain(|place| refusals.iter().all(|refusal| refusal.place != *place));
        let mut attempt = self.offer(leg, group).await;
        attempt.answers.extend(refusals);
        attempt
    }
}

impl Attempt {
    /// Everybody in the group is told `reply`.
    fn given_up(group: Group, reply: &Reply) -> Self {
        let answer = |place| Answer { place, reply: reply.clone(), by: None };
        let answers = group.places.into_iter().map(answer).collect();
        Self { answers, rest: Group::default() }
    }
}
