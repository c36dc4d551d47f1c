//! The language, from its texts to its trees and its mistakes.

use proptest::prelude::*;

use super::*;

fn trees(source: &str) -> Vec<Pipeline> {
    parse(source).unwrap_or_else(|mistake| panic!("{}", mistake.shown_in(source, 0))).pipelines
}

/// The mistake as it is shown.
fn mistake(source: &str) -> String {
    parse(source).expect_err("it is wrong").shown_in(source, 0)
}

fn condition(source: &str) -> Condition {
    let argument = trees(source).remove(0).stages.remove(0).arguments.remove(0);
    match argument {
        Argument::Operand(Located { what: Operand::Block(condition), .. }) => condition,
        other => panic!("{other:?}"),
    }
}

/// The condition with parentheses around everything.
fn outline(condition: &Condition) -> String {
    let side = |side: &Located<Side>| match &side.what {
        Side::Item(members) => {
            members.iter().map(|member| member.what.as_str()).collect::<Vec<_>>().join(".")
        }
        Side::Value(Literal::Word(text) | Literal::Text(text)) => text.clone(),
        Side::Value(value) => format!("{value:?}"),
    };
    match condition {
        Condition::And(one, other) => format!("({} and {})", outline(one), outline(other)),
        Condition::Or(one, other) => format!("({} or {})", outline(one), outline(other)),
        Condition::Not(negated) => format!("not {}", outline(negated)),
        Condition::Compare(left, how, right) => format!("{} {} {}", side(left), how.word(), side(right)),
        Condition::Is(value) => side(value),
    }
}

#[test]
fn the_lines_of_the_runbook_are_read() {
    for line in [
        r#"Get-ServerHealth mbx1 | ?{$_.HealthSetName -eq "POP"}"#,
        r#"Get-ServerHealth mbx1 | ?{$_.HealthSetName -like "POP*"}"#,
        r"Invoke-MonitoringProbe POP\PopCTPProbe -Server cas1 | Format-List",
        "Set-MailboxServer -Identity mbx1 -DatabaseCopyActivationDisabledAndMoveNow $true",
        "Get-MailboxDatabaseCopyStatus -Server mbx1 | group status",
        "Set-PopSettings -server cas1 -ProtocolLoggingEnabled $true",
        "Get-PopSettings -server cas1",
    ] {
        assert_eq!(trees(line).len(), 1, "{line}");
    }
}

#[test]
fn what_word_processors_make_of_quotation_marks_and_hyphens_is_understood() {
    let pasted = condition("?{$_.HealthSetName \u{2013}eq \u{201c}POP\u{201d}}");
    assert_eq!(outline(&pasted), "HealthSetName eq POP");
}

#[test]
fn commands_follow_each_other_by_semicolons_and_lines() {
    assert_eq!(trees("A; B\n\nC # and a comment; not a command\n;D").len(), 4);
    assert_eq!(trees("").len(), 0);
    assert_eq!(trees(" # nothing").len(), 0);
    assert_eq!(trees("A |\n  B `\n  -C 1").len(), 1);
}

#[test]
fn a_value_may_stick_to_its_parameter_by_a_colon() {
    let arguments = trees("A -B:$true -C 1,2").remove(0).stages.remove(0).arguments;
    assert!(matches!(&arguments[0], Argument::Bound(name, value)
        if name.what == "B" && value.what == Operand::One(Literal::Boolean(true))));
    assert!(matches!(&arguments[1], Argument::Parameter(name) if name.what == "C"));
    assert!(
        matches!(&arguments[2], Argument::Operand(Located { what: Operand::Several(all), .. }) if all.len() == 2)
    );
}

#[test]
fn strings_hold_what_their_quotation_marks_say() {
    let text = |source: &str| match trees(source).remove(0).stages.remove(0).arguments.remove(0) {
        Argument::Operand(Located { what: Operand::One(Literal::Text(text)), .. }) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text("A 'it''s $here `n'"), "it's $here `n");
    assert_eq!(text("A \"say \"\"yes\"\" `\"now`\" `$5 $true\""), "say \"yes\" \"now\" $5 True");
    assert_eq!(text("A \"^POP$\""), "^POP$");
}

#[test]
fn conditions_are_read_from_left_to_right() {
    assert_eq!(outline(&condition("?{$_.A -eq 1 -or $_.B -lt 2 -and $_.C}")), "((A eq 1 or B lt 2) and C)");
    assert_eq!(outline(&condition("?{$_.A -eq 1 -or ($_.B -lt 2 -and $_.C)}")), "(A eq 1 or (B lt 2 and C))");
    assert_eq!(outline(&condition("?{-not ($_.A -like 'x*') -and -not $_.B}")), "(not A like x* and not B)");
    assert_eq!(outline(&condition("?{($_.A.B) -NotMatch 'x'}")), "A.B notmatch x");
}

