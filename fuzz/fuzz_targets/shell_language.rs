//! Texts of the management shell. Whatever is typed is understood or refused at a place within it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shell::language::{LONGEST, parse};

fuzz_target!(|source: &str| {
    match parse(source) {
        Ok(script) => {
            assert!(source.len() <= LONGEST);
            for stage in script.pipelines.iter().flat_map(|pipeline| &pipeline.stages) {
                assert_eq!(source[stage.name.place.clone()], stage.name.what);
            }
        }
        Err(mistake) => {
            let place = mistake.place();
            assert!(place.start <= place.end && place.end <= source.len(), "{place:?}");
            assert!(mistake.shown_in(source, 0).contains('^'));
        }
    }
});
