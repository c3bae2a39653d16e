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

output "egress_addresses" {
  description = "Addresses from which the nodes call other members."
  value       = [aws_eip.egress.public_ip]
}

output "public_subnets" {
  description = "Subnets of the load balancers, by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "dns_records" {
  description = "Names and addresses that must exist; made here where a hosted zone was given."
  value       = local.records
}
