CREATE TABLE IF NOT EXISTS identification_service_areas (
  id UUID PRIMARY KEY,
  owner STRING NOT NULL,
  url STRING NOT NULL,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS subscriptions (
  id UUID PRIMARY KEY,
  owner STRING NOT NULL,
  url STRING NOT NULL,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS schema_versions (onerow_enforcer BOOL PRIMARY KEY, schema_version STRING NOT NULL);
UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v4.0.0');
