//! `Where-Object`: lets through what a condition holds for.

use regex::Regex;

use super::comparing;
use super::wildcard::{regular, wildcard};
use crate::cmdlets::{Cmdlet, Given, Kind, Parameter, Position};
use crate::language::{Comparison, Condition, Literal, Located, Mistake, Side};
use crate::screen::Screen;
use crate::values::{Value, nearest_property};

pub(crate) const WHERE: Cmdlet = Cmdlet {
    name: "Where-Object",
    aliases: &["?", "where"],
    summary: "Lets those objects through for which a condition holds",
    parameters: || {
        let condition = "What is to hold; $_ is the object that is looked at";
        let simple = [
            Parameter::new("FilterScript", Kind::Condition, condition).positional(),
            Parameter::new("Property", Kind::Text, "Without braces: the property that is compared")
                .positional(),
            Parameter::new("Value", Kind::Any, "Without braces: what it is compared with").positional(),
        ];
        let comparisons =
            COMPARISONS.map(|name| Parameter::new(name, Kind::Switch, "Without braces: how it is compared"));
        simple.into_iter().chain(comparisons).collect()
    },
    examples: &[
        "Get-MailboxDatabaseCopyStatus | Where-Object {$_.Status -eq \"Mounted\" -and $_.Name -like \"DB*\"}",
        "Get-MailboxDatabaseCopyStatus | where Status -ne Mounted",
    ],
    position: Position::Later,
    prepare: |given| {
        let test = Test::new(&condition(&given)?)?;
        Ok(Box::new(move |session, values| {
            test.names_are_known(&values)?;
            Ok(values.into_iter().filter(|value| test.holds(value, session.screen)).collect())
        }))
    },
};

/// The comparisons as parameters, in the order of [`Comparison::ALL`].
const COMPARISONS: [&str; 10] = ["EQ", "NE", "GT", "GE", "LT", "LE", "Like", "NotLike", "Match", "NotMatch"];

/// The condition in braces, or the one that parameters make: `Status -eq Mounted`.
fn condition(given: &Given) -> Result<Condition, Mistake> {
    const EXAMPLE: &str = "write {$_.Status -eq \"Mounted\"}, or Status -eq Mounted";
    let property = given.texts("Property").into_iter().next();
    let value = given.texts("Value").into_iter().next();
    let mut comparisons = Comparison::ALL.into_iter().zip(COMPARISONS).filter(|(_, name)| given.switch(name));
    let mistake = |what: &str| Mistake::new(given.command.clone(), what, EXAMPLE);
    if let Some(condition) = given.condition("FilterScript") {
        return match (&property, comparisons.next()) {
            (None, None) => Ok(condition.clone()),
            _ => Err(mistake("there is one condition in braces and another one without")),
        };
    }
    let Some(property) = property else { return Err(mistake("Where-Object needs a condition")) };
    let comparison = comparisons.next().map(|(comparison, _)| comparison);
    if comparisons.next().is_some() {
        return Err(mistake("there is more than one comparison"));
    }
    let place = property.place.clone();
    let left = Located { what: Side::Item(vec![property]), place };
    match (comparison, value) {
        (None, None) => Ok(Condition::Is(left)),
        (Some(comparison), Some(Located { what, place })) => {
            let right = Located { what: Side::Value(Literal::Word(what)), place };
            Ok(Condition::Compare(left, comparison, right))
        }
        (Some(_), None) => Err(mistake("the value to compare with is missing")),
        (None, Some(_)) => Err(mistake("the comparison is missing")),
    }
}

/// A condition, ready to be held against objects.
enum Test {
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Compare(Operand, Comparison, Operand),
    /// The pattern is found, or is not.
    Pattern(Operand, Regex, bool),
    Is(Operand),
}

/// A side of a comparison.
enum Operand {
    Item(Vec<Located<String>>),
    Value(Value),
}

