//! The transcripts of `tests/transcripts`, through both tiers.

use std::path::Path;

use system_tests::{House, Transcript, Transport, networks};

/// Speaks every transcript over one transport, at several packet sizes, line by line and all at once.
async fn speak(transport: Transport) {
    // Some transcripts guess passwords, and this is about the words.
    let mut house =
        House::with(|settings| settings.log_in.failed_log_in_exemptions = networks("127.0.0.0/8")).await;
    house.add_user("spaces@example.com", "a  b c ", "DB01");
    let transcripts = Transcript::all_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts"));
    assert!(transcripts.len() >= 20, "the transcripts are missing");
    for transcript in transcripts.iter().filter(|transcript| transcript.transports.contains(&transport)) {
        for chunk in [1, 7, usize::MAX] {
            house.mount_three_messages().await;
            transcript.speak_line_by_line(&mut house.client_over(transport).await, chunk).await;
            house.mount_three_messages().await;
            transcript.speak_at_once(&mut house.client_over(transport).await, chunk).await;
        }
    }
}

#[tokio::test]
async fn every_transcript_is_spoken_as_written_without_tls() {
    speak(Transport::Plain).await;
}

#[tokio::test]
async fn every_transcript_is_spoken_as_written_after_stls() {
    speak(Transport::Stls).await;
}

#[tokio::test]
async fn every_transcript_is_spoken_as_written_in_tls() {
    speak(Transport::Tls).await;
}