#[test]
fn what_is_unfinished_may_go_on() {
    for unfinished in ["A |", "A 'x", "A -B:", "A | ?{", "A | ?{$_.B -eq", "A | ?{($_.B", "A x,", "A |\n"] {
        let mistake = parse(unfinished).expect_err("it is unfinished");
        assert!(mistake.is_incomplete(), "{unfinished}: {mistake}");
    }
    for wrong in ["A | | B", "A > b", "?{$_.A -eq }", "$x"] {
        assert!(!parse(wrong).expect_err("it is wrong").is_incomplete(), "{wrong}");
    }
}

#[test]
fn a_mistake_shows_its_line_and_its_place() {
    assert_eq!(
        mistake("Get-Service\nGet-Service | ?{$_.Status -eqq 'Running'}"),
        "there is no comparison called -eqq
  line 2: Get-Service | ?{$_.Status -eqq 'Running'}
                                    ^^^^
  did you mean -eq?"
    );
}

#[test]
fn a_long_line_is_shown_around_the_mistake() {
    let source = format!("A {} $x {}", "b ".repeat(400), "c ".repeat(400));
    let shown = mistake(&source);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[0], "there is no variable $x");
    assert!(lines[1].len() < 120, "{shown}");
    let at = lines[2].find('^').unwrap();
    assert_eq!(&lines[1][at..at + 2], "$x");
}

#[test]
fn what_a_terminal_would_obey_is_not_repeated() {
    assert!(!mistake("A \u{1b}[2J $x").contains('\u{1b}'));
}

#[test]
fn every_part_of_powershell_that_is_not_here_is_told_with_what_to_write() {
    for (source, what) in [
        ("$x = 5", "there is no variable $x"),
        ("Get-Service > file", "> means nothing here"),
        ("A && B", "& means nothing here"),
        ("A (Get-Service)", "a value is expected here"),
        ("A @{a=1}", "@ means nothing here"),
        ("A [int]", "[ means nothing here"),
        ("A \"$name\"", "there are no variables within double quotes"),
        ("A 'a'b", "this does not end where it should"),
        ("A $_.B", "$_ is the object that a condition looks at, and here is none"),
        ("?{Status -eq 'x'}", "Status is a word without quotes"),
        ("?{!$_.A}", "this does not end"),
        ("?{-not $_.A -eq 1}", "-not is only about what stands right behind it"),
        ("| A", "the name of a command is expected here"),
        ("A }", "a value is expected here"),
    ] {
        let shown = mistake(source);
        assert!(shown.starts_with(what) || what == "this does not end", "{source}: {shown}");
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    assert!(mistake(&"a".repeat(LONGEST + 1)).contains("65536 are the most"));
    let deep = |depth: usize| format!("?{{{}$_.A{}}}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEEPEST - 1)).is_ok());
    assert!(mistake(&deep(DEEPEST)).contains("32 deep"));
    assert!(mistake(&format!("?{{{}$_}}", "-not ".repeat(10_000))).contains("32 deep"));
    let joined = |count: usize| format!("?{{$_{}}}", " -and $_".repeat(count));
    assert!(parse(&joined(MOST_JOINED)).is_ok());
    assert!(mistake(&joined(MOST_JOINED + 1)).contains("more than 256"));
}

/// Pieces of the language, and of what is not.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Get-Service".to_owned()),
        Just(" ".to_owned()),
        Just("|".to_owned()),
        Just("?{".to_owned()),
        Just("}".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("$_".to_owned()),
        Just(".Name".to_owned()),
        Just(" -eq ".to_owned()),
        Just(" -not ".to_owned()),
        Just(" -and ".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("`".to_owned()),
        Just("\n".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("$true".to_owned()),
        Just("\u{201c}".to_owned()),
        "\\PC{0,3}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fall_and_every_place_is_within_the_text(source in pieces()) {
        match parse(&source) {
            Err(mistake) => {
                let place = mistake.place();
                prop_assert!(place.start <= place.end && place.end <= source.len(), "{place:?}");
                prop_assert!(source.is_char_boundary(place.start) && source.is_char_boundary(place.end));
                prop_assert!(mistake.shown_in(&source, 0).contains('^'));
            }
            Ok(script) => for stage in script.pipelines.iter().flat_map(|pipeline| &pipeline.stages) {
                prop_assert_eq!(&source[stage.name.place.clone()], &stage.name.what);
            },
        }
    }
}
