# Kubernetes Secrets are encrypted with a key of the organisation's own.
resource "aws_kms_key" "secrets" {
  description             = "Kubernetes Secrets of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = var.key_deletion_days
  tags                    = local.tags
}

resource "aws_eks_cluster" "this" {
  name     = var.name
  role_arn = aws_iam_role.cluster.arn
  version  = var.kubernetes_version
  tags     = local.tags

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  vpc_config {
    subnet_ids              = concat(values(local.private_subnets), values(local.public_subnets))
    endpoint_private_access = true
    endpoint_public_access  = module.common.is_api_public
    public_access_cidrs     = module.common.is_api_public ? var.api_allowed_cidrs : null
  }

  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = aws_kms_key.secrets.arn
    }
  }

  depends_on = [aws_iam_role_policy_attachment.cluster]
}

# A node group per zone, so that losing one leaves the others' count as it was.
resource "aws_eks_node_group" "this" {
  for_each = local.zone_names

  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "${var.name}-${each.key}"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [local.private_subnets[each.key]]
  instance_types  = [var.instance_type]
  version         = var.kubernetes_version
  tags            = local.tags

  scaling_config {
    min_size     = ceil(var.node_count.min / length(local.zone_names))
    desired_size = ceil(var.node_count.desired / length(local.zone_names))
    max_size     = ceil(var.node_count.max / length(local.zone_names))
  }

  lifecycle {
    # An autoscaler moves the wanted size; nobody logs in to a node.
    ignore_changes = [scaling_config[0].desired_size, remote_access]
  }

  depends_on = [aws_iam_role_policy_attachment.node]
}
