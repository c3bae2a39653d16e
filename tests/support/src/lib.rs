//! Temporary sites, registries on free ports, snapshot filters.
