CREATE TABLE IF NOT EXISTS scd_locks (key INT PRIMARY KEY);
UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v3.4.1');
