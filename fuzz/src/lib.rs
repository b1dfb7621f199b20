//! Helpers of the fuzz targets.

pub mod properties;

/// Lets panics of the threads that colour code and decode pictures pass: the program catches those,
/// and shows the code or the picture as one that it cannot read. A fuzzer ends with any panic.
pub fn pass_over_what_is_caught() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if !matches!(thread.name(), Some("colours" | "pictures")) {
            end(panic);
        }
    }));
}

/// The entry of a fuzz target.
#[macro_export]
macro_rules! target {
    ($property:ident) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::pass_over_what_is_caught(),
            |data: &[u8]| $crate::properties::$property(data)
        );
    };
}
