//! The examples of strategies as a reader meets them: their transcripts, and what they say of wrong input.

mod built;

use built::{example, is_golden, text};

#[test]
fn their_transcripts_are_the_golden_ones() {
    is_golden("blue_green", "rolled back to acmeinc/web 1.1.0: 12 of 12 proven");
    is_golden("canary", "rolled back to acmeinc/web 1.1.0: 10 of 10 proven");
    is_golden("custom_strategy", "replaced by acmeinc/web 1.1.0: 12 of 12 proven");
}

#[test]
fn they_end_the_same_with_other_input() {
    let ends = |name: &str, args: &[&str], last: &str| {
        let output = example(name).args(args).output().expect("it runs");
        assert!(output.status.success(), "{name} {args:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().last(), Some(last), "{name} {args:?}");
    };
    for split in ["weighted", "binary", "pooled"] {
        let last = "rolled back to acmeinc/web 1.1.0: 3 of 3 proven";
        ends("blue_green", &["--split", split, "--size", "3"], last);
    }
    ends("canary", &["--shares", "5%,25%,50%"], "rolled back to acmeinc/web 1.1.0: 10 of 10 proven");
    let steps = r#"[{"scale":{"to":"100%"}},{"approve":{"by":["zoe","bob"],"least":2,"otherwise":"hold"}}]"#;
    ends("custom_strategy", &["--steps", steps], "replaced by acmeinc/web 1.1.0: 12 of 12 proven");
}

#[test]
fn wrong_input_gives_one_clear_line() {
    let refused = |name: &str, args: &[&str], why: &str| {
        let output = example(name).args(args).output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name} {args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("error: ") && said.contains(why), "of {name} {args:?} it said: {said}");
    };
    refused("blue_green", &["--split", "both"], "`both` is no way to divide requests; use weighted, binary or pooled");
    refused("blue_green", &["--size", "0"], "`0` is no size for this walk; use 1 to 10000");
    refused("blue_green", &["--size", "many"], "`many` is no size for this walk");
    refused("canary", &["--shares", "10"], "`10` is no share; write a percentage, as in 10%");
    refused("canary", &["--shares", "a few"], "`a few` is not a number of instances");
    refused("custom_strategy", &["--steps", "scale"], "these are no steps: expected value at line 1 column 1");
    refused("custom_strategy", &["--steps", "[]"], "a strategy whose last scale does not go to 100% never ends");
    refused("custom_strategy", &["--steps", r#"[{"scale":{"to":"50%"}}]"#], "never ends; add `Step::scale` to 100%");
    refused("custom_strategy", &["--steps", r#"[{"shift":{"to":10}}]"#], "10 is not a share; write a percentage");
}
