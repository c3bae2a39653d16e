CREATE TABLE IF NOT EXISTS scd_operations (
  id UUID PRIMARY KEY,
  owner STRING NOT NULL,
  version INT4 NOT NULL,
  url STRING NOT NULL,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS schema_versions (onerow_enforcer BOOL PRIMARY KEY, schema_version STRING NOT NULL);
UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v3.0.0');
