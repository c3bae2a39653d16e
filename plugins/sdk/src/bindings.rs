//! Bindings generated from `wit/`. The interfaces of `hangar:host` are generated once and shared by all worlds.
#![expect(unreachable_pub, missing_docs, reason = "generated code")]

pub mod host {
    wit_bindgen::generate!({
        path: ["../../wit/host/next"],
        inline: "
            package hangar:sdk;
            world host {
                import hangar:host/log@0.1.0;
                import hangar:host/http@0.1.0;
                import hangar:host/sealed-file@0.1.0;
                import hangar:host/state@0.1.0;
                import hangar:host/clock@0.1.0;
                import hangar:host/random@0.1.0;
            }
        ",
        generate_all,
        additional_derives: [PartialEq, serde::Deserialize],
    });
}

pub mod infra_provider {
    wit_bindgen::generate!({
        path: ["../../wit/host/next", "../../wit/infra-provider/next"],
        world: "hangar:infra-provider/infra-provider",
        with: {
            "hangar:host/log@0.1.0": crate::bindings::host::hangar::host::log,
            "hangar:host/http@0.1.0": crate::bindings::host::hangar::host::http,
            "hangar:host/state@0.1.0": crate::bindings::host::hangar::host::state,
            "hangar:host/clock@0.1.0": crate::bindings::host::hangar::host::clock,
            "hangar:host/random@0.1.0": crate::bindings::host::hangar::host::random,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "hangar_sdk::__bindings::infra_provider",
        additional_derives: [PartialEq, serde::Deserialize],
    });
}

pub mod secret_store {
    wit_bindgen::generate!({
        path: ["../../wit/host/next", "../../wit/secret-store/next"],
        world: "hangar:secret-store/secret-store",
        with: {
            "hangar:host/log@0.1.0": crate::bindings::host::hangar::host::log,
            "hangar:host/http@0.1.0": crate::bindings::host::hangar::host::http,
            "hangar:host/sealed-file@0.1.0": crate::bindings::host::hangar::host::sealed_file,
            "hangar:host/clock@0.1.0": crate::bindings::host::hangar::host::clock,
            "hangar:host/random@0.1.0": crate::bindings::host::hangar::host::random,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "hangar_sdk::__bindings::secret_store",
        additional_derives: [PartialEq, serde::Deserialize],
    });
}

pub mod pooling_strategy {
    wit_bindgen::generate!({
        path: ["../../wit/host/next", "../../wit/pooling-strategy/next"],
        world: "hangar:pooling-strategy/pooling-strategy",
        with: { "hangar:host/log@0.1.0": crate::bindings::host::hangar::host::log },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "hangar_sdk::__bindings::pooling_strategy",
        additional_derives: [PartialEq, serde::Deserialize],
    });
}
