//! What runs inside a cluster: the probe of a round and the reload sidecar.
