//! Which value is of which parameter.

use settings::{Span, Value as _, nearest};

use super::cmdlet::{Cmdlet, Kind, Parameter};
use crate::language::{Argument, Condition, Invocation, Literal, Located, Mistake, Operand, Place};

/// What a command is given, checked against its parameters.
#[derive(Debug)]
pub(crate) struct Given {
    /// Where the name of the command stands.
    pub(crate) command: Place,
    values: Vec<(&'static str, Located<Bound>)>,
}

#[derive(Debug, Clone)]
enum Bound {
    Texts(Vec<Located<String>>),
    Number(usize),
    Boolean(bool),
    Span(Span),
    Condition(Condition),
}

/// Gives each value to its parameter.
pub(super) fn bind(cmdlet: &Cmdlet, invocation: Invocation) -> Result<Given, Mistake> {
    let parameters = (cmdlet.parameters)();
    let mut given = Given { command: invocation.name.place, values: Vec::new() };
    let mut without_name = Vec::new();
    let mut arguments = invocation.arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Operand(value) => without_name.push(value),
            Argument::Bound(name, value) => {
                given.take(named(cmdlet, &parameters, &name)?, name.place, value)?;
            }
            Argument::Parameter(name) => {
                let parameter = named(cmdlet, &parameters, &name)?;
                let value = if parameter.kind == Kind::Switch {
                    let place = name.place.clone();
                    Located { what: Operand::One(Literal::Boolean(true)), place }
                } else if let Some(Argument::Operand(value)) =
                    arguments.next_if(|next| matches!(next, Argument::Operand(_)))
                {
                    value
                } else {
                    let what = format!("the value of -{} is missing", parameter.name);
                    let instead = format!("write -{} {}", parameter.name, parameter.kind.usage());
                    return Err(Mistake::new(name.place, what, instead));
                };
                given.take(parameter, name.place, value)?;
            }
        }
    }
    for value in without_name {
        let block = matches!(value.what, Operand::Block(_));
        let free = parameters.iter().find(|parameter| {
            parameter.positional
                && (parameter.kind == Kind::Condition) == block
                && given.bound(parameter.name).is_none()
        });
        let Some(parameter) = free else {
            let what = format!("{} takes no such value without the name of its parameter", cmdlet.name);
            return Err(Mistake::new(value.place, what, format!("write {}", cmdlet.usage())));
        };
        given.take(parameter, value.place.clone(), value)?;
    }
    let missing =
        parameters.iter().find(|parameter| parameter.mandatory && given.bound(parameter.name).is_none());
    match missing {
        Some(parameter) => {
            let what = format!("{} needs -{}", cmdlet.name, parameter.name);
            Err(Mistake::new(given.command, what, format!("write {}", cmdlet.usage())))
        }
        None => Ok(given),
    }
}

/// The parameter of that name, or of the only name that begins so.
fn named<'a>(
    cmdlet: &Cmdlet,
    parameters: &'a [Parameter],
    name: &Located<String>,
) -> Result<&'a Parameter, Mistake> {
    let written = &name.what;
    let exact = |parameter: &&Parameter| parameter.names().any(|known| known.eq_ignore_ascii_case(written));
    if let Some(parameter) = parameters.iter().find(exact) {
        return Ok(parameter);
    }
    let begins = |known: &str| {
        known.get(..written.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(written))
    };
    let meant: Vec<_> = parameters.iter().filter(|parameter| parameter.names().any(begins)).collect();
    if let [only] = meant.as_slice() {
        return Ok(only);
    }
    let list = |parameters: &[&Parameter]| {
        let names: Vec<_> = parameters.iter().map(|parameter| format!("-{}", parameter.name)).collect();
        names.join(", ")
    };
    if !meant.is_empty() {
        let what = format!("-{written} may be any of {}", list(&meant));
        return Err(Mistake::new(name.place.clone(), what, "write more of it"));
    }
    let near = nearest(written, parameters.iter().flat_map(Parameter::names));
    let instead = match near {
        Some(near) => format!("did you mean -{near}?"),
        None if parameters.is_empty() => "it has none at all".to_owned(),
        None => format!("there is {}", list(&parameters.iter().collect::<Vec<_>>())),
    };
    let what = format!("{} has no parameter called -{written}", cmdlet.name);
    Err(Mistake::new(name.place.clone(), what, instead))
}

impl Given {
    fn take(&mut self, parameter: &Parameter, place: Place, value: Located<Operand>) -> Result<(), Mistake> {
        if self.bound(parameter.name).is_some() {
            let what = format!("-{} is given twice", parameter.name);
            return Err(Mistake::new(place, what, "leave one of the two out"));
        }
        let Located { what, place } = value;
        let bound = convert(parameter, what, &place)?;
        self.values.push((parameter.name, Located { what: bound, place }));
        Ok(())
    }

