CREATE INDEX IF NOT EXISTS subscriptions_by_owner ON subscriptions (owner);
UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v4.1.0');
