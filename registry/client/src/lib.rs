//! OCI pull and push: sign-in, digest-checked streams, local store.