impl Test {
    fn new(condition: &Condition) -> Result<Self, Mistake> {
        let boxed = |condition| Ok(Box::new(Self::new(condition)?));
        Ok(match condition {
            Condition::And(one, other) => Self::And(boxed(one)?, boxed(other)?),
            Condition::Or(one, other) => Self::Or(boxed(one)?, boxed(other)?),
            Condition::Not(negated) => Self::Not(boxed(negated)?),
            Condition::Is(side) => Self::Is(operand(&side.what)),
            Condition::Compare(left, comparison, right) => {
                let left = operand(&left.what);
                let found = matches!(comparison, Comparison::Like | Comparison::Match);
                match comparison {
                    Comparison::Like | Comparison::NotLike => {
                        Self::Pattern(left, wildcard(pattern(right)?, &right.place)?, found)
                    }
                    Comparison::Match | Comparison::NotMatch => {
                        Self::Pattern(left, regular(pattern(right)?, &right.place)?, found)
                    }
                    comparison => Self::Compare(left, *comparison, operand(&right.what)),
                }
            }
        })
    }

    fn holds(&self, item: &Value, screen: &Screen) -> bool {
        match self {
            Self::And(one, other) => one.holds(item, screen) && other.holds(item, screen),
            Self::Or(one, other) => one.holds(item, screen) || other.holds(item, screen),
            Self::Not(negated) => !negated.holds(item, screen),
            Self::Is(operand) => operand.value(item).is_something(),
            Self::Compare(left, comparison, right) => {
                comparing::holds(&left.value(item), *comparison, &right.value(item), screen)
            }
            Self::Pattern(operand, pattern, found) => match operand.value(item) {
                // As with every comparison: of a list it holds if it holds of anything in it.
                Value::List(values) => {
                    values.iter().any(|value| pattern.is_match(&value.text(screen)) == *found)
                }
                value => pattern.is_match(&value.text(screen)) == *found,
            },
        }
    }

    /// That every property it names is a property of some object; a slip of the pen would otherwise look like "none".
    fn names_are_known(&self, values: &[Value]) -> Result<(), Mistake> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                one.names_are_known(values)?;
                other.names_are_known(values)
            }
            Self::Not(negated) => negated.names_are_known(values),
            Self::Is(operand) | Self::Pattern(operand, ..) => operand.names_are_known(values),
            Self::Compare(left, _, right) => {
                left.names_are_known(values)?;
                right.names_are_known(values)
            }
        }
    }
}

fn operand(side: &Side) -> Operand {
    match side {
        Side::Item(members) => Operand::Item(members.clone()),
        Side::Value(literal) => Operand::Value(match literal {
            Literal::Word(text) => match text.parse::<f64>() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Text(text.clone()),
            },
            Literal::Text(text) => Value::Text(text.clone()),
            Literal::Boolean(yes) => Value::Boolean(*yes),
            Literal::Null => Value::Null,
        }),
    }
}

fn pattern(side: &Located<Side>) -> Result<&str, Mistake> {
    match &side.what {
        Side::Value(Literal::Word(text) | Literal::Text(text)) => Ok(text),
        _ => {
            Err(Mistake::new(side.place.clone(), "a pattern is a text", "write it in quotes, as in \"POP*\""))
        }
    }
}

impl Operand {
    fn value(&self, item: &Value) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Item(members) => {
                let mut value = item.clone();
                for member in members {
                    value = value.property(&member.what).unwrap_or(Value::Null);
                }
                value
            }
        }
    }

    fn names_are_known(&self, values: &[Value]) -> Result<(), Mistake> {
        let Self::Item(members) = self else { return Ok(()) };
        let mut here = values.to_vec();
        for member in members {
            let next: Vec<_> = here.iter().filter_map(|value| value.property(&member.what)).collect();
            if next.is_empty() && !here.is_empty() {
                return Err(unknown_property(member, &here));
            }
            here = next;
        }
        Ok(())
    }
}

/// The mistake that nothing has a property of that name.
pub(super) fn unknown_property(name: &Located<String>, values: &[Value]) -> Mistake {
    let instead = match nearest_property(&name.what, values) {
        Some(near) => format!("did you mean {near}?"),
        None => "Format-List shows which properties there are".to_owned(),
    };
    Mistake::new(name.place.clone(), format!("there is no property called {}", name.what), instead)
}
