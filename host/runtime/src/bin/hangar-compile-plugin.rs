//! The compiling child alone, for the tests of this crate. `hangar` has it as a hidden command.

fn main() -> std::process::ExitCode {
    hangar_runtime::compile_child::main()
}