    fn bound(&self, name: &str) -> Option<&Located<Bound>> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, bound)| bound)
    }

    /// Where the value of a parameter stands; the command's own name if it is not given.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.bound(name).map_or_else(|| self.command.clone(), |bound| bound.place.clone())
    }

    /// The text that a parameter was given.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next().map(|text| text.what)
    }

    /// The text of a parameter that must be given.
    pub(crate) fn needed(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// The texts that a parameter was given.
    pub(crate) fn texts(&self, name: &str) -> Vec<Located<String>> {
        match self.bound(name) {
            Some(Located { what: Bound::Texts(texts), .. }) => texts.clone(),
            _ => Vec::new(),
        }
    }

    /// The number that a parameter was given.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        match self.bound(name)?.what {
            Bound::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The length of time that a parameter was given.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        match self.bound(name)?.what {
            Bound::Span(span) => Some(span),
            _ => None,
        }
    }

    /// Yes or no, if it was said.
    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        match self.bound(name)?.what {
            Bound::Boolean(yes) => Some(yes),
            _ => None,
        }
    }

    /// Whether a switch is there.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.boolean(name).unwrap_or(false)
    }

    /// The condition that a parameter was given.
    pub(crate) fn condition(&self, name: &str) -> Option<&Condition> {
        match &self.bound(name)?.what {
            Bound::Condition(condition) => Some(condition),
            _ => None,
        }
    }

    /// The names of the parameters that are given, in the order in which they are written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.values.iter().map(|(name, _)| *name)
    }
}

fn convert(parameter: &Parameter, operand: Operand, place: &Place) -> Result<Bound, Mistake> {
    let wrong = |what: &str| {
        let (name, usage) = (parameter.name, parameter.kind.usage());
        let instead = match parameter.kind {
            Kind::Switch => format!("write -{name} alone, or -{name}:$false"),
            _ => format!("write -{name} {usage}"),
        };
        Mistake::new(place.clone(), format!("{what} is no value of -{name}"), instead)
    };
    let one = |operand: Operand| match operand {
        Operand::One(Literal::Word(text) | Literal::Text(text)) => Ok(text),
        Operand::One(Literal::Boolean(_)) => Err(wrong("$true or $false")),
        Operand::One(Literal::Null) => Err(wrong("$null")),
        Operand::Several(_) => Err(wrong("a list")),
        Operand::Block(_) => Err(wrong("a condition in braces")),
    };
    let texts = |text: String| Bound::Texts(vec![Located { what: text, place: place.clone() }]);
    match parameter.kind {
        Kind::Text => match one(operand)? {
            text if text.is_empty() => Err(wrong("an empty text")),
            text => Ok(texts(text)),
        },
        Kind::Texts => match operand {
            Operand::Several(all) => {
                let each = all.into_iter().map(|Located { what, place }| {
                    let what = one(Operand::One(what))?;
                    Ok(Located { what, place })
                });
                Ok(Bound::Texts(each.collect::<Result<_, Mistake>>()?))
            }
            operand => Ok(texts(one(operand)?)),
        },
        Kind::Number => {
            let text = one(operand)?;
            text.parse().map(Bound::Number).map_err(|_| wrong(&text))
        }
        Kind::Span => {
            let text = one(operand)?;
            let invalid = |invalid: settings::Invalid| {
                Mistake::new(
                    place.clone(),
                    format!("-{}: {}", parameter.name, invalid.message),
                    invalid.instead,
                )
            };
            Span::parse(&text).map(Bound::Span).map_err(invalid)
        }
        Kind::Boolean | Kind::Switch => match operand {
            Operand::One(Literal::Boolean(yes)) => Ok(Bound::Boolean(yes)),
            operand => Err(wrong(&one(operand)?)),
        },
        Kind::Word(words) => {
            let text = one(operand)?;
            match words.iter().find(|word| word.eq_ignore_ascii_case(&text)) {
                Some(word) => Ok(texts((*word).to_owned())),
                None => match nearest(&text, words.iter().copied()) {
                    Some(near) => {
                        let what = format!("{text} is no value of -{}", parameter.name);
                        Err(Mistake::new(place.clone(), what, format!("did you mean {near}?")))
                    }
                    None => Err(wrong(&text)),
                },
            }
        }
        Kind::Condition => match operand {
            Operand::Block(condition) => Ok(Bound::Condition(condition)),
            operand => Err(wrong(&one(operand)?)),
        },
        Kind::Any => match operand {
            Operand::One(Literal::Boolean(yes)) => Ok(texts(yes.to_string())),
            // As the settings themselves have lists.
            Operand::Several(all) => {
                let each = all.into_iter().map(|item| one(Operand::One(item.what)));
                Ok(texts(each.collect::<Result<Vec<_>, _>>()?.join(",")))
            }
            operand => Ok(texts(one(operand)?)),
        },
    }
}
