CREATE INDEX IF NOT EXISTS subscriptions_by_owner ON subscriptions (owner);
INSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.0.1')
  ON CONFLICT (onerow_enforcer) DO UPDATE SET schema_version = excluded.schema_version;
