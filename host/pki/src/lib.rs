//! Certificate authorities, leaves, bundles and their inventory.
