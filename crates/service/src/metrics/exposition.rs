//! The text of metrics, in the exposition format of Prometheus (version 0.0.4).

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::{Family, Kind, Series, Value};

/// The media type of the text.
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// The text of `families`, as told by a service on a server.
pub fn text(service: &str, server: &str, families: Vec<Family>) -> String {
    let teller = [("service".into(), service.to_owned().into()), ("server".into(), server.to_owned().into())];
    let mut registry = Registry::with_labels(teller.into_iter());
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    text
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { metric, series } in &self.0 {
            let (name, kind) = match metric.kind {
                // The encoder appends what the names of counters end in.
                Kind::Counter => {
                    (metric.name.strip_suffix("_total").unwrap_or(metric.name), MetricType::Counter)
                }
                Kind::Gauge => (metric.name, MetricType::Gauge),
                Kind::Histogram => (metric.name, MetricType::Histogram),
            };
            let mut encoder = encoder.encode_descriptor(name, metric.help, None, kind)?;
            for Series { labels, value } in series {
                let labels: Vec<_> =
                    metric.labels.iter().copied().zip(labels.iter().map(String::as_str)).collect();
                write(value, metric.kind, &mut encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn write(value: &Value, kind: Kind, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match (value, kind) {
        (Value::Count(count), Kind::Counter) => {
            encoder.encode_counter(count, None::<&Exemplar<NoLabelSet, f64>>)
        }
        (Value::Quantity(quantity), Kind::Counter) => {
            encoder.encode_counter(quantity, None::<&Exemplar<NoLabelSet, f64>>)
        }
        (Value::Count(count), _) => encoder.encode_gauge(count),
        (Value::Quantity(quantity), _) => encoder.encode_gauge(quantity),
        (Value::Histogram { seconds, count, buckets }, _) => {
            encoder.encode_histogram::<NoLabelSet>(*seconds, *count, buckets, None)
        }
    }
}
