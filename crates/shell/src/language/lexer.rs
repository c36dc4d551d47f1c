//! From a text to tokens.
//!
//! Quotation marks and dashes as word processors set them count as plain ones, because runbooks are pasted from such.

use super::mistake::Mistake;
use super::tree::{Literal, Located, Place};

/// The smallest parts of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A value: a word, a string, `$true`, `$false`, `$null`.
    Value(Literal),
    /// `$_` and the names behind it.
    Item(Vec<Located<String>>),
    /// `-Name`; with a colon behind it, the value that follows is its own.
    Parameter {
        name: String,
        colon: bool,
    },
    Pipe,
    Comma,
    Semicolon,
    NewLine,
    OpenBrace,
    CloseBrace,
    OpenParenthesis,
    CloseParenthesis,
}

/// The tokens of a text, or the first thing in it that is none.
pub(super) fn tokens(source: &str) -> Result<Vec<Located<Token>>, Mistake> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let Some(letter) = lexer.peek() else { return Ok(tokens) };
        let what = lexer.token(letter)?;
        tokens.push(Located { what, place: start..lexer.at });
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn second(&self) -> Option<char> {
        self.source[self.at..].chars().nth(1)
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.take();
        }
        &self.source[start..self.at]
    }

    /// Blanks, comments, and line ends behind a backtick.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some('\n') => return,
                Some(letter) if letter.is_whitespace() => {
                    self.take();
                }
                Some('#') => {
                    self.take_while(|letter| letter != '\n');
                }
                Some('`') if self.source[self.at..].starts_with("`\n") => self.at += 2,
                Some('`') if self.source[self.at..].starts_with("`\r\n") => self.at += 3,
                _ => return,
            }
        }
    }

    fn token(&mut self, letter: char) -> Result<Token, Mistake> {
        let simple = match letter {
            '\n' => Token::NewLine,
            ';' => Token::Semicolon,
            ',' => Token::Comma,
            '{' => Token::OpenBrace,
            '}' => Token::CloseBrace,
            '(' => Token::OpenParenthesis,
            ')' => Token::CloseParenthesis,
            '|' => Token::Pipe,
            '$' => return self.variable(),
            letter if single(letter) => return self.single_quoted(),
            letter if double(letter) => return self.double_quoted(),
            letter if dash(letter) && self.second().is_some_and(char::is_alphabetic) => {
                return Ok(self.parameter());
            }
            letter if in_words(letter) && !"[@".contains(letter) => return self.word(),
            _ => return Err(self.foreign(letter)),
        };
        self.take();
        Ok(simple)
    }

    /// A sign of PowerShell that this language does not have, or of no language.
    fn foreign(&self, letter: char) -> Mistake {
        let instead = match letter {
            '&' => "`;` parts commands; write only names of commands, parameters and values",
            '<' | '>' => {
                "what comes out goes to the screen; send it to a file with the shell that starts mailmedic"
            }
            '@' => "there are no hash tables and no splatting here; write parameters one by one",
            '[' => "there are no types here; a pattern that begins with [ goes into quotes",
            '`' => "a backtick stands at the end of a line that goes on, or within double quotes",
            _ => "put it into quotes if it is part of a value",
        };
        let shown =
            if letter.is_control() { letter.escape_unicode().to_string() } else { letter.to_string() };
        Mistake::new(self.at..self.at + letter.len_utf8(), format!("{shown} means nothing here"), instead)
    }

    fn parameter(&mut self) -> Token {
        self.take();
        let name =
            self.take_while(|letter| letter.is_alphanumeric() || letter == '_' || dash(letter)).to_owned();
        let colon = self.peek() == Some(':');
        if colon {
            self.take();
        }
        Token::Parameter { name, colon }
    }

    fn word(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        let word = self.take_while(in_words).to_owned();
        self.ends(start, false)?;
        Ok(Token::Value(Literal::Word(word)))
    }

    fn single_quoted(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                None => return Err(self.unclosed(start)),
                // A doubled quotation mark is one.
                Some(letter) if single(letter) => match self.peek() {
                    Some(next) if single(next) => {
                        self.take();
                        text.push(next);
                    }
                    _ => break,
                },
                Some(letter) => text.push(letter),
            }
        }
        self.ends(start, false)?;
        Ok(Token::Value(Literal::Text(text)))
    }

    fn double_quoted(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        self.take();
        let mut text = String::new();
        loop {
            let here = self.at;
            match self.take() {
                None => return Err(self.unclosed(start)),
                Some(letter) if double(letter) => match self.peek() {
                    Some(next) if double(next) => {
                        self.take();
                        text.push(next);
                    }
                    _ => break,
                },
                Some('`') => match self.take() {
                    None => return Err(self.unclosed(start)),
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(letter) => text.push(letter),
                },
                Some('$')
                    if self.peek().is_some_and(|next| next.is_alphanumeric() || "_({".contains(next)) =>
                {
                    text.push_str(self.within_quotes(here)?);
                }
                Some(letter) => text.push(letter),
            }
        }
        self.ends(start, false)?;
        Ok(Token::Value(Literal::Text(text)))
    }

    /// What stands for a variable within double quotes, whose `$` has been taken.
    fn within_quotes(&mut self, start: usize) -> Result<&'static str, Mistake> {
        let name = self.take_while(in_names).to_owned();
        match name.to_ascii_lowercase().as_str() {
            "true" => Ok("True"),
            "false" => Ok("False"),
            "null" => Ok(""),
            _ => Err(Mistake::new(
                start..self.at,
                "there are no variables within double quotes",
                "write '…' in single quotes, or `$ for the sign itself",
            )),
        }
    }

    fn variable(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        self.take();
        let name = self.take_while(in_names).to_owned();
        let token = match name.to_ascii_lowercase().as_str() {
            "true" => Token::Value(Literal::Boolean(true)),
            "false" => Token::Value(Literal::Boolean(false)),
            "null" => Token::Value(Literal::Null),
            "_" | "psitem" => Token::Item(self.members()?),
            "" => {
                return Err(Mistake::new(
                    start..self.at,
                    "$ begins a variable, and no name follows",
                    "write $true, $false, $null, or $_ within braces; put a value with a $ into single quotes",
                ));
            }
            _ => {
                return Err(Mistake::new(
                    start..self.at,
                    format!("there is no variable ${name}"),
                    "there are only $true, $false, $null, and $_ within braces; put a text into quotes",
                ));
            }
        };
        self.ends(start, true)?;
        Ok(token)
    }

    /// The names behind `$_`, each behind a dot.
    fn members(&mut self) -> Result<Vec<Located<String>>, Mistake> {
        let mut members = Vec::new();
        while self.peek() == Some('.') {
            self.take();
            let start = self.at;
            let what = match self.peek() {
                Some(letter) if single(letter) || double(letter) => {
                    self.take();
                    let text = self.take_while(|letter| !single(letter) && !double(letter)).to_owned();
                    if self.take().is_none() {
                        return Err(self.unclosed(start));
                    }
                    text
                }
                _ => self.take_while(in_names).to_owned(),
            };
            if what.is_empty() {
                let place = start.saturating_sub(1)..self.at;
                return Err(Mistake::new(
                    place,
                    "the name of a property is missing",
                    "write it as in $_.Name",
                ));
            }
            members.push(Located { what, place: start..self.at });
        }
        Ok(members)
    }

    /// What begins at `start` ends here: nothing sticks to it.
    fn ends(&self, start: usize, dash_may_follow: bool) -> Result<(), Mistake> {
        match self.peek() {
            None => Ok(()),
            Some(letter) if letter.is_whitespace() || ";|{}(),".contains(letter) => Ok(()),
            Some(letter) if dash_may_follow && dash(letter) => Ok(()),
            Some(letter) => Err(Mistake::new(
                start..self.at + letter.len_utf8(),
                "this does not end where it should",
                "put a blank between two values, or one pair of quotes around all of one",
            )),
        }
    }

    fn unclosed(&self, start: usize) -> Mistake {
        Mistake::new(
            start..self.source.len(),
            "the string has no end",
            "close it with the same quotation mark",
        )
        .incomplete()
    }
}

fn in_names(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether a letter may stand in a word without quotes.
fn in_words(letter: char) -> bool {
    letter.is_alphanumeric() || dash(letter) || r"_.:\/*?%+=~!^[]#@".contains(letter)
}

fn single(letter: char) -> bool {
    matches!(letter, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}')
}

fn double(letter: char) -> bool {
    matches!(letter, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

fn dash(letter: char) -> bool {
    matches!(letter, '-' | '\u{2013}' | '\u{2014}' | '\u{2015}')
}

/// The place right behind a token, for what is missing there.
pub(super) fn behind(place: &Place) -> Place {
    place.end..place.end
}
