//! What a word that is begun may become: the name of a command, or of a parameter of the command it belongs to.

use crate::cmdlets::{TABLE, find};
use crate::language::Located;

/// Where the word at the end of `line` begins, and what it may become.
pub(super) fn complete(line: &str) -> (usize, Vec<String>) {
    let behind = |signs: &[char]| line.rfind(signs).map_or(0, |at| at + 1);
    let start = behind(&[' ', '\t', '\n', '|', ';', '{', '}', '(', ')', ',']);
    let word = &line[start..];
    let stage = &line[behind(&['|', ';', '\n'])..];
    let begins =
        |name: &str| name.get(..word.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(word));
    let names: Vec<String> = if stage.trim_start() == word {
        TABLE.iter().map(|cmdlet| cmdlet.name.to_owned()).collect()
    } else if word.starts_with('-') {
        let name = stage.split_whitespace().next().unwrap_or_default();
        let cmdlet = find(&Located { what: name.to_owned(), place: 0..0 });
        let parameters = cmdlet.map(|cmdlet| (cmdlet.parameters)()).unwrap_or_default();
        parameters.iter().map(|parameter| format!("-{}", parameter.name)).collect()
    } else {
        Vec::new()
    };
    (start, names.into_iter().filter(|name| begins(name)).collect())
}
