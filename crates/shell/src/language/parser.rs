//! From tokens to a script.

use super::lexer::{Token, behind, tokens};
use super::mistake::Mistake;
use super::tree::{Argument, Invocation, Literal, Located, Operand, Pipeline, Place, Script};
use super::{DEEPEST, LONGEST, MOST_JOINED, conditions};

/// Reads a text: all of it, or the first mistake.
pub fn parse(source: &str) -> Result<Script, Mistake> {
    if source.len() > LONGEST {
        let start = source.floor_char_boundary(LONGEST);
        let what = format!("the text has {} octets, and {LONGEST} are the most", source.len());
        return Err(Mistake::new(start..start, what, "give it in portions"));
    }
    let tokens = tokens(source)?;
    let mut reader = Reader { tokens: &tokens, next: 0, depth: 0, joined: 0, end: source.trim_end().len() };
    let mut script = Script::default();
    loop {
        while reader.takes(&Token::Semicolon) || reader.takes(&Token::NewLine) {}
        if reader.peek().is_none() {
            return Ok(script);
        }
        script.pipelines.push(pipeline(&mut reader)?);
    }
}

/// The tokens, and how many of them are read.
pub(super) struct Reader<'a> {
    tokens: &'a [Located<Token>],
    next: usize,
    depth: usize,
    /// How many comparisons are joined to others.
    joined: usize,
    /// Where the text ends.
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn peek(&self) -> Option<&'a Located<Token>> {
        self.tokens.get(self.next)
    }

    pub(super) fn take(&mut self) -> Option<&'a Located<Token>> {
        let token = self.tokens.get(self.next)?;
        self.next += 1;
        Some(token)
    }

    /// Takes the next token if it is this one.
    pub(super) fn takes(&mut self, token: &Token) -> bool {
        let found = self.peek().is_some_and(|next| next.what == *token);
        if found {
            self.next += 1;
        }
        found
    }

    pub(super) fn skip_line_ends(&mut self) {
        while self.takes(&Token::NewLine) {}
    }

    /// Where the next token is, or the end of the text.
    pub(super) fn place(&self) -> Place {
        self.peek().map_or(self.end..self.end, |token| token.place.clone())
    }

    /// Something else is expected where the next token is.
    pub(super) fn expected(&self, what: &str, instead: &str) -> Mistake {
        let mistake = Mistake::new(self.place(), format!("{what} is expected here"), instead);
        if self.peek().is_none() { mistake.incomplete() } else { mistake }
    }

    /// One comparison more, if there are not too many.
    pub(super) fn counted(&mut self) -> Result<(), Mistake> {
        self.joined += 1;
        if self.joined > MOST_JOINED {
            let what = format!("there are more than {MOST_JOINED} comparisons");
            return Err(Mistake::new(self.place(), what, "use -like or -match, or several commands"));
        }
        Ok(())
    }

    /// One level deeper, if that is not too deep.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        if self.depth == DEEPEST {
            let what = format!("conditions are nested {DEEPEST} deep here");
            return Err(Mistake::new(self.place(), what, "write a simpler one"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }
}

fn pipeline(reader: &mut Reader<'_>) -> Result<Pipeline, Mistake> {
    let mut stages = vec![invocation(reader)?];
    while reader.takes(&Token::Pipe) {
        reader.skip_line_ends();
        stages.push(invocation(reader)?);
    }
    match reader.peek().map(|token| &token.what) {
        None | Some(Token::Semicolon | Token::NewLine) => Ok(Pipeline { stages }),
        Some(_) => {
            Err(reader.expected("| or ;", "| gives what comes out to the next command, ; begins another one"))
        }
    }
}

fn invocation(reader: &mut Reader<'_>) -> Result<Invocation, Mistake> {
    let Some(Located { what: Token::Value(Literal::Word(word)), place }) = reader.peek() else {
        let instead = "write one such as Get-MailboxServer; Get-Command lists what there is";
        return Err(reader.expected("the name of a command", instead));
    };
    let name = Located { what: word.clone(), place: place.clone() };
    reader.take();
    let mut arguments = Vec::new();
    while let Some(argument) = argument(reader)? {
        arguments.push(argument);
    }
    Ok(Invocation { name, arguments })
}

fn argument(reader: &mut Reader<'_>) -> Result<Option<Argument>, Mistake> {
    let Some(token) = reader.peek() else { return Ok(None) };
    let argument = match &token.what {
        Token::Parameter { name, colon } => {
            reader.take();
            let name = Located { what: name.clone(), place: token.place.clone() };
            if *colon {
                let Some(value) = operand(reader)? else {
                    let what = format!("the value of -{} is missing", name.what);
                    let mistake = Mistake::new(behind(&token.place), what, "write it behind the colon");
                    return Err(if reader.peek().is_none() { mistake.incomplete() } else { mistake });
                };
                Argument::Bound(name, value)
            } else {
                Argument::Parameter(name)
            }
        }
        Token::Comma => {
            return Err(reader.expected("a value", "a comma parts two values, as in Name, Status"));
        }
        Token::OpenParenthesis | Token::CloseParenthesis => {
            let instead =
                "commands within commands are not part of this language; parentheses stand in conditions";
            return Err(reader.expected("a value", instead));
        }
        Token::CloseBrace => {
            return Err(reader.expected("a value", "no { stands before this }"));
        }
        _ => return Ok(operand(reader)?.map(Argument::Operand)),
    };
    Ok(Some(argument))
}

/// The value that is next, with those that follow it behind commas.
fn operand(reader: &mut Reader<'_>) -> Result<Option<Located<Operand>>, Mistake> {
    let Some(token) = reader.peek() else { return Ok(None) };
    let start = token.place.start;
    let located = |what, end| Ok(Some(Located { what, place: start..end }));
    match &token.what {
        Token::OpenBrace => {
            reader.take();
            let condition = conditions::block(reader)?;
            let end = reader.tokens[reader.next - 1].place.end;
            located(Operand::Block(condition), end)
        }
        Token::Value(first) => {
            reader.take();
            if !reader.takes(&Token::Comma) {
                return located(Operand::One(first.clone()), token.place.end);
            }
            let mut all = vec![Located { what: first.clone(), place: token.place.clone() }];
            loop {
                reader.skip_line_ends();
                let Some(Located { what: Token::Value(value), place }) = reader.peek() else {
                    return Err(reader.expected("a value", "a comma parts two values, as in Name, Status"));
                };
                reader.take();
                all.push(Located { what: value.clone(), place: place.clone() });
                if !reader.takes(&Token::Comma) {
                    return located(Operand::Several(all), place.end);
                }
            }
        }
        Token::Item(_) => Err(Mistake::new(
            token.place.clone(),
            "$_ is the object that a condition looks at, and here is none",
            "write it within braces, as in Where-Object {$_.Status -eq \"Mounted\"}",
        )),
        _ => Ok(None),
    }
}
