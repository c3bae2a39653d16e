# AWS has no lock on what stands, this version of its provider no switch for a cluster, and terraform lets no variable decide over
# `prevent_destroy`. So this goes before all else, and while protection is on it does not go: `terraform destroy` then ends with nothing
# removed. It runs a command on the machine of who destroys. The plugin of `hangar` leaves this file out: it refuses by itself.
resource "terraform_data" "guard" {
  input = var.deletion_protection

  provisioner "local-exec" {
    when    = destroy
    command = self.input ? "echo Set deletion_protection to false and apply, then destroy. && exit 1" : "exit 0"
  }

  depends_on = [
    aws_acm_certificate.gateway,
    aws_acm_certificate_validation.gateway,
    aws_eip.db,
    aws_eip.egress,
    aws_eip.gateway,
    aws_eip.prometheus,
    aws_eks_cluster.this,
    aws_eks_node_group.this,
    aws_iam_openid_connect_provider.cluster,
    aws_iam_role.cluster,
    aws_iam_role.node,
    aws_iam_role.workload,
    aws_iam_role_policy.load_balancers,
    aws_iam_role_policy.protection,
    aws_iam_role_policy.secrets,
    aws_iam_role_policy_attachment.cluster,
    aws_iam_role_policy_attachment.node,
    aws_iam_role_policy_attachment.volumes,
    aws_internet_gateway.this,
    aws_kms_key.secrets,
    aws_nat_gateway.this,
    aws_route53_record.certificate,
    aws_route53_record.this,
    aws_route_table.private,
    aws_route_table.public,
    aws_route_table_association.private,
    aws_route_table_association.public,
    aws_subnet.private,
    aws_subnet.public,
    aws_vpc.this,
  ]
}
