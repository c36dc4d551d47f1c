//! Conditions in braces.
//!
//! As in PowerShell, `-and` and `-or` bind alike and are read from left to right. Where PowerShell reads something that
//! hardly anybody means, such as a comparison right behind `-not`, parentheses are asked for.

use settings::nearest;

use super::lexer::Token;
use super::mistake::Mistake;
use super::parser::Reader;
use super::tree::{Comparison, Condition, Literal, Located, Side};

const EXAMPLE: &str = "write it as in {$_.Status -eq \"Mounted\"}";

/// A condition whose opening brace has been taken, with its closing brace.
pub(super) fn block(reader: &mut Reader<'_>) -> Result<Condition, Mistake> {
    let condition = reader.deeper(either)?;
    reader.skip_line_ends();
    if !reader.takes(&Token::CloseBrace) {
        return Err(reader.expected("-and, -or or }", "close the condition with }"));
    }
    Ok(condition)
}

/// Comparisons joined by `-and` and `-or`.
fn either(reader: &mut Reader<'_>) -> Result<Condition, Mistake> {
    let mut left = comparison(reader)?;
    loop {
        reader.skip_line_ends();
        let join: fn(Box<Condition>, Box<Condition>) -> Condition = match operator(reader) {
            Some("and") => Condition::And,
            Some("or") => Condition::Or,
            _ => return Ok(left),
        };
        reader.counted()?;
        reader.take();
        left = join(Box::new(left), Box::new(comparison(reader)?));
    }
}

/// The logical operator that is next.
fn operator(reader: &Reader<'_>) -> Option<&'static str> {
    let Token::Parameter { name, colon: false } = &reader.peek()?.what else { return None };
    ["and", "or", "not"].into_iter().find(|word| name.eq_ignore_ascii_case(word))
}

fn comparison(reader: &mut Reader<'_>) -> Result<Condition, Mistake> {
    reader.skip_line_ends();
    if operator(reader) == Some("not") {
        reader.take();
        return reader.deeper(negation);
    }
    if !reader.takes(&Token::OpenParenthesis) {
        let left = side(reader)?;
        return compared(reader, left);
    }
    let inner = reader.deeper(either)?;
    reader.skip_line_ends();
    if !reader.takes(&Token::CloseParenthesis) {
        return Err(reader.expected("-and, -or or )", "close the parenthesis with )"));
    }
    match inner {
        // Parentheses around one side only.
        Condition::Is(side) => compared(reader, side),
        inner => Ok(inner),
    }
}

/// What is not to hold.
fn negation(reader: &mut Reader<'_>) -> Result<Condition, Mistake> {
    reader.skip_line_ends();
    let negated = match reader.peek().map(|token| &token.what) {
        Some(Token::OpenParenthesis) => comparison(reader)?,
        _ if operator(reader) == Some("not") => comparison(reader)?,
        _ => {
            let negated = Condition::Is(side(reader)?);
            if comparison_that_is_next(reader)?.is_some() {
                return Err(Mistake::new(
                    reader.place(),
                    "-not is only about what stands right behind it",
                    "put what is not to hold into parentheses, as in -not ($_.Status -eq \"Mounted\")",
                ));
            }
            negated
        }
    };
    Ok(Condition::Not(Box::new(negated)))
}

/// A side, with the comparison and the other side if there are such.
fn compared(reader: &mut Reader<'_>, left: Located<Side>) -> Result<Condition, Mistake> {
    let Some(comparison) = comparison_that_is_next(reader)? else { return Ok(Condition::Is(left)) };
    reader.take();
    reader.skip_line_ends();
    Ok(Condition::Compare(left, comparison, side(reader)?))
}

fn comparison_that_is_next(reader: &Reader<'_>) -> Result<Option<Comparison>, Mistake> {
    let Some(Located { what: Token::Parameter { name, .. }, place }) = reader.peek() else { return Ok(None) };
    if matches!(operator(reader), Some("and" | "or")) {
        return Ok(None);
    }
    let Some(comparison) = Comparison::called(name) else {
        let words = Comparison::ALL.map(Comparison::word);
        let instead = match nearest(name, words.into_iter().chain(["and", "or", "not"])) {
            Some(near) => format!("did you mean -{near}?"),
            None => format!("there is -{}, -and, -or and -not", words.join(", -")),
        };
        return Err(Mistake::new(place.clone(), format!("there is no comparison called -{name}"), instead));
    };
    Ok(Some(comparison))
}

fn side(reader: &mut Reader<'_>) -> Result<Located<Side>, Mistake> {
    let Some(token) = reader.peek() else { return Err(reader.expected("a value", EXAMPLE)) };
    let what = match &token.what {
        Token::Item(members) => Side::Item(members.clone()),
        Token::Value(Literal::Word(word)) if word.parse::<f64>().is_err() => {
            let instead = match word.strip_prefix('!') {
                Some(_) => "write -not for !".to_owned(),
                None if word.eq_ignore_ascii_case("_") => "write $_".to_owned(),
                None => format!("write \"{word}\" for a text, or $_.{word} for the property of an object"),
            };
            return Err(Mistake::new(
                token.place.clone(),
                format!("{word} is a word without quotes"),
                instead,
            ));
        }
        Token::Value(value) => Side::Value(value.clone()),
        _ => return Err(reader.expected("a value", EXAMPLE)),
    };
    reader.take();
    Ok(Located { what, place: token.place.clone() })
}
