CREATE TABLE IF NOT EXISTS heartbeats (
  locality STRING NOT NULL,
  source STRING NOT NULL,
  timestamp TIMESTAMPTZ NOT NULL,
  next_expected_timestamp TIMESTAMPTZ,
  reporter STRING,
  PRIMARY KEY (locality, source)
);
UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.1.0');
