//! `hangar:infra-provider` 0.1.

use hangar_plan::{diagnostic, infrastructure};

use crate::bindings::infra_provider::hangar::infra_provider::types;
use crate::lift::twins;

twins!(types::Severity, diagnostic::Severity: variant { Note, Warning, Error });
twins!(types::Diagnostic, diagnostic::Diagnostic: record { severity, pointer, message, hint });
twins!(types::Instance, infrastructure::Instance: record {
    name, hostname, db_suffix, nodes, namespace, db_port, facts,
});
twins!(types::ProviderRequirement, infrastructure::ProviderRequirement: record { name, source, version, hashes });
twins!(types::CostHint, infrastructure::CostHint: record { monthly_hundredths, currency, source });
twins!(types::Workspace, infrastructure::Workspace: record { files, providers, credentials, precious, cost });
twins!(types::Error, infrastructure::ProviderError: variant {
    Invalid(value), Denied(value), Unavailable(value), MissingOutput(value), Other(value),
});
twins!(types::Finding, infrastructure::Finding: record { severity, subject, message, cure });
twins!(types::Progress, infrastructure::Progress: variant { Done(value), Poll(value) });
twins!(types::Poll, infrastructure::Poll: record { after_ms, token, message });
twins!(types::Output, infrastructure::Output: record { name, json });
twins!(types::Api, infrastructure::Api: record { endpoint, ca_pem, server_name });
twins!(types::NodeAddress, infrastructure::NodeAddress: record { ordinal, host, addresses, reservation, port });
twins!(types::DnsRecord, infrastructure::DnsRecord: record { name, kind, values, managed });
twins!(types::AddOn, infrastructure::AddOn: record { name, namespace, chart, values, identity });
twins!(types::Infrastructure, infrastructure::Infrastructure: record {
    api, kube_cluster, nodes, egress, dns, chart_values, add_ons, facts,
});
twins!(types::TokenRecipe, infrastructure::TokenRecipe: variant {
    Presign(value), Oauth(value), Slot(value), Other(value),
});
twins!(types::Presign, infrastructure::Presign: record { slot, service, region, url, headers, expires_s, prefix });
twins!(types::Oauth, infrastructure::Oauth: record { slot, scope, audience, parameters });
twins!(types::Slot, infrastructure::Slot: record { name, kind });
twins!(types::SlotKind, infrastructure::SlotKind: variant { Bearer, ClientTls, Kubeconfig });
twins!(types::ToolDiagnostic, infrastructure::ToolDiagnostic: record { severity, summary, detail, address });
