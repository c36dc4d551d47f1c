//! Checked names of the settings in records: written as their text, checked again when read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use settings::Value;

pub(crate) fn serialize<T: Value, S: Serializer>(name: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&name.text())
}

pub(crate) fn deserialize<'de, T: Value, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// The same where there may be none: `null`, never the text `none`, which is a possible name.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Value, de};

    /// What may be none: serde hands over a reference to the whole option.
    pub(crate) trait Optional {
        fn text(&self) -> Option<String>;
    }

    impl<T: Value> Optional for Option<T> {
        fn text(&self) -> Option<String> {
            self.as_ref().map(T::text)
        }
    }

    pub(crate) fn serialize<T: Optional, S: Serializer>(name: &T, serializer: S) -> Result<S::Ok, S::Error> {
        name.text().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Value, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| T::parse(&text).map_err(de::Error::custom)).transpose()
    }
}
