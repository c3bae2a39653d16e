CREATE TABLE IF NOT EXISTS pool_participants (
  locality TEXT PRIMARY KEY,
  public_endpoint TEXT NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS schema_versions (onerow_enforcer BOOL PRIMARY KEY, schema_version TEXT NOT NULL);
INSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.0.0')
  ON CONFLICT (onerow_enforcer) DO UPDATE SET schema_version = excluded.schema_version;
