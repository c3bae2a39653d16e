//! Bindings generated from `wit/`. The interfaces of `hangar:host` are generated once and shared by all worlds.
#![expect(unreachable_pub, reason = "generated code")]

pub mod host {
    wasmtime::component::bindgen!({
        path: "../../wit/host/next",
        inline: "
            package hangar:runtime;
            world host {
                import hangar:host/log@0.1.0;
                import hangar:host/http@0.1.0;
                import hangar:host/sealed-file@0.1.0;
                import hangar:host/state@0.1.0;
                import hangar:host/clock@0.1.0;
                import hangar:host/random@0.1.0;
            }
        ",
        imports: { default: async | trappable },
    });
}

pub mod infra_provider {
    wasmtime::component::bindgen!({
        path: ["../../wit/host/next", "../../wit/infra-provider/next"],
        world: "hangar:infra-provider/infra-provider",
        with: {
            "hangar:host/log": crate::bindings::host::hangar::host::log,
            "hangar:host/http": crate::bindings::host::hangar::host::http,
            "hangar:host/state": crate::bindings::host::hangar::host::state,
            "hangar:host/clock": crate::bindings::host::hangar::host::clock,
            "hangar:host/random": crate::bindings::host::hangar::host::random,
        },
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

pub mod secret_store {
    wasmtime::component::bindgen!({
        path: ["../../wit/host/next", "../../wit/secret-store/next"],
        world: "hangar:secret-store/secret-store",
        with: {
            "hangar:host/log": crate::bindings::host::hangar::host::log,
            "hangar:host/http": crate::bindings::host::hangar::host::http,
            "hangar:host/sealed-file": crate::bindings::host::hangar::host::sealed_file,
            "hangar:host/clock": crate::bindings::host::hangar::host::clock,
            "hangar:host/random": crate::bindings::host::hangar::host::random,
        },
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

pub mod pooling_strategy {
    wasmtime::component::bindgen!({
        path: ["../../wit/host/next", "../../wit/pooling-strategy/next"],
        world: "hangar:pooling-strategy/pooling-strategy",
        with: { "hangar:host/log": crate::bindings::host::hangar::host::log },
        imports: { default: async | trappable },
        exports: { default: async },
    });
}
