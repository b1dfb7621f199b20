//! The seeds of the fuzz targets, without a fuzzer: what must hold for any bytes holds for these.
//!
//! What fuzzing has found, and what was mended since, stands among them.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/properties/mod.rs"]
mod properties;

#[test]
fn all_that_must_hold_holds_for_the_seeds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, property) in properties::ALL {
        let seeds = fs::read_dir(corpus.join(name)).expect("a folder of seeds");
        let mut count = 0;
        for seed in seeds {
            let seed = seed.expect("a seed").path();
            eprintln!("{}", seed.display());
            property(&fs::read(&seed).expect("its bytes"));
            count += 1;
        }
        assert!(count > 0, "no seeds for {name}");
    }
}

#[test]
fn every_property_has_its_target() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let targets = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let mut targets: Vec<&str> = targets
        .filter_map(|rest| rest.strip_suffix(".rs\""))
        .collect();
    targets.sort_unstable();
    let names: Vec<&str> = properties::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, names);
}
