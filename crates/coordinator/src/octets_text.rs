//! Values in JSON, which has text only: base64. For `#[serde(with = "octets_text")]`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

pub(crate) fn decode(text: &str) -> Result<Bytes, base64::DecodeError> {
    STANDARD.decode(text).map(Bytes::from)
}

pub(crate) fn serialize<S: Serializer>(octets: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(octets))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    decode(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}
