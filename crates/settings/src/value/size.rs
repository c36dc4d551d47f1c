//! Sizes in octets.

use std::fmt;

use super::{Invalid, Value, quoted};

/// A number of octets. Written `512`, `512 B`, `256 KB`, `10 MB`, `1 GB`, `2 TB`; a unit is 1024 of the one below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const UNITS: [(&str, u64); 5] =
    [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];

impl Size {
    /// `octets` octets.
    pub const fn octets(octets: u64) -> Self {
        Self(octets)
    }

    /// How many octets.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        let (name, unit) = whole.copied().unwrap_or(("B", 1));
        write!(f, "{} {name}", self.0 / unit)
    }
}

impl Value for Size {
    fn example() -> String {
        "a size such as \"256 KB\" or \"10 MB\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = match unit.trim().to_ascii_uppercase().as_str() {
            "" | "B" => Some(1),
            "K" | "KB" | "KIB" => Some(1 << 10),
            "M" | "MB" | "MIB" => Some(1 << 20),
            "G" | "GB" | "GIB" => Some(1 << 30),
            "T" | "TB" | "TIB" => Some(1u64 << 40),
            _ => None,
        };
        let octets = unit.and_then(|unit| number.parse::<u64>().ok()?.checked_mul(unit));
        octets.map(Self).ok_or_else(|| {
            Invalid::new(format!("{} is not a size", quoted(text)), format!("write {}", Self::example()))
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// A bound on a size that may be absent. Written as a [`Size`], or `unlimited`; `0` means `unlimited` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SizeLimit {
    /// At most so much.
    AtMost(Size),
    /// No bound.
    Unlimited,
}

impl SizeLimit {
    /// The bound in octets, if there is one.
    pub const fn octets(self) -> Option<u64> {
        match self {
            Self::AtMost(size) => Some(size.get()),
            Self::Unlimited => None,
        }
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(size) => size.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Value for SizeLimit {
    fn example() -> String {
        "a size such as \"10 MB\", or \"unlimited\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        match Size::parse(text) {
            Ok(Size(0)) => Ok(Self::Unlimited),
            Ok(size) => Ok(Self::AtMost(size)),
            Err(invalid) => Err(Invalid::new(invalid.message, format!("write {}", Self::example()))),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}
