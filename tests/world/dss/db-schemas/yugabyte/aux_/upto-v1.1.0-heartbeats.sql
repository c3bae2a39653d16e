CREATE TABLE IF NOT EXISTS heartbeats (
  locality TEXT NOT NULL,
  source TEXT NOT NULL,
  timestamp TIMESTAMPTZ NOT NULL,
  next_expected_timestamp TIMESTAMPTZ,
  reporter TEXT,
  PRIMARY KEY (locality, source)
);
INSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.1.0')
  ON CONFLICT (onerow_enforcer) DO UPDATE SET schema_version = excluded.schema_version;
