//! Compiles the `.proto` files to Rust, without an installed `protoc`.

use std::error::Error;

const FILES: [&str; 6] = [
    "proto/roachpb.proto",
    "proto/rpc.proto",
    "proto/gossip.proto",
    "proto/liveness.proto",
    "proto/serverpb.proto",
    "proto/replication.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-changed=proto/util.proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .btree_map(".")
        .include_file("wire.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
