//! The offline world: Kubernetes, kubelet, network, images.
