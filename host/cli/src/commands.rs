//! One file a command.

pub(crate) mod cert;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod kubeconfig;
pub(crate) mod plugin;
pub(crate) mod pool;
pub(crate) mod restart;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod up;
