//! A section: a group of settings described by one table.

use toml::de::DeValue;

use crate::value::{Invalid, Value};

/// One setting of a section: everything that reading, writing, `get`, `set` and the documentation need to know.
pub struct Setting<S: 'static> {
    /// The name administrators know, as `ProtocolLogEnabled`.
    pub name: &'static str,
    /// The key in the file, as `protocol-log-enabled`.
    pub key: &'static str,
    /// The default, as it would be given to `set`.
    pub default: &'static str,
    /// The smallest and the largest value, where there are such.
    pub range: Option<(&'static str, &'static str)>,
    /// What it does.
    pub doc: &'static str,
    pub(crate) example: fn() -> String,
    pub(crate) parse: fn(&mut S, &str) -> Result<(), Invalid>,
    pub(crate) read: fn(&mut S, &DeValue<'_>) -> Result<(), Vec<Invalid>>,
    pub(crate) text: fn(&S) -> String,
    pub(crate) toml: fn(&S) -> String,
    pub(crate) copy: fn(&S, &mut S),
    pub(crate) same: fn(&S, &S) -> bool,
}

impl<S> Setting<S> {
    /// What such a value looks like, for help: `a duration such as "30 min", from 30 s to 1 d`.
    pub fn allowed(&self) -> String {
        let example = (self.example)();
        self.range.map_or(example.clone(), |(low, high)| format!("{example}, from {low} to {high}"))
    }

    /// The value in `section`, as it would be given to `set`.
    pub fn value(&self, section: &S) -> String {
        (self.text)(section)
    }

    /// Whether `name` means this setting: its name or its key, whatever the case.
    pub fn is_called(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name) || name.eq_ignore_ascii_case(self.key)
    }
}

/// A group of settings.
pub trait Section: Clone + PartialEq + Default + std::fmt::Debug + Send + Sync + 'static {
    /// The name of the table in the file, as `pop`.
    const KEY: &'static str;
    /// What the section is about.
    const DOC: &'static str;

    /// Every setting, in the order in which they are shown.
    fn settings() -> &'static [Setting<Self>];

    /// The position in [`Section::settings`] of the setting called `name`.
    fn find(name: &str) -> Result<usize, Invalid> {
        Self::settings().iter().position(|setting| setting.is_called(name)).ok_or_else(|| {
            let names = Self::settings().iter().map(|setting| setting.name);
            let instead = crate::problem::nearest(name, names.clone())
                .or_else(|| {
                    let key =
                        crate::problem::nearest(name, Self::settings().iter().map(|setting| setting.key))?;
                    Self::settings().iter().find(|setting| setting.key == key).map(|setting| setting.name)
                })
                .map_or_else(
                    || format!("write one of {}", names.collect::<Vec<_>>().join(", ")),
                    |near| format!("write {near}"),
                );
            Invalid::new(format!("there is no setting \"{name}\""), instead)
        })
    }
}

/// Refuses a value outside its range.
pub(crate) fn within<T: Value + PartialOrd>(
    value: T,
    low: &'static str,
    high: &'static str,
) -> Result<T, Invalid> {
    let bound = |text| T::parse(text).map_err(|_| Invalid::new(format!("the bound {text} is invalid"), ""));
    if bound(low)? <= value && value <= bound(high)? {
        return Ok(value);
    }
    Err(Invalid::new(
        format!("{} is out of range", value.text()),
        format!("write a value from {low} to {high}"),
    ))
}

/// Declares a section: a struct of checked values, and the table that describes them.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])*
        $section:ident = $section_key:literal {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $type:ty, $name:literal, $key:literal, $default:literal
                $(, $low:literal ..= $high:literal)?;
            )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $section {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl Default for $section {
            fn default() -> Self {
                const PROOF: &str = "every default is parsed by a test";
                Self { $($field: <$type as $crate::value::Value>::parse($default).expect(PROOF),)* }
            }
        }

        impl $crate::section::Section for $section {
            const KEY: &'static str = $section_key;
            const DOC: &'static str = concat!($($section_doc, "\n",)*);

            fn settings() -> &'static [$crate::section::Setting<Self>] {
                use $crate::value::Value;
                const SETTINGS: &[$crate::section::Setting<$section>] = &[$(
                    $crate::section::Setting {
                        name: $name,
                        key: $key,
                        default: $default,
                        range: section!(@range $($low, $high)?),
                        doc: concat!($($doc, "\n",)*),
                        example: <$type>::example,
                        parse: |section, text| {
                            let value = <$type>::parse(text)?;
                            $(let value = $crate::section::within(value, $low, $high)?;)?
                            section.$field = value;
                            Ok(())
                        },
                        read: |section, value| {
                            let value = <$type>::read(value)?;
                            $(let value = $crate::section::within(value, $low, $high).map_err(|invalid| vec![invalid])?;)?
                            section.$field = value;
                            Ok(())
                        },
                        text: |section| section.$field.text(),
                        toml: |section| section.$field.toml(),
                        copy: |from, to| to.$field = from.$field.clone(),
                        same: |a, b| a.$field == b.$field,
                    },
                )*];
                SETTINGS
            }
        }
    };
    (@range) => { None };
    (@range $low:literal, $high:literal) => { Some(($low, $high)) };
}

pub(crate) use section;
