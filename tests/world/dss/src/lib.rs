//! core-service and db-manager of the offline world.
