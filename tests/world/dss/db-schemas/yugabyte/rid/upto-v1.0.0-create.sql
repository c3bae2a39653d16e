CREATE TABLE IF NOT EXISTS identification_service_areas (
  id UUID PRIMARY KEY,
  owner TEXT NOT NULL,
  url TEXT NOT NULL,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS subscriptions (
  id UUID PRIMARY KEY,
  owner TEXT NOT NULL,
  url TEXT NOT NULL,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS schema_versions (onerow_enforcer BOOL PRIMARY KEY, schema_version TEXT NOT NULL);
INSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v1.0.0')
  ON CONFLICT (onerow_enforcer) DO UPDATE SET schema_version = excluded.schema_version;
