//! What Prometheus is told: metrics, and their text.
//!
//! A [`Metric`] is a name with its meaning, written down once: it heads the series of each answer, and the documentation is
//! held to it. A [`Family`] is a metric with its series at one moment. [`of_service`] makes those that every service has out
//! of what its admin socket answers; what only one kind of service has it adds itself. [`text`] is what is sent.
//!
//! Names begin with `mailmedic_`, units are base units, and the words are those of settings and commands. A label has few
//! values: protocols, commands, states, databases; never users, addresses or sessions.

mod exposition;
mod of_service;

pub use exposition::{CONTENT_TYPE, text};
pub use of_service::{SERVICE, of_service};

/// What a metric counts or measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something that only grows while a process runs.
    Counter,
    /// Something that is so much now.
    Gauge,
    /// How many were how long.
    Histogram,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric. Each of its series also has the labels `service` and `server`, which say who tells it.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name, as scraped; that of a counter ends in `_total`.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// The labels of its series.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
}

/// A metric with its series at one moment.
#[derive(Debug)]
pub struct Family {
    metric: &'static Metric,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    labels: Vec<String>,
    value: Value,
}

/// How much it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number of things.
    Count(u64),
    /// A time or another quantity.
    Quantity(f64),
    /// Times, by how long they were.
    Histogram {
        /// All of them together, in seconds.
        seconds: f64,
        /// How many there were.
        count: u64,
        /// The upper bound of each bucket in seconds, and how many are in it and in none before it.
        buckets: Vec<(f64, u64)>,
    },
}

impl Family {
    /// A metric of which there is no series yet.
    pub fn of(metric: &'static Metric) -> Self {
        Self { metric, series: Vec::new() }
    }

    /// A metric without labels of its own.
    pub fn single(metric: &'static Metric, value: Value) -> Self {
        Self::of(metric).with(&[], value)
    }

    /// Adds a series. `labels` are the values of the metric's labels, in their order.
    #[must_use]
    pub fn with(mut self, labels: &[&str], value: Value) -> Self {
        self.add(labels, value);
        self
    }

    /// Adds a series, as [`with`](Self::with) does.
    pub fn add(&mut self, labels: &[&str], value: Value) {
        debug_assert_eq!(labels.len(), self.metric.labels.len(), "{}", self.metric.name);
        self.series.push(Series { labels: labels.iter().map(|label| (*label).to_owned()).collect(), value });
    }
}

#[cfg(test)]
mod tests;
