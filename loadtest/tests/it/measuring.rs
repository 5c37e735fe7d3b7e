//! The `loadtest` command, as far as it can be wrong before anything runs.

use std::process::Command;

/// What it says when it ends in failure, run where no other program is to be found.
fn refusal(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(arguments)
        .env_clear()
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?} went well");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_reason() {
    let running = ["--url", "http://127.0.0.1:1", "--email", "a@b.example", "--admin", "http://127.0.0.1:1"];
    let load = |more: &[&'static str]| [&["load"], more].concat();
    for (arguments, part) in [
        (load(&["--janus"]), "apt-get install janus"),
        (load(&["--janus", "--calls", "2"]), "leave --calls at 1"),
        (load(&["--janus-loops", "0"]), "--janus"),
        (load(&["--listeners", "1,10"]), "begins with 2 or more"),
        (load(&["--listeners", "10,20", "--fill"]), "--fill goes with one number"),
        (load(&["--listeners", "10,x"]), "invalid value 'x'"),
        (load(&["--url", "http://127.0.0.1:1"]), "--admin"),
        (load(&["--pid", "1"]), "--url"),
        (load(&running), "PARTYLINE_LOADTEST_PASSWORD"),
        (load(&[&running[..], &["--password", "x"]].concat()), "--account-sid"),
        (load(&["--partyline", "/nowhere", "--no-floor"]), "cannot start /nowhere"),
        (vec!["soak", "--loss", "2"], "from 0 to 1"),
        (vec!["soak", "--samples", "/nowhere/soak.jsonl"], "/nowhere/soak.jsonl"),
    ] {
        let said = refusal(&arguments);
        assert!(said.contains(part), "{arguments:?}: {part} is missing in {said}");
    }
}
