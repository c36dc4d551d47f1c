//! Each rule of the architecture is broken by one fixture workspace, and the check must say which rule and how.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).join("Cargo.toml")
}

/// A target folder for each fixture: crates of one name at one place in their workspaces are one crate to cargo.
fn xtask(command: &str, name: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args([command, "--manifest-path"])
        .arg(fixture(name))
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
        .output()
        .expect("cargo has built it for this test")
}

/// The check fails on `name` for exactly one reason, and its message holds each of `said`.
fn assert_breaks_one_rule(name: &str, said: &[&str]) {
    let output = xtask("check-layers", name);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{name} passed");
    assert!(message.contains("broken rules: 1\n"), "{name}: {message}");
    for words in said {
        assert!(message.contains(words), "{name} does not say {words:?}: {message}");
    }
}

#[test]
fn sound_workspace_passes() {
    let output = xtask("check-layers", "sound");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn pure_crate_reaching_an_executor_fails() {
    assert_breaks_one_rule("pure-reaches-an-executor", &["must not reach tokio", "values → stream → tokio"]);
}

#[test]
fn pure_crate_reaching_randomness_by_a_feature_fails() {
    assert_breaks_one_rule(
        "pure-reaches-randomness-by-a-feature",
        &["randomness", "values → salt → getrandom"],
    );
}

#[test]
fn dependency_on_a_higher_layer_fails() {
    for (name, chain) in [
        ("pure-uses-an-adapter", "values → store"),
        ("adapter-uses-the-runtime", "store → net"),
        ("runtime-uses-a-process", "net → backend"),
        ("process-uses-development", "backend → bench"),
    ] {
        assert_breaks_one_rule(name, &["higher layer", chain]);
    }
}

#[test]
fn crate_without_a_known_layer_fails() {
    assert_breaks_one_rule("layer-missing", &["values has no layer"]);
    assert_breaks_one_rule("layer-unknown", &["\"domain\""]);
}

#[test]
fn front_end_reaching_mail_fails() {
    assert_breaks_one_rule("frontend-reaches-mail", &["frontend → archive → mailbox", "cannot read mail"]);
    assert_breaks_one_rule("frontend-reaches-an-engine", &["frontend → mailbox-sqlite"]);
}

#[test]
fn agent_reaching_its_patients_fails() {
    assert_breaks_one_rule("agent-reaches-a-patient", &["agent → backend", "never links the patient"]);
    assert_breaks_one_rule("agent-reaches-an-engine", &["agent → import → mailbox-sqlite"]);
}

#[test]
fn shell_going_round_the_api_fails() {
    assert_breaks_one_rule("shell-reaches-the-directory", &["shell → directory"]);
}

#[test]
fn pure_crate_without_the_required_lints_fails() {
    assert_breaks_one_rule("pure-without-lints", &["values (pure) has no clippy.toml"]);
    assert_breaks_one_rule("pure-with-weakened-lints", &["lacks in its clippy.toml: std::time::Instant"]);
}

#[test]
fn clippy_accepts_pure_code() {
    let output = xtask("check-pure-code", "code-that-is-pure");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn clippy_rejects_each_kind_of_impure_code() {
    let output = xtask("check-pure-code", "code-that-is-impure");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "impure code passed");
    for api in [
        "std::time::Instant",
        "std::net::TcpStream",
        "std::fs::read",
        "std::thread::spawn",
        "std::collections::HashMap",
    ] {
        assert!(message.contains(&format!("`{api}`")), "clippy does not reject {api}: {message}");
    }
}

#[test]
fn library_code_cannot_excuse_itself() {
    let output = xtask("check-pure-code", "code-that-excuses-itself");
    assert!(!output.status.success(), "an `allow` passed");
}

/// A rule about a crate that was renamed would never fire again.
#[test]
fn crates_that_rules_protect_from_each_other_exist() {
    for name in ["frontend", "backend", "mailbox", "mailbox-sqlite", "shell", "admin-api", "api-client"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(name);
        assert!(folder.join("Cargo.toml").exists(), "rules.rs names {name}, which is gone");
    }
}
