//! Commands of other programs.

use toml::de::DeValue;

use super::{Form, Invalid, Value, kind, quoted};

/// A command with its arguments, none of which is read by a shell; empty if there is none.
///
/// Written as an array of strings. Where only a text is possible, words that white space parts do too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// The program and its arguments.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// Whether there is no command.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn checked(words: Vec<String>) -> Result<Self, Invalid> {
        let instead = || format!("write {}", Self::example());
        if words.first().is_some_and(String::is_empty) {
            return Err(Invalid::new("the command has no program", instead()));
        }
        match words.iter().find(|word| word.contains(|c: char| c.is_control())) {
            Some(word) => Err(Invalid::new(format!("{} has control characters", quoted(word)), instead())),
            None => Ok(Self(words)),
        }
    }
}

impl Value for CommandLine {
    const FORM: Form = Form::List;

    fn example() -> String {
        "a command with its arguments such as [\"/usr/local/bin/power-cycle\", \"{server}\"]".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        if !text.trim_start().starts_with('[') {
            return Self::checked(text.split_whitespace().map(str::to_owned).collect());
        }
        let refused =
            || Invalid::new(format!("{} is no command", quoted(text)), format!("write {}", Self::example()));
        let value = DeValue::parse(text.trim()).map_err(|_| refused())?;
        Self::read(value.get_ref()).map_err(|wrong| wrong.into_iter().next().unwrap_or_else(refused))
    }

    fn text(&self) -> String {
        if self.0.is_empty() { String::new() } else { self.toml() }
    }

    fn toml(&self) -> String {
        format!("[{}]", self.0.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Vec<Invalid>> {
        let refused = |value: &DeValue<'_>| {
            let message = format!("{} is not possible here", kind(value));
            Invalid::new(message, format!("write {}", Self::example()))
        };
        let DeValue::Array(items) = value else { return Err(vec![refused(value)]) };
        let (mut words, mut wrong) = (Vec::new(), Vec::new());
        for item in items {
            match item.get_ref() {
                DeValue::String(word) => words.push(word.to_string()),
                other => wrong.push(refused(other).at(item.span())),
            }
        }
        if wrong.is_empty() { Self::checked(words).map_err(|invalid| vec![invalid]) } else { Err(wrong) }
    }
}
