CREATE TABLE IF NOT EXISTS scd_locks (key BIGINT PRIMARY KEY);
INSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.1.1')
  ON CONFLICT (onerow_enforcer) DO UPDATE SET schema_version = excluded.schema_version;
