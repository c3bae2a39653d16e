//! Every kind of plugin, scripted by its configuration.
