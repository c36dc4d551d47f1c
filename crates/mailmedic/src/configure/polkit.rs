//! What the agent may ask of systemd, as a rule of polkit(8).
//!
//! The agent runs as a user without privileges. systemd and systemd-logind ask polkit what such a user may; without a rule
//! that is nothing. The other services run as the same user, and may ask the same: polkit knows users, not units.

use super::units::LOOKED_AFTER;

/// What the agent asks of a unit, as systemd calls it in the details of the action.
const VERBS: [&str; 5] = ["start", "stop", "restart", "kill", "reset-failed"];
/// A restart of the machine, also while somebody is logged in to it. Whoever inhibits it is not overruled.
const REBOOT: [&str; 2] =
    ["org.freedesktop.login1.reboot", "org.freedesktop.login1.reboot-multiple-sessions"];

/// The rule for a `user` that is safe to stand in one.
pub(super) fn rule(user: &str) -> String {
    let units = listed(LOOKED_AFTER.map(|service| format!("mailmedic-{}.service", service.name)));
    format!(
        r#"// What the agent of mailmedic, which runs as user {user}, may ask of systemd: to start, stop and kill the services that
// it looks after, and to restart the machine. About everything else, and everybody else, other rules decide.

polkit.addRule(function (action, subject) {{
    var units = {units};
    var verbs = {verbs};
    var reboot = {reboot};

    if (subject.user !== "{user}") {{
        return polkit.Result.NOT_HANDLED;
    }}
    if (action.id === "org.freedesktop.systemd1.manage-units"
        && units.indexOf(action.lookup("unit")) >= 0
        && verbs.indexOf(action.lookup("verb")) >= 0) {{
        return polkit.Result.YES;
    }}
    if (reboot.indexOf(action.id) >= 0) {{
        return polkit.Result.YES;
    }}
    return polkit.Result.NOT_HANDLED;
}});
"#,
        verbs = listed(VERBS.map(str::to_owned)),
        reboot = listed(REBOOT.map(str::to_owned)),
    )
}

/// A list of texts that hold neither quotes nor backslashes.
fn listed<const N: usize>(texts: [String; N]) -> String {
    format!("[{}]", texts.map(|text| format!("\"{text}\"")).join(", "))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// What polkit answers to each of these: the user, the action, and its details. The rule runs in the interpreter that
    /// polkit has in Debian.
    fn answers(asked: &[(&str, &str, &str, &str)]) -> Vec<String> {
        let questions = asked
            .iter()
            .map(|(user, id, unit, verb)| format!("ask('{user}', '{id}', '{unit}', '{verb}');"))
            .collect::<Vec<_>>()
            .join("\n");
        let script = format!(
            "var rule;
             var polkit = {{
                 Result: {{ YES: 'yes', NOT_HANDLED: 'not handled' }},
                 addRule: function (added) {{ rule = added; }}
             }};
             function ask(user, id, unit, verb) {{
                 var details = {{ unit: unit, verb: verb }};
                 var action = {{ id: id, lookup: function (key) {{ return details[key] || undefined; }} }};
                 print(rule(action, {{ user: user }}));
             }}
             {}
             {questions}",
            rule("mailmedic")
        );
        let mut duk = Command::new("duk");
        let duk = duk.arg("--run-stdin").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut duk = duk.spawn().expect("duk is installed: apt-get install duktape");
        duk.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let ran = duk.wait_with_output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()));
        String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    const MANAGE: &str = "org.freedesktop.systemd1.manage-units";

    #[test]
    fn the_agent_may_start_stop_and_kill_what_it_looks_after_and_restart_the_machine() {
        let mut asked = Vec::new();
        for unit in ["mailmedic-agent.service", "mailmedic-backend.service", "mailmedic-frontend.service"] {
            asked.extend(VERBS.map(|verb| ("mailmedic", MANAGE, unit, verb)));
        }
        asked.extend(REBOOT.map(|id| ("mailmedic", id, "", "")));
        let answers = answers(&asked);
        assert_eq!(answers, vec!["yes"; asked.len()]);
    }

    #[test]
    fn nothing_else_and_nobody_else_is_allowed_anything() {
        let unit = "mailmedic-backend.service";
        let asked = [
            ("mailmedic", MANAGE, "ssh.service", "restart"),
            ("mailmedic", MANAGE, "mailmedic-backend.service.d", "restart"),
            ("mailmedic", MANAGE, "mailmedic-coordinator.service", "stop"),
            ("mailmedic", MANAGE, "", "restart"),
            ("mailmedic", MANAGE, unit, "set-property"),
            ("mailmedic", MANAGE, unit, ""),
            ("mailmedic", "org.freedesktop.systemd1.manage-unit-files", unit, "start"),
            ("mailmedic", "org.freedesktop.systemd1.reload-daemon", "", ""),
            ("mailmedic", "org.freedesktop.login1.power-off", "", ""),
            ("mailmedic", "org.freedesktop.login1.reboot-ignore-inhibit", "", ""),
            ("mailmedic", "org.freedesktop.policykit.exec", "", ""),
            ("dovecot", MANAGE, unit, "restart"),
            ("dovecot", "org.freedesktop.login1.reboot", "", ""),
        ];
        assert_eq!(answers(&asked), vec!["not handled"; asked.len()]);
    }
}
