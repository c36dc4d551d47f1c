//! What comes into log files from now on, over rotations.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use shell::Outcome;

use super::entry::Entry;
use super::{Source, sources_of, unreadable};
use crate::site::Site;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A moment, to be asked later what was said since.
#[derive(Debug)]
pub(crate) struct Mark {
    sources: Vec<Source>,
    positions: Vec<Position>,
}

impl Mark {
    /// Now.
    pub(crate) fn now(site: &Site) -> Self {
        let sources: Vec<Source> =
            site.configuration.servers.iter().flat_map(|server| sources_of(site, server)).collect();
        Self { positions: ends(&sources), sources }
    }

    /// The last lines that a process of a server has logged and printed since.
    pub(crate) fn last_words(self, server: &str, name: &str) -> Vec<String> {
        const LINES: usize = 8;
        let label = format!("{server}/{name}");
        let mut words = Vec::new();
        for (source, mut position) in
            self.sources.iter().zip(self.positions).filter(|(source, _)| source.label == label)
        {
            // What cannot be read cannot be shown; that it failed is told in any case.
            let text = more(source, &mut position).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let printed = SystemTime::now().try_into().ok().filter(|_| source.console);
            let last = &lines[lines.len().saturating_sub(LINES)..];
            words.extend(last.iter().map(|line| Entry::read(source, line, printed).to_string()));
        }
        words
    }
}

/// How far a file has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    inode: u64,
    offset: u64,
}

/// Where the files end now.
pub(super) fn ends(sources: &[Source]) -> Vec<Position> {
    let end = |source: &Source| {
        let file = std::fs::metadata(&source.file).ok();
        file.map(|file| Position { inode: file.ino(), offset: file.len() }).unwrap_or_default()
    };
    sources.iter().map(end).collect()
}

/// Prints what comes, for ever.
pub(super) fn follow(
    sources: &[Source],
    mut positions: Vec<Position>,
    print: impl Fn(&Entry) -> Outcome,
) -> Outcome {
    loop {
        let mut entries = Vec::new();
        for (source, position) in sources.iter().zip(&mut positions) {
            let lines = more(source, position).map_err(|error| unreadable(source, &error))?;
            let printed = SystemTime::now().try_into().ok().filter(|_| source.console);
            entries.extend(lines.lines().map(|line| Entry::read(source, line, printed)));
        }
        entries.sort_by_key(|entry| entry.at);
        entries.iter().try_for_each(&print)?;
        std::thread::sleep(LOOK);
    }
}

/// The whole lines behind the position, which moves. A file that was replaced or cut is read from its beginning.
fn more(source: &Source, position: &mut Position) -> io::Result<String> {
    let mut file = match File::open(&source.file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        file => file?,
    };
    let meta = file.metadata()?;
    if meta.ino() != position.inode || meta.len() < position.offset {
        *position = Position { inode: meta.ino(), offset: 0 };
    }
    file.seek(SeekFrom::Start(position.offset))?;
    let mut octets = Vec::new();
    file.read_to_end(&mut octets)?;
    // A line that is still being written waits for its end.
    octets.truncate(octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |last| last + 1));
    position.offset += octets.len() as u64;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_those_since_the_mark() {
        let folder = tempfile::tempdir().unwrap();
        let source = |console, name: &str| Source {
            label: "cas1/frontend".to_owned(),
            file: folder.path().join(name),
            console,
        };
        let sources = vec![source(false, "frontend.log"), source(true, "frontend.console")];
        std::fs::write(&sources[0].file, "long ago\n").unwrap();
        let mark = Mark { positions: ends(&sources), sources: sources.clone() };
        std::fs::write(&sources[0].file, "long ago\njust now\n").unwrap();
        std::fs::write(&sources[1].file, "it broke\n").unwrap();
        let words = mark.last_words("cas1", "frontend");
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(words[0].ends_with("just now") && words[1].ends_with("it broke"), "{words:?}");
    }

    #[test]
    fn a_file_is_followed_by_whole_lines_and_over_its_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("frontend.log");
        let source = Source { label: "cas1/frontend".to_owned(), file: file.clone(), console: false };
        let mut position = ends(std::slice::from_ref(&source))[0];
        assert_eq!(more(&source, &mut position).unwrap(), "");
        std::fs::write(&file, "one\ntw").unwrap();
        assert_eq!(more(&source, &mut position).unwrap(), "one\n");
        std::fs::write(&file, "one\ntwo\n").unwrap();
        assert_eq!(more(&source, &mut position).unwrap(), "two\n");
        std::fs::rename(&file, folder.path().join("frontend.log.1")).unwrap();
        std::fs::write(&file, "three\n").unwrap();
        assert_eq!(more(&source, &mut position).unwrap(), "three\n");
    }
}
