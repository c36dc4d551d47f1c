//! Patterns as `-like` has them: `*` any letters, `?` one letter, `[ab]` one of these, a backtick before what is meant as it is.

use regex::{Regex, RegexBuilder};

use crate::language::{Mistake, Place};

/// How large a compiled pattern may be.
const LARGEST: usize = 1 << 20;

/// A pattern of `-like`, ready to be held against whole texts.
pub(crate) fn wildcard(pattern: &str, place: &Place) -> Result<Regex, Mistake> {
    let mut expression = String::from("(?s)^");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => {
                let (set, rest) = letters.as_str().split_once(']').ok_or_else(|| {
                    let instead = "close it with ], or write `[ for the sign itself";
                    Mistake::new(place.clone(), "the pattern has a [ without a ]", instead)
                })?;
                let set: String = set.chars().map(escaped_in_set).collect();
                expression.extend(["[", &set, "]"]);
                letters = rest.chars();
            }
            '`' => {
                let letter = letters.next().unwrap_or('`');
                expression.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
            }
            letter => expression.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    regular(&expression, place)
}

fn escaped_in_set(letter: char) -> String {
    if letter.is_alphanumeric() || letter == '-' { letter.to_string() } else { format!("\\{letter}") }
}

/// A regular expression, ready to be looked for in texts, whatever the case.
pub(super) fn regular(expression: &str, place: &Place) -> Result<Regex, Mistake> {
    RegexBuilder::new(expression).case_insensitive(true).size_limit(LARGEST).build().map_err(|error| {
        // The last line says what is wrong; those before it draw where.
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Mistake::new(
            place.clone(),
            format!("the pattern is not understood: {why}"),
            "put a \\ before signs that are meant as they are",
        )
    })
}
