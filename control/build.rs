//! Makes the folder that the console's build is embedded from, so that the crate compiles without one.

fn main() {
    let dist = std::path::Path::new("console/dist");
    // A missing folder would be looked for, and this script run, on every build.
    std::fs::create_dir_all(dist).expect("the source tree is writable");
    println!("cargo::rerun-if-changed=console/dist");
    println!("cargo::rerun-if-changed=migrations");
}
