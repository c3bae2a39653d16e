# AWS has no lock on what stands, as others have, and this version of its provider no switch for a cluster: whoever must not delete
# it is denied to. A denial beats every right. Terraform's own role is not to be among them, or it could not take it down either.
resource "aws_iam_role_policy" "protection" {
  for_each = toset(var.protected_from)

  name = "${var.name}-protection"
  role = each.key

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Deny"
        Action   = ["eks:DeleteCluster", "eks:DeleteNodegroup"]
        Resource = [aws_eks_cluster.this.arn, "arn:${data.aws_partition.current.partition}:eks:*:*:nodegroup/${var.name}/*"]
      },
      {
        Effect    = "Deny"
        Action    = ["ec2:ReleaseAddress"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceTag/hangar.dev/instance" = var.name } }
      },
      {
        Effect   = "Deny"
        Action   = ["kms:DisableKey", "kms:ScheduleKeyDeletion"]
        Resource = aws_kms_key.secrets.arn
      },
    ]
  })
}
