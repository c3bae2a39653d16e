CREATE TABLE IF NOT EXISTS pool_participants (
  locality STRING PRIMARY KEY,
  public_endpoint STRING NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS schema_versions (onerow_enforcer BOOL PRIMARY KEY, schema_version STRING NOT NULL);
UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.0.0');
