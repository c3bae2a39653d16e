output "kube_cluster" {
  description = "Name of the Kubernetes cluster."
  value       = aws_eks_cluster.this.name
}

output "api_endpoint" {
  description = "URL of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "api_ca" {
  description = "Certificate authority of the Kubernetes API, base64 of PEM."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "db_addresses" {
  description = "Public addresses of the database nodes, by ordinal."
  value       = aws_eip.db[*].public_ip
}

output "db_allocation_ids" {
  description = "Allocation ids of the database nodes' addresses, by ordinal; asked for by the nodes' Services."
  value       = aws_eip.db[*].id
}

output "gateway_address" {
  description = "Public address of the DSS API."
  value       = aws_eip.gateway.public_ip
}

output "gateway_allocation_id" {
  description = "Allocation id of the DSS API's address."
  value       = aws_eip.gateway.id
}

output "egress_cidrs" {
  description = "Ranges from which the nodes call other members."
  value       = local.egress_cidrs
}

output "vpc_id" {
  description = "Network of the nodes."
  value       = local.vpc_id
}

output "public_subnets" {
  description = "Subnets of the load balancers, by zone."
  value       = local.public_subnets
}

output "dns_records" {
  description = "Names and addresses that must exist; made here where a hosted zone was given."
  value       = module.common.records
}

output "gateway_certificate_arn" {
  description = "Certificate of the DSS API. Without a hosted zone it is issued once `certificate_records` exist."
  value       = local.is_managed_dns ? aws_acm_certificate_validation.gateway[0].certificate_arn : aws_acm_certificate.gateway.arn
}

output "certificate_records" {
  description = "Records that prove the certificate's name; made here where a hosted zone was given."
  value = [for option in aws_acm_certificate.gateway.domain_validation_options : {
    name  = option.resource_record_name
    type  = option.resource_record_type
    value = option.resource_record_value
  }]
}

output "prometheus_allocation_id" {
  description = "Allocation id of Prometheus' address; empty where it has none."
  value       = one(aws_eip.prometheus[*].id) == null ? "" : one(aws_eip.prometheus[*].id)
}

output "workload_roles" {
  description = "Roles of workloads: `load-balancers` for the load-balancer controller, `volumes` for the EBS CSI driver, `secrets` for the secret store."
  value       = { for name, role in aws_iam_role.workload : name => role.arn }
}
