//! The API's description.

use std::path::Path;

/// `UPDATE_OPENAPI=1 cargo nextest run …` writes the file anew.
#[test]
fn the_committed_description_is_the_codes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let description = control::openapi();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &description).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == description, "openapi.json is out of date: run with UPDATE_OPENAPI=1");
}
